internal import CNATS
internal import Feeds

extension FeedFailure {
    /// What libnats says went wrong.
    init(_ what: String, _ status: natsStatus) {
        self.init("\(what): \(unsafe String(cString: natsStatus_GetText(status)))")
    }
}
