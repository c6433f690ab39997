@preconcurrency import Dispatch
import Foundation

/// Ctrl-C, or a request to terminate.
enum Interruption {
    /// Waits for it and returns the signal's number; nil when the task was cancelled before. A second signal does what
    /// it always does, should the end take long.
    static func wait() async -> Int32? {
        let signals = AsyncStream<Int32> { continuation in
            let sources = [SIGINT, SIGTERM].map { number in
                signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler { continuation.yield(number) }
                source.resume()
                return (number, source)
            }
            continuation.onTermination = { _ in
                for (number, source) in sources {
                    source.cancel()
                    signal(number, SIG_DFL)
                }
            }
        }
        return await signals.first { _ in true }
    }
}
