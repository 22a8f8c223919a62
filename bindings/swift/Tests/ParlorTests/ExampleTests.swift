import Foundation
import Parlor
import XCTest

/// The programs of examples/swift, as somebody runs them.
final class ExampleTests: ServerTestCase {
    func testTwoRoomsMeet() async throws {
        let (ann, bob) = (try example("room", "rooms"), try example("room", "rooms"))
        for room in [ann, bob] {
            try await room.prints("joined rooms as ", " joined\n", " is connected\n", #" sends {"role":"camera"}"#)
        }
        ann.endInput()
        try await bob.prints(" sends a stream no more\n", " left\n")
        bob.endInput()
        for room in [ann, bob] {
            try await room.endsWell()
            try await room.prints("\nleft\n")
        }
    }

    func testListenHearsAndSeesARoom() async throws {
        let (room, listener) = (try example("room", "listening"), try example("listen", "listening"))
        try await listener.prints("listening in listening\n", ": picture 1, 640x360, top left ", ": picture 31, ", ": -15 dBFS\n")
        for program in [room, listener] {
            program.endInput()
            try await program.endsWell()
        }
    }

    func testTwoProgramsExchangeMessages() async throws {
        let first = try example("message", "messages")
        try await first.prints("joined messages\n")
        let second = try example("message", "messages")
        try await first.prints(#"to all: {"text":"hello, all"}"#)
        for program in [first, second] {
            try await program.prints(#"to me: {"text":"hello, you"}"#, "on its channel: hello, straight\n")
        }
        for program in [first, second] {
            program.endInput()
            try await program.endsWell()
        }
    }

    func testAnExampleSaysWhyItFails() async throws {
        let program = try Program("room", [Self.server().url, "pk_live_nobody", "rooms", "--seconds", "1"])
        try await program.prints("room: ")
        try await eventually("its end") { program.status == 1 }
    }

    private func example(_ name: String, _ channel: String) throws -> Program {
        try Program(name, [Self.server().url, Server.key, channel])
    }
}

/// An example that runs.
private final class Program: @unchecked Sendable {
    private let process = Process()
    private let (input, output) = (Pipe(), Pipe())
    private let lock = NSLock()
    private var text = ""

    init(_ name: String, _ arguments: [String]) throws {
        let folder = try XCTUnwrap(ProcessInfo.processInfo.environment["PARLOR_EXAMPLES"], "names the built examples")
        // Line by line, also into a pipe.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["stdbuf", "-oL", folder + "/" + name] + arguments
        process.standardInput = input
        process.standardOutput = output
        output.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            self?.lock.withLock { self?.text += String(decoding: data, as: UTF8.self) }
        }
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// How it ended, once it has.
    var status: Int32? {
        process.isRunning ? nil : process.terminationStatus
    }

    /// Waits until it has printed all of these.
    func prints(_ expected: String...) async throws {
        for line in expected {
            do {
                try await eventually(line) { lock.withLock { text.contains(line) } }
            } catch {
                throw Failure("“\(line)” is not in:\n\(lock.withLock { text })")
            }
        }
    }

    func endInput() {
        try? input.fileHandleForWriting.close()
    }

    func endsWell() async throws {
        try await eventually("its end") { status == 0 }
    }
}
