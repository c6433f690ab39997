import Feeds
import Inventory
import Testing

/// Lots, as partners tell them.
extension Sample846 {
    /// One transaction set with some LIN loops, in its envelopes.
    private static func thirdParty(control: Int, _ loops: String) -> String {
        let segments = loops.split(separator: "\n")
        return """
            ISA*00*          *00*          *ZZ*THIRDPARTY     *ZZ*DISTRIBUTOR    *261120*2210*^*00501*000000\(control)*0*P*>~
            GS*IB*THIRDPARTY*DISTRIBUTOR*20261120*221005*\(control)*X*005010~
            ST*846*0001~
            BIA*00*MM*\(control)*20261120*2210~
            \(loops)
            CTT*\(segments.count { $0.hasPrefix("LIN") })~
            SE*\(segments.count + 4)*0001~
            GE*1*\(control)~
            IEA*1*000000\(control)~
            """
    }

    /// A LIN loop for each lot, with the lot among its pairs.
    static let lotOnEachLine = Sample846(
        name: "lot on each line",
        text: thirdParty(
            control: 908,
            """
            LIN*1*SK*A-1*LT*L1~
            QTY*33*60*EA~
            LIN*2*SK*A-1*LT*L2~
            QTY*33*40*EA~
            QTY*74*1*EA~
            LIN*3*SK*A-1~
            QTY*33*5*EA~
            LIN*4*SK*A-1*LT*L2~
            QTY*33*40*EA~
            """),
        partner: PartnerMap(["SK"], [.onHand: ["33"], .damaged: ["74"]], .fixed("WH")) {
            $0.lot = .line(qualifier: "LT")
        },
        expected: [
            "THIRDPARTY-000000908-908-0001-000003 A-1@WH lot L1 on_hand=60 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000908-908-0001-000005 A-1@WH lot L2 on_hand=40 damaged=1 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000908-908-0001-000008 A-1@WH on_hand=5 at 2026-11-20T22:10:00Z",
            "refused: line 12, segment 10 (LIN): lot L2 of A-1 at WH was told of before in this transaction set",
        ])

    /// One LIN loop for all lots, each REF*LT behind its quantities; SCH of the item.
    static let lotBehindQuantities = Sample846(
        name: "lot behind quantities",
        text: thirdParty(
            control: 909,
            """
            LIN**SK*A-1~
            QTY*33*60*EA~
            QTY*74*2*EA~
            REF*LT*L1~
            DTM*036*20270101~
            QTY*33*40*EA~
            REF*LT*L2~
            SCH*50*EA***018*20261201~
            LIN**SK*A-2~
            REF*LT*L9~
            QTY*33*1*EA~
            """),
        partner: PartnerMap(["SK"], [.onHand: ["33"], .damaged: ["74"]], .fixed("WH")) {
            $0.lot = .reference(qualifier: "LT", order: .after)
            $0.expectedQualifiers = ["018"]
        },
        expected: [
            "THIRDPARTY-000000909-909-0001-000003 A-1@WH lot L1 on_hand=60 damaged=2 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000909-909-0001-000003-2 A-1@WH lot L2 on_hand=40 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000909-909-0001-000003-3-s1 A-1@WH supply 1 50 at 2026-11-20T22:10:00Z",
            "refused: line 14, segment 12 (REF): names the lot \"L9\" and has no figures of it",
        ])

    /// REF*LT and N1*WH before their quantities: lots of each warehouse, then warehouses of each lot.
    static let lotsWithinWarehouses = Sample846(
        name: "lots within warehouses",
        text: thirdParty(
            control: 910,
            """
            LIN**SK*A-1~
            N1*WH*Reno*92*001~
            REF*LT*L1~
            QTY*33*10*EA~
            REF*LT*L2~
            QTY*33*20*EA~
            N1*WH*Memphis*92*002~
            QTY*33*5*EA~
            LIN**SK*A-2~
            REF*LT*L1~
            N1*WH*Reno*92*001~
            QTY*33*1*EA~
            N1*WH*Memphis*92*002~
            QTY*33*2*EA~
            REF*LT*L2~
            N1*WH*Reno*92*001~
            QTY*33*3*EA~
            LIN**SK*A-3~
            REF*LT*L1~
            N1*WH*Reno*92*001~
            QTY*33*1*EA~
            REF*LT*L1~
            N1*WH*Reno*92*001~
            QTY*33*2*EA~
            LIN**SK*A-4~
            N1*WH*Reno*92*001~
            QTY*33*1*EA~
            REF*LT*L1~
            """),
        partner: PartnerMap(["SK"], [.onHand: ["33"]], .named(.init(kind: .party, qualifier: "WH"))) {
            $0.lot = .reference(qualifier: "LT", order: .before)
        },
        expected: [
            "THIRDPARTY-000000910-910-0001-000003 A-1@001 lot L1 on_hand=10 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000910-910-0001-000003-2 A-1@001 lot L2 on_hand=20 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000910-910-0001-000003-3 A-1@002 on_hand=5 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000910-910-0001-000011 A-2@001 lot L1 on_hand=1 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000910-910-0001-000011-2 A-2@002 lot L1 on_hand=2 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000910-910-0001-000011-3 A-2@001 lot L2 on_hand=3 at 2026-11-20T22:10:00Z",
            "refused: line 26, segment 24 (REF): names \"001\", the lot \"L1\" a second time",
            "refused: line 32, segment 30 (REF): names the lot \"L1\" and has no figures of it",
        ])

    /// N1*WH behind the quantities of all its lots; one supply with two days.
    static let warehouseBehindLots = Sample846(
        name: "warehouse behind lots",
        text: thirdParty(
            control: 911,
            """
            LIN**SK*A-1~
            QTY*33*10*EA~
            REF*LT*L1~
            QTY*33*20*EA~
            REF*LT*L2~
            N1*WH*Reno*92*001~
            QTY*33*1*EA~
            N1*WH*Memphis*92*002~
            LIN**SK*A-2~
            SCH*5*EA***018*20261201*****PO-1~
            SCH*6*EA***018*20261202*****PO-1~
            QTY*33*1*EA~
            N1*WH*Reno*92*001~
            """),
        partner: PartnerMap(["SK"], [.onHand: ["33"]], .named(.init(kind: .party, qualifier: "WH", order: .after))) {
            $0.lot = .reference(qualifier: "LT", order: .after)
            $0.expectedQualifiers = ["018"]
        },
        expected: [
            "THIRDPARTY-000000911-911-0001-000003 A-1@001 lot L1 on_hand=10 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000911-911-0001-000003-2 A-1@001 lot L2 on_hand=20 at 2026-11-20T22:10:00Z",
            "THIRDPARTY-000000911-911-0001-000003-3 A-1@002 on_hand=1 at 2026-11-20T22:10:00Z",
            "refused: line 13, segment 11 (LIN): the supply PO-1 of A-2 at 001 was told of before in this transaction set",
        ])
}
