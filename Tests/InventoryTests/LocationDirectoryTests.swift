import Testing

@testable import Inventory

@Suite struct LocationDirectoryTests {
    private let sources: [(number: SourceNumber, terms: SourceTerms)] = [
        (1, SourceTerms(id: "erp")), (2, SourceTerms(id: "wms")), (3, SourceTerms(id: "counter", order: .sequence)),
    ]

    @Test func namesLeadToNumbersAndGroups() {
        let directory = makeDirectory(inactive: [2], groups: [LocationGroup(id: "EAST", members: ["WH3", "WH1"])])
        #expect(directory.scope(named: "") == .all)
        #expect(directory.scope(named: "WH4") == .one(4))
        #expect(directory.scope(named: "EAST") == .group(0))
        #expect(directory.scope(named: "WH") == nil)
        #expect(directory.scope(named: "WH44") == nil)
        #expect(directory.number(of: "EAST") == nil)
        #expect(directory.number(of: "WH6") == 6)
        #expect(directory.location(6)?.id == "WH6")
        #expect(directory.location(7) == nil)
        #expect(directory.location(0) == nil)
        #expect(directory.isActive(1))
        #expect(!directory.isActive(2))
        #expect(!directory.isActive(999))
        #expect((1...6).map { directory.isMember($0, ofGroup: 0) } == [true, false, true, false, false, false])
        #expect(!directory.isMember(9_999, ofGroup: 0))
    }

    @Test func manyNamesAreAllFound() throws {
        let locations = (1...5_000).map { Location(id: "STORE-\($0)", number: LocationNumber($0)) }
        let directory = try LocationDirectory(locations: locations, groups: [], sources: [])
        for location in locations { #expect(directory.number(of: location.id) == location.number) }
        #expect(directory.number(of: "STORE-5001") == nil)
    }

    @Test func bucketOwnersComeBeforeTheLocationsOwner() throws {
        let locations = [
            Location(id: "A", number: 1, owner: "erp", bucketOwners: ["safety_stock": "wms"]),
            Location(id: "B", number: 2, bucketOwners: ["on_hand": "wms"]),
            Location(id: "C", number: 3),
        ]
        let directory = try LocationDirectory(locations: locations, groups: [], sources: sources)
        #expect(directory.owner(of: 1) == 1)
        #expect(directory.owner(of: 1, bucket: .onHand) == 1)
        #expect(directory.owner(of: 1, bucket: .safetyStock) == 2)
        #expect(directory.owner(of: 2) == 2)
        #expect(directory.owner(of: 2, bucket: .damaged) == 0)
        #expect(directory.owner(of: 3) == 0)
        #expect(directory.owner(of: 400) == 0)
    }

    @Test func aCatalogueThatContradictsItselfIsRefused() {
        func field(_ locations: [Location], _ groups: [LocationGroup] = []) -> String? {
            do throws(CatalogueError) {
                _ = try LocationDirectory(locations: locations, groups: groups, sources: sources)
                return nil
            } catch {
                return error.field
            }
        }
        let a = Location(id: "A", number: 1)
        #expect(field([a]) == nil)
        #expect(field([a, Location(id: "A", number: 2)]) == "locations[1].id")
        #expect(field([a, Location(id: "B", number: 1)]) == "locations[1].number")
        #expect(field([Location(id: "A", number: 0)]) == "locations[0].number")
        #expect(field([Location(id: "", number: 1)]) == "locations[0].id")
        #expect(field([Location(id: String(repeating: "x", count: 33), number: 1)]) == "locations[0].id")
        #expect(field([Location(id: "A", number: 1, owner: "nobody")]) == "locations[0].owner")
        #expect(
            field([Location(id: "A", number: 1, bucketOwners: ["reserved": "erp"])])
                == "locations[0].bucket_owners.reserved")
        #expect(
            field([Location(id: "A", number: 1, bucketOwners: ["on_hand": "nobody"])])
                == "locations[0].bucket_owners.on_hand")
        #expect(
            field([Location(id: "A", number: 1, owner: "erp", bucketOwners: ["damaged": "counter"])])
                == "locations[0].owner")
        #expect(field([a], [LocationGroup(id: "A", members: [])]) == "groups[0].id")
        #expect(field([a], [LocationGroup(id: "G", members: ["B"])]) == "groups[0].members[0]")
        #expect(field([a], [LocationGroup(id: "G", members: ["A", "A"])]) == "groups[0].members[1]")
    }
}
