internal import CMemory
internal import Glibc
internal import Synchronization

/// A run of 64-bit words that one thread changes while others read: every access is one relaxed atomic load or store,
/// so that a reader sees each word whole, and `HotTable.version` tells it whether the words belong together.
///
/// Memory: address space is reserved whole, and the system gives pages as words are first written; all words begin as 0.
/// Owned by the `HotTable`, which outlives every reader.
@safe
struct WordStore: ~Copyable, @unchecked Sendable {
    // Why @unchecked: the address never changes, and what lies there is only reached atomically.
    private let base: UnsafeMutablePointer<Atomic<UInt64>>
    let count: Int

    /// Nil when the system gives no address space.
    init?(count: Int) {
        precondition(count > 0)
        let byteCount = count * MemoryLayout<UInt64>.size
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let access = PROT_READ | PROT_WRITE
        guard let mapped = unsafe mmap(nil, byteCount, access, flags, -1, 0), unsafe mapped != MAP_FAILED else {
            return nil
        }
        // Look-ups are random: without large pages each would miss the translation cache as well.
        unsafe madvise(mapped, byteCount, Int32(MADV_HUGEPAGE))
        // Zeroed memory is a run of atomics that hold 0: `Atomic<UInt64>` has the layout of its value.
        unsafe base = mapped.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        self.count = count
    }

    deinit {
        unsafe munmap(base, count * MemoryLayout<UInt64>.size)
    }

    @inline(__always)
    subscript(_ index: Int) -> UInt64 {
        get {
            precondition(index >= 0 && index < count)
            return unsafe base[index].load(ordering: .relaxed)
        }
        nonmutating set {
            precondition(index >= 0 && index < count)
            unsafe base[index].store(newValue, ordering: .relaxed)
        }
    }

    /// The words from `index` on, for a run of reads.
    @inline(__always)
    func pointer(at index: Int) -> UnsafePointer<Atomic<UInt64>> {
        precondition(index >= 0 && index < count)
        return unsafe UnsafePointer(base + index)
    }

    /// Asks the processor for the word's cache line. Any index: a prefetch reads nothing and never faults.
    @inline(__always)
    func prefetch(_ index: Int) {
        unsafe shim_prefetch(base + index)
    }

    /// Gives the pages of the first words back; they then read as 0.
    func clear(first words: Int) {
        unsafe madvise(base, words * MemoryLayout<UInt64>.size, Int32(MADV_DONTNEED))
    }
}
