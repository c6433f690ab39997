/// A way to ask an ERP for what changes nothing there, within the limits of its calls. Any thread.
public protocol ErpReads: Sendable {
    /// Asks when it is the question's turn; its deadline counts from then on. The time of asking is therefore taken in the
    /// question.
    func read<Answer: Sendable>(
        _ question:
            @Sendable (_ erp: any ErpAdapter, _ deadline: ContinuousClock.Instant) async throws(ErpFailure) -> Answer
    ) async throws(ErpFailure) -> Answer
}
