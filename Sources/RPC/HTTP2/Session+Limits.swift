import CNGHTTP2
import Calls

/// Time, and what the caller makes us do for nothing.
extension Session {
    func resetReceived(_ streamID: Int32) -> Bool {
        guard stream(streamID) != nil else { return true }
        if callerResets.take(nowNanoseconds: context.nowNanoseconds) { return true }
        return goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_resets")
    }

    func pingReceived(isAcknowledgement: Bool) -> Bool {
        let now = context.nowNanoseconds
        if isAcknowledgement {
            if case .announced = drain { sendFinalGoAway() }
            return true
        }
        if let last = lastPingNanoseconds, now - last < milliseconds(context.limits.pingIntervalMilliseconds) {
            pingStrikes += 1
            if pingStrikes > context.limits.pingStrikesMax {
                return goAway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings")
            }
        }
        lastPingNanoseconds = now
        return true
    }

    /// Begins a graceful end: no new calls once the caller has heard of it, and the connection goes with its last call.
    func beginDrain() {
        guard drain == .none, !isClosing else { return }
        drain = .announced(finalDueNanoseconds: context.nowNanoseconds + milliseconds(1_000))
        submitted(unsafe nghttp2_submit_shutdown_notice(handle))
        // The answer proves that the caller has seen the notice.
        submitted(unsafe nghttp2_submit_ping(handle, 0, nil))
        scheduleFlush()
    }

    /// The server stops: streams end UNAVAILABLE, since they might go on for as long as their callers like. What is queued for
    /// a caller comes before that. A bidirectional call hears the end of its messages, as if its caller had ended, and answers
    /// those that it took.
    func endStreams() {
        var cursor = firstStream
        while let stream = cursor {
            cursor = stream.pointee.next
            let flags = stream.pointee.flags
            guard flags.contains(.started), flags.isDisjoint(with: [.ended, .endDelivered]) else { continue }
            let receiver = stream.pointee.receiver
            switch stream.pointee.kind {
            case .unaryInline, .unary: continue
            case .serverStreaming:
                finish(stream, .streamEnds)
                receiver?.cancelled(.serverStopping)
            case .bidirectional:
                stream.pointee.flags.formUnion([.cutShort, .endDelivered])
                forgetRequest(stream)
                receiver?.endOfMessages()
            }
        }
    }

    private func sendFinalGoAway() {
        drain = .final
        submitGoAway()
    }

    /// Enforces what depends on time. Returns when to look again; nil: close the connection now.
    func check() -> UInt64? {
        let now = context.nowNanoseconds
        let limits = context.limits
        var next = now + milliseconds(limits.idleMilliseconds)
        if !hasPreface {
            let due = beganNanoseconds + milliseconds(limits.handshakeMilliseconds)
            if now >= due { return nil }
            next = min(next, due)
        }
        if let began = headBeganNanoseconds {
            let due = began + milliseconds(limits.handshakeMilliseconds)
            if now >= due { return nil }
            next = min(next, due)
        }
        if case .announced(let due) = drain {
            if now >= due { sendFinalGoAway() }
            next = min(next, max(due, now + milliseconds(1)))
        }
        if streamsOpen == 0 {
            let due = idleSinceNanoseconds + milliseconds(limits.idleMilliseconds)
            if now >= due, drain == .none { beginDrain() }
            return now >= due ? min(next, now + milliseconds(1_000)) : min(next, due)
        }
        guard let alive = checkKeepalive() else { return nil }
        checkStalledStreams()
        return min(next, alive, now + milliseconds(max(1, limits.stalledMilliseconds / 4)))
    }

    /// When to look again; nil when the caller did not answer.
    private func checkKeepalive() -> UInt64? {
        let now = context.nowNanoseconds
        if let asked = keepalivePingNanoseconds {
            let due = asked + milliseconds(context.limits.keepaliveTimeoutMilliseconds)
            return now >= due ? nil : due
        }
        let due = receivedNanoseconds + milliseconds(context.limits.keepaliveMilliseconds)
        guard now >= due else { return due }
        keepalivePingNanoseconds = now
        submitted(unsafe nghttp2_submit_ping(handle, 0, nil))
        scheduleFlush()
        return now + milliseconds(context.limits.keepaliveTimeoutMilliseconds)
    }

    /// A stream that waits for its caller, to take a reply or to send the rest of the one request, waits only so long.
    private func checkStalledStreams() {
        let now = context.nowNanoseconds
        let patience = milliseconds(context.limits.stalledMilliseconds)
        var cursor = firstStream
        while let stream = cursor {
            cursor = stream.pointee.next
            guard now >= stream.pointee.progressNanoseconds + patience else { continue }
            let flags = stream.pointee.flags
            if !stream.pointee.outbound.isEmpty {
                cutOff(stream, CallStatus(.resourceExhausted, "the caller does not take the reply"))
            } else if !flags.contains(.remoteEnded), !flags.contains(.ended), stream.pointee.kind != .bidirectional {
                cutOff(stream, CallStatus(.cancelled, "the request did not come"))
            }
        }
    }
}

extension CallStatus {
    /// To a stream's caller when the server stops.
    static let streamEnds = CallStatus(
        .unavailable, "the server is stopping: open the stream again and go on from where it ended")
}

func milliseconds(_ count: Int) -> UInt64 {
    UInt64(count) * 1_000_000
}
