//! What a link tells its owner.

use bytes::Bytes;
use units::{Codec, LinkChannelId, MediaKind, ReceiverId, Time, TrackId};

/// The state of a link as a whole, after W3C `RTCPeerConnectionState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// Nothing was negotiated yet.
    New,
    /// Looking for a path or shaking hands.
    Connecting,
    /// Media and data can flow.
    Connected,
    /// The other side does not answer any more; its path is checked on and on, and it may come back at any time.
    Disconnected,
    /// No path was found in time, though the search goes on.
    Failed,
    /// Closed by [`crate::Link::close`], by the other side's goodbye, or by a handshake that failed.
    Closed,
}

/// An ICE candidate as signalling carries it (W3C `RTCIceCandidateInit`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceCandidate {
    /// The candidate attribute with its `candidate:` prefix (RFC 8839 section 5.1).
    pub candidate: String,
    /// The m-section that it belongs to.
    pub mid: Option<String>,
    /// The position of that m-section.
    pub mline: Option<u16>,
    /// The ICE credentials that it belongs to.
    pub ufrag: Option<String>,
}

/// One RTP packet as a link received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPacket {
    /// What the payload type stands for on that link.
    pub codec: Codec,
    /// Sequence number, wrapping at 16 bits.
    pub sequence: u16,
    /// Time stamp in the codec's clock, wrapping at 32 bits.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
    /// The payload with the codec's payload header.
    pub payload: Bytes,
    /// When the packet arrived.
    pub received: Time,
}

/// Names one outstanding host name look-up of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResolveToken(pub(crate) u32);

/// What a link tells its owner; drained with [`crate::Link::poll_event`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// The state of the link changed.
    StateChanged(LinkState),
    /// What was added or removed since needs an offer. Comes once until the next offer or answer, and only
    /// while no offer of ours is open.
    NegotiationNeeded,
    /// A local candidate to send to the other side; nothing means that there will be no more.
    LocalCandidate(Option<IceCandidate>),
    /// A remote candidate hides its address behind a multicast DNS name. Whoever owns sockets resolves it and
    /// calls [`crate::Link::resolved`]; not answering just drops the candidate.
    ResolveName {
        /// The name, ending in `.local`.
        name: String,
        /// What to hand back.
        token: ResolveToken,
    },
    /// The local ICE user name fragment changed; datagrams that name the old one may still come.
    UfragChanged,
    /// The other side sends a track now.
    TrackAdded {
        /// The receiving half; a reused m-section gets a new one.
        receiver: ReceiverId,
        /// Sound or pictures.
        kind: MediaKind,
        /// Stream id of the m-section's msid (RFC 8830); empty when there is none.
        msid_stream: String,
        /// Track id of the m-section's msid; empty when there is none.
        msid_track: String,
        /// The m-section.
        mid: String,
    },
    /// The other side no longer sends this track.
    TrackRemoved {
        /// Which one; never used again.
        receiver: ReceiverId,
    },
    /// What to send of a local track, as negotiated. Comes on every change.
    SenderReady {
        /// The local track.
        track: TrackId,
        /// The codec to send; nothing when the other side does not take the track.
        codec: Option<Codec>,
    },
    /// A packet arrived.
    Rtp {
        /// Whose packet it is.
        receiver: ReceiverId,
        /// The packet.
        packet: RtpPacket,
    },
    /// The other side cannot go on without a keyframe of this track (PLI, RFC 4585, or FIR, RFC 5104), or has
    /// only just been connected to it.
    KeyframeRequested {
        /// The local track.
        track: TrackId,
    },
    /// A data channel opened.
    ChannelOpened {
        /// The channel.
        channel: LinkChannelId,
        /// Its label.
        label: String,
        /// Whether the other side opened it.
        incoming: bool,
    },
    /// A message arrived.
    ChannelMessage {
        /// The channel.
        channel: LinkChannelId,
        /// Whether it was sent as binary rather than as text.
        binary: bool,
        /// The message.
        data: Bytes,
    },
    /// A channel that refused a message for a full buffer takes messages again.
    ChannelWritable {
        /// The channel.
        channel: LinkChannelId,
    },
    /// A channel closed; its id is never used again.
    ChannelClosed {
        /// The channel.
        channel: LinkChannelId,
    },
    /// What waits in data channels will never arrive, although there is a path: SCTP gave it up during an outage. Media is
    /// not touched; only another connection carries data again.
    DataStalled,
}
