internal import Inventory

extension EngineThread {
    /// Submits a command and returns after its commit; waits while the queue is full.
    public func submit(_ command: EngineCommand, alarm: AlarmClock) async -> EngineReply {
        while true {
            let reply: EngineReply? = await withCheckedContinuation { continuation in
                let refusal = submit(command) { continuation.resume(returning: $0) }
                switch refusal {
                case nil: break
                case .queueFull: continuation.resume(returning: nil)
                case .some(let error): continuation.resume(returning: .failed(error))
                }
            }
            if let reply { return reply }
            await alarm.sleep(nanoseconds: 20 * .perMillisecond)
            if Task.isCancelled { return .failed(.stopping) }
        }
    }
}
