/// How one ERP does.
public struct ErpCondition: Sendable, Equatable {
    public var name: String
    /// Why it is not called now: UPPER_SNAKE, optionally followed by `: ` and text; empty while it is.
    public var unavailableReason: String
    public var writesWaiting: Int
    /// Nil: none waits.
    public var oldestWriteAgeNanoseconds: Int64?
    public var callsInFlight: Int

    public init(
        name: String, unavailableReason: String, writesWaiting: Int, oldestWriteAgeNanoseconds: Int64?,
        callsInFlight: Int
    ) {
        self.name = name
        self.unavailableReason = unavailableReason
        self.writesWaiting = writesWaiting
        self.oldestWriteAgeNanoseconds = oldestWriteAgeNanoseconds
        self.callsInFlight = callsInFlight
    }
}
