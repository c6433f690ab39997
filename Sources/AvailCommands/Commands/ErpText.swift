import Proto
import SwiftProtobuf

/// ERPs and what they are told, for people.
enum ErpText {
    static func table(_ erps: [Availability_V1_ErpStatus]) -> TextTable {
        var table = TextTable([
            ("ERP", .left), ("AVAILABLE", .left), ("WRITES WAITING", .right), ("OLDEST", .right),
            ("CALLS IN FLIGHT", .right), ("REASON", .left),
        ])
        for erp in erps {
            table.add([
                erp.erp, erp.available ? "yes" : "no", "\(erp.writesWaiting)",
                erp.hasOldestWriteAge ? DurationText.brief(erp.oldestWriteAge) : "-", "\(erp.callsInFlight)",
                erp.reason,
            ])
        }
        return table
    }

    static func table(_ writes: [Availability_V1_ErpWrite]) -> TextTable {
        var table = TextTable([
            ("WRITE", .left), ("ERP", .left), ("KIND", .left), ("STATE", .left), ("RESERVATION", .left),
            ("LINE", .right), ("SKU", .left), ("LOCATION", .left), ("QUANTITY", .right), ("ATTEMPTS", .right),
            ("NEXT ATTEMPT", .left), ("LAST ERROR", .left),
        ])
        for write in writes {
            table.add([
                write.id, write.erp, write.kind.shortName, write.state.shortName, write.reservationID,
                "\(write.reservationLine)", write.sku, write.location, "\(write.quantity)", "\(write.attempts)",
                DurationText.time(write.nextAttemptTime, isPresent: write.hasNextAttemptTime), write.lastError,
            ])
        }
        return table
    }
}
