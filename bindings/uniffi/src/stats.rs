//! Figures of links and tracks.

use std::time::Duration;

use engine::api;

use crate::config::Codec;
use crate::event::MediaKind;

/// Figures of the connection to a remote peer.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct PeerStats {
    /// Round-trip time in microseconds, once it is known.
    pub round_trip_us: Option<u64>,
    /// Bytes sent on the link so far.
    pub bytes_sent: u64,
    /// Bytes received on the link so far.
    pub bytes_received: u64,
    /// What was sent over the last interval, in bits per second.
    pub send_bps: u64,
    /// What was received over the last interval, in bits per second.
    pub receive_bps: u64,
    /// Media packets that never came, so far.
    pub packets_lost: u64,
    /// Media packets received so far.
    pub packets_received: u64,
}

/// Figures of a received track.
#[derive(Debug, Clone, uniffi::Record)]
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
    /// Sound played so far in microseconds, concealment included.
    pub audio_played_us: u64,
    /// Sound that concealed losses, in microseconds.
    pub audio_concealed_us: u64,
    /// Level of the sound over the last 20 ms in dBFS; -127 for silence.
    pub level_dbfs: f32,
    /// Packets that came, so far.
    pub packets_received: u64,
    /// Packets that never came, so far.
    pub packets_lost: u64,
}

impl From<&api::PeerStats> for PeerStats {
    fn from(stats: &api::PeerStats) -> Self {
        Self {
            round_trip_us: stats.round_trip.map(micros),
            bytes_sent: stats.bytes_sent,
            bytes_received: stats.bytes_received,
            send_bps: stats.send_rate.bps(),
            receive_bps: stats.receive_rate.bps(),
            packets_lost: stats.packets_lost,
            packets_received: stats.packets_received,
        }
    }
}

impl From<&api::TrackStats> for TrackStats {
    fn from(stats: &api::TrackStats) -> Self {
        Self {
            codec: stats.codec.map(Into::into),
            kind: stats.kind.map(Into::into),
            width: stats.width,
            height: stats.height,
            frames_decoded: stats.frames_decoded,
            frames_dropped: stats.frames_dropped,
            freezes: stats.freezes,
            keyframe_requests: stats.keyframe_requests,
            audio_played_us: micros(stats.audio_played),
            audio_concealed_us: micros(stats.audio_concealed),
            level_dbfs: stats.level_dbfs,
            packets_received: stats.packets_received,
            packets_lost: stats.packets_lost,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
