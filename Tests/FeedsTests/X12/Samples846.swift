import Feeds
import Inventory
import Testing

/// 846 messages as partners write them, from public guides and test files, with names and numbers of our own; each with the
/// map that reads it and what must come of it.
struct Sample846: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let partner: PartnerMap
    /// Id, sku, location, figures and time of each event; or `refused` and why.
    let expected: [String]

    var testDescription: String { name }
    var bytes: [UInt8] { Array(text.utf8) }

    static let all = [
        upcWithWarehouseBehind, oneItemEachSet, wronglyPadded5010, withSchedule5010, warehouseInHeading, plain5010,
        tildesAndQuestionMarks, pipesAndLines, easternTime, shortIdentifiers, severalWarehouses, twoInterchanges,
        lotOnEachLine, lotBehindQuantities, lotsWithinWarehouses, warehouseBehindLots,
    ]

    /// 4010 on one line, without BIA; N1*WH behind the QTY.
    static let upcWithWarehouseBehind = Sample846(
        name: "upc with warehouse behind",
        text: """
            ISA*00*          *00*          *ZZ*RETAILER       *ZZ*DISTRIBUTOR    *240115*1430*U*00401*000000001*0*P*>~\
            GS*IB*RETAILER*DISTRIBUTOR*20240115*1430*1*X*004010~ST*846*0001~\
            LIN*1*UP*012345678901*IN*00012345678901~QTY*33*500*EA~QTY*02*100*EA~DTM*405*20240114~\
            N1*WH*Center 1*92*DC001~LIN*2*UP*012345678902~QTY*33*250*CS~DTM*405*20240114~N1*WH*Center 1*92*DC001~\
            SE*11*0001~GE*1*1~IEA*1*000000001~
            """,
        partner: PartnerMap(["UP"], [.onHand: ["33"]], .named(.init(kind: .party, qualifier: "WH", order: .after))) {
            $0.timeQualifiers = ["405"]
        },
        expected: [
            "RETAILER-000000001-1-0001-000002 012345678901@DC001 on_hand=500 at 2024-01-14T00:00:00Z",
            "refused: line 1, segment 8 (QTY): QTY03: the unit is \"CS\", expected EA",
        ])

    /// 4010, a transaction set for each item, the last terminator missing; the location in no segment that counts.
    static let oneItemEachSet = Sample846(
        name: "one item each set",
        text: """
            ISA*00*          *00*          *12*5550100435     *ZZ*5550100823VF   *170523*0455*U*00401*846038470*0*P*>~
            GS*IB*5550100435*5550100823VF*20170523*0455*38470*X*004010~
            ST*846*84679050~
            BIA*00*SI*20170523044616*20170523~
            LIN**VP*HPW2M99UAR*UP*190780050378*MF*MAKER~
            PID*F*08***LAPTOP 17 INCH 8GB 1TB~
            CTP***335~
            SDQ*EA*54*100*0~
            QTY*33*3*EA~
            SE*8*84679050~
            ST*846*84679051~
            BIA*00*SI*20170523044717*20170523*044717~
            LIN**VP*2SN-0001-000W7*UP*617561019268*MF*MAKER~
            PID*F*08***LAPTOP 15 INCH~
            CTP***825~
            SDQ*EA*54*100*0~
            QTY*33*-2.00*EA~
            SE*8*84679051~
            GE*2*38470~
            IEA*1*846038470
            """,
        partner: PartnerMap(["SK", "VP", "UP"], [.onHand: ["33"]], .fixed("THEIRS")),
        expected: [
            "5550100435-846038470-38470-84679050-000003 HPW2M99UAR@THEIRS on_hand=3 at 2017-05-23T00:00:00Z",
            "5550100435-846038470-38470-84679051-000003 2SN-0001-000W7@THEIRS on_hand=-2 at 2017-05-23T04:47:17Z",
        ])

    /// 5010 with ISA06 and ISA08 longer than they may be; REF*ZZ behind the QTY.
    static let wronglyPadded5010 = Sample846(
        name: "wrongly padded 5010",
        text: """
            ISA*00*          *00*          *ZZ*PARTNERXYZ       *ZZ*INVPLATFORM     *250615*1430*^*00501*000000042*0*P*>~
            GS*IB*PARTNERXYZ*INVPLATFORM*20250615*1430*42*X*005010~
            ST*846*0001~
            BIA*00*SR*INV-2025-0615*20250615~
            LIN*1*UK*10012345678901~
            QTY*1*250~
            QTY*QA*198~
            REF*ZZ*WH-NORTH~
            LIN*2*EN*5901234123457~
            QTY*QA*0~
            REF*ZZ*WH-NORTH~
            SE*10*0001~
            GE*1*42~
            IEA*1*000000042~
            """,
        partner: PartnerMap(
            ["UK", "EN"], [.onHand: ["1", "QA"]], .named(.init(kind: .reference, qualifier: "ZZ", order: .after))
        ) {
            $0.sender = "PARTNERXYZ"
            $0.receiver = "INVPLATFORM"
        },
        expected: [
            "PARTNERXYZ-000000042-42-0001-000003 10012345678901@WH-NORTH on_hand=250 at 2025-06-15T00:00:00Z",
            "PARTNERXYZ-000000042-42-0001-000007 5901234123457@WH-NORTH on_hand=0 at 2025-06-15T00:00:00Z",
        ])

    /// 5010 with SCH and its dates, and SLN, which tells nothing of ours.
    static let withSchedule5010 = Sample846(
        name: "with schedule 5010",
        text: """
            ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *200101*1200*U*00501*000000001*0*T*>~
            GS*IB*SENDER*RECEIVER*20200101*1200*1*X*005010~
            ST*846*0001~
            BIA*00*SI*REF1*20200101~
            DTM*007*20200101*1830*UT~
            N1*SU*SUPPLIER*92*S1~
            N3*123 SUPPLY ST~
            N4*DALLAS*TX*75201*US~
            LIN*1*VN*ABC123~
            PID*F****WIDGET~
            MEA*PD*N*100~
            REF*PO*PO999~
            QTY*33*100*EA~
            SCH*50*EA***002*20200201~
            DTM*007*20200301~
            QTY*20*10*EA~
            LIN*2*VN*DEF456~
            SLN*1**A*5*EA~
            QTY*33*50*EA~
            SCH*12*EA***018*20200301*0600****PO-7~
            SCH*12*EA***999*20200301~
            CTT*2~
            SE*21*0001~
            GE*1*1~
            IEA*1*000000001~
            """,
        partner: PartnerMap(["VN"], [.onHand: ["33"]], .named(.init(kind: .party, qualifier: "SU"))) {
            $0.timeQualifiers = ["405", "007"]
            $0.expectedQualifiers = ["002", "018"]
            $0.takesTests = true
        },
        expected: [
            "SENDER-000000001-1-0001-000007 ABC123@S1 on_hand=100 at 2020-01-01T18:30:00Z",
            "SENDER-000000001-1-0001-000007-s1 ABC123@S1 supply 1 50 at 2020-01-01T18:30:00Z",
            "refused: line 21, segment 19 (SCH): SCH05: none of 002, 018 tells when",
        ])

    /// 4010 with the warehouse in the heading, three quantities, lots, and a hash total over one of them.
    static let warehouseInHeading = Sample846(
        name: "warehouse in heading",
        text: """
            ISA*00*          *00*          *01*1234567890123  *01*4567890123456  *240115*0700*U*00401*000001006*0*P*>~
            GS*IB*1234567890*4567890123*20240115*070000*6*X*004010~
            ST*846*0001~
            BIA*00*SI*INV-RPT-20240115*20240115~
            N1*WH*Main Distribution Center*93*DC001~
            N3*1000 Logistics Parkway~
            N4*Memphis*TN*38118*US~
            N1*SU*ABC Supplier*93*ABCSUP~
            LIN*1*UP*012345678901*VN*PROD-001~
            PID*F****Winter Jacket - Large - Navy~
            QTY*33*500*EA~
            QTY*QH*30*EA~
            QTY*QO*50*EA~
            REF*LT*LOT-2024-001~
            DTM*036*20240116~
            LIN*2*UP*012345678902*VN*PROD-002~
            QTY*33*350*EA~
            QTY*QH*twelve*EA~
            REF*LT*LOT-2024-002~
            LIN*3*UP*012345678901*VN*PROD-001~
            QTY*33*200*EA~
            CTT*3*1050~
            SE*21*0001~
            GE*1*6~
            IEA*1*000001006~
            """,
        partner: PartnerMap(
            ["VN"], [.onHand: ["33"], .quarantined: ["QH"], .incoming: ["QO"]],
            .named(.init(kind: .party, qualifier: "WH"))),
        expected: [
            "1234567890123-000001006-6-0001-000007 PROD-001@DC001 on_hand=500 quarantined=30 incoming=50"
                + " at 2024-01-15T00:00:00Z",
            "refused: line 18, segment 16 (QTY): QTY02: \"twelve\" is no number of units",
            "refused: line 20, segment 18 (LIN): PROD-001 at DC001 was told of before in this transaction set",
        ])

    /// 5010 with little in it, and a line end of two characters.
    static let plain5010 = Sample846(
        name: "plain 5010",
        text: [
            "ISA*00*          *00*          *ZZ*MEDICAL        *ZZ*CARE           *260315*0800*^*00501*000005101*0*P*:~",
            "GS*IB*MEDICAL*CARE*20260315*0800*5101*X*005010~", "ST*846*0001~",
            "BIA*00*SI*INV-RPT-20260315-001*20260315*0800~", "LIN**VP*MC-IBU-200-100~", "QTY*33*2400~",
            "LIN**VP*MC-CF-24~", "QTY*33*1440.50~", "LIN**VP*MC-CF-25~", "QTY*33*12.00~", "SE*9*0001~", "GE*1*5101~",
            "IEA*1*000005101~", "",
        ].joined(separator: "\r\n"),
        partner: PartnerMap(["VP"], [.onHand: ["33"]], .fixed("BOSTON")) { $0.utcOffsetMinutes = -300 },
        expected: [
            "MEDICAL-000005101-5101-0001-000003 MC-IBU-200-100@BOSTON on_hand=2400 at 2026-03-15T13:00:00Z",
            "refused: line 8, segment 6 (QTY): QTY02: \"1440.50\" is no whole number of units",
            "MEDICAL-000005101-5101-0001-000007 MC-CF-25@BOSTON on_hand=12 at 2026-03-15T13:00:00Z",
        ])

    /// 4010 with the usual terminator as separator.
    static let tildesAndQuestionMarks = Sample846(
        name: "tildes and question marks",
        text: """
            ISA~00~          ~00~          ~01~555919486MX    ~14~060704780001900~260903~0003~U~00401~000000016~0~P~>?\
            GS~IB~555919486MX~060704780400~20260903~0003~16~X~004010?ST~846~0001?\
            BIA~00~DD~20260903000401~20260903?N1~WH~DEPOT BR 03~92~03?LIN~~MG~AAA~VP~111?QTY~33~1~EA?CTT~1?SE~7~0001?\
            GE~1~16?IEA~1~000000016?
            """,
        partner: PartnerMap(["VP", "MG"], [.onHand: ["33"]], .named(.init(kind: .party, qualifier: "WH"))),
        expected: ["555919486MX-000000016-16-0001-000004 111@03 on_hand=1 at 2026-09-03T00:00:00Z"])
}

extension PartnerMap {
    init(
        _ skus: [String], _ quantities: [Bucket: [String]], _ location: LocationRule,
        _ change: (inout PartnerMap) -> Void = { _ in }
    ) {
        self.init(skuQualifiers: skus, quantityQualifiers: quantities, location: location)
        change(&self)
    }
}
