import Foundation
import Parlor

/// The session's listener, and what it has learnt: tells the session's events and receives what remote peers send.
final class Recorder: SessionListener, @unchecked Sendable {
    private let lock = NSLock()
    private weak var ours: Session?
    /// Ids on the wire, also of peers that have left.
    private var peers: [UInt64: String] = [:]
    private var streams: [UInt64: String] = [:]
    private var heard: [UInt64: (peer: UInt64, kind: MediaKind)] = [:]
    private var channels: [UInt64: String] = [:]
    private var receivers: [String: Received] = [:]

    /// Whose events these are.
    var session: Session? {
        get { lock.withLock { ours } }
        set { lock.withLock { ours = newValue } }
    }

    /// Returns what was received from a peer so far.
    func received(from peer: String) -> Received {
        lock.withLock {
            let received = receivers[peer] ?? Received()
            receivers[peer] = received
            return received
        }
    }

    /// Returns the remote tracks, in order, and the ids of their peers on the wire.
    func tracks() -> [(UInt64, String)] {
        lock.withLock { heard.sorted { $0.key < $1.key }.map { ($0.key, peers[$0.value.peer] ?? "") } }
    }

    /// Notes the label of a channel that this side opens.
    func note(channel: UInt64, label: String) {
        lock.withLock { channels[channel] = label }
    }

    func onEvent(_ event: Event) throws {
        learn(event)
        var line: Fields = ["name": name(event), "at": Double(try timeUs()) / 1000]
        for (field, value) in lock.withLock({ details(event) }) {
            line[field] = value
        }
        write(["event": line])
        switch event {
        case .trackAdded(let peer, _, let track, _):
            let id = lock.withLock { peers[peer] ?? "" }
            try receive(track, from: id)
        case .trackRemoved(_, _, let track):
            lock.withLock { heard[track] = nil }
        default:
            break
        }
    }

    private func receive(_ track: UInt64, from peer: String) throws {
        let received = received(from: peer)
        guard let track = try session?.remoteTrack(track) else { return }
        switch try track.kind() {
        case .video: try track.setVideoSink { _ in try received.notePicture() }
        case .audio: try track.setAudioSink(encoded: { _ in received.notePacket() }) { try received.note($0) }
        }
    }

    private func learn(_ event: Event) {
        lock.withLock {
            switch event {
            case .peerJoined(let peer, let id, _): peers[peer] = id
            case .streamAdded(_, let stream, let id, _): streams[stream] = id
            case .trackAdded(let peer, _, let track, let kind): heard[track] = (peer, kind)
            case .channelOpen(_, let channel, let label, _): channels[channel] = label
            default: break
            }
        }
    }

    private func name(_ event: Event) -> String {
        switch event {
        case .channelText, .channelBytes: "channel-message"
        default: spelled(event)
        }
    }

    /// Returns what to tell of an event beside its name, without what is nil.
    private func details(_ event: Event) -> Fields {
        let all: [String: Any?] = switch event {
        case .joined(let id, let channel): ["peer": id, "channel": channel]
        case .left(let reason): ["reason": reason]
        case .stateChange(let from, let to): ["from": spelled(from), "to": spelled(to)]
        case .peerJoined(let peer, _, let metadata): about(peer, ["metadata": parse(metadata)])
        case .peerLeft(let peer), .connectionReset(let peer): about(peer)
        case .peerStateChange(let peer, let from, let to): about(peer, ["from": spelled(from), "to": spelled(to)])
        case .streamAdded(let peer, _, let id, let metadata): about(peer, ["stream": id, "metadata": parse(metadata)])
        case .streamRemoved(let peer, let stream): about(peer, ["stream": streams[stream]])
        case .trackAdded(let peer, let stream, let track, _), .trackRemoved(let peer, let stream, let track):
            about(peer, ["stream": streams[stream], "track": track, "kind": heard[track].map { spelled($0.kind) }])
        case .data(let peer, let data, let kind, let metadata):
            about(peer, ["data": parse(data), "kind": spelled(kind), "senderMetadata": parse(metadata)])
        case .dataLost: [:]
        case .channelOpen(let peer, let channel, _, let incoming): about(peer, on(channel, ["incoming": incoming]))
        case .channelText(let peer, let channel, let text): about(peer, on(channel, ["text": text]))
        case .channelBytes(let peer, let channel, let bytes): about(peer, on(channel, ["bytes": hex(of: bytes)]))
        case .channelWritable(let peer, let channel), .channelClose(let peer, let channel): about(peer, on(channel))
        case .requestDone(let request, let status, let reason):
            status == .ok
                ? ["request": request] : ["request": request, "error": code(status), "message": reason]
        case .negotiationError(let peer, let reason): about(peer, ["message": reason])
        case .tokenNeeded(let request): ["request": request]
        case .goingAway(let retryAfterMs): ["retryAfterMs": retryAfterMs]
        case .error(let status, let reason): ["error": code(status), "message": reason]
        }
        return all.compactMapValues { $0 }
    }

    private func about(_ peer: UInt64, _ more: [String: Any?] = [:]) -> [String: Any?] {
        more.merging(["peer": peers[peer], "object": peer]) { $1 }
    }

    private func on(_ channel: UInt64, _ more: [String: Any?] = [:]) -> [String: Any?] {
        more.merging(["channel": channel, "label": channels[channel]]) { $1 }
    }
}
