//! What a session tells its app.

use bytes::Bytes;
use units::{ChannelId, MediaKind, PeerId, RequestId, StreamId, TrackId};

use super::error::{Error, Status};

pub use session::{PeerState, SessionState};

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// To everyone in the channel.
    Broadcast,
    /// To this peer alone.
    Direct,
}

/// How a request ended.
pub type RequestOutcome = Result<(), Error>;

/// One event of a session; events of a session come one after the other on its dispatcher thread.
///
/// Metadata and data are JSON texts.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The session is in the channel.
    Joined {
        /// This session's peer id on the wire.
        peer_id: String,
        /// The channel.
        channel: String,
    },
    /// The session has left the channel; its streams stay registered and it may join again.
    Left {
        /// Why, when it was not asked for.
        reason: Option<String>,
    },
    /// The session's state changed.
    StateChange {
        /// The state before.
        from: SessionState,
        /// The state now.
        to: SessionState,
    },
    /// A remote peer is in the channel.
    PeerJoined {
        /// The peer.
        peer: PeerId,
        /// Its id on the wire.
        id: String,
        /// What the server says of it.
        metadata: Option<String>,
    },
    /// A remote peer has left; its streams went before.
    PeerLeft {
        /// The peer.
        peer: PeerId,
    },
    /// The state of the connection to a remote peer changed.
    PeerStateChange {
        /// The peer.
        peer: PeerId,
        /// The state before.
        from: PeerState,
        /// The state now.
        to: PeerState,
    },
    /// A remote peer sends a stream.
    StreamAdded {
        /// The peer.
        peer: PeerId,
        /// The stream.
        stream: StreamId,
        /// The stream's id on the wire.
        id: String,
        /// What the sender registered with it, such as `{"role":"camera"}`.
        metadata: Option<String>,
    },
    /// A remote stream has ended.
    StreamRemoved {
        /// The peer.
        peer: PeerId,
        /// The stream.
        stream: StreamId,
    },
    /// A track of a remote stream is there; set a sink to receive it.
    TrackAdded {
        /// The peer.
        peer: PeerId,
        /// The stream.
        stream: StreamId,
        /// The track.
        track: TrackId,
        /// Sound or pictures.
        kind: MediaKind,
    },
    /// A track of a remote stream has ended.
    TrackRemoved {
        /// The peer.
        peer: PeerId,
        /// The stream.
        stream: StreamId,
        /// The track.
        track: TrackId,
    },
    /// A peer sent a message.
    Data {
        /// The sender.
        peer: PeerId,
        /// The message, a JSON text.
        data: String,
        /// To everyone or to this peer alone.
        kind: MessageKind,
        /// The sender's metadata, where the server gives it.
        metadata: Option<String>,
    },
    /// Some messages that peers sent to this session alone while it was away from the server are lost.
    DataLost,
    /// A data channel is open: one of this session's, for the first time or again after `connection-reset`, or one
    /// that the peer opened.
    ChannelOpen {
        /// The peer at the other end.
        peer: PeerId,
        /// The channel.
        channel: ChannelId,
        /// The channel's label.
        label: String,
        /// Whether the peer opened it.
        incoming: bool,
    },
    /// A message came on a data channel.
    ChannelMessage {
        /// The peer at the other end.
        peer: PeerId,
        /// The channel.
        channel: ChannelId,
        /// Whether these are bytes; otherwise it is a text in UTF-8.
        binary: bool,
        /// The message.
        data: Bytes,
    },
    /// A data channel that was too full for a message has room again.
    ChannelWritable {
        /// The peer at the other end.
        peer: PeerId,
        /// The channel.
        channel: ChannelId,
    },
    /// A data channel is closed for good, or could not be opened.
    ChannelClose {
        /// The peer at the other end.
        peer: PeerId,
        /// The channel.
        channel: ChannelId,
    },
    /// A request has ended; each request ends exactly once.
    RequestDone {
        /// The request.
        request: RequestId,
        /// How it ended.
        outcome: RequestOutcome,
    },
    /// The link to a peer was built anew; its streams are announced again.
    ConnectionReset {
        /// The peer.
        peer: PeerId,
    },
    /// Offer and answer with a peer failed; the session tries again by itself.
    NegotiationError {
        /// The peer.
        peer: PeerId,
        /// What failed.
        message: String,
    },
    /// A token is needed to connect; answer with [`Session::provide_token`](crate::api::Session::provide_token).
    TokenNeeded {
        /// The request to answer.
        request: RequestId,
    },
    /// The server is going away; the session reconnects by itself.
    GoingAway {
        /// When the server expects to be back, in milliseconds.
        retry_after_ms: u64,
    },
    /// Something failed that ends the session or that nobody asked for.
    Error {
        /// What went wrong.
        status: Status,
        /// One sentence for people.
        message: String,
    },
}

impl Event {
    /// Returns the event's name in the protocol's spelling, such as `peer-joined`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Joined { .. } => "joined",
            Self::Left { .. } => "left",
            Self::StateChange { .. } => "state-change",
            Self::PeerJoined { .. } => "peer-joined",
            Self::PeerLeft { .. } => "peer-left",
            Self::PeerStateChange { .. } => "peer-state-change",
            Self::StreamAdded { .. } => "stream-added",
            Self::StreamRemoved { .. } => "stream-removed",
            Self::TrackAdded { .. } => "track-added",
            Self::TrackRemoved { .. } => "track-removed",
            Self::Data { .. } => "data",
            Self::ChannelOpen { .. } => "channel-open",
            Self::ChannelMessage { .. } => "channel-message",
            Self::ChannelWritable { .. } => "channel-writable",
            Self::ChannelClose { .. } => "channel-close",
            Self::DataLost => "data-lost",
            Self::RequestDone { .. } => "request-done",
            Self::ConnectionReset { .. } => "connection-reset",
            Self::NegotiationError { .. } => "negotiation-error",
            Self::TokenNeeded { .. } => "token-needed",
            Self::GoingAway { .. } => "going-away",
            Self::Error { .. } => "error",
        }
    }
}

/// Receives a session's events, one at a time, on the session's dispatcher thread.
///
/// It may call any function of the facade. A panic in it is caught and counted as a bug of the app.
pub trait Listener: Send + Sync {
    /// Called for each event; the event is borrowed for the call.
    fn on_event(&self, event: &Event);
}
