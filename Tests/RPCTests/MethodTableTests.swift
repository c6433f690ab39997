import Calls
import Testing

@testable import RPC

struct MethodTableTests {
    @Test func everyMethodIsFoundByItsPath() {
        let methods = (0..<100).map { MethodDescriptor(service: "a.B\($0 % 7)", name: "M\($0)", kind: .unary) }
        let table = MethodTable(methods)
        for (index, method) in methods.enumerated() { #expect(find(table, method.path) == index) }
    }

    @Test(arguments: ["", "/", "/a.B/", "/a.B/C2", "/a.B/c", "a.B/C", "/a.b/C", "/availability.v1.Availability/X"])
    func otherPathsAreNot(path: String) {
        let table = MethodTable([MethodDescriptor(service: "a.B", name: "C", kind: .unary)])
        #expect(find(table, path) == nil)
        #expect(find(table, "/a.B/C") == 0)
    }

    private func find(_ table: MethodTable, _ path: String) -> Int? {
        Array(path.utf8).withUnsafeBytes { table.find($0) }
    }
}
