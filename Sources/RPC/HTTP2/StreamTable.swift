/// All streams of one event loop, in chunks that never move: nghttp2 and the timer wheel hold pointers to them.
/// Bounded by the connections and the streams each may have.
@safe
struct StreamTable: ~Copyable {
    private static let chunkShift: UInt32 = 6
    private static let chunkCount = 1 << Int(chunkShift)

    private var chunks: [UnsafeMutablePointer<Stream>] = unsafe []
    private var timers: [TimerWheel.Node] = unsafe []
    private var firstFree: UInt32 = .max

    deinit {
        for unsafe(streams, timers) in unsafe zip(chunks, timers) {
            unsafe streams.deinitialize(count: Self.chunkCount)
            unsafe streams.deallocate()
            unsafe timers.deallocate()
        }
    }

    mutating func acquire() -> StreamPointer {
        if firstFree == .max { grow() }
        let stream = pointer(firstFree)
        firstFree = stream.pointee.nextFree
        return stream
    }

    mutating func release(_ stream: StreamPointer) {
        stream.pointee.reset()
        stream.pointee.nextFree = firstFree
        firstFree = stream.pointee.slot
    }

    /// The stream, unless its call is over.
    func stream(_ key: StreamKey) -> StreamPointer? {
        let stream = pointer(key.slot)
        return stream.pointee.generation == key.generation ? stream : nil
    }

    private func pointer(_ slot: UInt32) -> StreamPointer {
        let chunk = unsafe chunks[Int(slot >> Self.chunkShift)]
        return unsafe StreamPointer(chunk + Int(slot & UInt32(Self.chunkCount - 1)))
    }

    @inline(never)
    private mutating func grow() {
        let first = unsafe UInt32(chunks.count * Self.chunkCount)
        let streams = UnsafeMutablePointer<Stream>.allocate(capacity: Self.chunkCount)
        let nodes = TimerWheel.Node.allocate(capacity: Self.chunkCount)
        for index in (0..<Self.chunkCount).reversed() {
            let (stream, timer) = unsafe (streams + index, nodes + index)
            unsafe timer.initialize(to: TimerNode(kind: .stream, owner: UnsafeMutableRawPointer(stream)))
            unsafe stream.initialize(to: Stream(slot: first + UInt32(index), timer: timer))
            unsafe stream.pointee.nextFree = firstFree
            firstFree = first + UInt32(index)
        }
        unsafe chunks.append(streams)
        unsafe timers.append(nodes)
    }
}
