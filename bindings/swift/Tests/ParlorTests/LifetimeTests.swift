import Foundation
import Parlor
import XCTest

/// What is released, forgotten or used too late.
final class LifetimeTests: ServerTestCase {
    func testASessionWithoutReferencesLeavesTheCall() async throws {
        /// An app's object that owns a session and is its listener.
        final class Room: SessionListener {
            let session: Session

            init(_ session: Session) {
                self.session = session
                session.listener = self
            }

            func onEvent(_ event: Event) {}
        }
        let other = try session()
        let log = EventLog(other)
        try await other.join("forgotten")
        let before = try liveObjects()
        weak var gone: Room?
        do {
            let room = try Room(session())
            gone = room
            try await room.session.join("forgotten")
            _ = try await log.first("somebody came") { if case .peerJoined = $0 { true } else { nil } }
            let stream = try MediaStream()
            try stream.addAudio(.tone(frequency: 440))
            try room.session.addStream(stream)
        }
        _ = try await log.first("and left") { if case .peerLeft = $0 { true } else { nil } }
        XCTAssertNil(gone)
        try await eventually("nothing is left of it") { try liveObjects() == before }
        try other.shutdown()
    }

    func testSinksAndTokenClosuresGoWithTheirSession() async throws {
        final class Probe: Sendable {}
        let ann = try Caller(session(), name: "ann")
        try await ann.session.join("probes")
        weak var replaced: Probe?
        weak var last: Probe?
        weak var tokens: Probe?
        do {
            let (first, second, third) = (Probe(), Probe(), Probe())
            (replaced, last, tokens) = (first, second, third)
            let session = try session { _ = third; return nil }
            let log = EventLog(session)
            try await session.join("probes")
            let id = try await log.first("a track") {
                if case .trackAdded(_, _, let id, .video) = $0 { id } else { nil }
            }
            let track = try session.remoteTrack(id)
            try track.setVideoSink { _ in _ = first }
            try track.setVideoSink { _ in _ = second }
        }
        try await eventually("all are gone") { replaced == nil && last == nil && tokens == nil }
        try ann.session.shutdown()
    }

    func testATaskThatReadsEventsDoesNotKeepTheSession() async throws {
        let before = try liveObjects().sessions
        var session: Session? = try session()
        let events = try XCTUnwrap(session).events
        let reader = Task { for await _ in events {} }
        session = nil
        await reader.value
        try await eventually("it is gone") { try liveObjects().sessions <= before }
    }

    func testAThousandSessionsComeAndGo() async throws {
        let engine = try Engine(config: EngineConfig(bindAddresses: ["127.0.0.1"]))
        let url = try Self.server().url
        let create = { (count: Int) in
            for _ in 0..<count {
                let session = try Session(config(url, engine: engine))
                let log = EventLog(session)
                let stream = try MediaStream()
                try stream.addAudio(.tone(frequency: 440))
                try session.addStream(stream)
                _ = (session.events, log)
            }
        }
        let before = try liveObjects()
        try create(100)
        try await eventually("the first are gone") { try liveObjects() == before }
        let memory = try residentBytes()
        try create(900)
        try await eventually("all are gone") { try liveObjects() == before }
        let growth = try residentBytes() - memory
        XCTAssertLessThan(growth, 20 << 20, "900 sessions left \(growth) bytes behind")
    }

    func testEveryCallOfASessionThatWasShutDownSaysClosed() async throws {
        let session = try session()
        let stream = try MediaStream()
        try stream.addAudio(.tone(frequency: 440))
        try session.shutdown()
        try session.shutdown()
        XCTAssertEqual(try session.state(), .closed)
        await assertFails(.closed) { try await session.join("late") }
        await assertFails(.closed) { try await session.leave() }
        await assertFails(.closed) { try await session.send("1") }
        assertFails(.closed) { try session.addStream(stream) }
        assertFails(.closed) { try session.openChannel(to: 1, label: "late") }
        assertFails(.closed) { try session.sendText("late", on: 1) }
        assertFails(.closed) { try session.sendBytes(Data([1]), on: 1) }
        assertFails(.closed) { try session.closeChannel(1) }
        assertFails(.closed) { try session.channelBufferedAmount(1) }
        assertFails(.closed) { try session.networkChanged() }
        assertFails(.closed) { try session.provideToken("late", for: 1) }
        assertFails(.closed) { try session.remoteTrack(1) }
        assertFails(.closed) { try session.record(1, path: "/tmp/late.ivf") }
        // What names something that is not there is told so first.
        await assertFails(.closed) { try await session.send("1", to: 1) }
        assertFails(.closed) { try session.removeStream(stream) }
    }

    func testARequestUnderWayEndsWithItsSession() async throws {
        let session = try session()
        let request = try session.startJoin("short")
        try session.shutdown()
        await assertFails(.closed) { try await request.finish() }
    }

    func testAFrameThatWasReleasedSaysClosed() throws {
        let frames = try liveObjects().frames
        let frame = try VideoFrame.packed(
            format: .rgba, width: 2, height: 2, pixels: Data(repeating: 7, count: 16), timestampUs: 5)
        let (pixels, layout) = try frame.withPlanes { planes, layout in (Data(planes[0]), layout) }
        XCTAssertEqual(pixels, Data(repeating: 7, count: 16))
        XCTAssertEqual(layout.timestampUs, 5)
        XCTAssertEqual(try liveObjects().frames, frames + 1)
        try frame.release()
        try frame.release()
        XCTAssertEqual(try liveObjects().frames, frames)
        assertFails(.closed) { try frame.withPlanes { _, _ in } }
        assertFails(.closed) { try frame.convert(format: .i420) }
        assertFails(.closed) { try frame.writePng(path: "/tmp/released.png") }
        assertFails(.closed) { try VideoSource().push(frame) }
        assertFails(.closed) { try Reference.testPattern(width: 2, height: 2).psnr(frame: frame) }
    }

    private func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return try XCTUnwrap(Int(pages)) * sysconf(Int32(_SC_PAGESIZE))
    }
}
