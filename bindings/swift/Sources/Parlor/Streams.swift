import ParlorEngine

/// A set of tracks that belong together, such as a camera and its microphone. Tracks are added before the stream is added
/// to a session, which then keeps it.
public typealias MediaStream = ParlorEngine.MediaStream
/// A track: one of this process's, or one that a remote peer sends. What can only be asked of a remote track answers
/// `invalidState` for a local one, and `unknownId` once it has ended.
public typealias MediaTrack = ParlorEngine.MediaTrack

extension MediaStream {
    /// Adds a video track.
    ///
    /// Errors: `invalidState` when the stream has 8 tracks.
    @discardableResult
    public func addVideo(_ source: VideoSource) throws -> MediaTrack {
        try addVideo(source: source)
    }

    /// Adds an audio track.
    ///
    /// Errors: `invalidState` when the stream has 8 tracks.
    @discardableResult
    public func addAudio(_ source: AudioSource) throws -> MediaTrack {
        try addAudio(source: source)
    }
}

extension MediaTrack {
    /// Receives a remote video track: a closure for decoded pictures, for encoded frames before they are decoded, or both;
    /// without the first, pictures are not decoded. They are called on a media thread, one call at a time, and must not
    /// block: a slow one loses frames. What they throw is logged.
    ///
    /// Errors: `invalidState` for a local track; `unknownId` when it has ended; `closed`.
    public func setVideoSink(
        encoded: (@Sendable (EncodedFrame) throws -> Void)? = nil, _ picture: (@Sendable (VideoFrame) throws -> Void)?
    ) throws {
        let sink = Sink(decoded: picture, encoded: encoded)
        try setVideoSink(sink: sink.map(VideoSinkBridge.init))
    }

    /// Receives a remote audio track: a closure for each 20 ms of sound (48 kHz stereo, losses concealed), for each Opus
    /// packet as it arrives, or both. They are called on the playout thread and must not block. What they throw is logged.
    ///
    /// Errors: `invalidState` for a local track; `unknownId` when it has ended; `closed`.
    public func setAudioSink(
        encoded: (@Sendable (EncodedFrame) throws -> Void)? = nil, _ sound: (@Sendable (AudioFrame) throws -> Void)?
    ) throws {
        let sink = Sink(decoded: sound, encoded: encoded)
        try setAudioSink(sink: sink.map(AudioSinkBridge.init))
    }

    /// Receives nothing more of a remote track; a call under way on another thread has returned then.
    public func removeSink() throws {
        switch try kind() {
        case .video: try setVideoSink(sink: nil)
        case .audio: try setAudioSink(sink: nil)
        }
    }

    /// Mixes a remote audio track into what a playout plays, in place of its sink.
    public func play(_ playout: AudioPlayout) throws {
        try play(playout: playout)
    }
}

/// The closures of a sink, of which there is at least one.
private struct Sink<Decoded: Sendable>: Sendable {
    let decoded: (@Sendable (Decoded) throws -> Void)?
    let encoded: (@Sendable (EncodedFrame) throws -> Void)?

    init?(
        decoded: (@Sendable (Decoded) throws -> Void)?, encoded: (@Sendable (EncodedFrame) throws -> Void)?
    ) {
        if decoded == nil && encoded == nil { return nil }
        self.decoded = decoded
        self.encoded = encoded
    }

    var wants: SinkWants {
        if decoded == nil { return .encoded }
        return encoded == nil ? .decoded : .both
    }
}

private final class VideoSinkBridge: ParlorEngine.VideoSink {
    private let sink: Sink<VideoFrame>

    init(_ sink: Sink<VideoFrame>) {
        self.sink = sink
    }

    func wants() -> SinkWants {
        sink.wants
    }

    func onFrame(frame: VideoFrame, layout: UInt64) throws {
        try crossing { try sink.decoded?(frame) }
    }

    func onEncoded(frame: EncodedFrame) throws {
        try crossing { try sink.encoded?(frame) }
    }
}

private final class AudioSinkBridge: ParlorEngine.AudioSink {
    private let sink: Sink<AudioFrame>

    init(_ sink: Sink<AudioFrame>) {
        self.sink = sink
    }

    func wants() -> SinkWants {
        sink.wants
    }

    func onFrame(frame: AudioFrame) throws {
        try crossing { try sink.decoded?(frame) }
    }

    func onEncoded(frame: EncodedFrame) throws {
        try crossing { try sink.encoded?(frame) }
    }
}
