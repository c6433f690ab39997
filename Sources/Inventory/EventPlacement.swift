/// What became of a stock effect.
public enum EventPlacement: Sendable, Equatable {
    /// It took effect on at least one bucket.
    case applied
    /// Absolute events that come after it had already replaced it in every bucket it touches.
    case superseded
    /// Its place in the journal is pruned, so its effect can no longer be told. Nothing was changed.
    case tooOld
    /// A bucket would leave ±`Limits.bucketMax`. Nothing was changed.
    case outOfRange
}
