internal import Feeds

/// How far the subjects of a feed are committed, as it is stored with the effect: the stream's created time, then each
/// subject with its sequence, such as `1795289156549822886 stock.wh1=120 stock.wh2=98`. For people, for the lag and for
/// where to begin when a durable consumer is gone; that each event takes effect once rests on the events' ids.
struct StreamPosition: Sendable, Equatable {
    /// Bytes of the text at most, as `FeedPosition` has it.
    static let bytesMax = 256

    /// Nanoseconds; 0: not known.
    var createdNanoseconds: Int64 = 0
    /// All of the subject's messages up to this sequence are committed.
    var sequences: [String: UInt64] = [:]

    init(createdNanoseconds: Int64 = 0, sequences: [String: UInt64] = [:]) {
        self.createdNanoseconds = createdNanoseconds
        self.sequences = sequences
    }

    init?(text: String) {
        let words = text.split(separator: " ")
        guard let first = words.first, let created = Int64(first), created >= 0 else { return nil }
        createdNanoseconds = created
        for word in words.dropFirst() {
            guard let equals = word.lastIndex(of: "="), let sequence = UInt64(word[word.index(after: equals)...]) else {
                return nil
            }
            sequences[String(word[..<equals])] = sequence
        }
    }

    var text: String {
        ([String(createdNanoseconds)] + sequences.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
            .joined(separator: " ")
    }

    /// Whether the text of any position of these subjects has room.
    static func fits(_ subjects: [String]) -> Bool {
        let longest = StreamPosition(
            createdNanoseconds: .max, sequences: Dictionary(subjects.map { ($0, .max) }, uniquingKeysWith: { $1 }))
        return longest.text.utf8.count <= bytesMax
    }
}

/// How far one subject is committed while messages may be handed out in any order: those that an earlier run left
/// unacknowledged come again among newer ones.
struct SubjectProgress: Sendable, Equatable {
    /// All of the subject's messages up to this sequence are committed.
    private(set) var committed: UInt64
    /// Handed out by the time it began, up to here.
    private let deliveredBefore: UInt64
    /// How many of those were not acknowledged and have not come again.
    private var missing: UInt64
    /// Which of them have.
    private var returned: Set<UInt64> = []
    private var newest: UInt64

    /// - Parameter stored: as committed before, in this very stream.
    init(stored: UInt64, consumer: ConsumerState) {
        deliveredBefore = consumer.deliveredSequence
        missing = consumer.unacknowledged
        newest = max(stored, consumer.deliveredSequence)
        committed = max(stored, missing == 0 ? consumer.deliveredSequence : consumer.acknowledgedSequence)
    }

    /// These are committed now.
    mutating func commit(_ sequences: [UInt64]) {
        for sequence in sequences {
            newest = max(newest, sequence)
            if missing > 0, sequence <= deliveredBefore, returned.insert(sequence).inserted {
                missing -= 1
                if missing == 0 { returned = [] }
            }
        }
        if missing == 0 { committed = max(committed, newest) }
    }
}
