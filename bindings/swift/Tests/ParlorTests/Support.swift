import Foundation
import Parlor
import XCTest

/// A server process that listens on a free port of 127.0.0.1.
final class Server: @unchecked Sendable {
    static let key = "pk_test_everything"

    let url: String
    private let process = Process()
    private let folder: URL
    /// The id of a secret key.
    private let signer: String

    /// Starts a server with `key`, and with a database that has a secret key.
    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("parlor-swift-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let config = folder.appendingPathComponent("server.toml")
        try "[[keys]]\nid = \"\(Self.key)\"\n".write(to: config, atomically: true, encoding: .utf8)
        // A key that is made while the server runs is known to it a second later.
        struct Key: Decodable { let id: String }
        let made = try Self.run(["keys", "create", "--secret", "--json"], in: folder)
        signer = try JSONDecoder().decode(Key.self, from: Data(made.utf8)).id
        let output = Pipe()
        process.executableURL = try Self.binary()
        process.arguments = ["--config", config.path, "--listen", "127.0.0.1:0"]
        process.environment = Self.environment(folder)
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var greeting = ""
        var found: String?
        while found == nil {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failure("the server ended at once: \(greeting)") }
            greeting += String(decoding: data, as: UTF8.self)
            found = greeting.firstMatch(of: /Parlor listens on (ws:\S+)/).map { String($0.1) }
        }
        url = found ?? ""
    }

    func stop() {
        // A process that is started from a thread of Dispatch's has the polite signals blocked, as that thread has.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Makes a token, as an app's backend does.
    func token(for peer: String) throws -> String {
        let token = try Self.run(["token", "mint", "--key", signer, "--peer-id", peer], in: folder)
        return token.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func run(_ arguments: [String], in folder: URL) throws -> String {
        let output = Pipe()
        let tool = Process()
        tool.executableURL = try binary()
        tool.arguments = arguments
        tool.environment = environment(folder)
        tool.currentDirectoryURL = folder
        tool.standardOutput = output
        try tool.run()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        tool.waitUntilExit()
        return String(decoding: printed, as: UTF8.self)
    }

    private static func binary() throws -> URL {
        guard let path = ProcessInfo.processInfo.environment["PARLOR_SERVER"] else {
            throw Failure("PARLOR_SERVER must name the server's binary; `make test-swift` does that")
        }
        return URL(fileURLWithPath: path)
    }

    private static func environment(_ folder: URL) -> [String: String] {
        let ours = [
            "PARLOR_DATABASE": folder.appendingPathComponent("parlor.db").path, "PARLOR_CONNECTS_PER_ADDRESS": "0",
        ]
        return ProcessInfo.processInfo.environment.merging(ours) { $1 }
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Tests that need a server, one for each class.
class ServerTestCase: XCTestCase {
    nonisolated(unsafe) private static var running: Server?

    override class func tearDown() {
        running?.stop()
        running = nil
    }

    static func server() throws -> Server {
        let server = try running ?? Server()
        running = server
        return server
    }

    /// Makes a session on an engine of 127.0.0.1.
    func session(
        credential: Credential = .apiKey(key: Server.key), engine: Engine? = nil, tokens: Session.TokenProvider? = nil
    ) throws -> Session {
        try Session(config(Self.server().url, credential: credential, engine: engine), tokens: tokens)
    }
}

/// Returns the configuration of a session on an engine of 127.0.0.1.
func config(
    _ url: String, credential: Credential = .apiKey(key: Server.key), engine: Engine? = nil
) throws -> SessionConfig {
    SessionConfig(
        url: url, credential: credential, includeSenderMetadata: true,
        engine: try engine ?? Engine(config: EngineConfig(bindAddresses: ["127.0.0.1"])))
}

/// Keeps every event of a session.
final class EventLog: SessionListener, @unchecked Sendable {
    private let lock = NSLock()
    private var told: [Event] = []

    init(_ session: Session) {
        session.listener = self
    }

    var events: [Event] {
        lock.withLock { told }
    }

    func onEvent(_ event: Event) {
        lock.withLock { told.append(event) }
    }

    /// Waits for an event of which `pick` makes something.
    func first<T>(_ what: String, _ pick: (Event) -> T?) async throws -> T {
        try await eventually(what) { events.lazy.compactMap(pick).first }
    }
}

/// What several threads count.
final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var counted = 0

    var value: Int {
        lock.withLock { counted }
    }

    func add(_ more: Int = 1) {
        lock.withLock { counted += more }
    }
}

/// Asks again and again until there is an answer, for half a minute.
@discardableResult
func eventually<T>(_ what: String, _ answer: () throws -> T?) async throws -> T {
    let end = ContinuousClock.now + .seconds(30)
    while true {
        if let answer = try answer() { return answer }
        guard ContinuousClock.now < end else { throw Failure("did not happen: \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Waits until something is true.
func eventually(_ what: String, _ holds: () throws -> Bool) async throws {
    try await eventually(what) { try holds() ? true : nil }
}

/// Expects an error of a status.
func assertFails<T>(
    _ status: Status, file: StaticString = #filePath, line: UInt = #line, _ body: () throws -> T
) {
    XCTAssertThrowsError(try body(), file: file, line: line) { error in
        XCTAssertEqual((error as? ParlorError)?.status, status, "\(error)", file: file, line: line)
        XCTAssertNotEqual((error as? ParlorError)?.reason, "", file: file, line: line)
    }
}

/// Expects an error of a status of an async call.
func assertFails<T>(
    _ status: Status, file: StaticString = #filePath, line: UInt = #line, _ body: () async throws -> T
) async {
    do {
        _ = try await body()
        XCTFail("nothing was thrown", file: file, line: line)
    } catch {
        XCTAssertEqual((error as? ParlorError)?.status, status, "\(error)", file: file, line: line)
    }
}
