// swift-tools-version: 6.0
import PackageDescription

// What other packages depend on. `Sources/ParlorEngine` and `Sources/parlorFFI` are generated: `cargo xtask` puts them
// beside the rest into `target/bindings/swift/Parlor`, and that folder is the package.
let package = Package(
    name: "Parlor",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Parlor", targets: ["Parlor", "ParlorEngine"])],
    targets: [
        // The generated header; its module map links the library `parlor_uniffi`.
        .systemLibrary(name: "parlorFFI"),
        .target(name: "ParlorEngine", dependencies: ["parlorFFI"]),
        .target(name: "Parlor", dependencies: ["ParlorEngine"]),
    ],
    swiftLanguageModes: [.v6]
)
