import Foundation
import Parlor
import XCTest

final class CancellationTests: ServerTestCase {
    func testACancelledJoinBecomesALeave() async throws {
        let silent = try SilentServer()
        defer { silent.stop() }
        let session = try Session(config(silent.url))
        let log = EventLog(session)
        let joining = Task { try await session.join("never") }
        _ = try await log.first("joining") { if case .stateChange(.idle, .joining) = $0 { true } else { nil } }
        joining.cancel()
        do {
            try await joining.value
            XCTFail("a cancelled join returned")
        } catch is CancellationError {
        }
        try await eventually("idle again") { try session.state() == .idle }
        try session.shutdown()
    }

    func testAJoinOfATaskThatIsCancelledAlreadyLeaves() async throws {
        let session = try session()
        let log = EventLog(session)
        let joining = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await session.join("cancelled")
        }
        let outcome = await joining.result
        XCTAssertThrowsError(try outcome.get()) { XCTAssertTrue($0 is CancellationError, "\($0)") }
        _ = try await log.first("idle again") { if case .stateChange(_, .idle) = $0 { true } else { nil } }
        try await session.join("again")
        try session.shutdown()
    }

    func testAJoinOvertakenByALeaveSaysSo() async throws {
        let silent = try SilentServer()
        defer { silent.stop() }
        let session = try Session(config(silent.url))
        async let joined: Void = session.join("never")
        try await eventually("joining") { try session.state() == .joining }
        try await session.leave()
        do {
            try await joined
            XCTFail("an overtaken join returned")
        } catch let error as ParlorError {
            XCTAssertEqual(error.status, .cancelled)
        }
        try session.shutdown()
    }

    func testACancelledSendAndLeaveGoOn() async throws {
        let ann = try session()
        let bob = try session()
        let log = EventLog(bob)
        try await ann.join("sent-all-the-same")
        try await bob.join("sent-all-the-same")
        let sending = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await ann.send("\"all the same\"")
        }
        try await endedOrCancelled(sending)
        _ = try await log.first("the message") { if case .data(_, "\"all the same\"", _, _) = $0 { true } else { nil } }
        let leaving = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await ann.leave()
        }
        try await endedOrCancelled(leaving)
        _ = try await log.first("ann is gone") { if case .peerLeft = $0 { true } else { nil } }
        try ann.shutdown()
        try bob.shutdown()
    }

    /// What ends before anyone could stop waiting for it has ended well.
    private func endedOrCancelled(_ task: Task<Void, any Error>) async throws {
        do {
            try await task.value
        } catch is CancellationError {
        }
    }

    func testARequestIsWaitedForOnce() async throws {
        let session = try session()
        let request = try session.startJoin("once")
        try await request.finish()
        await assertFails(.invalidState) { try await request.finish() }
        try session.shutdown()
    }
}

/// Something that takes connections and never says a word.
private final class SilentServer {
    let url: String
    private let socket: Int32

    init() throws {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.socket = socket
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && listen(socket, 8) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard isBound else { throw Failure("no socket") }
        url = "ws://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    }

    func stop() {
        close(socket)
    }
}
