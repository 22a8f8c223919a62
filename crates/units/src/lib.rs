//! Ids, time, rates and redaction: the vocabulary that every room of Parlor shares.
//!
//! Nothing here reads a clock or draws randomness. A [`Time`] is handed in by whoever owns a clock.

#![forbid(unsafe_code)]

mod channel;
mod ids;
mod rate;
mod redact;
mod time;

pub use channel::ChannelOptions;
pub use ids::{ChannelId, LinkChannelId, LinkId, PeerId, ReceiverId, RequestId, StreamId, TrackId};
pub use rate::BitRate;
pub use redact::Secret;
pub use time::Time;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl MediaKind {
    /// Returns the word that SDP and the signalling protocol use: `audio` or `video`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

/// A codec that Parlor sends and receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// Opus at 48 kHz (RFC 6716, RTP by RFC 7587).
    Opus,
    /// VP8 (RFC 6386, RTP by RFC 7741).
    Vp8,
    /// H.264 constrained baseline, packetization mode 1 (RTP by RFC 6184).
    H264,
}

impl Codec {
    /// Returns whether this codec carries sound or pictures.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Opus => MediaKind::Audio,
            Self::Vp8 | Self::H264 => MediaKind::Video,
        }
    }

    /// Returns the RTP clock rate in hertz.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::H264 => 90_000,
        }
    }

    /// Returns the encoding name that SDP uses: `opus`, `VP8` or `H264`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
        }
    }
}
