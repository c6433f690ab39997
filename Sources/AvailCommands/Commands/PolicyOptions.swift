import ArgumentParser
import Proto
import SwiftProtobuf

/// The terms of a policy that `channel set` changes one by one.
struct PolicyOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Locations and groups in order, separated by commas.", valueName: "IDS"))
    var sourcing: String?

    @Option(help: ArgumentHelp("0 to 100.", valueName: "PERCENT")) var sharePercent: UInt32?
    @Option(help: ArgumentHelp("Kept back at each location.", valueName: "UNITS")) var bufferUnits: Int64?
    @Option(help: ArgumentHelp("Kept back at each location.", valueName: "PERCENT")) var bufferPercent: UInt32?
    @Option(help: ArgumentHelp("The most that is shown.", valueName: "UNITS")) var cap: Int64?
    @Flag(help: "Remove the cap.") var uncapped = false
    @Option(help: ArgumentHelp("A sum below it counts 0.", valueName: "UNITS")) var floor: Int64?
    @Option(help: ArgumentHelp("Kept back at least.", valueName: "UNITS")) var safetyStock: Int64?
    @Option(help: ArgumentHelp("May be sold beyond sellable.", valueName: "UNITS")) var allowedOversell: Int64?
    @Flag(inversion: .prefixedNo, help: "Count stock in transit.") var countInTransit: Bool?
    @Flag(inversion: .prefixedNo, help: "Serve one line from several locations.") var splitAllowed: Bool?

    @Option(help: ArgumentHelp("Age beyond which figures are stale; 0s: never.", valueName: "DURATION"))
    var staleAfter: DurationArgument?

    @Option(help: ArgumentHelp("serve, buffer, withhold, refuse or ask_erp.", valueName: "ACTION"))
    var staleAction: StaleActionArgument?

    @Option(help: ArgumentHelp("The cut of --stale-action buffer.", valueName: "PERCENT"))
    var staleBufferPercent: UInt32?

    @Option(help: ArgumentHelp("How long a hold lasts by default.", valueName: "DURATION"))
    var defaultTtl: DurationArgument?

    @Option(help: ArgumentHelp("The longest a hold may last.", valueName: "DURATION"))
    var longestTtl: DurationArgument?

    @Option(help: ArgumentHelp("Of one sku that one customer may hold; 0: no limit.", valueName: "UNITS"))
    var customerUnitsMax: Int64?

    @Option(help: "Open reservations of one customer; 0: no limit.") var customerHoldsMax: UInt32?

    @Option(help: ArgumentHelp("through or behind.", valueName: "MODE"))
    var writeMode: EnumArgument<Availability_V1_WriteMode>?

    @Option(help: ArgumentHelp("The longest a call waits for the ERP.", valueName: "DURATION"))
    var erpWaitMax: DurationArgument?

    @Flag(help: "Wait for the ERP as long as the caller's deadline allows.") var erpWaitUnlimited = false

    @Option(help: ArgumentHelp("Kept back in addition while degraded.", valueName: "UNITS"))
    var degradationBufferUnits: Int64?

    @Option(help: ArgumentHelp("Kept back in addition while degraded.", valueName: "PERCENT"))
    var degradationBufferPercent: UInt32?

    @Option(help: "One unit a line; 0: no limit.") var readUnitsPerSecond: UInt32?
    @Option(help: "Read units that may come at once.") var readUnitsBurst: UInt32?
    @Option(help: "Reservation calls; 0: no limit.") var reservationsPerSecond: UInt32?
    @Option(help: "Reservation calls that may come at once.") var reservationsBurst: UInt32?
    @Option(help: "Calls at one time; 0: no limit.") var callsInFlightMax: UInt32?

    func validate() throws {
        if bufferUnits != nil, bufferPercent != nil {
            throw ValidationError("--buffer-units and --buffer-percent exclude each other")
        }
        if degradationBufferUnits != nil, degradationBufferPercent != nil {
            throw ValidationError("--degradation-buffer-units and --degradation-buffer-percent exclude each other")
        }
        if cap != nil, uncapped { throw ValidationError("--cap and --uncapped exclude each other") }
        if erpWaitMax != nil, erpWaitUnlimited {
            throw ValidationError("--erp-wait-max and --erp-wait-unlimited exclude each other")
        }
    }

    func apply(to policy: inout Availability_V1_ChannelPolicy) {
        if let sourcing { policy.sourcing = sourcing.split(separator: ",").map { String($0) } }
        if let sharePercent { policy.sharePercent = sharePercent }
        if let bufferUnits { policy.bufferUnits = bufferUnits }
        if let bufferPercent { policy.bufferPercent = bufferPercent }
        if let cap { policy.cap = cap }
        if uncapped { policy.clearCap() }
        if let floor { policy.floor = floor }
        if let safetyStock { policy.safetyStock = safetyStock }
        if let allowedOversell { policy.allowedOversell = allowedOversell }
        if let countInTransit { policy.countInTransit = countInTransit }
        if let splitAllowed { policy.splitAllowed = splitAllowed }
        applyFreshness(to: &policy)
        applyHolds(to: &policy)
        if let degradationBufferUnits { policy.degradationBufferUnits = degradationBufferUnits }
        if let degradationBufferPercent { policy.degradationBufferPercent = degradationBufferPercent }
        applyThrottle(to: &policy)
    }

    private func applyHolds(to policy: inout Availability_V1_ChannelPolicy) {
        if let defaultTtl { policy.defaultTtl = defaultTtl.message }
        if let longestTtl { policy.longestTtl = longestTtl.message }
        if let customerUnitsMax { policy.customerUnitsMax = customerUnitsMax }
        if customerUnitsMax == 0 { policy.clearCustomerUnitsMax() }
        if let customerHoldsMax { policy.customerHoldsMax = customerHoldsMax }
        if customerHoldsMax == 0 { policy.clearCustomerHoldsMax() }
        if let writeMode { policy.writeMode = writeMode.value }
        if let erpWaitMax { policy.erpWaitMax = erpWaitMax.message }
        if erpWaitUnlimited { policy.clearErpWaitMax() }
    }

    private func applyThrottle(to policy: inout Availability_V1_ChannelPolicy) {
        if let readUnitsPerSecond { policy.throttle.readUnitsPerSecond = readUnitsPerSecond }
        if let readUnitsBurst { policy.throttle.readUnitsBurst = readUnitsBurst }
        if let reservationsPerSecond { policy.throttle.reservationsPerSecond = reservationsPerSecond }
        if let reservationsBurst { policy.throttle.reservationsBurst = reservationsBurst }
        if let callsInFlightMax { policy.throttle.callsInFlightMax = callsInFlightMax }
    }

    private func applyFreshness(to policy: inout Availability_V1_ChannelPolicy) {
        if let staleAfter, staleAfter.nanoseconds == 0 {
            policy.clearFreshness()
            return
        }
        if let staleAfter { policy.freshness.staleAfter = staleAfter.message }
        if let staleAction {
            policy.freshness.staleAction = staleAction.action
            // The server refuses a cut that no action uses.
            if staleAction.action != .buffer { policy.freshness.staleBufferPercent = 0 }
        }
        if let staleBufferPercent { policy.freshness.staleBufferPercent = staleBufferPercent }
    }
}
