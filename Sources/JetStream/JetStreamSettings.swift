public import Feeds
public import Inventory

extension JetStreamFeed {
    /// What the configuration says of a feed of kind `nats`.
    public struct Settings: Sendable, Equatable {
        public let id: String
        public let source: String
        public let endpoint: NatsEndpoint
        /// The stream, which must exist.
        public let stream: String
        /// Subjects of the stream; each may have wildcards.
        public let subjects: [String]
        /// The name of the durable consumer.
        public let durable: String
        /// Messages of one commit at most, 1 to `Limits.eventsPerBatchMax`.
        public let batch: Int

        /// Throws what is wrong, by the name of its key.
        public init(
            id: String, source: String, url: String, stream: String, subjects: [String], durable: String,
            credentialsFile: String? = nil, caFile: String? = nil, batch: Int = Limits.eventsPerBatchMax
        ) throws(FeedFailure) {
            self.id = id
            self.source = source
            endpoint = NatsEndpoint(
                url: url, credentialsFile: credentialsFile, caFile: caFile, name: "availability-server \(id)")
            self.stream = stream
            self.subjects = subjects
            self.durable = durable
            self.batch = batch
            if let problem { throw FeedFailure(problem) }
        }

        /// The name of the durable consumer of one subject: `durable` itself when there is one subject, else with the subject
        /// after it, `stock.*` as `stock_any` and `stock.>` as `stock_all`.
        func durable(of subject: String) -> String {
            guard subjects.count > 1 else { return durable }
            let tokens = subject.split(separator: ".").map { $0 == "*" ? "any" : $0 == ">" ? "all" : $0 }
            return "\(durable)-\(tokens.joined(separator: "_"))"
        }

        private var problem: String? {
            if let problem = endpoint.problem { return problem }
            if let problem = Self.nameProblem(stream) { return "stream: \(problem)" }
            if let problem = Self.nameProblem(durable) { return "durable: \(problem)" }
            if subjects.isEmpty { return "subjects: at least 1 is required" }
            for subject in subjects {
                if let problem = Self.subjectProblem(subject) { return "subjects: \(subject): \(problem)" }
            }
            if Set(subjects.map { durable(of: $0) }).count < subjects.count {
                return "subjects: two would have the same durable consumer"
            }
            if !StreamPosition.fits(subjects) {
                return
                    "subjects: too many or too long for one feed's position of \(StreamPosition.bytesMax) bytes: use a "
                    + "wildcard, or several feeds"
            }
            if !(1...Limits.eventsPerBatchMax ~= batch) { return "batch: 1 to \(Limits.eventsPerBatchMax)" }
            return nil
        }

        /// The server's rules for the names of streams and consumers.
        private static func nameProblem(_ name: String) -> String? {
            let isAllowed = name.unicodeScalars.allSatisfy {
                $0.value > 32 && $0.value != 127 && !".*>/\\".unicodeScalars.contains($0)
            }
            return !name.isEmpty && name.utf8.count <= nameBytesMax && isAllowed
                ? nil : "1 to \(nameBytesMax) bytes without spaces and . * > / \\"
        }

        private static let nameBytesMax = 64

        private static func subjectProblem(_ subject: String) -> String? {
            let tokens = subject.split(separator: ".", omittingEmptySubsequences: false)
            let isWhole = tokens.allSatisfy { token in
                !token.isEmpty && token.unicodeScalars.allSatisfy { $0.value > 32 && $0.value != 127 }
                    && (token == "*" || token == ">" || !token.contains { "*>".contains($0) })
            }
            let endsThere = !tokens.dropLast().contains(">")
            return isWhole && endsThere ? nil : "tokens with dots between them; * is one token, > the rest"
        }
    }
}
