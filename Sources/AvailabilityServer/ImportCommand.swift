public import ArgumentParser
public import Catalogue
internal import Configure
internal import Engine
internal import Foundation
internal import Inventory
internal import Ledger

/// Brings positions in from a file, offline.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Brings positions in from CSV or JSON lines. The server must not be running; rerun to resume.",
        discussion: """
            Columns: sku, location, at least one of on_hand, allocated, quarantined, damaged, in_transit, incoming, \
            backordered, safety_stock, and occurred_at. Bad rows are printed as FILE:LINE and do not stop the others; the \
            exit code is then 65.
            """)

    @Argument(help: "The file; - is standard input.") var file: String
    @Option(help: "The source that the positions are from.") var source = "import"
    @Option(help: "csv or jsonl; by default by the file's name.") var format: PositionFormat?
    @OptionGroup var settings: SettingFlags

    func run() throws {
        let loaded = try settings.load()
        let ledger = try Storage.open(loaded.settings)
        let clock = try Storage.makeClock(ledger)
        let engine = try Storage.openEngine(loaded, ledger: ledger, clock: clock)
        let tenant = engine.tenantNumber
        let writer = EngineThread(settings: EngineSettings(loaded), clock: clock)
        writer.start(engine: engine) { description in
            printError("the store failed: \(description)")
            Foundation.exit(70)
        }
        defer {
            writer.stop()
            ledger.recordOrderlyEnd()
        }
        var options = ImportOptions(path: file)
        options.source = source
        options.format = format
        let bar = ProgressBar(label: "import")
        var hasBadRows = false
        do throws(PositionFileError) {
            let summary = try PositionImport.run(options, progress: bar.update) { events in
                try writer.publishAndWait(events, tenant: tenant)
            }
            bar.clear()
            for note in summary.notes { printError(note) }
            for problem in summary.problems { printError(problem.description(file: file)) }
            let unprinted = Int(summary.counts.failed) - summary.problems.count
            if unprinted > 0 { printError("and \(unprinted) more") }
            print(summary.description)
            hasBadRows = summary.counts.failed > 0
        } catch {
            bar.clear()
            printError("\(error)")
            throw Storage.exitCode
        }
        if hasBadRows { throw ExitCode(65) }
    }
}

extension PositionFormat: ExpressibleByArgument {}

/// Writes every position in the form that `import` reads.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes every position in the form that import reads. May run beside a server.")

    @Option(name: .shortAndLong, help: "The file; - is standard output.") var output = "-"
    @Option(help: "csv or jsonl; by default by the file's name.") var format: PositionFormat?
    @OptionGroup var settings: SettingFlags

    func run() throws {
        let loaded = try settings.load()
        let ledger = try Storage.open(loaded.settings, readOnly: true)
        let tenant = try Storage.tenantNumber(loaded.settings, in: ledger)
        var options = ExportOptions(path: output)
        options.format = format
        let bar = ProgressBar(label: "export")
        do throws(PositionFileError) {
            let summary = try PositionExport.run(options, ledger: ledger, tenant: tenant, progress: bar.update)
            bar.clear()
            printError("\(summary.rows) positions")
        } catch {
            bar.clear()
            printError("\(error)")
            throw Storage.exitCode
        }
    }
}
