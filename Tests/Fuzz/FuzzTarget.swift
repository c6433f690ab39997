import Catalogue

/// A parser of bytes from outside, with the properties that any input must keep.
enum FuzzTarget: String, CaseIterable {
    case checkAvailability = "check-availability"
    case event
    case policy
    case framing
    case session
    case configuration
    case csv
    case jsonLines = "json-lines"
    case csvEvents = "csv-events"
    case jsonLinesEvents = "json-lines-events"
    case x12
    case cloudEvents = "cloudevents"
    case shopify

    /// Parses one input and stops the process when a property does not hold.
    func judge(_ input: UnsafeRawBufferPointer) {
        switch self {
        case .checkAvailability: CheckAvailabilityJudge.judge(input)
        case .event: EventJudge.judge(Array(input))
        case .policy: PolicyJudge.judge(Array(input))
        case .framing: FramingJudge.judge(Array(input))
        case .session: SessionJudge.judge(Array(input))
        case .configuration: ConfigurationJudge.judge(Array(input))
        case .csv: PositionFileJudge(format: .csv).judge(Array(input))
        case .jsonLines: PositionFileJudge(format: .jsonLines).judge(Array(input))
        case .csvEvents: EventFileJudge(isCSV: true).judge(Array(input))
        case .jsonLinesEvents: EventFileJudge(isCSV: false).judge(Array(input))
        case .x12: X12Judge.judge(Array(input))
        case .cloudEvents: CloudEventJudge.judge(Array(input))
        case .shopify: ShopifyJudge.judge(Array(input))
        }
    }
}

/// Stops the process with what was found: libFuzzer then keeps the input.
func expect(_ holds: Bool, _ property: @autoclosure () -> String) {
    if !holds { fatalError(property()) }
}
