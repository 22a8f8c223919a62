//! What an encoded picture says about itself: where its NAL units lie and whether a decoder can start at it.

use std::ops::Range;

use units::Codec;

/// The first three bytes of an H.264 start code; a fourth zero may come before them.
const START_CODE: [u8; 3] = [0, 0, 1];
/// The three bytes after the frame tag of a VP8 keyframe (RFC 6386 §9.1).
const VP8_KEYFRAME_START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// The kinds of NAL unit that matter to transport (H.264 table 7-1, RFC 6184 table 1).
pub mod nal {
    /// A slice of a picture that refers to others.
    pub const SLICE: u8 = 1;
    /// A slice of a picture that a decoder can start at.
    pub const IDR_SLICE: u8 = 5;
    /// A sequence parameter set.
    pub const SPS: u8 = 7;
    /// A picture parameter set.
    pub const PPS: u8 = 8;
    /// An access unit delimiter.
    pub const DELIMITER: u8 = 9;
    /// Filler.
    pub const FILLER: u8 = 12;
    /// Several NAL units in one payload (RFC 6184 §5.7.1).
    pub const STAP_A: u8 = 24;
    /// A piece of a NAL unit (RFC 6184 §5.8).
    pub const FU_A: u8 = 28;

    /// Returns the type in the first byte of a NAL unit.
    pub const fn kind(header: u8) -> u8 {
        header & 0x1f
    }
}

/// Returns where the NAL units of an Annex B byte stream lie, without start codes and trailing zeros.
///
/// Bytes before the first start code are ignored, and so are empty units.
pub fn nal_units(annex_b: &[u8]) -> NalUnits<'_> {
    let next = start_code(annex_b, 0).map(|at| at + START_CODE.len());
    NalUnits { data: annex_b, next }
}

/// The NAL units of a byte stream; made by [`nal_units`].
#[derive(Debug, Clone)]
pub struct NalUnits<'a> {
    data: &'a [u8],
    next: Option<usize>,
}

impl Iterator for NalUnits<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let start = self.next?;
            let stop = start_code(self.data, start);
            self.next = stop.map(|at| at + START_CODE.len());
            let unit = &self.data[start..stop.unwrap_or(self.data.len())];
            // A unit ends in a one bit, so zeros after it belong to the next start code or are padding.
            if let Some(last) = unit.iter().rposition(|&byte| byte != 0) {
                return Some(start..start + last + 1);
            }
        }
    }
}

/// Returns where the next start code begins, at `from` or later.
fn start_code(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(window) = data.get(at..at + START_CODE.len()) {
        match window {
            [0, 0, 1] => return Some(at),
            // A byte that cannot be part of a start code says how far away the next one is at least.
            [_, 0, 0 | 1] => at += 1,
            [_, _, 0 | 1] => at += 2,
            _ => at += 3,
        }
    }
    None
}

/// Returns whether a decoder can start at this picture: a VP8 keyframe by its frame tag (RFC 6386 §9.1), an
/// H.264 access unit with an IDR slice. Sound can always be started at.
///
/// For frames that an app encoded; an encoder of the engine says so itself.
pub fn is_keyframe(codec: Codec, data: &[u8]) -> bool {
    match codec {
        Codec::Opus => true,
        Codec::Vp8 => vp8_starts_keyframe(data) && data.get(3..6) == Some(&VP8_KEYFRAME_START_CODE),
        Codec::H264 => nal_units(data).any(|unit| nal::kind(data[unit.start]) == nal::IDR_SLICE),
    }
}

/// Returns whether the first byte of a VP8 frame marks a keyframe.
pub(crate) fn vp8_starts_keyframe(data: &[u8]) -> bool {
    data.first().is_some_and(|tag| tag & 1 == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nal_units_are_found_behind_start_codes_of_three_and_four_bytes() {
        let data = [9, 0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3, 0, 4, 0, 0];
        let units: Vec<_> = nal_units(&data).map(|unit| data[unit].to_vec()).collect();
        assert_eq!(units, [vec![0x67, 1], vec![0x68, 2], vec![0x65, 3, 0, 4]]);
    }

    #[test]
    fn a_stream_without_start_codes_or_with_empty_units_has_no_nal_units() {
        assert_eq!(nal_units(&[0x65, 1, 2, 3]).count(), 0);
        assert_eq!(nal_units(&[0, 0, 1, 0, 0, 1, 0, 0, 0, 1]).count(), 0);
        assert_eq!(nal_units(&[]).count(), 0);
    }

    #[test]
    fn a_vp8_keyframe_needs_the_frame_tag_and_the_start_code() {
        assert!(is_keyframe(Codec::Vp8, &[0x10, 0, 0, 0x9d, 1, 0x2a, 0, 5, 0xd0, 2]));
        assert!(!is_keyframe(Codec::Vp8, &[0x11, 0, 0, 0x9d, 1, 0x2a, 0, 5, 0xd0, 2]));
        assert!(!is_keyframe(Codec::Vp8, &[0x10, 0, 0]));
    }

    #[test]
    fn an_h264_keyframe_has_an_idr_slice_anywhere_in_the_access_unit() {
        assert!(is_keyframe(Codec::H264, &[0, 0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x65, 0x88]));
        assert!(!is_keyframe(Codec::H264, &[0, 0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x41, 0x9a]));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_scanned(data in proptest::collection::vec(0u8..4, 0..200)) {
            // Small byte values make start codes likely.
            let mut end = 0;
            for unit in nal_units(&data) {
                prop_assert!(unit.start >= end + 3 && !unit.is_empty());
                prop_assert_eq!(&data[unit.start - 3..unit.start], &START_CODE);
                prop_assert!(!data[unit.clone()].windows(3).any(|w| w == START_CODE));
                end = unit.end;
            }
            is_keyframe(Codec::H264, &data);
            is_keyframe(Codec::Vp8, &data);
        }
    }
}
