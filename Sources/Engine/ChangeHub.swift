public import HotTable
internal import Synchronization

/// Tells those who watch the stock what each commit changed. The writer hands its list over as it is and works nothing out;
/// while nobody watches that is one atomic load a commit.
public final class ChangeHub: Sendable {
    /// Changed positions kept for one watcher; beyond it everything counts as changed.
    public static let changesMax = 100_000

    /// How many inboxes are open. Theirs as well, so that they need not know the hub, which knows them.
    fileprivate final class OpenInboxes: Sendable {
        let count = Atomic(0)
    }

    private let newest: Atomic<UInt64>
    private let openInboxes = OpenInboxes()
    private let inboxes = Mutex<[ChangeInbox]>([])

    init(sequence: UInt64) {
        newest = Atomic(sequence)
    }

    /// Every commit up to this ledger sequence can be seen by readers that begin now.
    public var sequence: UInt64 { newest.load(ordering: .acquiring) }

    /// Whether anybody wants to be told.
    var isWatched: Bool { openInboxes.count.load(ordering: .sequentiallyConsistent) > 0 }

    /// Adds an inbox for one thread; closed at first.
    ///
    /// - Parameter onNews: called on the writer's thread; short.
    public func makeInbox(onNews: @escaping @Sendable () -> Void) -> ChangeInbox {
        let inbox = ChangeInbox(openInboxes, onNews: onNews)
        inboxes.withLock { $0.append(inbox) }
        return inbox
    }

    /// A commit can be seen. Writer's thread only, after its state was published: who opens an inbox too late for it sees it.
    ///
    /// - Parameter changes: nil when nobody had gathered them.
    func committed(_ changes: [HotTable.Change]?, sequence: UInt64) {
        newest.store(sequence, ordering: .sequentiallyConsistent)
        guard isWatched else { return }
        for inbox in inboxes.withLock({ $0 }) { inbox.add(changes, sequence: sequence) }
    }
}

/// What one watching thread has yet to hear of.
public final class ChangeInbox: Sendable {
    public struct News: Sendable {
        /// Commit by commit.
        public fileprivate(set) var changes: [[HotTable.Change]] = []
        /// More changed than was kept: any position may have.
        public fileprivate(set) var isEverything = false
        /// These are all changes up to this ledger sequence, from the opening on; 0: none was heard of yet.
        public fileprivate(set) var sequence: UInt64 = 0
    }

    private struct State {
        var news = News()
        var count = 0
        var isOpen = false
    }

    private let openInboxes: ChangeHub.OpenInboxes
    private let onNews: @Sendable () -> Void
    private let state = Mutex(State())

    fileprivate init(_ openInboxes: ChangeHub.OpenInboxes, onNews: @escaping @Sendable () -> Void) {
        self.openInboxes = openInboxes
        self.onNews = onNews
    }

    /// From now on changes are kept. Whatever was committed before can be seen by a read that begins now.
    public func open() {
        state.withLock { state in
            guard !state.isOpen else { return }
            state = State(isOpen: true)
            openInboxes.count.add(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Nothing is kept any more.
    public func close() {
        state.withLock { state in
            guard state.isOpen else { return }
            state = State()
            openInboxes.count.subtract(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Takes what has come. A read that begins afterwards sees all of it.
    public func take() -> News {
        state.withLock { state in
            let news = state.news
            state.news = News()
            state.news.sequence = news.sequence
            state.count = 0
            return news
        }
    }

    fileprivate func add(_ changes: [HotTable.Change]?, sequence: UInt64) {
        let isOpen = state.withLock { state in
            guard state.isOpen else { return false }
            state.news.sequence = sequence
            state.count += changes?.count ?? 0
            if changes == nil || state.count > ChangeHub.changesMax {
                state.news.isEverything = true
                state.news.changes = []
            } else if !state.news.isEverything, let changes, !changes.isEmpty {
                state.news.changes.append(changes)
            }
            return true
        }
        if isOpen { onNews() }
    }
}
