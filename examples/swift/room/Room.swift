import Parlor

/// A camera and a microphone in a channel, and who else is there.
@MainActor
final class Room {
    private let session: Session
    private var watching: Task<Void, Never>?

    /// What the others call themselves on the wire, by the number that events carry.
    private var names: [UInt64: String] = [:]

    init(url: String, key: String) throws {
        session = try Session(SessionConfig(url: url, credential: .apiKey(key: key)))

        // A test pattern and a tone stand for the devices. The others get the metadata with the stream.
        let camera = try MediaStream()
        try camera.addVideo(.testPattern(width: 640, height: 360, framesPerSecond: 30))
        try camera.addAudio(.tone(frequency: 440))
        try session.addStream(camera, metadata: #"{"role":"camera"}"#)

        // It ends when the session does. The task holds the room weakly: a room that is forgotten leaves.
        let events = session.events
        watching = Task { [weak self] in
            for await event in events {
                self?.onEvent(event)
            }
        }
    }

    func join(_ channel: String) async throws {
        try await session.join(channel)
    }

    func leave() async throws {
        try await session.leave()
    }

    /// Gives everything back; a session that has not left leaves now.
    func close() async throws {
        try session.shutdown()
        await watching?.value
    }

    private func onEvent(_ event: Event) {
        switch event {
        case .joined(let name, let channel):
            print("joined \(channel) as \(name)")
        case .left(let reason):
            print(reason.map { "left: \($0)" } ?? "left")
        case .peerJoined(let peer, let name, _):
            names[peer] = name
            print("\(name) joined")
        case .peerStateChange(let peer, _, let state):
            print("\(name(of: peer)) is \(state)")
        case .streamAdded(let peer, _, _, let metadata):
            print("\(name(of: peer)) sends \(metadata ?? "a stream")")
        case .streamRemoved(let peer, _):
            print("\(name(of: peer)) sends a stream no more")
        case .peerLeft(let peer):
            print("\(name(of: peer)) left")
            names[peer] = nil
        case .error(_, let reason):
            print("error: \(reason)")
        default:
            break
        }
    }

    private func name(of peer: UInt64) -> String {
        names[peer] ?? "somebody"
    }
}
