/// Bytes in order: appended at the end, taken from the front. Keeps its memory from use to use.
///
/// Lifetime: pointers handed out are valid until the next call that changes the queue.
@safe
struct ByteQueue: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var head = 0
    private var tail = 0
    private(set) var capacity = 0

    deinit { unsafe base?.deallocate() }

    var count: Int { tail - head }
    var isEmpty: Bool { tail == head }

    var bytes: UnsafeRawBufferPointer {
        guard let base = unsafe base else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
        return unsafe UnsafeRawBufferPointer(start: base + head, count: count)
    }

    /// Makes room for `byteCount` bytes at the end and returns where to write them; `advance` says how many were.
    mutating func reserve(_ byteCount: Int) -> UnsafeMutableRawPointer {
        if tail + byteCount > capacity { makeRoom(byteCount) }
        return unsafe base! + tail
    }

    mutating func advance(by byteCount: Int) {
        precondition(byteCount >= 0 && tail + byteCount <= capacity)
        tail += byteCount
    }

    mutating func append(_ source: UnsafeRawBufferPointer) {
        guard let start = source.baseAddress, source.count > 0 else { return }
        unsafe reserve(source.count).copyMemory(from: start, byteCount: source.count)
        tail += source.count
    }

    mutating func consume(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= count)
        head += byteCount
        if head == tail {
            head = 0
            tail = 0
        }
    }

    /// Empties the queue, and gives its memory back when it has more than `keeping` bytes of it.
    mutating func removeAll(keeping: Int) {
        head = 0
        tail = 0
        if capacity > keeping {
            unsafe base?.deallocate()
            unsafe base = nil
            capacity = 0
        }
    }

    @inline(never)
    private mutating func makeRoom(_ byteCount: Int) {
        let used = count
        if head > 0, used + byteCount <= capacity, used <= capacity / 2 {
            unsafe base!.copyMemory(from: base! + head, byteCount: used)
        } else {
            let larger = max(used + byteCount, capacity * 2, 256)
            let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
            if let base = unsafe base {
                unsafe moved.copyMemory(from: base + head, byteCount: used)
                unsafe base.deallocate()
            }
            unsafe base = moved
            capacity = larger
        }
        head = 0
        tail = used
    }
}
