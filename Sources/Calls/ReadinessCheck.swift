/// One reason to be ready or not.
public struct ReadinessCheck: Sendable, Equatable {
    /// A short word, for example `ledger`.
    public var name: String
    public var isHealthy: Bool
    /// For people; may be empty.
    public var detail: String

    public init(name: String, isHealthy: Bool, detail: String = "") {
        self.name = name
        self.isHealthy = isHealthy
        self.detail = detail
    }
}
