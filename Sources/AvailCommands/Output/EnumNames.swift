import GRPCCore
import SwiftProtobuf

extension SwiftProtobuf.Enum {
    /// The value's name in the proto file without the enum's prefix, for example `IN_STOCK`; its number when this
    /// client does not know it.
    var shortName: String {
        if let known = Self(rawValue: rawValue), "\(known)".hasPrefix("UNRECOGNIZED") { return "\(rawValue)" }
        return "\(self)".upperSnakeCase
    }
}

extension RPCError.Code {
    /// The code as the gRPC documents spell it, for example `INVALID_ARGUMENT`.
    var name: String { self == .internalError ? "INTERNAL" : description.upperSnakeCase }
}

extension String {
    /// `inStock` as `IN_STOCK`.
    fileprivate var upperSnakeCase: String {
        var name = ""
        for character in self {
            if character.isUppercase { name += "_" }
            name += character.uppercased()
        }
        return name
    }
}
