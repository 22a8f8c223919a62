//! What a session is told.

use protocol::Map;
use protocol::peer::{IceCandidate, SdpKind};
use serde_json::Value;
use units::{
    ChannelId, ChannelOptions, LinkChannelId, LinkId, MediaKind, PeerId, ReceiverId, RequestId, Secret,
    StreamId, TrackId,
};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The app wants something.
    Command(Command),
    /// The signalling connection reports.
    ///
    /// Events of a connection must not be handed in any more once a later
    /// [`SignalCommand::Connect`](crate::SignalCommand::Connect) was put out.
    Signal(SignalEvent),
    /// A link reports. Events of a closed link are ignored.
    Link {
        /// The link.
        link: LinkId,
        /// What it reports.
        event: LinkEvent,
    },
    /// The device has other network interfaces or addresses, or the app says so. Links that it cost their path
    /// report that themselves, after this.
    NetworkChanged {
        /// Whether it cost the signalling connection its local address.
        signalling_lost: bool,
    },
    /// Time passed; nothing else happened. Due when [`Session::poll_timeout`](crate::Session::poll_timeout) says so.
    TimePassed,
}

/// What the app wants.
///
/// Each command with a request is answered by exactly one [`Event::Done`](crate::Event::Done), except
/// [`Command::ProvideToken`], which is itself an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Joins a channel; legal when idle.
    Join {
        /// The request.
        request: RequestId,
        /// The channel's name.
        channel: String,
    },
    /// Leaves the channel, or cancels a join under way. Done within two seconds; streams stay registered.
    Leave {
        /// The request.
        request: RequestId,
    },
    /// Registers a stream: offered to every peer, now and later. A stream whose id is taken is ignored.
    AddStream(LocalStream),
    /// Takes a stream and its tracks back.
    RemoveStream {
        /// The stream.
        stream: StreamId,
    },
    /// Adds a track to a registered stream.
    AddTrack {
        /// The stream; an unknown one is ignored.
        stream: StreamId,
        /// The track; one whose id is taken is ignored.
        track: LocalTrack,
    },
    /// Takes a track back; its stream stays registered.
    RemoveTrack {
        /// The track.
        track: TrackId,
    },
    /// Sends data through the signalling server.
    Send {
        /// The request; done when the server acknowledges.
        request: RequestId,
        /// The receiver; everyone in the channel when `None`.
        to: Option<PeerId>,
        /// The data.
        data: Value,
    },
    /// Opens a data channel to a peer. It is open at
    /// [`Event::ChannelOpened`](crate::Event::ChannelOpened), again after each
    /// [`Event::ConnectionReset`](crate::Event::ConnectionReset), until
    /// [`Event::ChannelClosed`](crate::Event::ChannelClosed), which comes exactly once.
    OpenChannel {
        /// Below [`FIRST_SESSION_ID`](crate::FIRST_SESSION_ID), unique among the app's ids.
        channel: ChannelId,
        /// Whom to; with an unknown one the channel is closed at once.
        peer: PeerId,
        /// What the peer sees the channel by; at most [`ChannelOptions::MAX_LABEL`] bytes.
        label: String,
        /// How it delivers.
        options: ChannelOptions,
    },
    /// Closes a data channel, whoever opened it; an unknown one is closed already.
    CloseChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// Answers [`Event::TokenNeeded`](crate::Event::TokenNeeded); late and repeated answers are ignored.
    ProvideToken {
        /// The request of the event.
        request: RequestId,
        /// The token, or why there is none.
        token: Result<Secret, String>,
    },
    /// Ends the session for good, at once and without waiting for the network.
    Close,
}

/// A stream of the app's: tracks that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalStream {
    /// Below [`FIRST_SESSION_ID`](crate::FIRST_SESSION_ID), unique among the app's ids.
    pub id: StreamId,
    /// The stream's id on the wire (the first half of `a=msid`, RFC 8830).
    pub msid: String,
    /// What receivers learn about the stream.
    pub metadata: Option<Map>,
    /// The tracks; may be empty.
    pub tracks: Vec<LocalTrack>,
}

/// A track of the app's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTrack {
    /// Below [`FIRST_SESSION_ID`](crate::FIRST_SESSION_ID), unique among the app's ids.
    pub id: TrackId,
    /// The track's id on the wire (the second half of `a=msid`, RFC 8830).
    pub msid_track: String,
    /// Sound or pictures.
    pub kind: MediaKind,
}

/// What the signalling connection reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalEvent {
    /// The WebSocket is open.
    Opened,
    /// A text frame came. Binary frames are the adapter's to drop.
    Text(String),
    /// The WebSocket is closed, by either side.
    Closed {
        /// The close code (RFC 6455 §7.4); 1006 when there was none.
        code: u16,
        /// The close reason.
        reason: String,
    },
    /// The WebSocket never opened.
    Failed {
        /// Why, for people.
        reason: String,
    },
}

/// What a link reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// An offer or answer was made and is set as the local description.
    LocalDescription {
        /// The negotiation of the command that asked for it.
        negotiation: u64,
        /// Offer or answer.
        kind: SdpKind,
        /// The SDP text.
        sdp: String,
    },
    /// An answer was applied.
    AnswerAccepted {
        /// The negotiation of the command.
        negotiation: u64,
    },
    /// A description could not be made or applied.
    NegotiationFailed {
        /// The negotiation of the command.
        negotiation: u64,
        /// Why, for people; without SDP.
        reason: String,
    },
    /// The tracks differ from what was negotiated. Said once, and again after every return to the stable
    /// state for as long as it is true (W3C WebRTC §4.7.3).
    NegotiationNeeded,
    /// A local candidate to trickle, or `None` for the end of candidates.
    LocalCandidate(Option<IceCandidate>),
    /// The link's state changed.
    StateChanged(LinkState),
    /// The remote side sends a track.
    TrackAdded {
        /// Which receiver of the link gets it.
        receiver: ReceiverId,
        /// Sound or pictures.
        kind: MediaKind,
        /// The first half of `a=msid`; empty or `-` for a track without a stream.
        msid_stream: String,
        /// The second half of `a=msid`.
        msid_track: String,
    },
    /// The remote side stopped sending a track.
    TrackRemoved {
        /// The receiver.
        receiver: ReceiverId,
    },
    /// A data channel that the session opened is open.
    ChannelOpened {
        /// The channel.
        channel: ChannelId,
    },
    /// The remote side opened a data channel; it is open.
    ChannelReceived {
        /// What the link knows it by.
        carrier: LinkChannelId,
        /// What the remote side calls it.
        label: String,
    },
    /// A data channel is closed, or could not be opened.
    ChannelClosed {
        /// The channel.
        channel: ChannelId,
    },
    /// What was sent on data channels will never arrive on this link, although it is connected.
    DataStalled,
}

/// The state of a link (the `RTCPeerConnectionState` of W3C WebRTC §4.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// Nothing negotiated yet.
    New,
    /// ICE or DTLS is under way.
    Connecting,
    /// Packets flow.
    Connected,
    /// The other side does not answer any more; this may heal by itself at any time.
    Disconnected,
    /// No path was found in time, though the search goes on.
    Failed,
    /// Closed by either side, or of no use any more; only another link helps.
    Closed,
}
