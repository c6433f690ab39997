internal import Engine
internal import Inventory
internal import Logging
internal import ServiceLifecycle

/// Says in the log, long before there is no room for more, that dead letters pile up: once each time that they pass a tenth
/// of either bound.
struct DeadLetterAlarm: Service {
    private static let pauseNanoseconds: Int64 = 5 * .perSecond

    let board: StateBoard
    let alarm: AlarmClock
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var isWarned = false
            while !Task.isCancelled {
                let kept = board.deadLetters
                if kept.areMany, !isWarned {
                    logger.warning(
                        "dead letters pile up; at their bound new ones are refused with their batch",
                        metadata: [
                            "dead_letters": "\(kept.count)", "dead_letters_max": "\(Limits.deadLettersMax)",
                            "dead_letter_bytes": "\(kept.bytes)", "dead_letter_bytes_max": "\(kept.bytesMax)",
                        ])
                }
                isWarned = kept.areMany
                await alarm.sleep(nanoseconds: Self.pauseNanoseconds)
            }
        }
    }
}
