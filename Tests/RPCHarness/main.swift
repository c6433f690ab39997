// An echo application on the wire, for the outside tests: methods that answer at once, from another thread, slowly,
// with streams and with rich errors. SIGTERM drains, SIGHUP reads the certificates again, SIGUSR1 prints statistics.
import Calls
import Glibc
import RPC

struct Options {
    var port: UInt16 = 0
    var loops = 2
    var tls: TLSConfiguration?
    var limits = WireLimits()

    init(_ arguments: [String]) {
        var rest = arguments.dropFirst()
        while let option = rest.popFirst() {
            switch option {
            case "--listen": port = UInt16(rest.popFirst()!)!
            case "--loops": loops = Int(rest.popFirst()!)!
            case "--tls":
                tls = TLSConfiguration(certificateChainPath: rest.popFirst()!, privateKeyPath: rest.popFirst()!)
            case "--client-ca": tls!.clientAuthorityPath = rest.popFirst()!
            case "--stalled": limits.stalledMilliseconds = Int(rest.popFirst()!)!
            case "--handshake": limits.handshakeMilliseconds = Int(rest.popFirst()!)!
            case "--idle": limits.idleMilliseconds = Int(rest.popFirst()!)!
            case "--age": limits.connectionAgeMaxMilliseconds = Int(rest.popFirst()!)!
            default: fatalError("unknown option \(option)")
            }
        }
    }
}

let options = Options(CommandLine.arguments)

// Signals are taken by `sigwait` below; the loops' threads inherit the mask.
var signals = sigset_t()
sigemptyset(&signals)
for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { sigaddset(&signals, signal) }
pthread_sigmask(SIG_BLOCK, &signals, nil)

let server = Server(
    configuration: ServerConfiguration(
        listenHost: "127.0.0.1", listenPort: options.port, loops: options.loops, tls: options.tls,
        limits: options.limits),
    application: EchoApplication(),
    observer: CallObserver { call in
        print("finished \(call.code.name) \(call.requestID) \(call.message)")
        fflush(nil)
    })
do {
    try server.start()
} catch {
    print("cannot start: \(error)")
    exit(1)
}
print("listening \(server.port)")
fflush(nil)

while true {
    var signal: Int32 = 0
    sigwait(&signals, &signal)
    switch signal {
    case SIGHUP:
        do {
            try server.reloadCertificates()
            print("reloaded")
        } catch {
            print("not reloaded: \(error)")
        }
    case SIGUSR1:
        printStatistics(server)
    default:
        print("draining")
        fflush(nil)
        server.drain(graceMilliseconds: 5_000)
        print("drained")
        exit(0)
    }
    fflush(nil)
}

func printStatistics(_ server: Server) {
    let all = server.statistics()
    let connections = all.reduce(0) { $0 + $1.connectionsOpen }
    let started = all.reduce(0) { $0 + $1.methods.reduce(0) { $0 + $1.started } }
    let finished = all.reduce(0) { $0 + $1.methods.reduce(0) { $0 + $1.outcomes.reduce(0) { $0 + $1.count } } }
    let errors = all.reduce(0) { $0 + $1.protocolErrors }
    let calls = "started=\(started) finished=\(finished)"
    print("statistics connections=\(connections) \(calls) errors=\(errors)")
}
