import Feeds
import Inventory
import Testing

extension Sample846 {
    /// 4010 in lines without terminators, where the component separator is the element separator.
    static let pipesAndLines = Sample846(
        name: "pipes and lines",
        text: """
            ISA|00|          |00|          |ZZ|EDITION         |ZZ|PARTNER          |080211|2106|U|00401|169600037|1|P||
            GS|IB|EDITION|PARTNER|20080211|2106|39|X|004010
            ST|846|0001
            BIA|00|DD|0001|20080211|2106
            LIN|1|VP|PMXMLLT1
            CTP|DI|CON|0.79
            CTP|DI|MSR|1.79
            QTY|33|7|EA
            CTT|1
            SE|8|0001
            GE|1|39
            IEA|1|169600037

            """,
        partner: PartnerMap(["VP"], [.onHand: ["33"]], .fixed("THEIRS")),
        expected: ["EDITION-169600037-39-0001-000003 PMXMLLT1@THEIRS on_hand=7 at 2008-02-11T21:06:00Z"])

    /// 4010 of an outside processor: ISA padded with tabs, a time zone with two offsets, the location's code without a name.
    static let easternTime = Sample846(
        name: "eastern time",
        text: """
            ISA*00*\t   *00* \t *01*555630926T     *01*606072130      *260701*0915*U*00401*000000031*0*P*|~
            GS*IB*555630926T*606072130*20260701*0915*31*X*004010~
            ST*846*000031~
            BIA*00*AA*000031*20260701*0915~
            DTM*184*20260701*0915*ET~
            N1*SU**1*606072130~
            N1*OU**1*555630926~
            LIN*1*CH*H-1177*BP*COIL-10~
            QTY*17*12*PC~
            MEA*WT*N*20450*LB~
            SE*9*000031~
            GE*1*31~
            IEA*1*000000031~
            """,
        partner: PartnerMap(["BP"], [.onHand: ["17"]], .named(.init(kind: .party, qualifier: "OU"))) {
            $0.timeQualifiers = ["184"]
            $0.utcOffsetMinutes = -240
            $0.units = ["EA", "PC"]
        },
        expected: ["555630926T-000000031-31-000031-000006 COIL-10@555630926 on_hand=12 at 2026-07-01T13:15:00Z"])

    /// 4010 with identifiers that are not padded at all, and control numbers without their leading zeros.
    static let shortIdentifiers = Sample846(
        name: "short identifiers",
        text: """
            ISA*00**00**ZZ*A*ZZ*B*260101*1200*U*00401*000000001*0*P*>~GS*IB*A*B*20260101*1200*1*X*004010~ST*846*0001~\
            LIN*1*IN*55500000000001~QTY*33*999*CS~SE*4*1~GE*1*1~IEA*1*1~\u{1A}
            """,
        partner: PartnerMap(["IN"], [.onHand: ["33"]], .fixed("WH")) { $0.units = ["CS"] },
        expected: ["A-000000001-1-0001-000002 55500000000001@WH on_hand=999 at 2026-01-01T12:00:00Z"])

    /// 5010 with several warehouses for each item, N1*WH before its QTY, and composite units.
    static let severalWarehouses = Sample846(
        name: "several warehouses",
        text: """
            ISA*00*          *00*          *ZZ*THIRDPARTY     *ZZ*DISTRIBUTOR    *261120*2210*^*00501*000000907*0*P*>~
            GS*IB*THIRDPARTY*DISTRIBUTOR*20261120*221005*907*X*005010~
            ST*846*000000001*005010~
            BIA*00*MM*907*20261120*221005~
            LIN**SK*A-1~
            DTM*018*20261201~
            N1*WH*Reno*92*001~
            QTY*33*10*EA>>~
            QTY*74*1*EA~
            N1*WH*Memphis*92*002~
            QTY*33*20*EA~
            LIN**SK*A-2~
            N1*WH*Reno*92*001~
            QTY*33*5*EA~
            N1*WH*Reno*92*001~
            QTY*33*6*EA~
            LIN**SK*A-3~
            QTY*33*5*EA~
            CTT*3~
            SE*18*000000001~
            GE*1*907~
            IEA*1*000000907~
            """,
        partner: PartnerMap(
            ["SK"], [.onHand: ["33"], .damaged: ["74"]], .named(.init(kind: .party, qualifier: "WH"))),
        expected: [
            "THIRDPARTY-000000907-907-000000001-000003 A-1@001 on_hand=10 damaged=1 at 2026-11-20T22:10:05Z",
            "THIRDPARTY-000000907-907-000000001-000003-2 A-1@002 on_hand=20 at 2026-11-20T22:10:05Z",
            "refused: line 15, segment 13 (N1): names \"001\" a second time",
            "refused: line 17, segment 15 (LIN): neither the item nor the heading has a N1*WH for the location",
        ])

    /// Two interchanges of different separators, the first with an acknowledgement of something else beside the 846.
    static let twoInterchanges = Sample846(
        name: "two interchanges",
        text: """
            ISA*00*          *00*          *ZZ*FIRST          *ZZ*US             *260301*0101*U*00401*000000007*0*P*>~
            TA1*000000003*260228*2300*A*000~
            GS*FA*FIRST*US*20260301*0101*1*X*004010~
            ST*997*0001~
            AK1*PO*1~
            AK9*A*1*1*1~
            SE*4*0001~
            GE*1*1~
            GS*IB*FIRST*US*20260301*0101*2*X*004010~
            ST*846*0001~
            BIA*00*DD*1*20260301~
            LIN**SK*S-1~
            QTY*33*1~
            SE*5*0001~
            ST*846*0002~
            BIA*03*DD*1*20260301~
            LIN**SK*S-2~
            QTY*33*1~
            SE*5*0002~
            GE*2*2~
            IEA*2*000000007~
            ISA+00+          +00+          +ZZ+SECOND         +ZZ+US             +260302+0202+!+00402+000000008+0+P+:'
            GS+IB+SECOND+US+20260302+0202+1+X+004020'
            ST+846+0001'
            BIA+00+DD+1+20260302'
            LIN++SK+S-1'
            QTY+33+2'
            LIN++SK+S-2!S-3'
            QTY+33+2'
            SE+7+0001'
            GE+1+1'
            IEA+1+000000008'
            """,
        partner: PartnerMap(["SK"], [.onHand: ["33"]], .fixed("WH")),
        expected: [
            "refused: line 4, segment 1 (ST): ST01: \"997\" is no 846 and is not read",
            "FIRST-000000007-2-0001-000003 S-1@WH on_hand=1 at 2026-03-01T00:00:00Z",
            "refused: line 16, segment 2 (BIA): BIA01: 03 (delete) tells of no stock that is there",
            "SECOND-000000008-1-0001-000003 S-1@WH on_hand=2 at 2026-03-02T00:00:00Z",
            "refused: line 28, segment 5 (LIN): LIN03: has several values",
        ])
}
