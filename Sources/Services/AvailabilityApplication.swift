public import Calls
internal import Engine
internal import Ledger
internal import Proto
internal import SwiftProtobuf

/// Every method this server answers, joined to the services behind it.
public struct AvailabilityApplication: CallApplication {
    public let methods: [MethodDescriptor]
    private let environment: ServiceEnvironment
    private let services: [ServiceMethod]

    /// The services by their full names, for health and reflection.
    public static let serviceNames = [
        AvailabilityServiceMethods.name, ReservationService.name, InventoryFeedService.name,
        PolicyService.name, OperationsService.name, HealthService.name,
    ]

    public init(environment: ServiceEnvironment) {
        self.environment = environment
        services =
            AvailabilityServiceMethods(environment: environment).methods
            + ReservationService(environment: environment).methods
            + InventoryFeedService(
                engine: environment.engine, tenant: environment.tenant, epoch: environment.ledger.epoch
            ).methods
            + PolicyService(engine: environment.engine, tenant: environment.tenant).methods
            + OperationsService(environment: environment).methods
            + HealthService(board: environment.health).methods
            + ReflectionService(services: Self.serviceNames).methods
        // The hot method comes first: index 0.
        let hot = MethodDescriptor(
            service: AvailabilityServiceMethods.name, name: "CheckAvailability", kind: .unaryInline)
        methods = [hot] + services.map(\.descriptor)
    }

    public func makeLoopHandler(loop: Int) -> any LoopHandler {
        do throws(LedgerError) {
            let stock = try StockView(
                ledger: environment.ledger, board: environment.board, tenant: environment.tenant)
            return ServiceLoop(environment: environment, services: services, reads: LoopReads(stock: stock))
        } catch {
            // Reader slots are counted at start-up; without one the loop could never answer.
            preconditionFailure("loop \(loop) has no reader: \(error)")
        }
    }
}

/// The services as one event loop sees them. Thread: that loop's.
final class ServiceLoop: LoopHandler {
    private let check: CheckAvailability
    private let services: [ServiceMethod]
    private let reads: LoopReads

    init(environment: ServiceEnvironment, services: [ServiceMethod], reads: LoopReads) {
        check = CheckAvailability(environment: environment)
        self.services = services
        self.reads = reads
    }

    func turnBegan() {
        reads.stock.beginTurn()
    }

    func turnEnded() {
        reads.stock.endTurn()
    }

    func answer(method: Int, request: UnsafeRawBufferPointer, reply: inout ReplyBuffer) throws(CallStatus) {
        precondition(method == 0, "one method is answered inline")
        try unsafe check.answer(request, reads: reads, reply: &reply)
    }

    func open(_ context: CallContext, sink: any ResponseSink) throws(CallStatus) -> any CallReceiver {
        try services[context.method - 1].open(context, reads, sink)
    }
}

/// availability.v1.AvailabilityService but for CheckAvailability, which is answered inline.
struct AvailabilityServiceMethods {
    static let name = "availability.v1.AvailabilityService"

    let environment: ServiceEnvironment

    var methods: [ServiceMethod] {
        let explain = ExplainAvailability(environment: environment)
        let schedule = AvailabilitySchedule(environment: environment)
        return [
            .unary(Self.name, "ExplainAvailability", Availability_V1_ExplainAvailabilityRequest.self) {
                request, call, sink throws(CallStatus) in
                sink.succeed(with: try explain.answer(request, reads: call.reads))
            },
            .unary(Self.name, "GetAvailabilitySchedule", Availability_V1_GetAvailabilityScheduleRequest.self) {
                request, call, sink throws(CallStatus) in
                sink.succeed(with: try schedule.answer(request, reads: call.reads))
            },
            watch,
        ]
    }
}
