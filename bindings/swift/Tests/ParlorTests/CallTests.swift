import Foundation
import Parlor
import XCTest

/// Two sessions of this process in a call.
final class CallTests: ServerTestCase {
    func testTwoSessionsExchangeMediaMetadataAndMessages() async throws {
        let ann = try Caller(session(), name: "ann")
        let bob = try Caller(session(), name: "bob")
        try await ann.session.join("call")
        try await bob.session.join("call")
        let bobForAnn = try await ann.peer()
        let annForBob = try await bob.peer()
        XCTAssertEqual(try bobForAnn.wireId(), try bob.session.peerId())

        try await eventually("60 pictures and 60 loud frames of sound each way") {
            [ann, bob].allSatisfy { $0.pictures.value >= 60 && $0.loud.value >= 60 }
        }
        XCTAssertEqual(ann.widths.value, ann.pictures.value * 160, "every picture is as wide as it was sent")
        for (caller, name) in [(ann, "bob"), (bob, "ann")] {
            let metadata = try await caller.log.first("metadata") {
                if case .streamAdded(_, _, _, let metadata?) = $0 { metadata } else { nil }
            }
            XCTAssertEqual(try JSONDecoder().decode([String: String].self, from: Data(metadata.utf8)), ["role": name])
        }

        try await ann.session.send("{\"to\":\"all\"}")
        try await ann.session.send("{\"to\":\"bob\"}", to: bobForAnn.id())
        try await annForBob.send("[1]")
        let (all, one) = try await (bob.message(.broadcast), bob.message(.direct))
        XCTAssertEqual([all, one], ["{\"to\":\"all\"}", "{\"to\":\"bob\"}"])
        let answer = try await ann.message(.direct)
        XCTAssertEqual(answer, "[1]")

        let channel = try bobForAnn.openChannel(label: "files")
        try ann.session.sendText("a text", on: channel)
        try ann.session.sendBytes(Data([0, 1, 255]), on: channel)
        let (theirs, bytes) = try await bob.log.first("bytes on the channel") {
            if case .channelBytes(_, let channel, let bytes) = $0 { (channel, bytes) } else { nil }
        }
        XCTAssertEqual(bytes, Data([0, 1, 255]))
        XCTAssertTrue(bob.log.events.contains { if case .channelText(_, theirs, "a text") = $0 { true } else { false } })
        XCTAssertTrue(
            bob.log.events.contains { if case .channelOpen(_, theirs, "files", true) = $0 { true } else { false } })
        XCTAssertEqual(try ann.session.channelBufferedAmount(channel), 0)
        try ann.session.closeChannel(channel)
        _ = try await bob.log.first("the channel's end") { if case .channelClose(_, theirs) = $0 { true } else { nil } }

        XCTAssertGreaterThan(try bobForAnn.stats().bytesReceived, 0)
        XCTAssertEqual(try bobForAnn.state(), .connected)
        XCTAssertGreaterThanOrEqual(try ann.videoTrack().stats().framesDecoded, 60)

        try await bob.session.leave()
        XCTAssertEqual(try bob.session.state(), .idle)
        _ = try await ann.log.first("bob is gone") { if case .peerLeft = $0 { true } else { nil } }
        assertFails(.unknownId) { try bobForAnn.wireId() }
        try ann.session.shutdown()
    }

    func testATrackIsRecordedAndItsSinkRemoved() async throws {
        let ann = try Caller(session(), name: "ann")
        let bob = try Caller(session(), name: "bob")
        try await ann.session.join("recording")
        try await bob.session.join("recording")
        try await eventually("pictures") { bob.pictures.value > 0 }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).ivf")
        defer { try? FileManager.default.removeItem(at: file) }
        let track = try bob.videoTrack()
        try track.record(path: file.path)
        let before = bob.pictures.value
        try await eventually("a recording") { try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0 > 2000 }
        try track.removeSink()
        XCTAssertEqual(bob.pictures.value, before, "the recorder took the sink's place")
        assertFails(.invalidArgument) { try track.record(path: file.path + ".mp4") }
        assertFails(.mediaFile) { try bob.session.record(try track.id(), path: "/nowhere/at/all.ivf") }
        try ann.session.shutdown()
        try bob.session.shutdown()
    }
}

/// One side of a call: sends a small test pattern and a tone, counts what comes.
final class Caller: Sendable {
    let session: Session
    let log: EventLog
    let pictures = Counter()
    let widths = Counter()
    let loud = Counter()
    private let reader: Task<Void, any Error>

    init(_ session: Session, name: String) throws {
        self.session = session
        log = EventLog(session)
        let stream = try MediaStream()
        try stream.addVideo(.testPattern(width: 160, height: 90, framesPerSecond: 30))
        try stream.addAudio(.tone(frequency: 440))
        try session.addStream(stream, metadata: "{\"role\":\"\(name)\"}")
        let (pictures, widths, loud, events) = (pictures, widths, loud, session.events)
        reader = Task { [weak session] in
            for await case .trackAdded(_, _, let id, let kind) in events {
                guard let track = try session?.remoteTrack(id) else { return }
                switch kind {
                case .video:
                    try track.setVideoSink { frame in
                        widths.add(try frame.withPlanes { planes, layout in
                            XCTAssertEqual(planes.count, 3)
                            XCTAssertGreaterThanOrEqual(planes[0].count, layout.strides[0] * 89 + 160)
                            return layout.width
                        })
                        pictures.add()
                    }
                case .audio:
                    try track.setAudioSink { sound in
                        if try sound.withSamples({ samples, _ in rms(samples) }) > 0.01 { loud.add() }
                    }
                }
            }
        }
    }

    deinit {
        reader.cancel()
    }

    /// Waits for the other one.
    func peer() async throws -> RemotePeer {
        try await eventually("somebody else") { try session.remotePeers().first }
    }

    func message(_ wanted: MessageKind) async throws -> String {
        try await log.first("a message") {
            if case .data(_, let data, wanted, _) = $0 { data } else { nil }
        }
    }

    func videoTrack() throws -> MediaTrack {
        let id = log.events.lazy.compactMap { if case .trackAdded(_, _, let id, .video) = $0 { id } else { nil } }.first
        return try session.remoteTrack(XCTUnwrap(id))
    }
}

/// Returns the root of the mean of the squares, where 1 is full scale.
func rms(_ samples: UnsafeBufferPointer<Int16>) -> Double {
    let energy = samples.reduce(0.0) { $0 + Double($1) * Double($1) }
    return (energy / Double(max(samples.count, 1))).squareRoot() / 32768
}
