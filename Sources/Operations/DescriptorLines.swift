internal import Glibc
internal import Synchronization

/// Writes lines to a descriptor from any thread and never waits for whoever reads there: a log that nobody takes must
/// not stop an event loop or the writer. A line for which there is no room is dropped and counted.
final class DescriptorLines: Sendable {
    static let standardError = DescriptorLines(STDERR_FILENO)

    private struct State {
        var dropped = 0
        var told = 0
        /// Whether a line was cut off, so that the next needs a line of its own.
        var isMidLine = false
    }

    /// Where a pipe is ready at all, this much can be written without waiting.
    private static let bytesAtOnce = Int(PIPE_BUF)
    private let descriptor: Int32
    private let state = Mutex(State())

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// One write for each line of ordinary length, so that lines of several processes do not mix.
    func write(_ line: String) {
        state.withLock { state in
            var bytes = Array((state.isMidLine ? "\n" + line : line).utf8)[...]
            while !bytes.isEmpty {
                let count = put(bytes.prefix(Self.bytesAtOnce))
                if count <= 0 {
                    state.dropped += 1
                    return
                }
                bytes = bytes.dropFirst(count)
                state.isMidLine = !bytes.isEmpty
            }
        }
    }

    /// Lines dropped since the start, when that has grown since it was last asked.
    func untoldDropped() -> Int? {
        state.withLock { state in
            guard state.dropped > state.told else { return nil }
            state.told = state.dropped
            return state.dropped
        }
    }

    /// Bytes taken; 0 or less when none can be, whatever the reason.
    private func put(_ bytes: ArraySlice<UInt8>) -> Int {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&wanted, 1, 0) == 1, wanted.revents & Int16(POLLOUT) != 0 else { return 0 }
        return bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }
}
