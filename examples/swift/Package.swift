// swift-tools-version: 6.0
import PackageDescription

// An app of its own names the package by the URL of a git repository and a version instead.
let parlor = Context.environment["PARLOR_PACKAGE"] ?? "../../target/bindings/swift/Parlor"

let package = Package(
    name: "examples",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "Parlor", path: parlor)],
    targets: ["room", "listen", "message"].map { name in
        .executableTarget(name: name, dependencies: ["Parlor"], path: name)
    },
    swiftLanguageModes: [.v6]
)
