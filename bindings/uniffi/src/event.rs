//! What a session tells.

use engine::api;

use crate::error::Status;

/// The state of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SessionState {
    /// In no channel.
    Idle,
    /// On the way into a channel.
    Joining,
    /// In the channel.
    Joined,
    /// In the channel, but the connection to the server is being restored.
    Reconnecting,
    /// On the way out.
    Leaving,
    /// Ended for good.
    Closed,
}

/// The state of the connection to a remote peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PeerState {
    /// Nothing was tried yet.
    Idle,
    /// Being built.
    Connecting,
    /// Media can flow.
    Connected,
    /// Lost and being restored.
    Reconnecting,
    /// Ended.
    Closed,
}

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum MessageKind {
    /// To everyone in the channel.
    Broadcast,
    /// To this session alone.
    Direct,
}

/// One event of a session.
///
/// Ids are unique within the session and never reused. Metadata and messages are JSON texts. Newer libraries may have
/// more events: an app ignores what it does not know.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum Event {
    /// The session is in the channel.
    Joined {
        /// This session's own peer id on the wire.
        wire_id: String,
        /// The channel.
        channel: String,
    },
    /// The session has left the channel; its streams stay added and it may join again.
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
        peer_id: u64,
        /// Its id on the wire.
        wire_id: String,
        /// What the server says of it, a JSON object.
        metadata: Option<String>,
    },
    /// A remote peer has left; its streams went before.
    PeerLeft {
        /// The peer.
        peer_id: u64,
    },
    /// The state of the connection to a remote peer changed.
    PeerStateChange {
        /// The peer.
        peer_id: u64,
        /// The state before.
        from: PeerState,
        /// The state now.
        to: PeerState,
    },
    /// A remote peer sends a stream.
    StreamAdded {
        /// The peer.
        peer_id: u64,
        /// The stream.
        stream_id: u64,
        /// The stream's id on the wire.
        wire_id: String,
        /// What the sender registered with it, such as `{"role":"camera"}`.
        metadata: Option<String>,
    },
    /// A remote stream has ended.
    StreamRemoved {
        /// The peer.
        peer_id: u64,
        /// The stream.
        stream_id: u64,
    },
    /// A track of a remote stream is there; set a sink on it to receive it.
    TrackAdded {
        /// The peer.
        peer_id: u64,
        /// The stream.
        stream_id: u64,
        /// The track.
        track_id: u64,
        /// Sound or pictures.
        kind: MediaKind,
    },
    /// A track of a remote stream has ended.
    TrackRemoved {
        /// The peer.
        peer_id: u64,
        /// The stream.
        stream_id: u64,
        /// The track.
        track_id: u64,
    },
    /// A peer sent a message.
    Data {
        /// The sender.
        peer_id: u64,
        /// The message, a JSON text.
        data: String,
        /// To everyone or to this session alone.
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
        peer_id: u64,
        /// The data channel.
        channel_id: u64,
        /// The data channel's label.
        label: String,
        /// Whether the peer opened it.
        incoming: bool,
    },
    /// A text came on a data channel.
    ChannelText {
        /// The peer at the other end.
        peer_id: u64,
        /// The data channel.
        channel_id: u64,
        /// The text.
        text: String,
    },
    /// Bytes came on a data channel.
    ChannelBytes {
        /// The peer at the other end.
        peer_id: u64,
        /// The data channel.
        channel_id: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A data channel that was too full for a message has room again.
    ChannelWritable {
        /// The peer at the other end.
        peer_id: u64,
        /// The data channel.
        channel_id: u64,
    },
    /// A data channel is closed for good, or could not be opened.
    ChannelClose {
        /// The peer at the other end.
        peer_id: u64,
        /// The data channel.
        channel_id: u64,
    },
    /// A request has ended; each ends exactly once.
    RequestDone {
        /// The request.
        request_id: u64,
        /// How it ended.
        status: Status,
        /// Why it failed.
        reason: Option<String>,
    },
    /// The link to a peer was built anew; its streams are announced again.
    ConnectionReset {
        /// The peer.
        peer_id: u64,
    },
    /// Offer and answer with a peer failed; the session tries again by itself.
    NegotiationError {
        /// The peer.
        peer_id: u64,
        /// What failed.
        reason: String,
    },
    /// A token is needed to connect; `provide_token` answers.
    TokenNeeded {
        /// The request to answer.
        request_id: u64,
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
        reason: String,
    },
}

impl From<&api::Event> for Event {
    // Exhaustive, so that a new event breaks this build until it is translated.
    fn from(event: &api::Event) -> Self {
        match event {
            api::Event::Joined { peer_id, channel } => {
                Self::Joined { wire_id: peer_id.clone(), channel: channel.clone() }
            }
            api::Event::Left { reason } => Self::Left { reason: reason.clone() },
            api::Event::StateChange { from, to } => {
                Self::StateChange { from: (*from).into(), to: (*to).into() }
            }
            api::Event::PeerJoined { peer, id, metadata } => {
                Self::PeerJoined { peer_id: peer.get(), wire_id: id.clone(), metadata: metadata.clone() }
            }
            api::Event::PeerLeft { peer } => Self::PeerLeft { peer_id: peer.get() },
            api::Event::PeerStateChange { peer, from, to } => {
                Self::PeerStateChange { peer_id: peer.get(), from: (*from).into(), to: (*to).into() }
            }
            api::Event::StreamAdded { peer, stream, id, metadata } => Self::StreamAdded {
                peer_id: peer.get(),
                stream_id: stream.get(),
                wire_id: id.clone(),
                metadata: metadata.clone(),
            },
            api::Event::StreamRemoved { peer, stream } => {
                Self::StreamRemoved { peer_id: peer.get(), stream_id: stream.get() }
            }
            api::Event::TrackAdded { peer, stream, track, kind } => Self::TrackAdded {
                peer_id: peer.get(),
                stream_id: stream.get(),
                track_id: track.get(),
                kind: (*kind).into(),
            },
            api::Event::TrackRemoved { peer, stream, track } => {
                Self::TrackRemoved { peer_id: peer.get(), stream_id: stream.get(), track_id: track.get() }
            }
            api::Event::Data { peer, data, kind, metadata } => Self::Data {
                peer_id: peer.get(),
                data: data.clone(),
                kind: (*kind).into(),
                metadata: metadata.clone(),
            },
            api::Event::DataLost => Self::DataLost,
            api::Event::ChannelOpen { peer, channel, label, incoming } => Self::ChannelOpen {
                peer_id: peer.get(),
                channel_id: channel.get(),
                label: label.clone(),
                incoming: *incoming,
            },
            api::Event::ChannelMessage { peer, channel, binary: true, data } => {
                Self::ChannelBytes { peer_id: peer.get(), channel_id: channel.get(), bytes: data.to_vec() }
            }
            // The engine hands on only texts that are UTF-8 as texts; what is not could not cross.
            api::Event::ChannelMessage { peer, channel, binary: false, data } => Self::ChannelText {
                peer_id: peer.get(),
                channel_id: channel.get(),
                text: String::from_utf8_lossy(data).into_owned(),
            },
            api::Event::ChannelWritable { peer, channel } => {
                Self::ChannelWritable { peer_id: peer.get(), channel_id: channel.get() }
            }
            api::Event::ChannelClose { peer, channel } => {
                Self::ChannelClose { peer_id: peer.get(), channel_id: channel.get() }
            }
            api::Event::RequestDone { request, outcome } => match outcome {
                Ok(()) => Self::RequestDone { request_id: request.get(), status: Status::Ok, reason: None },
                Err(error) => Self::RequestDone {
                    request_id: request.get(),
                    status: error.status().into(),
                    reason: Some(error.message().to_owned()),
                },
            },
            api::Event::ConnectionReset { peer } => Self::ConnectionReset { peer_id: peer.get() },
            api::Event::NegotiationError { peer, message } => {
                Self::NegotiationError { peer_id: peer.get(), reason: message.clone() }
            }
            api::Event::TokenNeeded { request } => Self::TokenNeeded { request_id: request.get() },
            api::Event::GoingAway { retry_after_ms } => Self::GoingAway { retry_after_ms: *retry_after_ms },
            api::Event::Error { status, message } => {
                Self::Error { status: (*status).into(), reason: message.clone() }
            }
        }
    }
}

impl From<api::SessionState> for SessionState {
    fn from(state: api::SessionState) -> Self {
        match state {
            api::SessionState::Idle => Self::Idle,
            api::SessionState::Joining => Self::Joining,
            api::SessionState::Joined => Self::Joined,
            api::SessionState::Reconnecting => Self::Reconnecting,
            api::SessionState::Leaving => Self::Leaving,
            api::SessionState::Closed => Self::Closed,
        }
    }
}

impl From<api::PeerState> for PeerState {
    fn from(state: api::PeerState) -> Self {
        match state {
            api::PeerState::Idle => Self::Idle,
            api::PeerState::Connecting => Self::Connecting,
            api::PeerState::Connected => Self::Connected,
            api::PeerState::Reconnecting => Self::Reconnecting,
            api::PeerState::Closed => Self::Closed,
        }
    }
}

impl From<api::MediaKind> for MediaKind {
    fn from(kind: api::MediaKind) -> Self {
        match kind {
            api::MediaKind::Audio => Self::Audio,
            api::MediaKind::Video => Self::Video,
        }
    }
}

impl From<api::MessageKind> for MessageKind {
    fn from(kind: api::MessageKind) -> Self {
        match kind {
            api::MessageKind::Broadcast => Self::Broadcast,
            api::MessageKind::Direct => Self::Direct,
        }
    }
}
