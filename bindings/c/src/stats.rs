//! Figures of links and tracks.

use std::time::Duration;

use engine::api::{PeerStats, TrackStats};

use crate::event::media_kind;
use crate::format::codec_number;
use crate::sized::sized;

/// Figures of the connection to a remote peer, renewed about twice a second. Set `struct_size` before you ask.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_peer_stats {
    /// `sizeof(parlor_peer_stats)`, set by the caller.
    pub struct_size: usize,
    /// Round-trip time in microseconds; 0 while it is not known.
    pub round_trip_us: u64,
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
sized!(parlor_peer_stats);

/// Figures of a received track. Set `struct_size` before you ask.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_track_stats {
    /// `sizeof(parlor_track_stats)`, set by the caller.
    pub struct_size: usize,
    /// A `PARLOR_CODEC_...` value; 0 until something was received.
    pub codec: i32,
    /// A `PARLOR_MEDIA_KIND_...` value; 0 while it is not known.
    pub media_kind: i32,
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
    /// Packets that came, so far.
    pub packets_received: u64,
    /// Packets that never came, so far.
    pub packets_lost: u64,
    /// Level of the sound over the last 20 ms in dBFS; -127 for silence.
    pub level_dbfs: f32,
    /// Always 0.
    pub reserved: u32,
}
sized!(parlor_track_stats);

impl From<&PeerStats> for parlor_peer_stats {
    fn from(stats: &PeerStats) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            round_trip_us: stats.round_trip.map_or(0, micros),
            bytes_sent: stats.bytes_sent,
            bytes_received: stats.bytes_received,
            send_bps: stats.send_rate.bps(),
            receive_bps: stats.receive_rate.bps(),
            packets_lost: stats.packets_lost,
            packets_received: stats.packets_received,
        }
    }
}

impl From<&TrackStats> for parlor_track_stats {
    fn from(stats: &TrackStats) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            codec: stats.codec.map_or(0, codec_number),
            media_kind: stats.kind.map_or(0, |kind| media_kind(kind) as i32),
            width: stats.width,
            height: stats.height,
            frames_decoded: stats.frames_decoded,
            frames_dropped: stats.frames_dropped,
            freezes: stats.freezes,
            keyframe_requests: stats.keyframe_requests,
            audio_played_us: micros(stats.audio_played),
            audio_concealed_us: micros(stats.audio_concealed),
            packets_received: stats.packets_received,
            packets_lost: stats.packets_lost,
            level_dbfs: stats.level_dbfs,
            reserved: 0,
        }
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
