import Foundation
import ParlorEngine

/// Receives a session's events, one at a time, on a thread of the session's own.
///
/// It may call everything. What it throws is logged and changes nothing. A session holds its listener weakly, so that an
/// object may own a session and be its listener.
public protocol SessionListener: AnyObject, Sendable {
    /// Called for each event.
    func onEvent(_ event: Event) throws
}

/// A call: one connection to the server, one channel, one link to each remote peer.
///
/// Every function may be called from any thread, also from inside a callback, and none blocks for the network. A session
/// without references leaves by itself, in the background.
public final class Session: Sendable {
    /// Answers each `tokenNeeded` with a token of the app's backend; nil, or what it throws, means that there is none.
    public typealias TokenProvider = @Sendable () async throws -> String?

    private let core: ParlorEngine.Session
    private let dispatch = Dispatch()

    /// Makes a session; it does not connect yet.
    ///
    /// With `tokens`, which is for `Credential.tokenOnDemand`, the session asks for each token by itself. Without, the app
    /// answers `Event.tokenNeeded` by `provideToken`.
    ///
    /// Errors: `invalidArgument` when the URL, the credential or an ICE server is not well-formed; `unsupportedCodec` when
    /// a codec is not compiled in; `connectionFailed` when the default engine can open no socket.
    public init(_ config: SessionConfig, tokens: TokenProvider? = nil) throws {
        core = try ParlorEngine.Session(config: config, listener: dispatch)
        if let tokens {
            dispatch.answerTokens(of: core, from: tokens)
        }
    }

    deinit {
        // Only a panic of the engine fails here, and then there is nobody to tell.
        try? shutdown()
    }

    /// Who is called for each event, before the readers of `events`; held weakly.
    public var listener: (any SessionListener)? {
        get { dispatch.listener }
        set { dispatch.listener = newValue }
    }

    /// The events from now on; each call gives a stream of its own, which ends with the session.
    ///
    /// A stream keeps up to 4,096 events that were not read yet. One whose reader falls further behind ends, rather than
    /// lose some of them without a word; the app then takes a new one and asks for what is there now (`remotePeers`).
    public var events: AsyncStream<Event> {
        dispatch.stream()
    }

    // MARK: Joining and leaving

    /// Joins a channel and returns when the session is in it. When the task is cancelled, the join becomes a leave.
    ///
    /// Errors: `invalidArgument` for a name that no server accepts, `invalidState` when the session is in a channel,
    /// `closed`, why the server refused; `CancellationError` when the task was cancelled.
    public func join(_ channel: String) async throws {
        try await startJoin(channel).finish()
    }

    /// Leaves; it ends within a bound, whatever the network does, and goes on when the task is cancelled. Streams stay
    /// added, and the session may join again.
    ///
    /// Errors: `closed`; `CancellationError` when the task was cancelled.
    public func leave() async throws {
        try await startLeave().finish()
    }

    /// Starts joining, for code that is not async; `requestDone` tells the end.
    @discardableResult
    public func startJoin(_ channel: String) throws -> Request {
        try core.join(channel: channel)
    }

    /// Starts leaving, for code that is not async; `requestDone` tells the end.
    @discardableResult
    public func startLeave() throws -> Request {
        try core.leave()
    }

    /// Ends the session: it leaves in the background, and no listener is called after this returns, except the one that it
    /// is called from. All streams of events end, and every later call answers `closed`.
    public func shutdown() throws {
        defer { dispatch.end() }
        try core.shutdown()
    }

    /// Answers `tokenNeeded`; nil means that there is no token, and the attempt to connect fails.
    public func provideToken(_ token: String?, for requestId: UInt64) throws {
        try core.provideToken(requestId: requestId, token: token)
    }

    /// Says that the device is on another network: on phones, from the platform's own notice; Linux needs no call.
    public func networkChanged() throws {
        try core.networkChanged()
    }

    // MARK: Streams

    /// Adds a stream; everyone in the channel gets it, now or when the session joins. `metadata` is a JSON object that
    /// receivers get with `streamAdded`.
    ///
    /// Errors: `invalidArgument` when the metadata is no JSON object, or the stream has no track or was added before;
    /// `closed`.
    public func addStream(_ stream: MediaStream, metadata: String? = nil) throws {
        try core.addStream(stream: stream, metadata: metadata)
    }

    /// Takes a stream back.
    ///
    /// Errors: `unknownId` when the session does not have it; `closed`.
    public func removeStream(_ stream: MediaStream) throws {
        try core.removeStream(stream: stream)
    }

    // MARK: Messages

    /// Sends a JSON text to everyone in the channel and returns when the server has it. When the task is cancelled, it is
    /// sent all the same.
    ///
    /// Errors: `invalidArgument` when it is no JSON; `closed`, why the server refused; `CancellationError` when the task
    /// was cancelled.
    public func send(_ data: String) async throws {
        try await startSend(data).finish()
    }

    /// Sends a JSON text to one peer; otherwise as `send` to all.
    ///
    /// Errors: `unknownId` when there is no such peer; as `send` to all.
    public func send(_ data: String, to peerId: UInt64) async throws {
        try await startSend(data, to: peerId).finish()
    }

    /// Starts sending, for code that is not async; `requestDone` tells the end.
    @discardableResult
    public func startSend(_ data: String) throws -> Request {
        try core.send(data: data)
    }

    /// Starts sending to one peer, for code that is not async; `requestDone` tells the end.
    @discardableResult
    public func startSend(_ data: String, to peerId: UInt64) throws -> Request {
        try core.sendTo(peerId: peerId, data: data)
    }

    // MARK: Data channels

    /// Opens a data channel straight to a peer and returns its id; it is open at `channelOpen`, and what is sent before
    /// waits.
    ///
    /// Errors: `unknownId` when there is no such peer; `invalidArgument` for a label of more than 65,535 bytes or both
    /// kinds of limits; `closed`.
    public func openChannel(
        to peerId: UInt64, label: String, options: DataChannelOptions = DataChannelOptions()
    ) throws -> UInt64 {
        try core.openChannel(peerId: peerId, label: label, options: options)
    }

    /// Sends a text on a data channel, whoever opened it.
    ///
    /// Errors: `busy` when more than 1 MiB or 256 messages wait in it, and `channelWritable` says when to go on;
    /// `payloadTooLarge` for more than the peer takes; `unknownId` when there is no such channel; `closed`.
    public func sendText(_ text: String, on channelId: UInt64) throws {
        try core.sendText(channelId: channelId, text: text)
    }

    /// Sends bytes on a data channel, which are copied; otherwise as `sendText`.
    public func sendBytes(_ bytes: Data, on channelId: UInt64) throws {
        try core.sendBytes(channelId: channelId, bytes: bytes)
    }

    /// Closes a data channel, whoever opened it; what waits in it is lost.
    ///
    /// Errors: `unknownId` when there is no such channel; `closed`.
    public func closeChannel(_ channelId: UInt64) throws {
        try core.closeChannel(channelId: channelId)
    }

    /// Returns how many bytes wait in a data channel beside the 1 MiB that its link has in flight.
    ///
    /// Errors: `unknownId` when there is no such channel; `closed`.
    public func channelBufferedAmount(_ channelId: UInt64) throws -> UInt64 {
        try core.channelBufferedAmount(channelId: channelId)
    }

    // MARK: What is there now

    /// Returns the session's state.
    public func state() throws -> SessionState {
        try core.state()
    }

    /// Returns this session's own peer id on the wire, once the server has given it.
    public func peerId() throws -> String? {
        try core.peerId()
    }

    /// Returns the remote peers, in the order in which they came.
    public func remotePeers() throws -> [RemotePeer] {
        try core.remotePeers().map(RemotePeer.init)
    }

    /// Returns the remote peer that an event names. One that has left by now answers `unknownId`.
    public func remotePeer(_ peerId: UInt64) throws -> RemotePeer {
        try RemotePeer(core.remotePeer(peerId: peerId))
    }

    /// Returns the remote track that `trackAdded` names, to receive it.
    ///
    /// Errors: `unknownId` when there is no such remote track; `closed`.
    public func remoteTrack(_ trackId: UInt64) throws -> MediaTrack {
        try core.remoteTrack(trackId: trackId)
    }

    /// Records a remote track into a file, in place of its sink. The name's end says what is written: `.ivf` a video
    /// track's frames as they came, `.ogg` an audio track's packets as they came, `.wav` its sound as it is played.
    ///
    /// Errors: `invalidArgument` for another end of the name, `mediaFile` when the file cannot be made, `unknownId` when
    /// there is no such remote track, `closed`.
    public func record(_ trackId: UInt64, path: String) throws {
        try core.record(trackId: trackId, path: path)
    }
}
