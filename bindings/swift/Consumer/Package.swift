// swift-tools-version: 6.0
import PackageDescription

// A package that depends on Parlor by the URL of a git repository and a tag.
let package = Package(
    name: "consumer",
    platforms: [.macOS(.v13)],
    dependencies: [
        .package(
            url: Context.environment["PARLOR_URL"] ?? "https://example.org/parlor",
            exact: Version(Context.environment["PARLOR_VERSION"] ?? "0.1.0")!)
    ],
    targets: [
        .executableTarget(name: "consumer", dependencies: [.product(name: "Parlor", package: "parlor")])
    ],
    swiftLanguageModes: [.v6]
)
