internal import Synchronization

/// An answer for the one task that waits for it: the first that anybody gives counts, later ones are dropped. Any thread.
public final class FirstAnswer<Answer: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Answer, Never>)
        case given(Answer)
    }

    private let state = Mutex(State.open)

    public init() {}

    public var isGiven: Bool {
        state.withLock { state in
            if case .given = state { true } else { false }
        }
    }

    public func give(_ answer: Answer) {
        let waiting = state.withLock { state -> CheckedContinuation<Answer, Never>? in
            switch state {
            case .given: return nil
            case .open:
                state = .given(answer)
                return nil
            case .awaited(let continuation):
                state = .given(answer)
                return continuation
            }
        }
        waiting?.resume(returning: answer)
    }

    /// To be called once.
    public func wait() async -> Answer {
        await withCheckedContinuation { continuation in
            let given = state.withLock { state -> Answer? in
                if case .given(let answer) = state { return answer }
                state = .awaited(continuation)
                return nil
            }
            if let given { continuation.resume(returning: given) }
        }
    }

    /// As `wait()`, but gives `answer` itself as soon as the task is cancelled.
    public func wait(ifCancelled answer: Answer) async -> Answer {
        await withTaskCancellationHandler {
            await wait()
        } onCancel: {
            give(answer)
        }
    }
}
