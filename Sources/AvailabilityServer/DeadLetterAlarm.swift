internal import Engine
internal import Inventory
internal import Logging
internal import ServiceLifecycle

/// Says in the log, long before there is no room for more, that dead letters pile up: once each time that they pass a tenth
/// of their bound.
struct DeadLetterAlarm: Service {
    /// From so many on a person should look.
    static let warnedFrom = UInt64(Limits.deadLettersMax / 10)
    private static let pauseNanoseconds: Int64 = 5 * .perSecond

    let board: StateBoard
    let alarm: AlarmClock
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var isWarned = false
            while !Task.isCancelled {
                let count = board.deadLetters
                if count >= Self.warnedFrom, !isWarned {
                    logger.warning(
                        "dead letters pile up; at their bound new ones are refused with their batch",
                        metadata: ["dead_letters": "\(count)", "dead_letters_max": "\(Limits.deadLettersMax)"])
                }
                isWarned = count >= Self.warnedFrom
                await alarm.sleep(nanoseconds: Self.pauseNanoseconds)
            }
        }
    }
}
