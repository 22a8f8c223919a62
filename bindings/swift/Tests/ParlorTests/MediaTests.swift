import Foundation
import Parlor
import XCTest

/// What an app feeds and takes by itself.
final class MediaTests: ServerTestCase {
    func testEncodedFramesGoInAndComeOutAsTheyWere() async throws {
        let (ann, bob, log) = try await pair("encoded")
        let clip = try Ivf(ivf())
        let keyframes = Counter()
        let source = try VideoSource.encoded(codec: .vp8) { keyframes.add() }
        let stream = try MediaStream()
        try stream.addVideo(source)
        try ann.addStream(stream)
        let id = try await log.first("a track") { if case .trackAdded(_, _, let id, .video) = $0 { id } else { nil } }
        let (received, decoded) = (Bytes(), Counter())
        try bob.remoteTrack(id).setVideoSink(
            encoded: { frame in
                try frame.withBytes { bytes, info in
                    XCTAssertEqual(info.codec, .vp8)
                    received.add(Data(bytes))
                }
            },
            { _ in decoded.add() })
        let feeder = Task {
            // As a camera would: a picture now and then, from a keyframe on whenever one is asked for.
            while !Task.isCancelled {
                for frame in clip.frames.prefix(25) where !Task.isCancelled {
                    let info = EncodedInfo(codec: .vp8, keyframe: frame[0] & 1 == 0, timestampUs: 0, durationUs: 0)
                    try frame.withUnsafeBytes { try source.pushEncoded($0, info) }
                    try await Task.sleep(for: .milliseconds(30))
                }
            }
        }
        try await eventually("10 frames") { received.all.count >= 10 && decoded.value >= 10 }
        feeder.cancel()
        let sent = Set(clip.frames.prefix(25))
        XCTAssertTrue(received.all.allSatisfy { sent.contains($0) }, "what comes is what was sent, byte for byte")
        XCTAssertGreaterThan(keyframes.value, 0, "who receives for the first time needs a keyframe")
        let raw = EncodedInfo(codec: .h264, keyframe: true, timestampUs: 0, durationUs: 0)
        assertFails(.invalidFrame) { try clip.frames[0].withUnsafeBytes { try source.pushEncoded($0, raw) } }
        try ann.shutdown()
        try bob.shutdown()
    }

    func testSoundIsPushedAndPulled() async throws {
        let (ann, bob, log) = try await pair("sound")
        let (whole, float, packets) = (try AudioSource(channels: 1), try AudioSource(channels: 2), try AudioSource.encoded())
        let stream = try MediaStream()
        for source in [whole, float, packets] {
            try stream.addAudio(source)
        }
        try ann.addStream(stream)
        let ids = try await eventually("three tracks") {
            let ids = log.events.compactMap { if case .trackAdded(_, _, let id, .audio) = $0 { id } else { nil } }
            return ids.count == 3 ? ids : nil
        }
        let tone = (0..<960).map { sin(Double($0) * 2 * .pi * 10 / 960) }
        let shorts = tone.map { Int16($0 * 8000) }
        let floats = tone.flatMap { [Float($0) / 4, Float($0) / 4] }
        let feeder = Task {
            while !Task.isCancelled {
                try shorts.withUnsafeBufferPointer { try whole.push($0, channels: 1) }
                try floats.withUnsafeBufferPointer { try float.push($0, channels: 2) }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        let playouts = try ids.map { id in
            let playout = try AudioPlayout()
            try bob.remoteTrack(id).play(playout)
            return playout
        }
        var buffer = [Int16](repeating: 0, count: 1920)
        var levels = [0.0, 0.0]
        try await eventually("both tones") {
            for track in 0..<2 {
                let audible = try buffer.withUnsafeMutableBufferPointer { try playouts[track].pull(into: $0) }
                if audible > 0 { levels[track] = max(levels[track], buffer.withUnsafeBufferPointer(rms)) }
            }
            return levels.allSatisfy { $0 > 0.05 }
        }
        // The packets of one track are sent again on another.
        let relay = try bob.remoteTrack(ids[0])
        try relay.setAudioSink(encoded: { packet in
            try packet.withBytes { bytes, info in
                XCTAssertEqual(info.codec, .opus)
                let info = EncodedInfo(codec: .opus, keyframe: true, timestampUs: 0, durationUs: info.durationUs)
                try packets.pushEncoded(bytes, info)
            }
        }, nil)
        let loud = Counter()
        try bob.remoteTrack(ids[2]).setAudioSink { sound in
            let level = try sound.withSamples { samples, layout in
                XCTAssertEqual([layout.sampleRate, layout.channels], [48_000, 2])
                return rms(samples)
            }
            if level > 0.05 { loud.add() }
        }
        try await eventually("the packets' sound") { loud.value >= 10 }
        feeder.cancel()
        try ann.shutdown()
        try bob.shutdown()
    }

    func testPicturesArePushedFromTheAppsMemory() async throws {
        let (ann, bob, log) = try await pair("pictures")
        let source = try VideoSource()
        let stream = try MediaStream()
        try stream.addVideo(source)
        try ann.addStream(stream)
        let id = try await log.first("a track") { if case .trackAdded(_, _, let id, .video) = $0 { id } else { nil } }
        let bright = Counter()
        try bob.remoteTrack(id).setVideoSink { frame in
            try frame.withPlanes { planes, layout in
                XCTAssertEqual([layout.width, layout.height], [64, 48])
                if abs(Int(planes[0][0]) - 200) < 20 { bright.add() }
            }
        }
        // Rows that are longer than the picture is wide.
        let (luma, chroma) = ([UInt8](repeating: 200, count: 80 * 48), [UInt8](repeating: 128, count: 40 * 24))
        let feeder = Task {
            while !Task.isCancelled {
                try luma.withUnsafeBytes { y in
                    try chroma.withUnsafeBytes { c in
                        try source.pushPlanes([(y, 80), (c, 40), (c, 40)], format: .i420, width: 64, height: 48)
                    }
                }
                try await Task.sleep(for: .milliseconds(30))
            }
        }
        try await eventually("bright pictures") { bright.value >= 3 }
        feeder.cancel()
        XCTAssertGreaterThanOrEqual(try source.frames(), 3)
        try ann.shutdown()
        try bob.shutdown()
    }

    func testReceivedPicturesAreComparedWithWhatWasSent() async throws {
        let (ann, bob, log) = try await pair("compared")
        let stream = try MediaStream()
        try stream.addVideo(.testPattern(width: 320, height: 180, framesPerSecond: 30))
        try ann.addStream(stream)
        let id = try await log.first("a track") { if case .trackAdded(_, _, let id, .video) = $0 { id } else { nil } }
        let reference = try Reference.testPattern(width: 320, height: 180)
        let good = Counter()
        try bob.remoteTrack(id).setVideoSink { if try reference.psnr(frame: $0) > 25 { good.add() } }
        try await eventually("good pictures") { good.value >= 5 }
        try ann.shutdown()
        try bob.shutdown()
    }

    /// Joins two sessions and returns them and what the second is told.
    private func pair(_ channel: String) async throws -> (Session, Session, EventLog) {
        let (ann, bob) = (try session(), try session())
        let log = EventLog(bob)
        try await ann.join(channel)
        try await bob.join(channel)
        return (ann, bob, log)
    }
}

/// Byte strings that several threads add to.
private final class Bytes: @unchecked Sendable {
    private let lock = NSLock()
    private var added: [Data] = []

    var all: [Data] {
        lock.withLock { added }
    }

    func add(_ data: Data) {
        lock.withLock { added.append(data) }
    }
}

/// Returns the repository's clip.
private func ivf() throws -> Data {
    let path = try XCTUnwrap(ProcessInfo.processInfo.environment["PARLOR_MEDIA"], "names examples/media")
    return try Data(contentsOf: URL(fileURLWithPath: path).appendingPathComponent("bunny.ivf"))
}

/// The frames of an IVF file: a header of 32 bytes, then for each frame its length, its time stamp and its bytes.
private struct Ivf {
    let frames: [Data]

    init(_ file: Data) throws {
        var frames: [Data] = []
        var at = 32
        while at + 12 <= file.count {
            let length = (0..<4).reduce(0) { $0 | Int(file[at + $1]) << (8 * $1) }
            frames.append(Data(file[(at + 12)..<(at + 12 + length)]))
            at += 12 + length
        }
        self.frames = frames
    }
}
