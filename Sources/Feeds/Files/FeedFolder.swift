internal import Foundation
internal import Glibc
internal import Inventory

/// The folder that is watched, with `done` and `failed` in it.
struct FeedFolder: Sendable {
    struct Entry: Equatable {
        var name: String
        var bytes: UInt64
        var timeNanoseconds: WallNanoseconds
    }

    enum Outcome: String {
        case done
        case failed
    }

    let path: String

    /// Makes the folders, and ends what a crash left between a file's move and its errors'.
    func prepare() throws(FeedFailure) {
        for outcome in [Outcome.done, .failed] where mkdir(folder(outcome), 0o755) != 0 && errno != EEXIST {
            throw .system("make the folder", folder(outcome))
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder(.failed))) ?? []
        for name in names where name.hasPrefix(".") && name.hasSuffix(".errors") {
            let file = String(name.dropFirst().dropLast(".errors".count))
            if access("\(folder(.failed))/\(file)", F_OK) == 0 { try nameErrors(of: file) }
        }
    }

    /// Where the errors of a file are written that will be called so in `failed`.
    func errorsPath(_ file: String) -> String { "\(folder(.failed))/.\(file).errors" }

    /// Gives the errors the name by which people find them.
    func nameErrors(of file: String) throws(FeedFailure) {
        guard rename(errorsPath(file), "\(folder(.failed))/\(file).errors") == 0 else {
            throw .system("name the errors of", file)
        }
    }

    func folder(_ outcome: Outcome) -> String { "\(path)/\(outcome.rawValue)" }

    /// Its files, the oldest first; those that are still being written by their name are left out.
    func list() throws(FeedFailure) -> [Entry] { try list(path) }

    func listDone() throws(FeedFailure) -> [Entry] { try list(folder(.done)) }

    private func list(_ path: String) throws(FeedFailure) -> [Entry] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw FeedFailure("cannot read the folder \(path): \(error.localizedDescription)")
        }
        var entries: [Entry] = []
        for name in names where !name.hasPrefix(".") && !name.hasSuffix(".tmp") && !name.hasSuffix(".part") {
            var state = stat()
            // One that somebody took away in the meantime is not there.
            guard lstat("\(path)/\(name)", &state) == 0, state.st_mode & S_IFMT == S_IFREG else { continue }
            entries.append(
                Entry(name: name, bytes: UInt64(state.st_size), timeNanoseconds: state.modificationNanoseconds))
        }
        return entries.sorted { ($0.timeNanoseconds, $0.name) < ($1.timeNanoseconds, $1.name) }
    }

    /// Moves a file that was read through. An older one of the same name stays: the newer is then called by its digest as well.
    func move(_ file: FeedFile, to outcome: Outcome) throws(FeedFailure) {
        let target = freeName(for: file, in: outcome)
        guard rename("\(path)/\(file.name)", "\(folder(outcome))/\(target)") == 0 else {
            throw .system("move", file.name)
        }
        if outcome == .failed { try nameErrors(of: target) }
    }

    /// What a file is called in `done` or `failed`.
    func freeName(for file: FeedFile, in outcome: Outcome) -> String {
        access("\(folder(outcome))/\(file.name)", F_OK) == 0 ? "\(file.name).\(file.digest)" : file.name
    }
}
