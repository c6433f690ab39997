import Proto
import Testing

@testable import AvailCommands

@Suite struct ReserveLineTests {
    @Test(arguments: [
        ("A", "A", "", "", 1), ("A@WH1", "A", "WH1", "", 1), ("A@WH1#L-7=3", "A", "WH1", "L-7", 3),
        ("A@#L-7", "A", "", "L-7", 1), ("C#1=2", "C#1", "", "", 2), ("C#1@WH1#L#2", "C#1", "WH1", "L#2", 1),
    ])
    func aLotIsNamedBehindTheLocation(
        _ text: String, _ sku: String, _ location: String, _ lot: String, _ quantity: Int64
    ) throws {
        let message = try #require(ReserveLineArgument(argument: text)).message
        #expect((message.sku, message.location, message.lot, message.quantity) == (sku, location, lot, quantity))
    }

    @Test(arguments: ["", "A@", "A@WH1#", "A@#", "A@WH1#L=0"])
    func whatIsNoLineIsRefused(_ text: String) {
        #expect(ReserveLineArgument(argument: text) == nil)
    }
}
