import Foundation
import ParlorEngine

/// Somebody else in the channel. What is asked after the peer has left answers `unknownId`.
public final class RemotePeer: Sendable {
    private let core: ParlorEngine.RemotePeer

    init(_ core: ParlorEngine.RemotePeer) {
        self.core = core
    }

    /// Returns the id that events carry.
    public func id() throws -> UInt64 {
        try core.id()
    }

    /// Returns the peer's id on the wire.
    public func wireId() throws -> String {
        try core.wireId()
    }

    /// Returns what the server says of the peer, a JSON object.
    public func metadata() throws -> String? {
        try core.metadata()
    }

    /// Returns the state of the connection to the peer.
    public func state() throws -> PeerState {
        try core.state()
    }

    /// Returns the figures of the connection to the peer, renewed about twice a second.
    public func stats() throws -> PeerStats {
        try core.stats()
    }

    /// Sends a JSON text to the peer; as `send(_:to:)` of the session.
    public func send(_ data: String) async throws {
        try await core.send(data: data).finish()
    }

    /// Opens a data channel to the peer and returns its id; as `openChannel` of the session.
    public func openChannel(label: String, options: DataChannelOptions = DataChannelOptions()) throws -> UInt64 {
        try core.openChannel(label: label, options: options)
    }
}
