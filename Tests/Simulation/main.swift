import Glibc

// A world is one seed. It must be the same world every time, so not even the order of a set may come from elsewhere.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    execv("/proc/self/exe", CommandLine.unsafeArgv)
}

do throws(Arguments.Problem) {
    exit(Simulation(try Arguments(CommandLine.arguments.dropFirst())).run())
} catch {
    print("\(error.text)\n\n\(Arguments.usage)")
    exit(64)
}
