public import Inventory

extension InventoryEventKind {
    /// By the contract's numbers, which begin with 1.
    private static let named: [(kind: InventoryEventKind, name: String)] = [
        (.receiptPosted, "RECEIPT_POSTED"), (.pickConfirmed, "PICK_CONFIRMED"),
        (.shipmentConfirmed, "SHIPMENT_CONFIRMED"), (.transferShipped, "TRANSFER_SHIPPED"),
        (.transferReceived, "TRANSFER_RECEIVED"), (.returnReceived, "RETURN_RECEIVED"), (.adjustment, "ADJUSTMENT"),
        (.cycleCount, "CYCLE_COUNT"), (.statusChanged, "STATUS_CHANGED"), (.allocationCreated, "ALLOCATION_CREATED"),
        (.allocationReleased, "ALLOCATION_RELEASED"), (.orderAccepted, "ORDER_ACCEPTED"),
        (.orderCancelled, "ORDER_CANCELLED"), (.positionSnapshot, "POSITION_SNAPSHOT"),
        (.unsupported(name: "SUPPLY_UPDATED"), "SUPPLY_UPDATED"),
        (.unsupported(name: "SUPPLY_CANCELLED"), "SUPPLY_CANCELLED"), (.sourceHeartbeat, "SOURCE_HEARTBEAT"),
    ]

    /// From the contract's name, with or without its prefix; nil: there is none.
    public init?(contractName text: String) {
        let prefix = "INVENTORY_EVENT_TYPE_"
        let name = text.hasPrefix(prefix) ? text.dropFirst(prefix.count) : text[...]
        guard let kind = Self.named.first(where: { $0.name == name })?.kind else { return nil }
        self = kind
    }

    /// From the contract's number.
    init?(contractNumber number: Int64) {
        guard (1...Int64(Self.named.count)).contains(number) else { return nil }
        self = Self.named[Int(number) - 1].kind
    }

    var contractName: String {
        if case .unsupported(let name) = self { return name }
        return Self.named.first { $0.kind == self }?.name ?? ""
    }
}

extension StockStatus {
    private static let names = ["SELLABLE", "QUARANTINED", "DAMAGED"]

    /// From the contract's name, with or without its prefix; nil: there is none.
    init?(contractName text: String) {
        let prefix = "STOCK_STATUS_"
        let name = text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
        guard let index = Self.names.firstIndex(of: name) else { return nil }
        self.init(rawValue: UInt8(index + 1))
    }
}
