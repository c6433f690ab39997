/// The wire form of CheckAvailability, the hot call: read from and written to raw memory, without allocation.
///
/// It accepts and produces exactly what swift-protobuf does for `availability.v1.CheckAvailabilityRequest` and
/// `CheckAvailabilityResponse`, which the randomised tests prove; every other message goes through swift-protobuf.
enum CheckAvailabilityCodec {
    /// The caller's `max_staleness`.
    enum Staleness: Equatable {
        /// Not given: the channel's own threshold counts.
        case absent
        /// Nanoseconds, 0 or more; Int64.max stands for all that is longer, some 292 years.
        case nanoseconds(Int64)
        /// Negative, or no google.protobuf.Duration: INVALID_ARGUMENT / INVALID_FIELD.
        case invalid
    }

    /// One line of the request. Its texts are lent from the message.
    @safe
    struct Line {
        /// UTF-8; may be empty or too long, which is for the service to refuse.
        let sku: UnsafeRawBufferPointer
        /// UTF-8; empty: all that the channel may sell from.
        let location: UnsafeRawBufferPointer
        /// Units wanted as sent, of any sign; nil: not given, which counts as 1.
        let quantity: Int64?
    }
}
