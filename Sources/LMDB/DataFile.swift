internal import CLMDB
internal import Glibc

/// A look at `data.mdb` by pread, before the library maps it: damage is an error here and would be a SIGBUS or an abort
/// there. It knows the file format of LMDB 0.9 (data version 1) on 64-bit little-endian machines.
struct DataFile: ~Copyable {
    /// The newer of the two meta pages.
    struct Meta: Equatable {
        let pageBytes: Int
        let lastPage: UInt64
        let transactionID: UInt64
        /// Of the older one; nil when that page is unreadable, as a power cut while writing it leaves it.
        var olderTransactionID: UInt64?
        let freeList: Tree
        let main: Tree
    }

    /// MDB_db: where a tree is and how large it should be.
    struct Tree: Equatable {
        static let bytes = 48
        let flags: UInt16
        let depth: UInt16
        let branchPages: UInt64
        let leafPages: UInt64
        let overflowPages: UInt64
        let entries: UInt64
        /// Nil for an empty tree.
        let root: UInt64?
    }

    let descriptor: Int32

    /// Nil when there is no file.
    init?(path: String) throws(LMDBError) {
        let opened = unsafe open(path, O_RDONLY | O_CLOEXEC)
        if opened < 0 {
            if errno == ENOENT { return nil }
            throw LMDBError(code: errno, operation: "open", detail: path)
        }
        descriptor = opened
    }

    deinit {
        close(descriptor)
    }

    /// Refuses a file that ends before its trees do and, as far as asked, one whose pages make no sense.
    static func check(path: String, options: EnvironmentOptions) throws(LMDBError) {
        guard let file = try DataFile(path: path) else { return }
        // A writer in another process may commit and reuse pages meanwhile; then the findings mean nothing.
        for _ in 0..<3 {
            let size = try file.size()
            // An empty file is what a crash right after creation leaves; the library starts it anew.
            if size == 0 { return }
            let meta = try file.meta()
            let isShort = try file.size() / UInt64(meta.pageBytes) <= meta.lastPage
            // The last pages may be free ones that were never written, so a short file is not yet a truncated one.
            guard isShort || options.structureCheck != .lengthOnly else { return }
            let levelsMax = options.structureCheck == .topOfTrees ? 2 : StructureCheck.levelsMax
            var walk = try StructureCheck(file: file, meta: meta, levelsMax: levelsMax)
            do throws(LMDBError) {
                _ = try walk.run()
                return
            } catch {
                if try file.meta().transactionID == meta.transactionID { throw error }
            }
        }
    }

    borrowing func size() throws(LMDBError) -> UInt64 {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw LMDBError(code: errno, operation: "fstat") }
        return UInt64(status.st_size)
    }

    /// Reads whole pages from `page` on into `buffer`.
    borrowing func read(page: UInt64, pageBytes: Int, into buffer: UnsafeMutableRawBufferPointer) throws(LMDBError) {
        var done = 0
        while done < buffer.count {
            // `done` stays below count, so the base exists.
            let count = unsafe pread(
                descriptor, buffer.baseAddress! + done, buffer.count - done, Int(page) * pageBytes + done)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw LMDBError(code: errno, operation: "pread") }
            if count == 0 { throw damage("the file ends before page \(page), which is in use: it was truncated") }
            done += count
        }
    }

    /// The meta page of one commit; nil when two later ones have passed over it, or when it is unreadable.
    borrowing func meta(of transactionID: UInt64, pageBytes: Int) throws(LMDBError) -> Meta? {
        for offset in [0, pageBytes] {
            if let meta = try meta(at: offset), meta.transactionID == transactionID { return meta }
        }
        return nil
    }

    /// The newer valid meta page.
    borrowing func meta() throws(LMDBError) -> Meta {
        let first = try meta(at: 0)
        let second: Meta?
        if let first { second = try meta(at: first.pageBytes) } else { second = try meta(at: Int(getpagesize())) }
        switch (first, second) {
        case (let first?, let second?):
            var newer = first.transactionID >= second.transactionID ? first : second
            newer.olderTransactionID = min(first.transactionID, second.transactionID)
            return newer
        case (let meta?, nil), (nil, let meta?): return meta
        case (nil, nil):
            throw LMDBError(code: CSymbols.invalid, operation: "open", detail: "neither meta page is one of LMDB 0.9")
        }
    }

    private borrowing func meta(at offset: Int) throws(LMDBError) -> Meta? {
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 152) { buffer, count in
            // The buffer is as large as asked for.
            count = unsafe max(0, pread(descriptor, buffer.baseAddress, 152, offset))
        }
        guard bytes.count == 152 else { return nil }
        return unsafe bytes.withUnsafeBytes { page in
            let isMeta = unsafe page.little(10, UInt16.self) & PageFlag.meta != 0
            let magic = unsafe page.little(16, UInt32.self)
            let version = unsafe page.little(20, UInt32.self)
            let pageBytes = Int(unsafe page.little(40, UInt32.self))
            guard isMeta, magic == 0xBEEF_C0DE, version == 1 else { return nil }
            guard pageBytes >= 512, pageBytes <= 65_536, pageBytes & (pageBytes - 1) == 0 else { return nil }
            return unsafe Meta(
                pageBytes: pageBytes, lastPage: page.little(136, UInt64.self),
                transactionID: page.little(144, UInt64.self), freeList: Tree(page, at: 40), main: Tree(page, at: 88))
        }
    }
}

/// Page flags of the file format.
enum PageFlag {
    static let branch: UInt16 = 0x01
    static let leaf: UInt16 = 0x02
    static let overflow: UInt16 = 0x04
    static let meta: UInt16 = 0x08
    /// Fixed-size duplicates, which this store never makes.
    static let unsupported: UInt16 = 0x60
}

extension DataFile.Tree {
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        flags = unsafe bytes.little(offset + 4, UInt16.self)
        depth = unsafe bytes.little(offset + 6, UInt16.self)
        branchPages = unsafe bytes.little(offset + 8, UInt64.self)
        leafPages = unsafe bytes.little(offset + 16, UInt64.self)
        overflowPages = unsafe bytes.little(offset + 24, UInt64.self)
        entries = unsafe bytes.little(offset + 32, UInt64.self)
        let page = unsafe bytes.little(offset + 40, UInt64.self)
        root = page == .max ? nil : page
    }
}

extension UnsafeRawBufferPointer {
    /// A little-endian integer at any offset inside the buffer, which the caller has checked.
    @inline(__always)
    func little<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: Value.Type) -> Value {
        unsafe Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }
}

func damage(_ detail: String) -> LMDBError {
    LMDBError(code: CSymbols.corrupted, operation: "check data.mdb", detail: detail)
}
