internal import ArgumentParser
internal import Catalogue
internal import Configure
internal import Dispatch
internal import Engine
internal import Foundation
internal import Inventory
internal import Logging
internal import RPC
internal import ServiceLifecycle
internal import Services
internal import Synchronization
internal import UnixSignals

/// How the process ends when it could not run.
enum ExitFailure {
    static let code = ExitCode(1)
}

/// SIGTERM and SIGINT while callers are answered already and the service group does not listen for signals yet: kept for
/// it, since by default they would end the process without a drain.
enum EarlySignals {
    private static let kept = Atomic<Int32>(0)

    static func keep() {
        // Made before a handler can run: making it takes a lock.
        kept.store(0, ordering: .relaxed)
        for number in [SIGTERM, SIGINT] {
            signal(number) { EarlySignals.kept.store($0, ordering: .relaxed) }
        }
    }

    /// Once the group listens.
    static func deliver() {
        let number = kept.exchange(0, ordering: .relaxed)
        if number != 0 { kill(getpid(), number) }
    }
}

/// The wire in the service group: it runs on its own threads; this waits for the shutdown and drains it.
struct WireService: Service {
    let wire: Server
    let health: HealthBoard
    let graceMilliseconds: Int
    let grace: ShutdownGrace
    let logger: Logger

    func run() async throws {
        EarlySignals.deliver()
        // Ends when the group shuts down gracefully or is cancelled.
        try? await gracefulShutdown()
        grace.begin()
        logger.notice("draining", metadata: ["grace_ms": "\(graceMilliseconds)"])
        // Before the wire ends the watches of it.
        health.setServing(false)
        // Draining blocks, so it must not hold a thread of the Swift pool.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                wire.drain(graceMilliseconds: graceMilliseconds)
                continuation.resume()
            }
        }
    }
}

/// SIGHUP: certificates and configuration are read again. What cannot be used leaves everything as it is.
struct ReloadService: Service {
    let flags: SettingFlags
    /// As it was at the start.
    let running: LoadedConfiguration
    let wire: Server
    let writer: EngineThread
    let tenant: TenantNumber
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) { reload() }
        }
    }

    private func reload() {
        do throws(WireError) {
            try wire.reloadCertificates()
            logger.notice("certificates reloaded")
        } catch {
            logger.error("certificates not reloaded", metadata: ["reason": "\(error.description)"])
        }
        let loaded: LoadedConfiguration
        do throws(ConfigurationError) {
            loaded = try flags.reload()
        } catch {
            logger.error("configuration not reloaded", metadata: ["reason": "\(error.description)"])
            return
        }
        let sections = loaded.sectionsForRestart(since: running)
        let seed = CatalogueSeed(loaded.catalogue)
        let logger = self.logger
        let refusal = writer.submit(.seed(tenant: tenant, seed)) { reply in
            if case .failed(let error) = reply {
                logger.error("configuration not reloaded", metadata: ["reason": "\(error)"])
            } else {
                logger.notice("configuration reloaded")
                guard !sections.isEmpty else { return }
                logger.warning(
                    "sections of the configuration changed that are read at the start only; restart to use them",
                    metadata: ["sections": "\(sections.joined(separator: ", "))"])
            }
        }
        if let refusal { logger.error("configuration not reloaded", metadata: ["reason": "\(refusal)"]) }
    }
}

/// Development mode: what the embedded ERP would say of its stock, so that the sample does not turn stale while somebody
/// looks at it.
struct SampleHeartbeat: Service {
    let writer: EngineThread
    let tenant: TenantNumber
    let alarm: AlarmClock

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                beat()
                await alarm.sleep(nanoseconds: 30 * .perSecond)
            }
        }
    }

    private func beat() {
        let now = wallClockNanoseconds()
        let event = InventoryEvent(
            id: "heartbeat-\(now)", source: SampleCatalogue.source, kind: .sourceHeartbeat, occurredAtNanoseconds: now)
        // A beat that finds the queue full is made up for by the next.
        _ = writer.submit(.publish(tenant: tenant, events: [IncomingEvent(event: event, original: [])])) { _ in }
    }
}
