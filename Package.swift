// swift-tools-version: 6.2
import PackageDescription

// Builds of their own, which only scripts/fuzz.sh and scripts/sanitize.sh ask for: the parsers instrumented for libFuzzer
// (the value is its archive), and everything under a sanitizer.
let fuzzerArchive = Context.environment["AVAILABILITY_FUZZER"]
let isSanitized = Context.environment["AVAILABILITY_SANITIZER"] != nil

// Every target of ours: Swift 6 mode, warnings are errors, nothing imported by accident.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // The hot path crosses modules, and tests run on the release build that `make run` made. Set here and not on the
    // command line, so that the dependencies build with their own settings.
    .unsafeFlags(
        fuzzerArchive != nil
            ? ["-sanitize=fuzzer,address", "-enable-testing"]
            : ["-cross-module-optimization", "-enable-testing"]
                // Checked at run time in debug and sanitized builds; on the hot path the checks are a sixth of a request.
                + (isSanitized ? [] : ["-enforce-exclusivity=unchecked"])),
]
// Modules that wrap C or touch raw memory name each unsafe use.
let raw = strict + [.strictMemorySafety()]

// The two binaries run without the toolchain. A linker flag and not `--static-swift-stdlib`, which would compile every
// dependency a second time for the tests. The sanitizers' runtimes want the shared libraries.
let linkedStatically: [LinkerSetting] =
    isSanitized
    ? []
    : [
        .unsafeFlags(["-static-stdlib"]), .linkedLibrary("CoreFoundation"), .linkedLibrary("_FoundationICU"),
        .linkedLibrary("_FoundationCShims"), .linkedLibrary("_FoundationCollections"),
    ]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

let package = Package(
    name: "availability-server",
    products: [
        .executable(name: "availability-server", targets: ["AvailabilityServer"]),
        .executable(name: "avail", targets: ["avail"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // C libraries: a module map and, where macros need it, a static-inline shim. One Swift module imports each.
        .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CMemory"),
        .systemLibrary(name: "CNATS", pkgConfig: "libnats", providers: [.apt(["libnats-dev"])]),
        .systemLibrary(name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // Inside: no sockets.
        .target(name: "Calls", swiftSettings: raw),
        .target(name: "Inventory", swiftSettings: strict),
        .target(name: "LMDB", dependencies: ["CLMDB"], swiftSettings: raw),
        .target(name: "Ledger", dependencies: ["LMDB", "Inventory"], swiftSettings: raw),
        .target(name: "HotTable", dependencies: ["CMemory", "Inventory"], swiftSettings: raw),
        .target(
            name: "Engine",
            dependencies: [
                "HotTable", "Ledger", "Inventory", .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: strict),
        .target(name: "Records", dependencies: ["Inventory"], swiftSettings: strict),
        .target(name: "Catalogue", dependencies: ["Engine", "Inventory", "Ledger", "Records"], swiftSettings: strict),

        .target(name: "Erp", dependencies: ["Engine", "Inventory"], swiftSettings: strict),
        .target(
            name: "Tryton",
            dependencies: [
                "Engine", "Erp", "Inventory", .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: strict),

        .target(
            name: "Feeds",
            dependencies: [
                "Calls", "Engine", "Inventory", "Records", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HeapModule", package: "swift-collections"), logging,
            ],
            swiftSettings: strict),
        .target(name: "JetStream", dependencies: ["CNATS", "Engine", "Feeds", "Inventory"], swiftSettings: raw),

        .target(
            name: "Webhooks",
            dependencies: [
                "Engine", "Feeds", "Inventory", .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: strict),

        // Edges.
        .target(name: "RPC", dependencies: ["Calls", "CLinux", "CNGHTTP2", "COpenSSL", "CZlib"], swiftSettings: raw),
        .target(
            name: "Proto", dependencies: [protobuf], exclude: ["availability", "google", "grpc"],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .target(
            name: "Services",
            dependencies: ["Calls", "Engine", "Feeds", "HotTable", "Inventory", "Ledger", "Proto", protobuf],
            swiftSettings: raw),
        .target(
            name: "Operations",
            dependencies: [
                "Calls", hummingbird, .product(name: "HummingbirdCore", package: "hummingbird"), logging, lifecycle,
            ], swiftSettings: strict),
        .target(
            name: "Configure",
            dependencies: [
                "Inventory", .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "AvailabilityServer",
            dependencies: [
                "Calls", "Catalogue", "Configure", "Engine", "Erp", "Feeds", "HotTable", "Inventory", "JetStream",
                "Ledger", "Operations", "RPC", "Records", "Services", "Tryton", "Webhooks",
                argumentParser, logging, lifecycle, .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict, linkerSettings: linkedStatically),

        // The client: the public API only.
        .target(
            name: "AvailCommands",
            dependencies: [
                "Proto", argumentParser, protobuf,
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "avail", dependencies: ["AvailCommands"], swiftSettings: strict, linkerSettings: linkedStatically),

        // Tests: a folder for each module. The two executables are peers that the tests start; neither is shipped.
        .executableTarget(
            name: "LedgerCrashChild", dependencies: ["Inventory", "Ledger"], path: "Tests/LedgerCrashChild",
            swiftSettings: strict),
        .executableTarget(
            name: "RPCHarness", dependencies: ["Calls", "RPC"], path: "Tests/RPCHarness", swiftSettings: strict),
        // Real LMDB over a disk of its own: its `pwrite` and `fdatasync` stand in for libc's under liblmdb.
        .executableTarget(
            name: "Simulator", dependencies: ["Engine", "Erp", "Inventory", "Ledger"], path: "Tests/Simulation",
            swiftSettings: strict, linkerSettings: [.unsafeFlags(["-Xlinker", "-export-dynamic"])]),
        .testTarget(
            name: "AvailTests", dependencies: ["AvailCommands", "Proto", argumentParser, protobuf],
            swiftSettings: strict),
        .testTarget(
            name: "CatalogueTests", dependencies: ["Catalogue", "Engine", "Inventory", "Ledger", "Records"],
            swiftSettings: strict),
        .testTarget(name: "ConfigureTests", dependencies: ["Configure", "Inventory"], swiftSettings: strict),
        .testTarget(
            name: "EngineTests", dependencies: ["Engine", "HotTable", "Inventory", "Ledger"], swiftSettings: strict),
        .testTarget(
            name: "FeedsTests", dependencies: ["Calls", "Engine", "Feeds", "Inventory", logging], swiftSettings: strict),
        .testTarget(
            name: "JetStreamTests", dependencies: ["CNATS", "Engine", "Feeds", "Inventory", "JetStream"],
            swiftSettings: strict),
        .testTarget(name: "WebhooksTests", dependencies: ["Feeds", "Inventory", "Webhooks"], swiftSettings: strict),
        .testTarget(name: "HotTableTests", dependencies: ["HotTable", "Inventory"], swiftSettings: strict),
        .testTarget(name: "InventoryTests", dependencies: ["Inventory"], swiftSettings: strict),
        .testTarget(name: "LedgerTests", dependencies: ["Inventory", "LMDB", "Ledger"], swiftSettings: strict),
        .testTarget(name: "LMDBTests", dependencies: ["LMDB"], swiftSettings: strict),
        .testTarget(
            name: "OperationsTests",
            dependencies: [
                "Calls", "Operations", hummingbird, logging,
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ],
            swiftSettings: strict),
        .testTarget(name: "RecordsTests", dependencies: ["Inventory", "Records"], swiftSettings: strict),
        .testTarget(name: "RPCTests", dependencies: ["Calls", "RPC"], swiftSettings: strict),
        .testTarget(name: "ErpTests", dependencies: ["Engine", "Erp", "Inventory"], swiftSettings: strict),
        .testTarget(
            name: "TrytonTests", dependencies: ["Engine", "Erp", "Inventory", "Tryton"], swiftSettings: strict),
        .testTarget(
            name: "ServicesTests", dependencies: ["Calls", "Engine", "Inventory", "Proto", "Services", protobuf],
            swiftSettings: strict),
    ]
)

if let fuzzerArchive {
    package.targets.append(
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "Calls", "Catalogue", "Configure", "Engine", "Feeds", "Inventory", "Ledger", "Proto", "RPC", "Records",
                "Services", protobuf,
            ],
            path: "Tests/Fuzz", exclude: ["Corpus", "Dictionaries", "Regressions"], swiftSettings: strict,
            linkerSettings: [
                .unsafeFlags(["-sanitize=address", "-Xlinker", fuzzerArchive]), .linkedLibrary("stdc++"),
            ]))
}

// The client, and the tests that need an HTTP client, are not what the sanitizers are for, and bring half of the
// dependencies.
if isSanitized {
    let leftOut = ["avail", "AvailCommands", "AvailTests", "OperationsTests", "Simulator"]
    package.targets.removeAll { leftOut.contains($0.name) }
    package.products.removeAll { $0.name == "avail" }
}
