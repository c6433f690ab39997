import ArgumentParser
import Foundation
import SwiftProtobuf

/// How old the entries of a list are.
struct AgeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("From longer ago than this.", valueName: "DURATION"))
    var olderThan: DurationArgument?

    @Option(help: ArgumentHelp("From at most so long ago.", valueName: "DURATION"))
    var newerThan: DurationArgument?

    var isEmpty: Bool { olderThan == nil && newerThan == nil }

    /// The times that they are between, `until` left out; nil: no bound.
    func times(now: Date) -> (from: Google_Protobuf_Timestamp?, until: Google_Protobuf_Timestamp?) {
        func time(before age: DurationArgument) -> Google_Protobuf_Timestamp {
            .init(date: now.addingTimeInterval(-age.seconds))
        }
        return (newerThan.map(time), olderThan.map(time))
    }
}
