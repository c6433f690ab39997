import ArgumentParser
import Proto
import SwiftProtobuf

/// A value of a contract's enum by its name without the prefix, in any case, with `-` or `_`: `release-pending`.
struct EnumArgument<Value: SwiftProtobuf.Enum & CaseIterable>: ExpressibleByArgument, Equatable {
    var value: Value

    init?(argument: String) {
        let name = argument.uppercased().replacing("-", with: "_")
        guard let value = Self.known.first(where: { $0.shortName == name }) else { return nil }
        self.value = value
    }

    static var allValueStrings: [String] { known.map(\.shortName) }

    /// Every enum of the contract keeps 0 for UNSPECIFIED, which is said by leaving the option out.
    private static var known: [Value] { Value.allCases.filter { $0.rawValue != 0 } }
}
