import Foundation
import Parlor
import XCTest

/// Listeners, streams of events, and what they may do.
final class EventTests: ServerTestCase {
    func testAListenerThatThrowsChangesNothing() async throws {
        final class Thrower: SessionListener {
            let calls = Counter()

            func onEvent(_ event: Event) throws {
                calls.add()
                throw Failure("for the test")
            }
        }
        let session = try session()
        let thrower = Thrower()
        session.listener = thrower
        let events = session.events
        try await session.join("thrown-at")
        try await session.send("1")
        try await session.leave()
        XCTAssertGreaterThan(thrower.calls.value, 3)
        try session.shutdown()
        let names = await events.reduce(into: [String]()) { $0.append(String(describing: $1)) }
        XCTAssertEqual(names.count, thrower.calls.value, "the stream tells what the listener threw at")
    }

    func testASinkThatThrowsGetsTheNextFrame() async throws {
        let ann = try Caller(session(), name: "ann")
        let bob = try session()
        let log = EventLog(bob)
        try await ann.session.join("thrown-frames")
        try await bob.join("thrown-frames")
        let id = try await log.first("a track") { if case .trackAdded(_, _, let id, .video) = $0 { id } else { nil } }
        let calls = Counter()
        try bob.remoteTrack(id).setVideoSink { _ in
            calls.add()
            throw Failure("for the test")
        }
        try await eventually("more frames") { calls.value > 5 }
        try ann.session.shutdown()
        try bob.shutdown()
    }

    func testASessionMayEndInsideItsOwnListener() async throws {
        final class Ender: SessionListener, @unchecked Sendable {
            private let lock = NSLock()
            private var session: Session?
            private let drops: Bool
            let calls = Counter()

            init(_ session: Session, drops: Bool) {
                self.session = session
                self.drops = drops
            }

            func onEvent(_ event: Event) throws {
                calls.add()
                guard case .joined = event else { return }
                let last = lock.withLock {
                    defer { session = nil }
                    return session
                }
                if !drops { try last?.shutdown() }
            }
        }
        for drops in [false, true] {
            let before = try liveObjects().sessions
            var session: Session? = try session()
            let ender = Ender(try XCTUnwrap(session), drops: drops)
            session?.listener = ender
            let events = try XCTUnwrap(session).events
            let ended = Task { for await _ in events {} }
            try session?.startJoin("ending")
            session = nil
            await ended.value
            try await eventually("the session is gone") { try liveObjects().sessions <= before }
            XCTAssertGreaterThan(ender.calls.value, 0)
        }
    }

    func testStreamsOfEventsAreIndependentAndEndWithTheSession() async throws {
        let session = try session()
        let (first, second) = (session.events, session.events)
        try await session.join("streams")
        let late = session.events
        try await session.leave()
        try session.shutdown()
        let all = await [first, second, late, session.events].asyncMap { await $0.reduce(into: []) { $0.append($1) } }
        XCTAssertEqual(all[0], all[1])
        XCTAssertEqual(Array(all[0].suffix(all[2].count)), all[2])
        XCTAssertLessThan(all[2].count, all[0].count)
        XCTAssertTrue(all[0].contains { if case .joined(_, "streams") = $0 { true } else { false } })
        XCTAssertEqual(all[3], [], "a stream of a session that has ended is empty")
    }

    func testAStreamThatIsNotReadEndsAfter4096EventsAndTheOthersGoOn() async throws {
        let session = try session()
        let unread = session.events
        let counted = Counter()
        let reader = Task { [events = session.events] in for await _ in events { counted.add() } }
        let total = 4200
        for number in 1...total {
            try session.startSend("1")
            // The session's queue of requests is bounded too.
            if number.isMultiple(of: 100) { try await eventually("requests end") { counted.value >= number } }
        }
        try await eventually("all are told") { counted.value == total }
        let read = await unread.reduce(0) { count, _ in count + 1 }
        XCTAssertEqual(read, 4096)
        try session.shutdown()
        await reader.value
    }

    func testTheLogGoesToASink() async throws {
        let lines = Counter()
        try setLogSink(.debug) { level, target, message in
            if !target.isEmpty && !message.isEmpty && level != .trace { lines.add() }
        }
        let session = try session()
        try await session.join("logged")
        try await eventually("lines of the log") { lines.value > 0 }
        try setLogSink(.error, nil)
        try session.shutdown()
    }

    func testTheListenerIsHeldWeakly() throws {
        let session = try session()
        weak var gone: EventLog?
        do {
            let log = EventLog(session)
            gone = log
            XCTAssertTrue(session.listener === log)
        }
        XCTAssertNil(gone)
        XCTAssertNil(session.listener)
        try session.shutdown()
    }
}

extension Array {
    fileprivate func asyncMap<T>(_ change: (Element) async -> T) async -> [T] {
        var changed: [T] = []
        for element in self {
            changed.append(await change(element))
        }
        return changed
    }
}
