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

/// Returns a point in time in ticks of an RTP clock since the epoch, rounded down; exact arithmetic, so equal
/// steps of time that are whole ticks stay equal steps of ticks for as long as the clock runs.
pub fn ticks(time: Time, clock_rate: u32) -> u64 {
    (u128::from(time.as_micros()) * u128::from(clock_rate) / 1_000_000) as u64
}

/// Returns how many microseconds a number of ticks of an RTP clock lasts, rounded down.
pub fn ticks_to_micros(ticks: u64, clock_rate: u32) -> u64 {
    (u128::from(ticks) * 1_000_000 / u128::from(clock_rate.max(1))) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_even_steps_stay_even_after_a_year() {
        let year = 365 * 86_400 * 1_000_000_u64;
        let at = |step: u64| ticks(Time::from_micros(year + step * 20_000), 48_000);
        assert!((0..1000).all(|step| at(step + 1) - at(step) == 960));
        assert_eq!(ticks_to_micros(at(0), 48_000), year);
    }

    #[test]
    fn a_thirtieth_of_a_second_is_three_thousand_video_ticks_within_rounding() {
        assert_eq!(ticks(Time::from_micros(33_333), 90_000), 2_999);
        assert_eq!(ticks(Time::from_micros(1_000_000), 90_000), 90_000);
    }
}
