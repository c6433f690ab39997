internal import Inventory

/// The lines of one CheckAvailability request, decoded, and the hashes of their skus. Owned by a loop and used again for
/// each request, so that nothing is allocated; what it holds is lent from the request's message.
@safe
final class RequestLines {
    static let capacity = Limits.linesPerCheckMax

    // Owned: allocated by init, freed by deinit.
    private let lines: UnsafeMutablePointer<CheckAvailabilityCodec.Line>
    /// By line, for those that look skus up in a table.
    let hashes: UnsafeMutablePointer<UInt32>

    init() {
        unsafe lines = .allocate(capacity: RequestLines.capacity)
        unsafe hashes = .allocate(capacity: RequestLines.capacity)
    }

    deinit {
        unsafe lines.deallocate()
        unsafe hashes.deallocate()
    }

    /// Only those that were set since the request began.
    @inline(__always)
    subscript(_ index: Int) -> CheckAvailabilityCodec.Line {
        get {
            precondition(index >= 0 && index < RequestLines.capacity)
            return unsafe lines[index]
        }
        set {
            precondition(index >= 0 && index < RequestLines.capacity)
            // Lines are plain values: the one before need not be deinitialized.
            unsafe (lines + index).initialize(to: newValue)
        }
    }
}
