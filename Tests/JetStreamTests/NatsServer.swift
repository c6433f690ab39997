import CNATS
import Feeds
import Foundation
import Glibc
import Synchronization
import Testing

/// A real nats-server with JetStream, on a free port and a folder of its own, and what a test does to it.
final class NatsServer {
    let port: UInt16
    private let folder: URL
    private let configuration: String
    private var process: pid_t?
    private var connection: OpaquePointer?
    private var context: OpaquePointer?

    var url: String { "nats://127.0.0.1:\(port)" }

    /// Started and ready.
    init(configuration: String = "") throws {
        port = freePort()
        self.configuration = configuration
        folder = FileManager.default.temporaryDirectory.appending(path: "nats-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try start()
        var status = NATS_ERR
        // On a busy machine the library's own time for it may be too short.
        for _ in 0..<20 where status != NATS_OK { status = natsConnection_ConnectTo(&connection, url) }
        try #require(status == NATS_OK)
        try #require(natsConnection_JetStream(&context, connection, nil) == NATS_OK)
    }

    deinit {
        jsCtx_Destroy(context)
        natsConnection_Destroy(connection)
        kill()
        try? FileManager.default.removeItem(at: folder)
    }

    func start() throws {
        let file = folder.appending(path: "server.conf")
        try Data(configuration.utf8).write(to: file)
        // Without Foundation's Process, of which something is never freed.
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in [1, 2] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        let arguments = [
            "/usr/sbin/nats-server", "-c", file.path, "-js", "-sd", folder.appending(path: "data").path,
            "-a", "127.0.0.1", "-p", "\(port)",
        ]
        let pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var started = pid_t()
        try #require(posix_spawn(&started, arguments[0], &actions, nil, pointers, environ) == 0)
        process = started
        for _ in 0..<6_000 where !can(connect, port) { usleep(10_000) }
    }

    /// kill -9.
    func kill() {
        guard let process else { return }
        Glibc.kill(process, SIGKILL)
        waitpid(process, nil, 0)
        self.process = nil
    }

    /// Its connections stay, and nothing answers.
    func suspend() { if let process { Glibc.kill(process, SIGSTOP) } }

    func resume() { if let process { Glibc.kill(process, SIGCONT) } }

    func addStream(_ name: String, subject: String) throws {
        var terms = jsStreamConfig()
        jsStreamConfig_Init(&terms)
        let status = name.withCString { name in
            subject.withCString { subject in
                var subjects: [UnsafePointer<CChar>?] = [subject]
                return subjects.withUnsafeMutableBufferPointer { subjects in
                    terms.Name = name
                    terms.Subjects = subjects.baseAddress
                    terms.SubjectsLen = 1
                    return js_AddStream(nil, context, &terms, nil, nil)
                }
            }
        }
        try #require(status == NATS_OK)
    }

    func publish(_ subject: String, _ body: String) throws {
        let status = js_Publish(nil, context, subject, body, Int32(body.utf8.count), nil, nil)
        try #require(status == NATS_OK)
    }

    func deleteConsumer(_ name: String, of stream: String) throws {
        try #require(js_DeleteConsumer(context, stream, name, nil, nil) == NATS_OK)
    }

    /// Up to which sequence all is acknowledged, and how many are handed out and not; nil: there is no such consumer.
    func consumer(_ name: String, of stream: String) -> (acknowledged: UInt64, unacknowledged: Int64)? {
        var found: UnsafeMutablePointer<jsConsumerInfo>?
        guard js_GetConsumerInfo(&found, context, stream, name, nil, nil) == NATS_OK, let info = found?.pointee else {
            return nil
        }
        defer { jsConsumerInfo_Destroy(found) }
        return (info.AckFloor.Stream, info.NumAckPending)
    }

    func messages(in stream: String) -> UInt64? {
        var found: UnsafeMutablePointer<jsStreamInfo>?
        guard js_GetStreamInfo(&found, context, stream, nil, nil) == NATS_OK else { return nil }
        defer { jsStreamInfo_Destroy(found) }
        return found?.pointee.State.Msgs
    }
}

/// Whether a new socket can do that, `bind` or `connect`, with the port.
private func can(
    _ call: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ port: UInt16
) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            call(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

/// Ports given to servers of this process: another test must not get one before its server listens, or while it is killed.
private let givenPorts = Mutex<Set<UInt16>>([])

/// One that nobody has, below those that Linux gives to connections (scripts/free-port.py says why).
private func freePort() -> UInt16 {
    while true {
        let port = UInt16.random(in: 10_000..<32_768)
        if givenPorts.withLock({ $0.insert(port).inserted }), can(bind, port) { return port }
    }
}
