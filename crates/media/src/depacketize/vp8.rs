//! The VP8 payload descriptor (RFC 7741 §4.2), read.

use bytes::{Buf, Bytes};

use super::{PayloadError, join};
use crate::bitstream::vp8_starts_keyframe;

/// A frame number that wraps at 7 or 15 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    value: u16,
    mask: u16,
}

impl PictureId {
    const SHORT: u16 = 0x7f;
    const LONG: u16 = 0x7fff;

    /// Returns the number of the frame after this one.
    pub fn next(self) -> Self {
        Self { value: (self.value + 1) & self.mask, mask: self.mask }
    }
}

/// A piece of a VP8 frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vp8Fragment {
    /// Whether the data begins a partition of the frame.
    pub starts_partition: bool,
    /// The partition that the data belongs to; senders may say 0 for all.
    pub partition: u8,
    /// The frame's number, where the sender gives one.
    pub picture_id: Option<PictureId>,
    /// The piece; never empty.
    pub data: Bytes,
}

impl Vp8Fragment {
    pub(super) fn parse(mut payload: Bytes) -> Result<Self, PayloadError> {
        let flags = read(&mut payload)?;
        let mut picture_id = None;
        if flags & 0x80 != 0 {
            let extension = read(&mut payload)?;
            if extension & 0x80 != 0 {
                let first = read(&mut payload)?;
                picture_id = Some(if first & 0x80 != 0 {
                    let value = u16::from(first & 0x7f) << 8 | u16::from(read(&mut payload)?);
                    PictureId { value, mask: PictureId::LONG }
                } else {
                    PictureId { value: u16::from(first), mask: PictureId::SHORT }
                });
            }
            if extension & 0x40 != 0 {
                // TL0PICIDX: which base layer picture this one builds on.
                read(&mut payload)?;
            }
            if extension & 0x30 != 0 {
                // TID, Y and KEYIDX share an octet.
                read(&mut payload)?;
            }
        }
        if payload.is_empty() {
            return Err(PayloadError::Short);
        }
        let (starts_partition, partition) = (flags & 0x10 != 0, flags & 0x07);
        Ok(Self { starts_partition, partition, picture_id, data: payload })
    }

    pub(super) fn starts_frame(&self) -> bool {
        self.starts_partition && self.partition == 0
    }

    pub(super) fn keyframe(&self) -> Option<bool> {
        self.starts_frame().then(|| vp8_starts_keyframe(&self.data))
    }
}

pub(super) fn assemble<'a>(
    fragments: impl Iterator<Item = Result<&'a Vp8Fragment, PayloadError>> + Clone,
) -> Result<Bytes, PayloadError> {
    let mut size = 0;
    for (index, fragment) in fragments.clone().enumerate() {
        let fragment = fragment?;
        if (index == 0) != fragment.starts_frame() {
            return Err(PayloadError::Mismatch);
        }
        size += fragment.data.len();
    }
    join(size, |frame| {
        fragments.flatten().for_each(|fragment| frame.extend_from_slice(&fragment.data));
        Ok(())
    })
}

fn read(payload: &mut Bytes) -> Result<u8, PayloadError> {
    if payload.is_empty() { Err(PayloadError::Short) } else { Ok(payload.get_u8()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(payload: &'static [u8]) -> Result<Vp8Fragment, PayloadError> {
        Vp8Fragment::parse(Bytes::from_static(payload))
    }

    #[test]
    fn all_fields_of_the_descriptor_are_skipped_to_the_data() {
        let fragment = parse(&[0x90, 0xf0, 0x92, 0x34, 7, 0x21, 0x55]).unwrap();
        assert!(fragment.starts_frame());
        assert_eq!(fragment.picture_id, Some(PictureId { value: 0x1234, mask: 0x7fff }));
        assert_eq!(&fragment.data[..], [0x55]);
        assert_eq!(parse(&[0x00, 9]).unwrap().picture_id, None);
        assert_eq!(parse(&[0x80, 0x20, 0x21, 9]).unwrap().data[..], [9]);
    }

    #[test]
    fn a_descriptor_without_data_is_refused() {
        for payload in [&[][..], &[0x10], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0x80, 1], &[0x90, 0x40, 1]] {
            assert_eq!(parse(payload), Err(PayloadError::Short));
        }
    }

    #[test]
    fn picture_ids_wrap_at_their_own_width() {
        assert_eq!(PictureId { value: 0x7f, mask: 0x7f }.next().value, 0);
        assert_eq!(PictureId { value: 0x7f, mask: 0x7fff }.next().value, 0x80);
        assert_eq!(PictureId { value: 0x7fff, mask: 0x7fff }.next().value, 0);
    }

    #[test]
    fn only_the_first_payload_of_partition_zero_tells_whether_the_frame_is_a_keyframe() {
        assert_eq!(parse(&[0x10, 0x10, 0]).unwrap().keyframe(), Some(true));
        assert_eq!(parse(&[0x10, 0x11, 0]).unwrap().keyframe(), Some(false));
        assert_eq!(parse(&[0x11, 0x10, 0]).unwrap().keyframe(), None);
        assert_eq!(parse(&[0x00, 0x10, 0]).unwrap().keyframe(), None);
    }
}
