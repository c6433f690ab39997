public import Calls
public import Engine

/// A feed whose events are sent to the HTTP port. Its endpoint is there for as long as the server runs and answers 503
/// while the feed does not.
public protocol HTTPFeed: Feed {
    /// Where its requests are sent. Feeds that tell their requests apart may share one.
    var path: String { get }
    var methods: [String] { get }
    /// Whether a request to the path is for this feed.
    func isAddressed(by head: HTTPHead) -> Bool
    /// What ends a request before its body is read; nil: nothing.
    func admit(_ head: HTTPHead) -> HTTPAnswer?
    func answer(_ head: HTTPHead, _ body: [UInt8]) async -> HTTPAnswer

    /// What the originals of its dead letters are.
    var contentType: ContentType { get }
    /// Reads a dead letter's original once more; nil: there is nothing to be read.
    func event(ofOriginal original: [UInt8]) -> IncomingEvent?
}

extension HTTPFeed {
    public func isAddressed(by head: HTTPHead) -> Bool { true }
}

/// The endpoints of feeds: one for each path.
public func endpoints(of feeds: [any HTTPFeed]) -> [HTTPEndpoint] {
    Dictionary(grouping: feeds, by: \.path).sorted { $0.key < $1.key }.map { path, feeds in
        @Sendable func addressed(by head: HTTPHead) -> (any HTTPFeed)? { feeds.first { $0.isAddressed(by: head) } }
        return HTTPEndpoint(
            path: path, methods: feeds.flatMap(\.methods).unique,
            admit: { head in
                guard let feed = addressed(by: head) else { return .text(401, "no feed here takes this") }
                return feed.admit(head)
            },
            answer: { head, body in
                guard let feed = addressed(by: head) else { return .text(401, "no feed here takes this") }
                return await feed.answer(head, body)
            })
    }
}

extension [String] {
    fileprivate var unique: [String] {
        reduce(into: []) { names, name in if !names.contains(name) { names.append(name) } }
    }
}
