/// A slot of the loop's `StreamTable`. Safe to follow at any time of the loop's life: slots never move and are always
/// initialized. Whether the slot still has the same call is for `StreamKey` to tell.
@safe
struct StreamPointer: Equatable {
    let slot: UnsafeMutablePointer<Stream>

    init(_ slot: UnsafeMutablePointer<Stream>) {
        unsafe self.slot = slot
    }

    /// From what nghttp2 and timers keep, which is always a slot's address.
    init(_ address: UnsafeMutableRawPointer) {
        unsafe slot = address.assumingMemoryBound(to: Stream.self)
    }

    var pointee: Stream {
        // Addresses and not coroutines, whose frames the compiler may put on the heap.
        @inline(__always) unsafeAddress { unsafe UnsafePointer(slot) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe slot }
    }

    static func == (one: StreamPointer, other: StreamPointer) -> Bool {
        unsafe one.slot == other.slot
    }
}
