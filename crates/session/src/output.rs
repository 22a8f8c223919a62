//! What a session says.

use std::fmt;

use protocol::Map;
use protocol::ice::IceServer;
use protocol::peer::IceCandidate;
use serde_json::Value;
use units::{
    ChannelId, ChannelOptions, LinkChannelId, LinkId, MediaKind, PeerId, ReceiverId, RequestId, Secret,
    StreamId, TrackId,
};

use crate::LocalTrack;

/// One thing to do, in the order in which the session says so.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// For the signalling connection.
    Signal(SignalCommand),
    /// For a link.
    Link {
        /// The link.
        link: LinkId,
        /// What it shall do.
        command: LinkCommand,
    },
    /// For the app.
    Event(Event),
}

/// What the signalling connection shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalCommand {
    /// Opens a new WebSocket. An earlier one is forgotten: none of its events may reach the session any more.
    Connect {
        /// What to prove oneself with.
        credential: ConnectCredential,
        /// The session to go on with.
        resume: Option<Resume>,
    },
    /// Sends a text frame.
    Send(String),
    /// Closes the WebSocket after what was sent before; harmless when there is none.
    Close {
        /// The close code (RFC 6455 §7.4).
        code: u16,
        /// The close reason.
        reason: &'static str,
    },
}

/// What one connect proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectCredential {
    /// A publishable key.
    Key(Secret),
    /// A token.
    Token(Secret),
}

/// What asks the server to go on with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The token of the last welcome.
    pub token: Secret,
    /// The highest cursor that was read, zero for none.
    pub cursor: u64,
}

/// What a link shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkCommand {
    /// Makes the link; always the first command with this link's id.
    Open {
        /// Whom it leads to.
        peer: PeerId,
        /// STUN and TURN servers to use.
        ice_servers: Vec<IceServer>,
    },
    /// Sends a track from the next negotiation on.
    AddTrack {
        /// The stream that the track belongs to.
        stream: StreamId,
        /// The track.
        track: LocalTrack,
        /// The stream's id on the wire.
        msid: String,
    },
    /// Stops sending a track, at once; the next negotiation says so.
    RemoveTrack {
        /// The track.
        track: TrackId,
    },
    /// Makes an offer and sets it as the local description; replaces a pending one.
    CreateOffer {
        /// Comes back in the result.
        negotiation: u64,
        /// Whether to restart ICE (RFC 8839 §4.4.1.1.1).
        ice_restart: bool,
    },
    /// Applies an offer, rolling a pending local one back, and answers.
    AcceptOffer {
        /// Comes back in the result.
        negotiation: u64,
        /// The SDP text.
        sdp: String,
    },
    /// Applies an answer.
    AcceptAnswer {
        /// Comes back in the result.
        negotiation: u64,
        /// The SDP text.
        sdp: String,
    },
    /// Opens a data channel, from now on or as soon as the link is connected.
    OpenChannel {
        /// The channel.
        channel: ChannelId,
        /// What the remote side sees it by.
        label: String,
        /// How it delivers.
        options: ChannelOptions,
    },
    /// Closes a data channel of either side.
    CloseChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// Closes a data channel of the remote side that has no [`ChannelId`].
    RefuseChannel {
        /// What the link knows it by.
        carrier: LinkChannelId,
    },
    /// Adds a remote candidate, or says that there are no more. One that is invalid is ignored.
    AddCandidate(Option<IceCandidate>),
    /// Closes the link; always the last command with this link's id.
    Close,
}

/// What the app learns.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The session is in the channel.
    Joined {
        /// The session's own peer id on the wire.
        peer_id: String,
        /// The channel.
        channel: String,
    },
    /// The session has left the channel.
    Left {
        /// The leave that asked for it; `None` when nobody did.
        request: Option<RequestId>,
        /// Why, when nobody asked for it.
        reason: Option<String>,
    },
    /// The session's state changed.
    StateChanged {
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
        metadata: Option<Map>,
    },
    /// A remote peer is gone; its link is closed and its streams are removed.
    PeerLeft {
        /// The peer.
        peer: PeerId,
    },
    /// The state of a remote peer changed.
    PeerStateChanged {
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
        msid: String,
        /// What the sender registered with it: that of the stream's first track, as known at this moment.
        metadata: Option<Map>,
    },
    /// A track of a remote stream is there.
    TrackAdded {
        /// The peer.
        peer: PeerId,
        /// The stream.
        stream: StreamId,
        /// The track.
        track: TrackId,
        /// Sound or pictures.
        kind: MediaKind,
        /// The link that carries it.
        link: LinkId,
        /// The receiver of that link.
        receiver: ReceiverId,
        /// What the sender registered with it, as known at this moment.
        metadata: Option<Map>,
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
    /// The last track of a remote stream has ended.
    StreamRemoved {
        /// The peer.
        peer: PeerId,
        /// The stream.
        stream: StreamId,
    },
    /// A data channel is open: one of the app's, for the first time or again after a
    /// [`ConnectionReset`](Self::ConnectionReset), or one that the peer opened.
    ChannelOpened {
        /// The peer at the other end.
        peer: PeerId,
        /// The channel.
        channel: ChannelId,
        /// The channel's label.
        label: String,
        /// For one that the peer opened: the link that carries it, and what the link knows it by.
        received: Option<(LinkId, LinkChannelId)>,
    },
    /// A data channel is closed for good.
    ChannelClosed {
        /// The peer at the other end.
        peer: PeerId,
        /// The channel.
        channel: ChannelId,
    },
    /// A peer sent data through the signalling server.
    Data {
        /// The sender.
        peer: PeerId,
        /// The data.
        data: Value,
        /// To this session alone, not to the channel.
        direct: bool,
        /// The sender's metadata, where the server gives it.
        metadata: Option<Map>,
    },
    /// Some messages that were sent to this session alone while it was away are lost.
    DataLost,
    /// A request has ended.
    Done {
        /// The request.
        request: RequestId,
        /// How.
        result: Result<(), RequestError>,
    },
    /// Offer and answer with a peer failed; the session tries again by itself unless the reason says otherwise.
    NegotiationError {
        /// The peer.
        peer: PeerId,
        /// Why, for people; without SDP.
        reason: String,
    },
    /// The link to a peer was replaced; its streams were removed and will be announced again.
    ConnectionReset {
        /// The peer.
        peer: PeerId,
    },
    /// A token is needed; answered by [`Command::ProvideToken`](crate::Command::ProvideToken) within ten seconds.
    TokenNeeded {
        /// The request to answer.
        request: RequestId,
    },
    /// The server will close the connection soon; the session will reconnect by itself.
    GoingAway {
        /// When the server expects to be back, in milliseconds.
        retry_after_ms: u64,
    },
    /// Something failed that ends the session or that nobody asked for.
    Error {
        /// What, as a word that programs can compare.
        code: String,
        /// What, for people.
        message: String,
    },
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// A word that programs can compare: the server's code, or one of the session's own.
    pub code: String,
    /// For people.
    pub message: String,
}

impl RequestError {
    /// Makes an error.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for RequestError {}

/// The state of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// In no channel; a join is legal.
    Idle,
    /// On the way into a channel.
    Joining,
    /// In a channel.
    Joined,
    /// In a channel, but the signalling connection is lost or the roster is not known yet.
    Reconnecting,
    /// On the way out.
    Leaving,
    /// Ended for good.
    Closed,
}

impl SessionState {
    /// Returns the state's name in the protocol's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Joining => "joining",
            Self::Joined => "joined",
            Self::Reconnecting => "reconnecting",
            Self::Leaving => "leaving",
            Self::Closed => "closed",
        }
    }
}

/// The state of a remote peer, as its link shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerState {
    /// Nothing was negotiated yet; a peer that sends and gets only data stays here.
    Idle,
    /// The first negotiation or an ICE restart is under way.
    Connecting,
    /// Media flows.
    Connected,
    /// The link is lost or being replaced.
    Reconnecting,
    /// The peer is gone.
    Closed,
}

impl PeerState {
    /// Returns the state's name in the protocol's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Closed => "closed",
        }
    }
}
