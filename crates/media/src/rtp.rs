//! RTP as this room sees it: payloads going out, packets coming in.

use bytes::Bytes;
use units::{Codec, Time};

/// One RTP payload of an encoded frame; each link adds its own sequence number, SSRC and payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPayload {
    /// Time stamp in the codec's clock, the same for all payloads of a frame.
    pub timestamp: u32,
    /// Set on the last payload of a picture (RFC 7741, RFC 6184).
    pub marker: bool,
    /// The payload with the codec's payload header.
    pub payload: Bytes,
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
