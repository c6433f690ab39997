internal import CNATS
internal import Feeds

// Every symbol of libnats 3.4 that this module uses; no other module imports CNATS.
//
//   connection    natsOptions_Create, _SetServers, _SetName, _SetMaxReconnect, _SetReconnectWait, _SetTimeout, _SetSecure,
//                 _SetUserCredentialsFromFiles, _LoadCATrustedCertificates, _Destroy; natsConnection_Connect, _Status,
//                 _FlushTimeout, _JetStream, _SubscribeSync, _PublishString, _PublishRequestString, _Close, _Destroy;
//                 natsInbox_Create, _Destroy
//   JetStream     js_GetStreamInfo, js_GetConsumerInfo, js_AddConsumer, js_DeleteConsumer, js_PublishMsg;
//                 jsStreamInfo_Destroy, jsConsumerInfo_Destroy, jsCtx_Destroy
//   messages      natsSubscription_NextMsg, _Destroy; natsMsg_GetData, _GetDataLength, _GetReply, _GetSubject, _Create,
//                 _Destroy; natsMsgHeader_Keys, _Get, _Set
//   errors        natsStatus_GetText, nats_GetLastError, nats_ReleaseThreadMemory
//
// Never used: natsSubscription_Fetch and _FetchRequest (see `PullSubscription`), natsSubscription_Unsubscribe and _Drain (what
// is read is read to its end by ourselves), callbacks (the library's threads would call ours).

extension FeedFailure {
    /// What libnats says went wrong in its last call on this thread.
    init(_ what: String, _ status: natsStatus) {
        self.init("\(what): \(natsProblem(status))")
    }
}

/// Words for a status; those of its last error on this thread where it has any.
func natsProblem(_ status: natsStatus) -> String {
    var last = NATS_OK
    // A string of the library's for this thread, copied here; it exists for every status.
    let detail = unsafe nats_GetLastError(&last).map { unsafe String(cString: $0) } ?? ""
    // It begins with the place in the library's source, such as `(js.c:1750): `.
    let words = String(detail.firstRange(of: "): ").map { detail[$0.upperBound...] } ?? detail[...])
    let text = unsafe String(cString: natsStatus_GetText(status))
    return last == status && !words.isEmpty && words != text ? words : text
}
