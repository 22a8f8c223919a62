//! Cutting encoded frames into RTP payloads: VP8 (RFC 7741), H.264 (RFC 6184), Opus (RFC 7587).

mod h264;
mod vp8;

use bytes::BytesMut;
use units::Codec;

use crate::frame::EncodedFrame;
use crate::rtp::{RtpPayload, ticks};

/// The longest payload that fits everywhere, in bytes.
///
/// A datagram of 1200 bytes passes any path that WebRTC meets without fragmentation (IPv6's 1280 less IP, UDP
/// and a TURN channel). From those 1200 go 12 for the RTP header, up to 16 for header extensions (mid,
/// transport-wide sequence number), 10 for the SRTP tag and 2 for the original sequence number of a
/// retransmission.
pub const MAX_PAYLOAD: usize = 1160;

/// The shortest payload limit that a packetizer obeys, in bytes; smaller ones are raised to it.
pub const MIN_MAX_PAYLOAD: usize = 64;

/// Cuts the frames of one (source, codec) into payloads that any number of links can send.
///
/// All payloads of a frame share one allocation.
#[derive(Debug)]
pub struct Packetizer {
    codec: Codec,
    timestamp_offset: u32,
    last_ticks: Option<u64>,
    picture_id: u16,
    parameter_sets: h264::ParameterSets,
}

impl Packetizer {
    /// Makes a packetizer; RTP time stamps and VP8 picture ids start where `seed` says, which should be random
    /// (RFC 3550 §5.1, RFC 7741 §4.2).
    pub fn new(codec: Codec, seed: u64) -> Self {
        Self {
            codec,
            timestamp_offset: (seed >> 32) as u32,
            last_ticks: None,
            picture_id: seed as u16 & vp8::PICTURE_ID_MASK,
            parameter_sets: h264::ParameterSets::default(),
        }
    }

    /// Cuts a frame into payloads of at most `max_payload` bytes ([`MAX_PAYLOAD`] unless the path is known).
    ///
    /// - The RTP time stamp is the frame's time stamp in the codec's clock. A picture that is not later than
    ///   the one before goes out one tick after it, since receivers tell pictures apart by time stamp.
    /// - H.264 goes out in packetization mode 1, without delimiters and filler. Parameter sets are remembered,
    ///   and put before a keyframe that comes without; a frame of nothing but parameter sets is only
    ///   remembered.
    /// - Opus packets go out whole: the codec has no fragmentation.
    ///
    /// Nothing comes out for an empty frame or a frame of another codec.
    pub fn packetize(&mut self, frame: &EncodedFrame, max_payload: usize) -> Vec<RtpPayload> {
        if frame.codec != self.codec || frame.data.is_empty() {
            return Vec::new();
        }
        let max_payload = max_payload.clamp(MIN_MAX_PAYLOAD, usize::from(u16::MAX));
        let payloads = match self.codec {
            Codec::Opus => vec![frame.data.clone()],
            Codec::Vp8 => {
                let payloads = vp8::packetize(&frame.data, self.picture_id, max_payload);
                self.picture_id = (self.picture_id + 1) & vp8::PICTURE_ID_MASK;
                payloads
            }
            Codec::H264 => h264::packetize(&frame.data, &mut self.parameter_sets, max_payload),
        };
        if payloads.is_empty() {
            return Vec::new();
        }
        let timestamp = self.timestamp(frame);
        let (last, is_video) = (payloads.len() - 1, self.codec != Codec::Opus);
        let to_rtp = |(index, payload)| RtpPayload { timestamp, marker: is_video && index == last, payload };
        payloads.into_iter().enumerate().map(to_rtp).collect()
    }

    fn timestamp(&mut self, frame: &EncodedFrame) -> u32 {
        let mut now = ticks(frame.timestamp, self.codec.clock_rate());
        if let (Some(last), true) = (self.last_ticks, self.codec != Codec::Opus) {
            now = now.max(last + 1);
        }
        self.last_ticks = Some(now);
        self.timestamp_offset.wrapping_add(now as u32)
    }
}

/// Cuts `data` into as few pieces of at most `max` bytes as possible, all of about the same size, so that no
/// packet is so small that its headers outweigh it.
fn even_pieces(data: &[u8], max: usize) -> impl ExactSizeIterator<Item = &[u8]> {
    let pieces = data.len().div_ceil(max).max(1);
    let (size, longer) = (data.len() / pieces, data.len() % pieces);
    let start = move |index: usize| index * size + index.min(longer);
    (0..pieces).map(move |index| &data[start(index)..start(index + 1)])
}

/// Room for `pieces` payloads that carry `data` bytes and a header of `header` bytes each.
fn room(data: usize, pieces: usize, header: usize) -> BytesMut {
    BytesMut::with_capacity(data + pieces * header)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use units::Time;

    use super::*;

    fn frame(codec: Codec, timestamp: Time, data: Vec<u8>) -> EncodedFrame {
        EncodedFrame { codec, timestamp, duration: Duration::ZERO, keyframe: true, data: Bytes::from(data) }
    }

    #[test]
    fn only_the_last_payload_of_a_picture_has_the_marker_and_all_have_its_time_stamp() {
        let mut packetizer = Packetizer::new(Codec::Vp8, 7 << 32);
        let payloads =
            packetizer.packetize(&frame(Codec::Vp8, Time::from_millis(1000), vec![1; 3000]), MAX_PAYLOAD);
        assert_eq!(payloads.iter().map(|p| p.marker).collect::<Vec<_>>(), [false, false, true]);
        assert!(payloads.iter().all(|p| p.timestamp == 90_007 && p.payload.len() <= MAX_PAYLOAD));
    }

    #[test]
    fn the_time_stamp_wraps_where_the_seed_puts_it() {
        let mut packetizer = Packetizer::new(Codec::Opus, u64::MAX);
        let mut stamp = |ms| {
            packetizer.packetize(&frame(Codec::Opus, Time::from_millis(ms), vec![1]), MAX_PAYLOAD)[0]
                .timestamp
        };
        assert_eq!((stamp(0), stamp(20), stamp(40)), (u32::MAX, 959, 1919));
    }

    #[test]
    fn pictures_with_the_same_time_stamp_stay_apart() {
        let mut packetizer = Packetizer::new(Codec::Vp8, 0);
        let mut stamp = |ms| {
            packetizer.packetize(&frame(Codec::Vp8, Time::from_millis(ms), vec![1]), MAX_PAYLOAD)[0].timestamp
        };
        assert_eq!((stamp(10), stamp(10), stamp(5), stamp(20)), (900, 901, 902, 1800));
    }

    #[test]
    fn sound_goes_out_whole_and_without_marker() {
        let mut packetizer = Packetizer::new(Codec::Opus, 0);
        let payloads = packetizer.packetize(&frame(Codec::Opus, Time::ZERO, vec![3; 1300]), MAX_PAYLOAD);
        assert_eq!((payloads.len(), payloads[0].payload.len(), payloads[0].marker), (1, 1300, false));
    }

    #[test]
    fn an_empty_frame_or_one_of_another_codec_yields_nothing() {
        let mut packetizer = Packetizer::new(Codec::Vp8, 0);
        assert!(packetizer.packetize(&frame(Codec::Vp8, Time::ZERO, vec![]), MAX_PAYLOAD).is_empty());
        assert!(packetizer.packetize(&frame(Codec::H264, Time::ZERO, vec![1]), MAX_PAYLOAD).is_empty());
    }

    #[test]
    fn pieces_differ_by_at_most_one_byte_and_make_up_the_whole() {
        let data: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for max in 1..1100 {
            let pieces: Vec<_> = even_pieces(&data, max).collect();
            assert_eq!(pieces.len(), 1000_usize.div_ceil(max));
            let (shortest, longest) =
                (pieces.iter().map(|p| p.len()).min(), pieces.iter().map(|p| p.len()).max());
            assert!(longest.unwrap() <= max && longest.unwrap() - shortest.unwrap() <= 1);
            assert_eq!(pieces.concat(), data);
        }
    }
}
