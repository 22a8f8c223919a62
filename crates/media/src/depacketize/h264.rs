//! H.264 payloads of packetization modes 0 and 1 (RFC 6184 §5), read.

use bytes::{BufMut, Bytes, BytesMut};

use super::{PayloadError, join};
use crate::bitstream::nal;

const START_CODE: &[u8] = &[0, 0, 0, 1];

/// What an H.264 payload carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum H264Fragment {
    /// One whole unit.
    Single(Bytes),
    /// Whole units, each behind its length in two bytes; the lengths are checked and none is zero.
    Aggregate(Bytes),
    /// A piece of a unit.
    Piece {
        /// Whether the unit begins here.
        start: bool,
        /// Whether the unit ends here.
        end: bool,
        /// The header byte of the unit, which the pieces do not contain.
        header: u8,
        /// The piece.
        data: Bytes,
    },
}

impl H264Fragment {
    pub(super) fn parse(payload: Bytes) -> Result<Self, PayloadError> {
        let &[indicator, ref body @ ..] = &payload[..] else {
            return Err(PayloadError::Short);
        };
        match nal::kind(indicator) {
            1..=23 => Ok(Self::Single(payload)),
            nal::STAP_A => {
                let mut rest = body;
                while !rest.is_empty() {
                    let (_, after) = split_unit(rest).ok_or(PayloadError::Short)?;
                    rest = after;
                }
                if body.is_empty() {
                    return Err(PayloadError::Short);
                }
                Ok(Self::Aggregate(payload.slice(1..)))
            }
            nal::FU_A => {
                let &[fu, _, ..] = body else {
                    return Err(PayloadError::Short);
                };
                let (start, end, header) = (fu & 0x80 != 0, fu & 0x40 != 0, indicator & 0xe0 | fu & 0x1f);
                if !(1..=23).contains(&nal::kind(header)) || start && end {
                    return Err(PayloadError::Unsupported(fu));
                }
                Ok(Self::Piece { start, end, header, data: payload.slice(2..) })
            }
            other => Err(PayloadError::Unsupported(other)),
        }
    }

    pub(super) fn starts_frame(&self) -> bool {
        self.any(|kind| matches!(kind, nal::SPS | nal::DELIMITER)) && self.starts_unit()
    }

    pub(super) fn keyframe(&self) -> Option<bool> {
        if self.any(|kind| matches!(kind, nal::IDR_SLICE | nal::SPS)) {
            return Some(true);
        }
        self.any(|kind| (nal::SLICE..nal::IDR_SLICE).contains(&kind)).then_some(false)
    }

    pub(super) fn has_parameter_sets(&self) -> bool {
        self.any(|kind| kind == nal::SPS)
    }

    fn starts_unit(&self) -> bool {
        !matches!(self, Self::Piece { start: false, .. })
    }

    /// Returns whether `wanted` says yes to the kind of any unit in here.
    fn any(&self, wanted: impl Fn(u8) -> bool) -> bool {
        let of_unit = |unit: &[u8]| wanted(nal::kind(unit[0]));
        match self {
            Self::Single(unit) => of_unit(unit),
            Self::Aggregate(units) => Units(units).any(of_unit),
            Self::Piece { header, .. } => wanted(nal::kind(*header)),
        }
    }
}

pub(super) fn assemble<'a>(
    fragments: impl Iterator<Item = Result<&'a H264Fragment, PayloadError>> + Clone,
) -> Result<Bytes, PayloadError> {
    let size = fragments.clone().flatten().map(size).sum();
    join(size, |frame| {
        let mut open = None;
        for fragment in fragments {
            match fragment? {
                H264Fragment::Piece { start, end, header, data } => {
                    let follows = if *start { open.is_none() } else { open == Some(*header) };
                    if !follows {
                        return Err(PayloadError::Mismatch);
                    }
                    if *start {
                        frame.put_slice(START_CODE);
                        frame.put_u8(*header);
                    }
                    frame.put_slice(data);
                    open = (!end).then_some(*header);
                }
                _ if open.is_some() => return Err(PayloadError::Mismatch),
                H264Fragment::Single(unit) => put_unit(frame, unit),
                H264Fragment::Aggregate(units) => Units(units).for_each(|unit| put_unit(frame, unit)),
            }
        }
        if open.is_some() { Err(PayloadError::Mismatch) } else { Ok(()) }
    })
}

/// The most bytes that a fragment adds to a frame.
fn size(fragment: &H264Fragment) -> usize {
    match fragment {
        H264Fragment::Single(unit) => START_CODE.len() + unit.len(),
        H264Fragment::Aggregate(units) => Units(units).map(|unit| START_CODE.len() + unit.len()).sum(),
        H264Fragment::Piece { data, .. } => START_CODE.len() + 1 + data.len(),
    }
}

fn put_unit(frame: &mut BytesMut, unit: &[u8]) {
    frame.put_slice(START_CODE);
    frame.put_slice(unit);
}

/// Splits the first unit off an aggregate; nothing when its length is zero or too great.
fn split_unit(units: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = units.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length == 0 { None } else { rest.split_at_checked(length) }
}

/// The units of a checked aggregate.
struct Units<'a>(&'a [u8]);

impl<'a> Iterator for Units<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (unit, rest) = split_unit(self.0)?;
        self.0 = rest;
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fragment, assemble};
    use super::*;

    fn parse(payload: &[u8]) -> Result<H264Fragment, PayloadError> {
        H264Fragment::parse(Bytes::copy_from_slice(payload))
    }

    fn frame(payloads: &[&[u8]]) -> Result<Vec<u8>, PayloadError> {
        let fragments: Vec<_> = payloads.iter().map(|p| Fragment::H264(parse(p).unwrap())).collect();
        assemble(fragments.iter()).map(|frame| frame.to_vec())
    }

    #[test]
    fn an_aggregate_comes_apart_into_its_units() {
        assert_eq!(
            frame(&[&[0x78, 0, 2, 0x67, 1, 0, 1, 0x68]]).unwrap(),
            [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68]
        );
    }

    #[test]
    fn an_aggregate_with_a_wrong_length_is_refused() {
        for payload in [&[0x78][..], &[0x78, 0], &[0x78, 0, 0], &[0x78, 0, 2, 0x67], &[0x78, 0, 1, 0x67, 0]] {
            assert_eq!(parse(payload), Err(PayloadError::Short));
        }
    }

    #[test]
    fn pieces_make_up_a_unit_only_when_none_is_missing() {
        let (first, middle, last) = (&[0x7c, 0x85, 1][..], &[0x7c, 0x05, 2][..], &[0x7c, 0x45, 3][..]);
        assert_eq!(frame(&[first, middle, last]).unwrap(), [0, 0, 0, 1, 0x65, 1, 2, 3]);
        for incomplete in [&[first, middle][..], &[middle, last], &[first, first, last], &[first, &[0x41, 1]]]
        {
            assert_eq!(frame(incomplete), Err(PayloadError::Mismatch));
        }
    }

    #[test]
    fn structures_of_the_interleaved_mode_and_reserved_types_are_refused() {
        for kind in [0, 25, 26, 27, 29, 30, 31] {
            assert_eq!(parse(&[0x60 | kind, 1, 2, 3]), Err(PayloadError::Unsupported(kind)));
        }
        assert_eq!(parse(&[0x7c, 0xc5, 1]), Err(PayloadError::Unsupported(0xc5)), "start and end at once");
    }

    #[test]
    fn a_payload_tells_its_part_in_the_frame() {
        let sps = parse(&[0x78, 0, 2, 0x67, 1, 0, 1, 0x68]).unwrap();
        assert!(sps.starts_frame() && sps.has_parameter_sets());
        assert_eq!(sps.keyframe(), Some(true));
        let idr_piece = parse(&[0x7c, 0x05, 0xff]).unwrap();
        assert!(!idr_piece.starts_frame());
        assert_eq!(idr_piece.keyframe(), Some(true));
        assert_eq!(parse(&[0x41, 0x9a]).unwrap().keyframe(), Some(false));
        assert_eq!(parse(&[0x06, 5]).unwrap().keyframe(), None);
    }
}
