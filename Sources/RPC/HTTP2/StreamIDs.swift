/// Which stream ids a caller has passed over: opening a later one closes them for ever (RFC 9113 5.1.1).
///
/// The newest gaps are known one by one. Below them every id counts as skipped: a stream so old that is no longer open
/// has nothing to say.
struct StreamIDs {
    static let gapsMax = 16

    private var last: Int32 = -1
    private var gaps: [ClosedRange<Int32>] = []
    private var floor: Int32 = 0

    /// A stream was opened. Ids only grow; nghttp2 sees to that.
    mutating func note(_ streamID: Int32) {
        if streamID > last + 2 {
            if gaps.count == Self.gapsMax { floor = gaps.removeFirst().upperBound }
            gaps.append(last + 2...streamID - 2)
        }
        last = streamID
    }

    /// Whether the id can no longer be opened. Ask only of streams that are not open.
    func isSkipped(_ streamID: Int32) -> Bool {
        if streamID > last || streamID & 1 == 0 { return false }
        return streamID <= floor || gaps.contains { $0.contains(streamID) }
    }
}
