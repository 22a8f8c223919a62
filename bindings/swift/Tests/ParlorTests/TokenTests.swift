import Parlor
import XCTest

final class TokenTests: ServerTestCase {
    func testATokenIsAskedForThroughAnAsyncClosure() async throws {
        let server = try Self.server()
        let asked = Counter()
        let session = try session(credential: .tokenOnDemand) {
            asked.add()
            await Task.yield()
            return try server.token(for: "ann")
        }
        try await session.join("tokens")
        XCTAssertEqual(try session.peerId(), "ann")
        XCTAssertEqual(asked.value, 1)
        try session.shutdown()
    }

    func testAClosureThatThrowsMeansThatThereIsNoToken() async throws {
        let session = try session(credential: .tokenOnDemand) { throw Failure("no backend") }
        await assertFails(.serverRefused) { try await session.join("tokens") }
        try session.shutdown()
    }

    func testATokenIsProvidedByHand() async throws {
        let session = try session(credential: .tokenOnDemand)
        let log = EventLog(session)
        async let joined: Void = session.join("tokens")
        let request = try await log.first("a token is needed") { if case .tokenNeeded(let id) = $0 { id } else { nil } }
        try session.provideToken(Self.server().token(for: "bob"), for: request)
        try await joined
        XCTAssertEqual(try session.peerId(), "bob")
        try session.shutdown()
    }
}
