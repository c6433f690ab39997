internal import Foundation
internal import Glibc
internal import Inventory

/// The folder that is watched, with `reading`, `done` and `failed` in it.
///
/// A file is moved to `reading` before a byte of it is read, and from there on only the feed touches it by its name: what a
/// sender renames to that name in the meantime is another file, which waits. After a crash what is in `reading` comes first.
struct FeedFolder: Sendable {
    struct Entry: Equatable {
        var name: String
        /// Whether it was moved to `reading` already.
        var isTaken = false
        var bytes: UInt64
        var timeNanoseconds: WallNanoseconds
    }

    enum Outcome: String {
        case done
        case failed
    }

    /// With `.DIGEST` behind, and as `.NAME.errors`, a name of this length is still one that a file system takes (255 bytes).
    private static let nameBytesMax = 230
    private static let errors = ".errors"

    let path: String

    var reading: String { "\(path)/reading" }

    /// Makes the folders, and ends what a crash left between a file's move and its errors'.
    func prepare() throws(FeedFailure) {
        for folder in [folder(.done), folder(.failed), reading] where mkdir(folder, 0o755) != 0 && errno != EEXIST {
            throw .system("make the folder", folder)
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder(.failed))) ?? []
        for name in names where name.hasPrefix(".") && name.hasSuffix(Self.errors) {
            let file = String(name.dropFirst().dropLast(Self.errors.count))
            if access("\(folder(.failed))/\(file)", F_OK) == 0 { try nameErrors(of: file) }
        }
    }

    /// Where the errors of a file are written that will be called so in `failed`.
    func errorsPath(_ file: String) -> String { "\(folder(.failed))/.\(file)\(Self.errors)" }

    /// Gives the errors the name by which people find them.
    func nameErrors(of file: String) throws(FeedFailure) {
        guard rename(errorsPath(file), "\(folder(.failed))/\(file)\(Self.errors)") == 0 else {
            throw .system("name the errors of", file)
        }
    }

    func folder(_ outcome: Outcome) -> String { "\(path)/\(outcome.rawValue)" }

    /// Its files: those in `reading`, then the oldest first; those that are still being written by their name are left out.
    func list() throws(FeedFailure) -> [Entry] { try list(reading, areTaken: true) + list(path) }

    /// The files that took effect, in all or in part, the oldest first.
    func listTaken() throws(FeedFailure) -> [(outcome: Outcome, entry: Entry)] {
        let done = try list(folder(.done)).map { (outcome: Outcome.done, entry: $0) }
        let failed = try list(folder(.failed))
        let names = Set(failed.map(\.name))
        let partly = failed.filter { entry in
            let isErrors =
                entry.name.hasSuffix(Self.errors) && names.contains(String(entry.name.dropLast(Self.errors.count)))
            return !isErrors && !FileErrors.areOfWholeFile("\(folder(.failed))/\(entry.name)\(Self.errors)")
        }
        return (done + partly.map { (outcome: Outcome.failed, entry: $0) }).sorted {
            ($0.entry.timeNanoseconds, $0.entry.name) < ($1.entry.timeNanoseconds, $1.entry.name)
        }
    }

    /// Where a file is by now that had a name when it was begun; nil: it is gone. What is moved to a name that is there already
    /// gets another, and people rename files too.
    func find(_ name: String, digest: String) throws(FeedFailure) -> FeedFile? {
        let folders = [reading, path, folder(.done), folder(.failed)]
        for name in [name, "\(name).\(digest)"] {
            for folder in folders {
                if let file = try FeedFile(folder: folder, name: name), file.digest == digest { return file }
            }
        }
        for folder in folders {
            for entry in try list(folder) {
                if let file = try FeedFile(folder: folder, name: entry.name), file.digest == digest { return file }
            }
        }
        return nil
    }

    private func list(_ path: String, areTaken: Bool = false) throws(FeedFailure) -> [Entry] {
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
                Entry(
                    name: name, isTaken: areTaken, bytes: UInt64(state.st_size),
                    timeNanoseconds: state.modificationNanoseconds))
        }
        return entries.sorted { ($0.timeNanoseconds, $0.name) < ($1.timeNanoseconds, $1.name) }
    }

    /// Moves a file to `reading`, and says whether it is the one that was listed: a sender may have put another in its place
    /// since. That one is in `reading` then, to be looked at like any other.
    func take(_ entry: Entry) throws(FeedFailure) -> Bool {
        let (from, to) = ("\(path)/\(entry.name)", "\(reading)/\(entry.name)")
        // The one there must be read through first.
        if access(to, F_OK) == 0 { return false }
        // One that cannot be read stays where people look for it.
        guard access(from, R_OK) == 0 else {
            if errno == ENOENT { return false }
            throw .system("open", entry.name)
        }
        guard rename(from, to) == 0 else {
            if errno == ENOENT { return false }
            throw .system("move", entry.name)
        }
        var state = stat()
        guard lstat(to, &state) == 0 else { throw .system("examine", entry.name) }
        return UInt64(state.st_size) == entry.bytes && state.modificationNanoseconds == entry.timeNanoseconds
    }

    /// Moves a file that was read through; where there are errors, to `failed` and with them.
    func moveAway(_ file: FeedFile, _ errors: FileErrors) throws(FeedFailure) {
        try file.checkUnchanged()
        let isFailed = errors.count > 0
        let target = isFailed ? errors.target : freeName(for: file, in: .done)
        guard rename("\(reading)/\(file.name)", "\(folder(isFailed ? .failed : .done))/\(target)") == 0 else {
            throw .system("move", file.name)
        }
        if isFailed { try nameErrors(of: target) } else { unlink(errorsPath(errors.target)) }
    }

    /// What a file is to be called in `done` or `failed`: as it is, or by its digest as well where an older one of its name is there
    /// already, or its name is cut to leave room for that.
    func freeName(for file: FeedFile, in outcome: Outcome) -> String {
        var name = file.name
        while name.utf8.count > Self.nameBytesMax { name.removeLast() }
        let byDigest = "\(name).\(file.digest)"
        if name != file.name { return byDigest }
        // What was begun under a name goes on under it, though the older file is gone by now.
        if outcome == .failed, access(errorsPath(byDigest), F_OK) == 0 { return byDigest }
        return access("\(folder(outcome))/\(name)", F_OK) == 0 ? byDigest : name
    }
}
