import Glibc

/// What the command line says.
struct Arguments {
    struct Problem: Error {
        var text: String
    }

    static let usage = """
        usage: Simulator [--operations N | --seconds N] [--first-seed N] [--steps N] [--plant BUG]
               Simulator --seed N [--steps N] [--plant BUG]
               Simulator --bugs

          --operations N   worlds until that many operations are done (default 2,000,000)
          --seconds N      worlds for so long
          --seed N         one world again, exactly as it was
          --steps N        the most groups of commands of a world (default 400)
          --plant BUG      with a planted bug, which must be found within its number of worlds
          --bugs           lists the planted bugs
        """

    private(set) var operations = 2_000_000
    private(set) var seconds: Int?
    private(set) var firstSeed: UInt64 = 1
    private(set) var onlySeed: UInt64?
    private(set) var steps = 400
    private(set) var bug: PlantedBug?
    private(set) var listsBugs = false

    init(_ words: ArraySlice<String>) throws(Problem) {
        var words = words
        while let word = words.popFirst() {
            switch word {
            case "--bugs": listsBugs = true
            case "--operations": operations = try Self.number(&words, word)
            case "--seconds": seconds = try Self.number(&words, word)
            case "--steps": steps = try Self.number(&words, word)
            case "--first-seed": firstSeed = UInt64(try Self.number(&words, word))
            case "--seed": onlySeed = UInt64(try Self.number(&words, word))
            case "--plant":
                guard let bug = words.popFirst().flatMap(PlantedBug.init) else {
                    throw Problem(text: "--plant: no such bug")
                }
                self.bug = bug
            default: throw Problem(text: "\(word) is not known")
            }
        }
    }

    private static func number(_ words: inout ArraySlice<String>, _ name: String) throws(Problem) -> Int {
        guard let value = words.popFirst().flatMap({ Int($0) }), value > 0 else {
            throw Problem(text: "\(name): a number above 0 is wanted")
        }
        return value
    }
}

/// What a seed makes, to be lived through once.
protocol SimulatedWorld: AnyObject {
    var seed: UInt64 { get }
    var bug: PlantedBug? { get }
    /// Done so far.
    var steps: Int { get }
    var operations: Int { get }
    var crashes: Int { get }
    /// The last operations, the newest last.
    var recent: [String] { get }
    /// - Parameter steps: groups of commands at most.
    func run(steps: Int) throws(Violation)
}

/// World after world, until enough was done or an invariant did not hold.
struct Simulation {
    private let arguments: Arguments
    private let directory = "\(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp")/simulator-\(getpid())"

    init(_ arguments: Arguments) {
        self.arguments = arguments
    }

    /// The exit status: 0, or 1 when an invariant did not hold.
    func run() -> Int32 {
        if arguments.listsBugs {
            for bug in PlantedBug.allCases { print(bug.rawValue) }
            return 0
        }
        var (worlds, operations, crashes) = (0, 0, 0)
        let start = processorSeconds()
        var seed = arguments.onlySeed ?? arguments.firstSeed
        while isWanted(worlds: worlds, operations: operations, since: start) {
            let world = world(seed)
            do throws(Violation) {
                _ = mkdir(directory, 0o700)
                try world.run(steps: arguments.steps)
            } catch {
                report(error, of: world, worlds: worlds + 1)
                return 1
            }
            worlds += 1
            operations += world.operations
            crashes += world.crashes
            seed += 1
        }
        _ = rmdir(directory)
        let seconds = processorSeconds() - start
        print(
            "simulated \(worlds) worlds, \(operations) operations, \(crashes) power cuts in \(Int(seconds)) s of CPU: "
                + "\(Int(Double(operations) / max(seconds, 0.001))) operations a second; every invariant held")
        return 0
    }

    private func isWanted(worlds: Int, operations: Int, since start: Double) -> Bool {
        if arguments.onlySeed != nil { return worlds == 0 }
        if let bug = arguments.bug { return worlds < bug.seedsMax }
        if let seconds = arguments.seconds { return processorSeconds() - start < Double(seconds) }
        return operations < arguments.operations
    }

    /// Most worlds go on as they like; some are about nothing but the order of delivery.
    private func world(_ seed: UInt64) -> any SimulatedWorld {
        let isOfDelivery = arguments.bug?.isOfDelivery ?? (seed % 5 == 0)
        return isOfDelivery
            ? DeliveryWorld(seed: seed, bug: arguments.bug, directory: directory)
            : World(seed: seed, bug: arguments.bug, directory: directory)
    }

    private func report(_ violation: Violation, of world: any SimulatedWorld, worlds: Int) {
        print("the last operations:")
        for line in world.recent.suffix(arguments.onlySeed == nil ? 40 : .max) { print("  \(line)") }
        let plant = world.bug.map { " --plant \($0.rawValue)" } ?? ""
        _ = rmdir(directory)
        print("seed \(world.seed), step \(world.steps), world \(worlds): \(violation.description)")
        print("again: Simulator --seed \(world.seed) --steps \(arguments.steps)\(plant)")
    }

    private func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
