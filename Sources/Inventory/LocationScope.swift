/// Where a line asks for stock.
public enum LocationScope: Sendable, Equatable, BitwiseCopyable {
    /// All that the channel may sell from.
    case all
    case one(LocationNumber)
    /// A group, by its index in the `LocationDirectory`.
    case group(Int)
}
