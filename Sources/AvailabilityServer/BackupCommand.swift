internal import ArgumentParser
internal import Catalogue
internal import Configure
internal import Ledger

/// Copies the store while a server uses it.
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Writes a compact copy of the store to another directory. May run beside a server.",
        discussion: "Whoever opens the copy for writing starts a new epoch.")

    @Argument(help: "The directory to write to; it must not hold a store.") var target: String
    @OptionGroup var settings: SettingFlags

    func run() throws {
        let ledger = try Storage.open(try settings.load().settings, readOnly: true)
        do throws(LedgerError) {
            try ledger.backup(to: target)
        } catch {
            printError("the backup failed: \(error)")
            throw Storage.exitCode
        }
        print("backed up to \(target)")
    }
}

/// Walks the whole store offline and checks every record.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Walks the store and checks every record. The server must not be running.",
        discussion: "Prints every problem and exits 65 when there is any.")

    @OptionGroup var settings: SettingFlags

    func run() throws {
        let ledger = try Storage.openExisting(try settings.load().settings)
        let bar = ProgressBar(label: "verify")
        let report: VerificationReport
        do throws(LedgerError) {
            report = try ledger.verify { done, total in
                bar.update(CatalogueProgress(rows: done, rowsTotal: total))
            }
        } catch {
            bar.clear()
            printError("the store cannot be verified: \(error)")
            throw Storage.exitCode
        }
        // Opening walked every page, and nothing was written since.
        ledger.recordOrderlyEnd()
        bar.clear()
        for problem in report.problems { print(problem) }
        print(
            "sequence \(report.sequence): \(report.positions) positions, \(report.journalEntries) journal entries, "
                + "\(report.eventIDs) event ids, \(report.deadLetters) dead letters, \(report.problemCount) problems")
        if !report.isClean { throw ExitCode(65) }
    }
}
