// swift-tools-version: 6.0
import PackageDescription

// Tests of the package as other packages see it, the peer program that tests of all languages call, and the measurement.
let package = Package(
    name: "ParlorTests",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "Parlor", path: Context.environment["PARLOR_PACKAGE"] ?? "../../../target/bindings/swift/Parlor")],
    targets: [
        .executableTarget(name: "parlor-peer", dependencies: ["Parlor"]),
        .executableTarget(name: "parlor-bench", dependencies: ["Parlor"]),
        .testTarget(name: "ParlorTests", dependencies: ["Parlor"], path: "ParlorTests"),
    ],
    swiftLanguageModes: [.v6]
)
