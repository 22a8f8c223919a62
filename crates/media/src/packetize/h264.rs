//! H.264 payloads of packetization mode 1 (RFC 6184 §6.3), written: single units, STAP-A, FU-A.

use bytes::{BufMut, Bytes, BytesMut};

use super::{even_pieces, room};
use crate::bitstream::{nal, nal_units};

/// FU indicator and FU header.
const FU_HEADER: usize = 2;
/// S bit of the FU header.
const FU_START: u8 = 0x80;
/// E bit of the FU header.
const FU_END: u8 = 0x40;
/// F and NRI bits of a NAL unit header.
const NOT_TYPE: u8 = 0xe0;
/// The type byte of a STAP-A.
const STAP_HEADER: usize = 1;
/// The length before each unit in a STAP-A.
const STAP_LENGTH: usize = 2;
/// How many parameter sets of a kind are kept; more than any encoder makes. The rest is not repeated.
const MAX_PARAMETER_SETS: usize = 16;

/// The parameter sets that the source sent last.
#[derive(Debug, Default)]
pub(super) struct ParameterSets {
    sequence: Vec<Bytes>,
    picture: Vec<Bytes>,
}

impl ParameterSets {
    /// Keeps the sets among `units`; those of a kind replace all earlier ones of that kind.
    fn remember(&mut self, units: &[Bytes]) {
        for (kind, kept) in [(nal::SPS, &mut self.sequence), (nal::PPS, &mut self.picture)] {
            let mut new = units.iter().filter(|unit| nal::kind(unit[0]) == kind).peekable();
            if new.peek().is_some() {
                kept.clear();
                // Copies, so that a keyframe is not kept in memory for the few bytes before it.
                kept.extend(new.take(MAX_PARAMETER_SETS).map(|unit| Bytes::copy_from_slice(unit)));
            }
        }
    }
}

/// Cuts one access unit.
pub(super) fn packetize(data: &Bytes, sets: &mut ParameterSets, max_payload: usize) -> Vec<Bytes> {
    let mut units: Vec<Bytes> = nal_units(data)
        .filter(|unit| !matches!(nal::kind(data[unit.start]), nal::DELIMITER | nal::FILLER))
        .map(|unit| data.slice(unit))
        .collect();
    let has = |kind| units.iter().any(|unit| nal::kind(unit[0]) == kind);
    let (has_sps, has_pps, is_keyframe) = (has(nal::SPS), has(nal::PPS), has(nal::IDR_SLICE));
    sets.remember(&units);
    if units.iter().all(|unit| matches!(nal::kind(unit[0]), nal::SPS | nal::PPS)) {
        return Vec::new();
    }
    if is_keyframe && !has_sps {
        let missing_pictures: &[Bytes] = if has_pps { &[] } else { &sets.picture };
        units.splice(0..0, sets.sequence.iter().chain(missing_pictures).cloned());
    }
    pack(&units, max_payload)
}

/// Puts units into payloads: neighbours that fit go together, those that do not fit alone are cut.
fn pack(units: &[Bytes], max_payload: usize) -> Vec<Bytes> {
    let mut payloads = Vec::new();
    let mut rest = units;
    while let Some((first, after)) = rest.split_first() {
        if first.len() > max_payload {
            fragment(first, max_payload, &mut payloads);
            rest = after;
            continue;
        }
        let mut size = STAP_HEADER;
        let together = rest.iter().take_while(|unit| {
            size += STAP_LENGTH + unit.len();
            size <= max_payload
        });
        let count = together.count().max(1);
        let (group, after) = rest.split_at(count);
        payloads.push(if let [single] = group { single.clone() } else { aggregate(group) });
        rest = after;
    }
    payloads
}

/// Writes a STAP-A. Its F bit is set when any unit's is, its importance is the highest (RFC 6184 §5.7).
fn aggregate(units: &[Bytes]) -> Bytes {
    let size = units.iter().map(|unit| STAP_LENGTH + unit.len()).sum::<usize>();
    let mut payload = BytesMut::with_capacity(STAP_HEADER + size);
    let forbidden = units.iter().fold(0, |bit, unit| bit | unit[0] & 0x80);
    let importance = units.iter().map(|unit| unit[0] & 0x60).max().unwrap_or(0);
    payload.put_u8(forbidden | importance | nal::STAP_A);
    for unit in units {
        payload.put_u16(unit.len() as u16);
        payload.put_slice(unit);
    }
    payload.freeze()
}

/// Writes a unit as FU-As (RFC 6184 §5.8).
fn fragment(unit: &[u8], max_payload: usize, payloads: &mut Vec<Bytes>) {
    let (header, body) = (unit[0], &unit[1..]);
    let pieces = even_pieces(body, max_payload - FU_HEADER);
    let last = pieces.len() - 1;
    let mut buffer = room(body.len(), pieces.len(), FU_HEADER);
    for (index, piece) in pieces.enumerate() {
        let start = if index == 0 { FU_START } else { 0 };
        let end = if index == last { FU_END } else { 0 };
        buffer.put_u8(header & NOT_TYPE | nal::FU_A);
        buffer.put_u8(start | end | nal::kind(header));
        buffer.put_slice(piece);
        payloads.push(buffer.split().freeze());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 0x42, 0xe0, 0x1f];
    const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

    fn annex_b(units: &[&[u8]]) -> Bytes {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
    }

    fn idr(len: usize) -> Vec<u8> {
        let mut unit = vec![0xab; len];
        unit[0] = 0x65;
        unit
    }

    #[test]
    fn parameter_sets_and_a_small_slice_share_one_payload() {
        let payloads = packetize(&annex_b(&[SPS, PPS, &idr(10)]), &mut ParameterSets::default(), 100);
        assert_eq!(payloads.len(), 1);
        assert_eq!(payloads[0][0], 0x60 | nal::STAP_A);
        assert_eq!(payloads[0].len(), 1 + (2 + 4) + (2 + 4) + (2 + 10));
    }

    #[test]
    fn a_large_slice_is_cut_with_start_and_end_bits_and_keeps_its_header() {
        let payloads = packetize(&annex_b(&[SPS, PPS, &idr(181)]), &mut ParameterSets::default(), 64);
        let heads: Vec<_> = payloads[1..].iter().map(|p| (p[0], p[1], p.len())).collect();
        assert_eq!(heads, [(0x7c, 0x85, 62), (0x7c, 0x05, 62), (0x7c, 0x45, 62)]);
    }

    #[test]
    fn a_single_unit_goes_out_as_it_is_without_a_copy() {
        let data = annex_b(&[&[0x41, 1, 2, 3]]);
        let payloads = packetize(&data, &mut ParameterSets::default(), 100);
        assert_eq!(payloads.len(), 1);
        assert_eq!(payloads[0].as_ptr(), data[4..].as_ptr());
    }

    #[test]
    fn delimiters_and_filler_stay_home() {
        let data = annex_b(&[&[0x09, 0xf0], &[0x41, 1], &[0x0c, 0xff]]);
        assert_eq!(packetize(&data, &mut ParameterSets::default(), 100), [&[0x41, 1][..]]);
    }

    #[test]
    fn a_keyframe_without_parameter_sets_gets_the_last_ones() {
        let mut sets = ParameterSets::default();
        assert!(packetize(&annex_b(&[SPS, PPS]), &mut sets, 100).is_empty(), "only remembered");
        let bare = packetize(&annex_b(&[&idr(10)]), &mut sets, 100);
        let complete = packetize(&annex_b(&[SPS, PPS, &idr(10)]), &mut sets, 100);
        assert_eq!(bare, complete);
        let own_pps: &[u8] = &[0x68, 1];
        let mixed = packetize(&annex_b(&[own_pps, &idr(10)]), &mut sets, 100);
        assert_eq!(mixed, packetize(&annex_b(&[SPS, own_pps, &idr(10)]), &mut sets, 100));
    }

    #[test]
    fn a_frame_that_refers_to_others_gets_no_parameter_sets() {
        let mut sets = ParameterSets::default();
        packetize(&annex_b(&[SPS, PPS, &idr(10)]), &mut sets, 100);
        assert_eq!(packetize(&annex_b(&[&[0x41, 1]]), &mut sets, 100), [&[0x41, 1][..]]);
    }
}
