import Foundation
import Parlor
import XCTest

/// Input that is wrong gives an error that says so.
final class BadInputTests: XCTestCase {
    /// A session that connects to nothing.
    private func session() throws -> Session {
        try Session(config("ws://127.0.0.1:9"))
    }

    func testConfigurations() throws {
        assertFails(.invalidArgument) { try Session(config("not a url")) }
        assertFails(.invalidArgument) { try Session(config("ws://call.example.org")) }
        assertFails(.invalidArgument) { try Session(config("ws://127.0.0.1:9", credential: .apiKey(key: ""))) }
        assertFails(.invalidArgument) { try Engine(config: EngineConfig(bindAddresses: ["nowhere"])) }
        let ice = SessionConfig(
            url: "ws://127.0.0.1:9", credential: .apiKey(key: "pk"), iceServers: [IceServer(urls: ["http://stun"])],
            engine: try Engine(config: EngineConfig(bindAddresses: ["127.0.0.1"])))
        assertFails(.invalidArgument) { try Session(ice) }
    }

    func testCallsOfASession() async throws {
        let session = try session()
        await assertFails(.invalidArgument) { try await session.join("") }
        await assertFails(.invalidArgument) { try await session.send("no JSON") }
        await assertFails(.unknownId) { try await session.send("1", to: 7) }
        let stream = try MediaStream()
        assertFails(.invalidArgument) { try session.addStream(stream) }
        try stream.addAudio(.tone(frequency: 440))
        assertFails(.invalidArgument) { try session.addStream(stream, metadata: "[]") }
        assertFails(.unknownId) { try session.removeStream(stream) }
        try session.addStream(stream, metadata: "{}")
        assertFails(.invalidArgument) { try session.addStream(stream) }
        assertFails(.unknownId) { try session.remoteTrack(7) }
        assertFails(.unknownId) { try session.sendText("a", on: 7) }
        assertFails(.unknownId) { try session.openChannel(to: 7, label: "a") }
        assertFails(.unknownId) { try session.remotePeer(7).state() }
    }

    func testWhatOnlyRemoteTracksCan() throws {
        let stream = try MediaStream()
        let track = try stream.addVideo(.testPattern(width: 64, height: 48, framesPerSecond: 5))
        XCTAssertEqual(try stream.tracks().map { try $0.id() }, [try track.id()])
        assertFails(.invalidState) { try track.setVideoSink { _ in } }
        assertFails(.invalidState) { try track.setAudioSink { _ in } }
        assertFails(.invalidState) { try track.removeSink() }
        assertFails(.invalidState) { try track.play(AudioPlayout()) }
        assertFails(.invalidState) { try track.record(path: "/tmp/local.ivf") }
        assertFails(.invalidState) { try track.stats() }
        for _ in 1..<8 { try stream.addAudio(.tone(frequency: 440)) }
        assertFails(.invalidState) { try stream.addAudio(.tone(frequency: 440)) }
    }

    func testSources() throws {
        assertFails(.invalidArgument) { try VideoSource.testPattern(width: 0, height: 48, framesPerSecond: 5) }
        assertFails(.mediaFile) { try VideoSource.fromFile(path: "/nowhere.ivf", mode: .decode) }
        assertFails(.mediaFile) { try AudioSource.fromFile(path: "/nowhere.ogg", mode: .decode) }
        assertFails(.mediaFile) { try Reference.fromFile(path: "/nowhere.ivf") }
        assertFails(.invalidArgument) { try AudioSource.tone(frequency: 1) }
        assertFails(.invalidArgument) { try AudioSource(channels: 3) }
        assertFails(.unsupportedCodec) { try VideoSource.encoded(codec: .opus, onKeyframeRequest: {}) }
        let samples = [Int16](repeating: 0, count: 960)
        let sound = try AudioSource(channels: 1)
        samples.withUnsafeBufferPointer { samples in
            assertFails(.invalidFrame) { try sound.push(samples, sampleRate: 44_100, channels: 1) }
            assertFails(.invalidFrame) { try sound.push(UnsafeBufferPointer(rebasing: samples[..<959]), channels: 2) }
            assertFails(.invalidState) { try AudioSource.tone(frequency: 440).push(samples, channels: 1) }
        }
    }

    func testPictures() throws {
        let source = try VideoSource()
        let bytes = [UInt8](repeating: 0, count: 64 * 48)
        bytes.withUnsafeBytes { plane in
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            let push = { (planes: [(bytes: UnsafeRawBufferPointer, stride: Int)], width: Int) in
                try source.pushPlanes(planes, format: .i420, width: width, height: 48)
            }
            assertFails(.invalidFrame) { try push([(plane, 64)], 64) }
            assertFails(.invalidFrame) { try push([(plane, 64), (plane, 32), (none, 32)], 64) }
            assertFails(.invalidFrame) { try push([(plane, 32), (plane, 32), (plane, 32)], 64) }
            assertFails(.invalidFrame) { try push([(plane, -64), (plane, 32), (plane, 32)], 64) }
            assertFails(.invalidFrame) { try push([(plane, 64), (plane, 32), (plane, 32)], -64) }
            assertFails(.invalidFrame) { try VideoFrame.copy([(plane, 64)], format: .nv12, width: 64, height: 48) }
            for count in [2, 4] {
                let planes = [(bytes: UnsafeRawBufferPointer, stride: Int)](repeating: (plane, 8), count: count)
                assertFails(.invalidFrame) { try VideoFrame.copy(planes, format: .rgba, width: 2, height: 2) }
            }
        }
        assertFails(.invalidFrame) {
            try VideoFrame.packed(format: .rgba, width: 64, height: 48, pixels: Data(bytes), timestampUs: 0)
        }
        let unfed = try VideoSource.testPattern(width: 64, height: 48, framesPerSecond: 5)
        let frame = try VideoFrame.packed(
            format: .rgba, width: 2, height: 2, pixels: Data(repeating: 0, count: 16), timestampUs: 0)
        assertFails(.invalidState) { try unfed.push(frame) }
        assertFails(.mediaFile) { try frame.writePng(path: "/nowhere/at/all.png") }
    }
}
