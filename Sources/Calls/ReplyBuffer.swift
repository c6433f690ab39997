/// Where an inline method writes its one reply message. Owned by the event loop and reused from call to call, so that
/// a reply costs no allocation once the buffer has grown to the usual size.
///
/// Lifetime: pointers handed out are valid until the next `reserve`. Thread: the owning loop's only.
@safe
public struct ReplyBuffer: ~Copyable {
    /// The first byte of the message.
    public private(set) var base: UnsafeMutableRawPointer
    /// Bytes written.
    public private(set) var count = 0
    public private(set) var capacity: Int

    public init(capacity: Int) {
        precondition(capacity > 0)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
    }

    deinit {
        unsafe base.deallocate()
    }

    public mutating func removeAll() {
        count = 0
    }

    /// Makes room for `byteCount` more bytes and returns where to write them; `advance` says how many were written.
    public mutating func reserve(_ byteCount: Int) -> UnsafeMutableRawPointer {
        if count + byteCount > capacity { grow(to: count + byteCount) }
        return unsafe base + count
    }

    public mutating func advance(by byteCount: Int) {
        precondition(byteCount >= 0 && count + byteCount <= capacity)
        count += byteCount
    }

    @inline(never)
    private mutating func grow(to byteCount: Int) {
        let larger = max(byteCount, capacity * 2)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        unsafe moved.copyMemory(from: base, byteCount: count)
        unsafe base.deallocate()
        unsafe base = moved
        capacity = larger
    }
}
