/// One path of the HTTP port that takes bodies.
public struct HTTPEndpoint: Sendable {
    /// Compared whole, without the query.
    public var path: String
    /// What it takes, in upper case; anything else is answered 405.
    public var methods: [String]
    /// A longer body is answered 413.
    public var bodyBytesMax: Int
    /// Looks at the head before the body is read: an answer ends the request there. Any thread; must not block.
    public var admit: @Sendable (_ head: HTTPHead) -> HTTPAnswer?
    /// Answers a request that came whole. Any thread.
    public var answer: @Sendable (_ head: HTTPHead, _ body: [UInt8]) async -> HTTPAnswer

    public init(
        path: String, methods: [String], bodyBytesMax: Int = 4 << 20,
        admit: @escaping @Sendable (_ head: HTTPHead) -> HTTPAnswer? = { _ in nil },
        answer: @escaping @Sendable (_ head: HTTPHead, _ body: [UInt8]) async -> HTTPAnswer
    ) {
        self.path = path
        self.methods = methods
        self.bodyBytesMax = bodyBytesMax
        self.admit = admit
        self.answer = answer
    }
}

/// One field of a request's or an answer's head.
public struct HTTPHeaderField: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// The head of an HTTP request.
public struct HTTPHead: Sendable, Equatable {
    /// In upper case.
    public var method: String
    /// Without the query.
    public var path: String
    /// In the order in which they came.
    public var fields: [HTTPHeaderField]

    public init(method: String, path: String, fields: [HTTPHeaderField] = []) {
        self.method = method
        self.path = path
        self.fields = fields
    }

    /// The field of that name, in any case; several are joined by commas (RFC 9110, section 5.3). Nil: there is none.
    public subscript(_ name: String) -> String? {
        let name = name.lowercased()
        let values = fields.filter { $0.name.lowercased() == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }
}

/// The answer to an HTTP request.
public struct HTTPAnswer: Sendable, Equatable {
    public var status: Int
    /// Without those of the connection and of the body's length.
    public var fields: [HTTPHeaderField]
    public var body: String

    public init(_ status: Int, fields: [HTTPHeaderField] = [], body: String = "") {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// A line for people.
    public static func text(_ status: Int, _ line: String, fields: [HTTPHeaderField] = []) -> HTTPAnswer {
        HTTPAnswer(
            status, fields: fields + [HTTPHeaderField("Content-Type", "text/plain; charset=utf-8")], body: line + "\n")
    }

    /// To be sent again, no sooner than after so many seconds.
    public static func later(_ status: Int, _ line: String, afterSeconds seconds: Int) -> HTTPAnswer {
        text(status, line, fields: [HTTPHeaderField("Retry-After", String(seconds))])
    }
}
