/// What a source's figures without a lot tell of. Raw values are stored: fixed.
public enum LotMode: String, Sendable, Equatable, Codable {
    /// The part of a position that belongs to no lot: the position is that part and all its lots.
    case separate
    /// The whole position: its lots are in the figure already.
    case included
}
