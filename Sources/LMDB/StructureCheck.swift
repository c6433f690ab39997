internal import Glibc

/// Walks every page in use: each must lie in the file, say its own number, hold nodes within its bounds, keys in order
/// and where a search looks for them, and belong to one owner; free pages must not be in use. Values are not its
/// concern.
@safe
struct StructureCheck: ~Copyable {
    private let file: DataFile
    private let meta: DataFile.Meta
    private let pagesInFile: UInt64
    /// One bit a page: in use, or free.
    private var claimed: [UInt64]
    /// One page buffer per level, since a branch is read on after each child. Owned; a named tree's levels follow those
    /// of the tree that names it.
    private let levels: UnsafeMutableRawBufferPointer
    /// Levels of each tree that are walked.
    private let levelsMax: Int
    private let isCancelled: () -> Bool
    private var wasCancelled = false
    /// More than a tree of this format can have.
    static let levelsMax = 64

    /// What a walk counts, to compare with what the tree says of itself.
    private struct Count: Equatable {
        var branchPages: UInt64 = 0
        var leafPages: UInt64 = 0
        var overflowPages: UInt64 = 0
        var entries: UInt64 = 0
    }

    /// The keys a page may hold: from `lower`, below `upper`; nil: no bound. They lie in the buffers of the levels
    /// above.
    @unsafe
    private struct Range {
        var lower: UnsafeRawBufferPointer?
        var upper: UnsafeRawBufferPointer?
    }

    private enum Content {
        case freeList
        /// Named trees.
        case main
        case values
    }

    /// `levelsMax`: how far down each tree the walk goes; what a tree counts is only compared when it goes all the way.
    /// `isCancelled` is asked before every branch page.
    init(
        file: borrowing DataFile, meta: DataFile.Meta, levelsMax: Int = StructureCheck.levelsMax,
        isCancelled: @escaping () -> Bool = { false }
    ) throws(LMDBError) {
        let size = try file.size()
        let duplicate = dup(file.descriptor)
        guard duplicate >= 0 else { throw LMDBError(code: errno, operation: "dup") }
        self.file = DataFile(descriptor: duplicate)
        self.meta = meta
        self.levelsMax = levelsMax
        self.isCancelled = isCancelled
        pagesInFile = size / UInt64(meta.pageBytes)
        claimed = Array(repeating: 0, count: Int(min(meta.lastPage, pagesInFile) / 64 + 1))
        unsafe levels = UnsafeMutableRawBufferPointer.allocate(
            byteCount: meta.pageBytes * Self.levelsMax, alignment: 16)
    }

    deinit {
        unsafe levels.deallocate()
    }

    /// False when it was cancelled before the end.
    mutating func run() throws(LMDBError) -> Bool {
        // Commits write the two in turn; a flipped bit in a number would bring an old state back.
        if let older = meta.olderTransactionID, meta.transactionID - older > 1 {
            throw damage("the meta pages are of commits \(older) and \(meta.transactionID)")
        }
        // Pages 0 and 1 are the meta pages.
        try claim(0)
        try claim(1)
        try walk(meta.main, from: 0, content: .main)
        try walk(meta.freeList, from: 0, content: .freeList)
        return !wasCancelled
    }

    private mutating func walk(_ tree: DataFile.Tree, from level: Int, content: Content) throws(LMDBError) {
        // The free list has integer keys (8), the others none of the flags.
        guard tree.flags == (content == .freeList ? 8 : 0) else { throw damage("a tree has flags \(tree.flags)") }
        var count = Count()
        if let root = tree.root {
            let bottom = level + Int(tree.depth) - 1
            let last = level + levelsMax - 1
            unsafe try walk(
                page: root, level: level, last: last, bottom: bottom, content: content, range: Range(), count: &count)
            guard bottom <= last, !wasCancelled else { return }
        }
        let stated = Count(
            branchPages: tree.branchPages, leafPages: tree.leafPages, overflowPages: tree.overflowPages,
            entries: tree.entries)
        if count != stated { throw damage("a tree holds \(count) and says \(stated)") }
    }

    private mutating func walk(
        page: UInt64, level: Int, last: Int, bottom: Int, content: Content, range: Range, count: inout Count
    ) throws(LMDBError) {
        guard level < Self.levelsMax, level <= bottom else { throw damage("page \(page) lies deeper than its tree") }
        try claim(page)
        let buffer = unsafe UnsafeMutableRawBufferPointer(
            rebasing: levels[level * meta.pageBytes..<(level + 1) * meta.pageBytes])
        try unsafe file.read(page: page, pageBytes: meta.pageBytes, into: buffer)
        let bytes = UnsafeRawBufferPointer(buffer)
        let nodes = try unsafe nodeCount(bytes, page: page)
        let flags = unsafe bytes.little(10, UInt16.self)
        try unsafe checkKeys(bytes, nodes, page: page, content: content, range: range)
        if flags & PageFlag.branch != 0 {
            count.branchPages += 1
            if level == last { return }
            if isCancelled() { wasCancelled = true }
            for index in 0..<nodes where !wasCancelled {
                let offset = try unsafe nodeOffset(bytes, index, page: page)
                let child =
                    unsafe UInt64(bytes.little(offset, UInt32.self))
                    | UInt64(bytes.little(offset + 4, UInt16.self)) << 32
                let childRange = unsafe Range(
                    lower: index == 0 ? range.lower : key(bytes, index),
                    upper: index + 1 == nodes ? range.upper : key(bytes, index + 1))
                unsafe try walk(
                    page: child, level: level + 1, last: last, bottom: bottom, content: content, range: childRange,
                    count: &count)
            }
        } else {
            guard level == bottom else { throw damage("leaf page \(page) is not at its tree's depth") }
            count.leafPages += 1
            count.entries += UInt64(nodes)
            for index in 0..<nodes {
                try unsafe checkLeafNode(bytes, index, page: page, level: level, content: content, count: &count)
            }
        }
    }

    private func nodeCount(_ bytes: UnsafeRawBufferPointer, page: UInt64) throws(LMDBError) -> Int {
        let flags = unsafe bytes.little(10, UInt16.self)
        let lower = Int(unsafe bytes.little(12, UInt16.self))
        let upper = Int(unsafe bytes.little(14, UInt16.self))
        let kind = flags & (PageFlag.branch | PageFlag.leaf | PageFlag.overflow | PageFlag.meta)
        guard unsafe bytes.little(0, UInt64.self) == page else { throw damage("page \(page) carries another number") }
        guard kind == PageFlag.branch || kind == PageFlag.leaf, flags & PageFlag.unsupported == 0 else {
            throw damage("page \(page) is neither branch nor leaf")
        }
        guard lower >= 16, lower % 2 == 0, lower <= upper, upper <= meta.pageBytes else {
            throw damage("page \(page) has impossible bounds")
        }
        guard lower > 16 || kind == PageFlag.leaf else { throw damage("branch page \(page) is empty") }
        return (lower - 16) / 2
    }

    /// Where a node lies, after checking that its header and key lie inside the page.
    private func nodeOffset(_ bytes: UnsafeRawBufferPointer, _ index: Int, page: UInt64) throws(LMDBError) -> Int {
        let upper = Int(unsafe bytes.little(14, UInt16.self))
        let offset = Int(unsafe bytes.little(16 + index * 2, UInt16.self))
        guard offset >= upper, offset + 8 <= meta.pageBytes else {
            throw damage("page \(page) points outside itself")
        }
        let keyBytes = Int(unsafe bytes.little(offset + 6, UInt16.self))
        guard keyBytes <= 511, offset + 8 + keyBytes <= meta.pageBytes else {
            throw damage("page \(page) has a key beyond its end")
        }
        return offset
    }

    /// The key of a node that `nodeOffset` has passed.
    private func key(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> UnsafeRawBufferPointer {
        let offset = Int(unsafe bytes.little(16 + index * 2, UInt16.self)) + 8
        let count = Int(unsafe bytes.little(offset - 2, UInt16.self))
        return unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    private func checkKeys(
        _ bytes: UnsafeRawBufferPointer, _ nodes: Int, page: UInt64, content: Content, range: Range
    ) throws(LMDBError) {
        for index in 0..<nodes { _ = try unsafe nodeOffset(bytes, index, page: page) }
        // A branch's first key is not used in searches and usually empty.
        let isBranch = unsafe bytes.little(10, UInt16.self) & PageFlag.branch != 0
        var previous = unsafe range.lower
        for index in 0..<nodes where !isBranch || index > 0 {
            let key = unsafe key(bytes, index)
            guard key.count > 0 else { throw damage("page \(page) has an empty key") }
            // A page's first key may be the very one its branch names.
            if let previous = unsafe previous {
                let maySame = !isBranch && index == 0
                let isRight = unsafe isOrdered(previous, key, content) || maySame && !isOrdered(key, previous, content)
                guard isRight else { throw damage("page \(page) has keys out of order") }
            }
            unsafe previous = key
        }
        guard nodes > 0, let last = unsafe previous, let upper = unsafe range.upper else { return }
        if unsafe !isOrdered(last, upper, content) {
            throw damage("page \(page) has keys that belong to the next")
        }
    }

    /// Whether `left` comes before `right`: numbers in the free list, bytes elsewhere.
    private func isOrdered(
        _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer, _ content: Content
    ) -> Bool {
        if content == .freeList {
            guard left.count == 8, right.count == 8 else { return false }
            return unsafe left.little(0, UInt64.self) < right.little(0, UInt64.self)
        }
        // Neither is empty.
        let order = unsafe memcmp(left.baseAddress!, right.baseAddress!, min(left.count, right.count))
        return order != 0 ? order < 0 : left.count < right.count
    }

    private mutating func checkLeafNode(
        _ bytes: UnsafeRawBufferPointer, _ index: Int, page: UInt64, level: Int, content: Content,
        count: inout Count
    ) throws(LMDBError) {
        let offset = try unsafe nodeOffset(bytes, index, page: page)
        let valueBytes = Int(unsafe bytes.little(offset, UInt32.self))
        let flags = unsafe bytes.little(offset + 4, UInt16.self)
        let value = offset + 8 + Int(unsafe bytes.little(offset + 6, UInt16.self))
        let isOverflow = flags & 1 != 0
        guard flags & 4 == 0 else { throw damage("page \(page) holds duplicates, which are never written") }
        guard value + (isOverflow ? 8 : valueBytes) <= meta.pageBytes else {
            throw damage("page \(page) has a value beyond its end")
        }
        if isOverflow {
            let first = unsafe bytes.little(value, UInt64.self)
            try checkOverflow(first, bytes: valueBytes, content: content, count: &count)
        } else if flags & 2 != 0 {
            guard content == .main, valueBytes == DataFile.Tree.bytes else {
                throw damage("page \(page) has a tree where none belongs")
            }
            try unsafe walk(DataFile.Tree(bytes, at: value), from: level + 1, content: .values)
        } else if content == .freeList {
            try unsafe claimFreePages(UnsafeRawBufferPointer(rebasing: bytes[value..<value + valueBytes]))
        }
    }

    private mutating func checkOverflow(
        _ first: UInt64, bytes valueBytes: Int, content: Content, count: inout Count
    ) throws(LMDBError) {
        let pages = (15 + valueBytes) / meta.pageBytes + 1
        for page in 0..<UInt64(pages) { try claim(first &+ page) }
        count.overflowPages += UInt64(pages)
        guard first + UInt64(pages) <= pagesInFile else {
            throw damage("the file ends within the value at page \(first): it was truncated")
        }
        let wanted = content == .freeList ? pages * meta.pageBytes : 16
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: wanted, alignment: 16)
        defer { unsafe buffer.deallocate() }
        try unsafe file.read(page: first, pageBytes: meta.pageBytes, into: buffer)
        let header = UnsafeRawBufferPointer(buffer)
        guard unsafe header.little(0, UInt64.self) == first,
            unsafe header.little(10, UInt16.self) & PageFlag.overflow != 0,
            unsafe header.little(12, UInt32.self) == UInt32(pages)
        else { throw damage("page \(first) is not the overflow page it should be") }
        if content == .freeList {
            try unsafe claimFreePages(UnsafeRawBufferPointer(rebasing: header[16..<16 + valueBytes]))
        }
    }

    /// A free-list value: a count and that many page numbers.
    private mutating func claimFreePages(_ value: UnsafeRawBufferPointer) throws(LMDBError) {
        let count = value.count < 8 ? 0 : unsafe value.little(0, UInt64.self)
        guard value.count >= 8, count <= UInt64(value.count / 8 - 1) else { throw damage("a free list is cut short") }
        for index in 0..<Int(count) {
            let page = unsafe value.little(8 + index * 8, UInt64.self)
            // Free pages at the end may never have been written: they need not lie in the file.
            if page < pagesInFile {
                try claim(page)
            } else if page > meta.lastPage {
                throw damage("free page \(page) lies beyond the last page \(meta.lastPage)")
            }
        }
    }

    private mutating func claim(_ page: UInt64) throws(LMDBError) {
        guard page <= meta.lastPage else { throw damage("page \(page) lies beyond the last page \(meta.lastPage)") }
        guard page < pagesInFile else {
            throw damage("the file ends before page \(page), which is in use: it was truncated")
        }
        let bit: UInt64 = 1 << (page % 64)
        guard claimed[Int(page / 64)] & bit == 0 else { throw damage("page \(page) has two owners") }
        claimed[Int(page / 64)] |= bit
    }
}

extension DataFile {
    /// Takes over an open descriptor.
    init(descriptor: Int32) {
        self.descriptor = descriptor
    }
}
