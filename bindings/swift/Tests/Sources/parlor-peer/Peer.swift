import Foundation
import Parlor

/// The session of this process and what the tests do with it. Only the main thread uses it.
final class Peer {
    /// A picture that a busy machine can carry several times.
    private static let picture = (width: UInt32(320), height: UInt32(180), rate: UInt32(15))
    /// The tone's frequency in hertz.
    private static let tone: Float = 440

    private var made: Session?
    private let recorder = Recorder()
    private var streams: [String: MediaStream] = [:]

    /// Carries out a command and returns what it answers.
    func answer(_ command: Fields) throws -> Any? {
        let call = Arguments(command)
        switch try call.text("call") {
        case "create":
            try create(call)
        case "provide-token":
            try session().provideToken(command["token"] as? String, for: call.number("request"))
        case "join":
            return try session().startJoin(call.text("channel")).id()
        case "leave":
            return try session().startLeave().id()
        case "close":
            try session().shutdown()
        case "add-stream":
            try addStream(call)
        case "remove-stream":
            let name = try call.text("stream")
            guard let stream = streams[name] else { throw unknown("such stream") }
            try session().removeStream(stream)
            streams[name] = nil
        case "send":
            let data = json(command["data"] ?? NSNull())
            guard let to = command["to"] as? String else { return try session().startSend(data).id() }
            return try session().startSend(data, to: remote(to).id()).id()
        case "open-channel":
            return try openChannel(call)
        case "send-on-channel":
            try sendOnChannel(call)
        case "fill-channel":
            return try fill(call.number("channel"), messages: Int(call.number("messages")), bytes: Int(call.number("bytes")))
        case "close-channel":
            try session().closeChannel(call.number("channel"))
        case "state":
            return try state()
        case "received":
            return recorder.received(from: try call.text("peer")).take()
        case "peer-stats":
            return try peerStats(remote(call.text("peer")).stats())
        case "track-stats":
            return try trackStats()
        case let other:
            throw ParlorError.Failed(status: .invalidArgument, reason: "there is no call \(other)")
        }
        return nil
    }

    /// Ends the session; the process may end.
    func end() throws {
        try made?.shutdown()
    }

    private func session() throws -> Session {
        guard let made else { throw unknown("session yet") }
        return made
    }

    /// Finds a peer that is in the channel by its id on the wire.
    private func remote(_ id: String) throws -> RemotePeer {
        guard let found = try session().remotePeers().first(where: { try $0.wireId() == id }) else {
            throw unknown("such peer")
        }
        return found
    }

    private func create(_ call: Arguments) throws {
        let key = call.fields["key"] as? String
        let token = call.fields["token"] as? String
        let credential: Credential =
            if let key { .apiKey(key: key) } else if let token { .token(token: token) } else { .tokenOnDemand }
        let addresses = call.fields["addresses"] as? [String] ?? []
        let config = try SessionConfig(
            url: call.text("url"), credential: credential,
            includeSenderMetadata: call.fields["include_sender_metadata"] as? Bool ?? false,
            engine: Engine(config: EngineConfig(bindAddresses: addresses)))
        let session = try Session(config)
        recorder.session = session
        session.listener = recorder
        made = session
    }

    private func addStream(_ call: Arguments) throws {
        let stream = try MediaStream()
        for kind in call.fields["tracks"] as? [String] ?? [] {
            switch kind {
            case "audio":
                try stream.addAudio(.tone(frequency: Self.tone))
            default:
                let (width, height, rate) = Self.picture
                try stream.addVideo(.testPattern(width: width, height: height, framesPerSecond: rate))
            }
        }
        try session().addStream(stream, metadata: (call.fields["metadata"] as? Fields).map(json))
        streams[try call.text("stream")] = stream
    }

    private func openChannel(_ call: Arguments) throws -> UInt64 {
        let options = DataChannelOptions(
            ordered: call.fields["ordered"] as? Bool ?? true,
            maxRetransmits: (call.fields["max_retransmits"] as? Int).flatMap(UInt16.init(exactly:)))
        let label = try call.text("label")
        let channel = try remote(call.text("to")).openChannel(label: label, options: options)
        recorder.note(channel: channel, label: label)
        return channel
    }

    private func sendOnChannel(_ call: Arguments) throws {
        let channel = try call.number("channel")
        switch (call.fields["text"] as? String, (call.fields["bytes"] as? String).flatMap(bytes(ofHex:))) {
        case (let text?, nil): try session().sendText(text, on: channel)
        case (nil, let bytes?): try session().sendBytes(bytes, on: channel)
        default: throw ParlorError.Failed(status: .invalidArgument, reason: "neither a text nor bytes")
        }
    }

    private func fill(_ channel: UInt64, messages: Int, bytes: Int) throws -> Int {
        let text = String(repeating: "x", count: bytes)
        for taken in 0..<messages {
            do {
                try session().sendText(text, on: channel)
            } catch let error as ParlorError where error.status == .busy {
                return taken
            }
        }
        return messages
    }

    private func state() throws -> Fields {
        let session = try session()
        let remotes: [Fields] = try session.remotePeers().map { peer in
            try ["id": peer.wireId(), "state": spelled(peer.state()), "object": peer.id()]
        }
        return try [
            "state": spelled(session.state()), "id": session.peerId() ?? NSNull(), "remotes": remotes,
        ]
    }

    private func peerStats(_ stats: PeerStats) -> Fields {
        [
            "roundTripMs": stats.roundTripUs.map { Double($0) / 1000 } ?? NSNull(),
            "bytesSent": stats.bytesSent,
            "bytesReceived": stats.bytesReceived,
            "packetsReceived": stats.packetsReceived,
            "packetsLost": stats.packetsLost,
        ]
    }

    private func trackStats() throws -> [Fields] {
        try recorder.tracks().map { track, peer in
            let stats = try session().remoteTrack(track).stats()
            return [
                "peer": peer,
                "track": track,
                "kind": stats.kind.map { spelled($0) } ?? NSNull(),
                "codec": stats.codec.map { $0 == .opus ? "opus" : String(describing: $0).uppercased() } ?? NSNull(),
                "framesDecoded": stats.framesDecoded,
                "freezes": stats.freezes,
                "packetsReceived": stats.packetsReceived,
                "packetsLost": stats.packetsLost,
                "levelDbfs": stats.levelDbfs,
            ]
        }
    }
}

/// The fields of a command.
struct Arguments {
    let fields: Fields

    init(_ fields: Fields) {
        self.fields = fields
    }

    func text(_ name: String) throws -> String {
        guard let text = fields[name] as? String else { throw missing(name) }
        return text
    }

    func number(_ name: String) throws -> UInt64 {
        guard let number = (fields[name] as? Int).flatMap(UInt64.init(exactly:)) else { throw missing(name) }
        return number
    }

    private func missing(_ name: String) -> ParlorError {
        .Failed(status: .invalidArgument, reason: "the command has no \(name)")
    }
}
