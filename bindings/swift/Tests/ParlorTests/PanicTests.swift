import Foundation
import Parlor
import ParlorEngine
import XCTest

/// No panic of the engine crosses: behind each exported function one becomes an error of kind internal.
final class PanicTests: ServerTestCase {
    func testAPanicBehindEachFunctionIsAnErrorOfKindInternal() async throws {
        let ann = try Caller(session(), name: "ann")
        let quiet = Quiet()
        let bob = try ParlorEngine.Session(config: config(Self.server().url), listener: quiet)
        try await ann.session.join("panics")
        try await bob.join(channel: "panics").done()
        let sounds = Kept()
        try await eventually("tracks") { !quiet.tracks.isEmpty && quiet.tracks.count == 2 }
        for id in quiet.tracks {
            let track = try bob.remoteTrack(trackId: id)
            switch try track.kind() {
            case .video: try track.setVideoSink(encoded: { sounds.keep($0) }, nil)
            case .audio: try track.setAudioSink { sounds.keep($0) }
            }
        }
        let (sound, encoded) = try await eventually("frames") { sounds.both }
        let calls = try Calls(session: bob, sound: sound, encoded: encoded)

        let symbol = try XCTUnwrap(dlsym(UnsafeMutableRawPointer(bitPattern: 0), "parlor_test_panics"), "a library with test hooks")
        typealias Hook = @convention(c) (Int32) -> Void
        let panics = unsafeBitCast(symbol, to: Hook.self)
        var outcomes: [String: Status?] = [:]
        // Each panic is told on standard error, which nobody wants to read here.
        let (told, nowhere) = (dup(2), open("/dev/null", O_WRONLY))
        dup2(nowhere, 2)
        panics(1)
        for (name, call) in calls.all {
            do {
                try call()
                outcomes[name] = .some(nil)
            } catch {
                outcomes[name] = (error as? ParlorEngine.ParlorError)?.status
            }
        }
        do {
            try await calls.request.done()
            outcomes["method_request_done"] = .some(nil)
        } catch {
            outcomes["method_request_done"] = (error as? ParlorEngine.ParlorError)?.status
        }
        panics(0)
        dup2(told, 2)
        close(told)
        close(nowhere)
        XCTAssertEqual(outcomes.filter { $0.value != .internal }, [:])
        XCTAssertEqual(Set(outcomes.keys), try exported(), "what is exported and what is called here")
        // And it all works again.
        XCTAssertEqual(try bob.state(), .joined)
        try await bob.send(data: "1").done()
        try bob.shutdown()
        try ann.session.shutdown()
    }

    /// Returns what the library exports: the generated code asks for a checksum of each, and of what apps implement.
    private func exported() throws -> Set<String> {
        let package = try XCTUnwrap(ProcessInfo.processInfo.environment["PARLOR_PACKAGE"], "names the staged package")
        let code = try String(contentsOfFile: package + "/Sources/ParlorEngine/ParlorEngine.swift", encoding: .utf8)
        let implemented = ["sessionlistener", "videosink", "audiosink", "encodedsourceobserver", "logsink"]
        let names = code.matches(of: /uniffi_parlor_uniffi_checksum_((?:method|func|constructor)_\w+)\(\)/).map { String($0.1) }
        return Set(names.filter { name in !implemented.contains { name.hasPrefix("method_\($0)_") } })
    }
}

/// Keeps the ids of the tracks that come.
private final class Quiet: ParlorEngine.SessionListener, @unchecked Sendable {
    private let lock = NSLock()
    private var ids: [UInt64] = []

    var tracks: [UInt64] {
        lock.withLock { ids }
    }

    func onEvent(event: Event) {
        guard case .trackAdded(_, _, let id, _) = event else { return }
        lock.withLock { ids.append(id) }
    }
}

/// Keeps a frame of each kind.
private final class Kept: @unchecked Sendable {
    private let lock = NSLock()
    private var sound: AudioFrame?
    private var encoded: EncodedFrame?

    var both: (AudioFrame, EncodedFrame)? {
        lock.withLock { sound.flatMap { sound in encoded.map { (sound, $0) } } }
    }

    func keep(_ frame: AudioFrame) {
        lock.withLock { sound = frame }
    }

    func keep(_ frame: EncodedFrame) {
        lock.withLock { encoded = frame }
    }
}

/// A call of each exported function, under the name that its checksum has.
private struct Calls {
    let all: [String: () throws -> Void]
    let request: ParlorEngine.Request

    init(session: ParlorEngine.Session, sound: AudioFrame, encoded: EncodedFrame) throws {
        let request = try session.send(data: "1")
        self.request = request
        let stream = try MediaStream()
        let (video, audio) = (try VideoSource(), try AudioSource(channels: 1))
        let track = try stream.addVideo(source: video)
        let frame = try VideoFrame.packed(
            format: .rgba, width: 2, height: 2, pixels: Data(count: 16), timestampUs: 0)
        let (playout, reference) = (try AudioPlayout(), try Reference.testPattern(width: 2, height: 2))
        let peer = try session.remotePeer(peerId: 1)
        let info = EncodedInfo(codec: .vp8, keyframe: true, timestampUs: 0, durationUs: 0)
        let observer = NoObserver()
        var all: [String: () throws -> Void] = [:]
        func add<T>(_ name: String, _ call: @escaping () throws -> T) {
            all[name] = { _ = try call() }
        }
        add("func_live_objects") { try Parlor.liveObjects() }
        add("func_set_log_sink") { try Parlor.setLogSink(.error, nil) }
        add("func_time_us") { try Parlor.timeUs() }
        add("func_version") { try Parlor.version() }
        add("constructor_audioplayout_new") { try AudioPlayout() }
        add("constructor_audiosource_encoded") { try AudioSource.encoded() }
        add("constructor_audiosource_from_file") { try AudioSource.fromFile(path: "", mode: .decode) }
        add("constructor_audiosource_new") { try AudioSource(channels: 1) }
        add("constructor_audiosource_tone") { try AudioSource.tone(frequency: 440) }
        add("constructor_engine_new") { try Engine(config: EngineConfig()) }
        add("constructor_mediastream_new") { try MediaStream() }
        add("constructor_reference_from_file") { try Reference.fromFile(path: "") }
        add("constructor_reference_test_pattern") { try Reference.testPattern(width: 2, height: 2) }
        add("constructor_session_new") {
            try Parlor.Session(SessionConfig(url: "ws://127.0.0.1:9", credential: .tokenOnDemand))
        }
        add("constructor_videoframe_copy") { try VideoFrame.copy(layout: 0) }
        add("constructor_videoframe_packed") {
            try VideoFrame.packed(format: .rgba, width: 2, height: 2, pixels: Data(count: 16), timestampUs: 0)
        }
        add("constructor_videosource_encoded") { try VideoSource.encoded(codec: .vp8, observer: observer) }
        add("constructor_videosource_from_file") { try VideoSource.fromFile(path: "", mode: .decode) }
        add("constructor_videosource_new") { try VideoSource() }
        add("constructor_videosource_test_pattern") {
            try VideoSource.testPattern(width: 64, height: 48, framesPerSecond: 5)
        }
        add("method_audioframe_layout") { try sound.layout() }
        add("method_audioframe_release") { try sound.release() }
        add("method_audioplayout_pull") { try playout.pull(address: 0, sampleCount: 0) }
        add("method_audiosource_push_encoded") { try audio.pushEncoded(info: info, bytes: Data([0])) }
        add("method_audiosource_push_f32") {
            try audio.pushF32(address: 0, sampleCount: 0, sampleRate: 48_000, channels: 1, capturedUs: 0)
        }
        add("method_audiosource_push_i16") {
            try audio.pushI16(address: 0, sampleCount: 0, sampleRate: 48_000, channels: 1, capturedUs: 0)
        }
        add("method_encodedframe_layout") { try encoded.layout() }
        add("method_encodedframe_release") { try encoded.release() }
        add("method_mediastream_add_audio") { try stream.addAudio(source: audio) }
        add("method_mediastream_add_video") { try stream.addVideo(source: video) }
        add("method_mediastream_id") { try stream.id() }
        add("method_mediastream_tracks") { try stream.tracks() }
        add("method_mediatrack_id") { try track.id() }
        add("method_mediatrack_kind") { try track.kind() }
        add("method_mediatrack_play") { try track.play(playout: playout) }
        add("method_mediatrack_record") { try track.record(path: "") }
        add("method_mediatrack_set_audio_sink") { try track.setAudioSink(sink: nil) }
        add("method_mediatrack_set_video_sink") { try track.setVideoSink(sink: nil) }
        add("method_mediatrack_stats") { try track.stats() }
        add("method_reference_psnr") { try reference.psnr(frame: frame) }
        add("method_remotepeer_id") { try peer.id() }
        add("method_remotepeer_metadata") { try peer.metadata() }
        add("method_remotepeer_open_channel") { try peer.openChannel(label: "", options: DataChannelOptions()) }
        add("method_remotepeer_send") { try peer.send(data: "1") }
        add("method_remotepeer_state") { try peer.state() }
        add("method_remotepeer_stats") { try peer.stats() }
        add("method_remotepeer_wire_id") { try peer.wireId() }
        add("method_request_abandon") { try request.abandon() }
        add("method_request_id") { try request.id() }
        add("method_session_add_stream") { try session.addStream(stream: stream) }
        add("method_session_channel_buffered_amount") { try session.channelBufferedAmount(channelId: 1) }
        add("method_session_close_channel") { try session.closeChannel(channelId: 1) }
        add("method_session_join") { try session.join(channel: "panics") }
        add("method_session_leave") { try session.leave() }
        add("method_session_network_changed") { try session.networkChanged() }
        add("method_session_open_channel") {
            try session.openChannel(peerId: 1, label: "", options: DataChannelOptions())
        }
        add("method_session_peer_id") { try session.peerId() }
        add("method_session_provide_token") { try session.provideToken(requestId: 1, token: nil) }
        add("method_session_record") { try session.record(trackId: 1, path: "") }
        add("method_session_remote_peer") { try session.remotePeer(peerId: 1) }
        add("method_session_remote_peers") { try session.remotePeers() }
        add("method_session_remote_track") { try session.remoteTrack(trackId: 1) }
        add("method_session_remove_stream") { try session.removeStream(stream: stream) }
        add("method_session_send") { try session.send(data: "1") }
        add("method_session_send_bytes") { try session.sendBytes(channelId: 1, bytes: Data([1])) }
        add("method_session_send_text") { try session.sendText(channelId: 1, text: "1") }
        add("method_session_send_to") { try session.sendTo(peerId: 1, data: "1") }
        add("method_session_shutdown") { try session.shutdown() }
        add("method_session_state") { try session.state() }
        add("method_videoframe_convert") { try frame.convert(format: .i420) }
        add("method_videoframe_layout") { try frame.layout() }
        add("method_videoframe_release") { try frame.release() }
        add("method_videoframe_write_png") { try frame.writePng(path: "") }
        add("method_videosource_frames") { try video.frames() }
        add("method_videosource_push") { try video.push(frame: frame) }
        add("method_videosource_push_encoded") { try video.pushEncoded(info: info, bytes: Data([0])) }
        add("method_videosource_push_planes") { try video.pushPlanes(layout: 0) }
        self.all = all
    }
}

private final class NoObserver: ParlorEngine.EncodedSourceObserver {
    func onKeyframeRequest() {}
    func onTargetBitrate(bitsPerSecond: UInt64) {}
}
