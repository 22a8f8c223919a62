//! What a session shows of its remote peers and tracks.

use std::time::Duration;

use units::{BitRate, Codec, MediaKind, PeerId};

use super::event::PeerState;

/// A remote peer as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// The peer.
    pub peer: PeerId,
    /// Its id on the wire.
    pub id: String,
    /// What the server says of it, a JSON text.
    pub metadata: Option<String>,
    /// The state of the connection to it.
    pub state: PeerState,
}

/// Figures of the connection to a remote peer, renewed about twice a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PeerStats {
    /// Round-trip time.
    pub round_trip: Option<Duration>,
    /// Bytes sent on the link so far.
    pub bytes_sent: u64,
    /// Bytes received on the link so far.
    pub bytes_received: u64,
    /// What was sent over the last interval.
    pub send_rate: BitRate,
    /// What was received over the last interval.
    pub receive_rate: BitRate,
    /// Media packets that never came, so far.
    pub packets_lost: u64,
    /// Media packets received so far.
    pub packets_received: u64,
}

/// Figures of a received track.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrackStats {
    /// The codec, once something was received.
    pub codec: Option<Codec>,
    /// Sound or pictures.
    pub kind: Option<MediaKind>,
    /// Width of the last picture in pixels.
    pub width: u32,
    /// Height of the last picture in pixels.
    pub height: u32,
    /// Pictures decoded so far.
    pub frames_decoded: u64,
    /// Pictures that were received but not decoded or not delivered.
    pub frames_dropped: u64,
    /// Freezes by the rule of W3C webrtc-stats (`freezeCount`).
    pub freezes: u64,
    /// Keyframes asked for.
    pub keyframe_requests: u64,
    /// Sound played so far, concealment included.
    pub audio_played: Duration,
    /// Sound that concealed losses.
    pub audio_concealed: Duration,
    /// Level of the sound over the last 20 ms in dBFS; −127 for silence.
    pub level_dbfs: f32,
    /// Packets that came, so far.
    pub packets_received: u64,
    /// Packets that never came, so far.
    pub packets_lost: u64,
}
