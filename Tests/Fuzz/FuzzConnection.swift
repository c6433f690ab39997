import CNGHTTP2
import Calls

@testable import RPC

/// A session with an application behind it and a clock that only the script moves. Checks, after everything that
/// happens, that the session stays within its limits.
final class FuzzConnection {
    let application = FuzzApplication()
    /// How every ended call ended, in order.
    let outcomes = Outcomes()
    private(set) var frames: [Frame] = []
    private(set) var isClosed = false
    private let context: LoopContext
    private let session: Session

    /// Small, so that short inputs reach them.
    static let limits = {
        var limits = WireLimits()
        limits.messageBytesMax = 4_096
        limits.headerListBytesMax = 1_024
        limits.headerFieldsMax = 20
        limits.streamsPerConnectionMax = 8
        limits.streamWindowBytes = 16 << 10
        limits.connectionWindowBytes = 64 << 10
        limits.streamBufferHighWaterBytes = 1 << 10
        limits.streamBufferBytesMax = 8 << 10
        limits.requestBytesPerConnectionMax = 24 << 10
        limits.compressionThresholdBytes = 64
        limits.outboundFramesMax = 50
        limits.callerResetsMax = 10
        limits.ownResetsMax = 10
        limits.controlFramesMax = 50
        limits.idleMilliseconds = 60_000
        limits.keepaliveMilliseconds = 60_000
        return limits
    }()

    final class Outcomes: @unchecked Sendable {
        // The observer runs on the one thread there is.
        var codes: [StatusCode] = []
    }

    init(limits: WireLimits = FuzzConnection.limits) {
        do {
            try limits.validate()
            let mailbox = try Mailbox()
            mailbox.adoptCurrentThread()
            let outcomes = outcomes
            let observer = CallObserver(observeEveryCall: true) { outcomes.codes.append($0.code) }
            context = LoopContext(
                limits: limits, methods: MethodTable(FuzzApplication.methods),
                counters: LoopCounters(methodCount: FuzzApplication.methods.count + 1), observer: observer,
                mailbox: mailbox, handler: application, nowNanoseconds: 1_000_000_000)
        } catch {
            fatalError("\(error)")
        }
        guard let made = Session(context: context, peer: nil) else { fatalError("no memory for a session") }
        session = made
    }

    /// Must be called once; the session goes after its streams.
    func close() {
        session.close(.connectionLost)
        isClosed = true
        expect(session.streamsOpen == 0 && session.requestBytes == 0, "something is left of a closed session")
        expect(application.receivers.allSatisfy(\.isOver), "a call was not told of its end")
        application.letGo()
        // The loop's next turn would empty it.
        context.unflushed.removeAll()
    }

    func receive(_ pieces: [[UInt8]]) {
        for piece in pieces where !isClosed {
            // A copy of its own, so that a read beyond its end is a fault.
            piece.withUnsafeBytes { session.receive($0) }
            checkLimits()
        }
    }

    /// Takes the output, as a socket with room would.
    func flush() {
        guard !isClosed else { return }
        session.isUnflushed = false
        context.unflushed.removeAll()
        var bytes: [UInt8] = []
        while let frame = session.nextOutput() { bytes += Array(frame) }
        frames += Frames.parse(bytes)
        context.tellDrained()
        checkLimits()
        if session.isFinished, !session.isUnflushed { close() }
    }

    func pass(nanoseconds: UInt64) {
        guard !isClosed else { return }
        context.nowNanoseconds += nanoseconds
        context.wheel.advance(nowNanoseconds: context.nowNanoseconds)
        while let timer = context.wheel.nextDue() {
            session.deadlinePassed(StreamPointer(timer.pointee.owner!))
        }
        if session.check() == nil { close() }
    }

    func beginDrain() {
        if !isClosed { session.beginDrain() }
    }

    func stop() {
        if !isClosed { session.stop() }
    }

    /// Time goes on with a silent caller until the connection ends, which it must.
    func end() {
        for _ in 0..<200 where !isClosed {
            flush()
            if isClosed { return }
            guard let next = session.check() else { return close() }
            expect(next > context.nowNanoseconds, "the session asks to be looked at in the past")
            pass(nanoseconds: next - context.nowNanoseconds)
        }
        expect(isClosed, "the connection never ends")
    }

    private func checkLimits() {
        let limits = context.limits
        expect(session.chunkStream == nil, "a stream's request is still in input that is gone")
        expect(session.streamsOpen <= limits.streamsPerConnectionMax, "too many streams")
        let queued = nghttp2_session_get_outbound_queue_size(session.handle)
        expect(
            session.isClosing || queued <= limits.outboundFramesMax + 4 * limits.streamsPerConnectionMax + 16,
            "too many frames wait: \(queued)")
        var (streams, inbound) = (0, 0)
        var cursor = session.firstStream
        while let stream = cursor {
            streams += 1
            inbound += stream.pointee.inbound.count
            expect(stream.pointee.headerBytes.count <= limits.headerListBytesMax + 16, "too many header bytes are kept")
            expect(
                stream.pointee.outbound.count <= limits.streamBufferBytesMax + limits.messageBytesMax + 5,
                "too many bytes wait on a stream")
            let isRead = stream.pointee.flags.contains(.remoteEnded)
            expect(isRead || stream.pointee.chunk.isEmpty, "a stream will read input that is gone")
            cursor = stream.pointee.next
        }
        expect(streams == session.streamsOpen, "the list of streams and their count differ")
        expect(inbound == session.requestBytes, "the sum of request bytes is \(inbound), not \(session.requestBytes)")
        expect(inbound <= limits.requestBytesPerConnectionMax + 16_384, "too many request bytes are kept")
    }
}
