import Foundation
import Testing

@testable import Operations

struct DescriptorLinesTests {
    /// A pipe of the smallest size, its writing end as lines.
    private struct Pipe: ~Copyable {
        let reading: Int32
        let lines: DescriptorLines
        private let writing: Int32

        init() {
            var ends: [Int32] = [0, 0]
            precondition(pipe(&ends) == 0)
            // F_SETPIPE_SZ, which glibc has only for _GNU_SOURCE.
            _ = fcntl(ends[1], 1_031, 4_096)
            reading = ends[0]
            writing = ends[1]
            lines = DescriptorLines(ends[1])
        }

        func read() -> String {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = bytes.withUnsafeMutableBytes { Glibc.read(reading, $0.baseAddress, $0.count) }
            return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
        }

        deinit {
            close(reading)
            close(writing)
        }
    }

    @Test func linesArriveAsTheyAre() {
        let pipe = Pipe()
        pipe.lines.write("one\n")
        pipe.lines.write("two\n")
        #expect(pipe.read() == "one\ntwo\n")
        #expect(pipe.lines.untoldDropped() == nil)
    }

    @Test func lineWithoutRoomIsDroppedAndCountedAndTheNextOneHasItsOwnLine() {
        let pipe = Pipe()
        pipe.lines.write(String(repeating: "x", count: 5_000) + "\n")
        pipe.lines.write("lost\n")
        #expect(pipe.lines.untoldDropped() == 2)
        #expect(pipe.lines.untoldDropped() == nil)
        #expect(pipe.read() == String(repeating: "x", count: 4_096))
        pipe.lines.write("next\n")
        #expect(pipe.read() == "\nnext\n")
        #expect(pipe.lines.untoldDropped() == nil)
    }

    @Test func closedDescriptorLosesLinesAndNothingElse() {
        let lines = DescriptorLines(-1)
        lines.write("lost\n")
        #expect(lines.untoldDropped() == 1)
    }
}
