import CLinux
import Glibc

extension EventLoop {
    /// Takes what waits at the listener, a bounded number at a time.
    func accept() {
        for _ in 0..<64 {
            guard let listening = listener?.descriptor else { return }
            let descriptor = shim_accept(listening)
            if descriptor >= 0 {
                admit(descriptor)
                continue
            }
            switch errno {
            case EAGAIN:
                return
            case EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH:
                continue
            default:
                // Out of descriptors or memory. The listener stays readable, so that watching it would spin.
                return pauseAccepting(listening)
            }
        }
    }

    func resumeAccepting() {
        if let listening = listener?.descriptor { watch(listening, Tag.listener) }
    }

    /// Later connections are refused by the system, or go to another server on the port.
    func stopAccepting() {
        unsafe context.wheel.disarm(acceptTimer)
        listener = nil
    }

    private func pauseAccepting(_ listening: Int32) {
        _ = shim_epoll_control(epoll, EPOLL_CTL_DEL, listening, 0, 0)
        let pause = milliseconds(context.limits.acceptPauseMilliseconds)
        unsafe context.wheel.arm(acceptTimer, dueNanoseconds: context.nowNanoseconds + pause)
    }

    private func admit(_ descriptor: Int32) {
        guard shared.admitConnection(limit: context.limits.connectionsMax) else {
            context.counters.add(.protocolErrors, 1)
            close(descriptor)
            return
        }
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        var tls: OpaquePointer?
        if let context = shared.tlsContext {
            unsafe tls = context.makeConnection(descriptor: descriptor)
            if unsafe tls == nil {
                close(descriptor)
                return shared.connectionClosed()
            }
        }
        unsafe adopt(Connection(loop: self, descriptor: descriptor, tls: tls))
    }
}
