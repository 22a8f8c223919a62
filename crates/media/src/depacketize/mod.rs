//! Reading RTP payloads and putting the fragments of a frame together again.
//!
//! Whatever bytes come in, the answer is a [`Fragment`] or a [`PayloadError`]; nothing panics and nothing is
//! read past the end.

mod h264;
mod vp8;

use bytes::{Bytes, BytesMut};
use units::Codec;

pub use h264::H264Fragment;
pub use vp8::{PictureId, Vp8Fragment};

/// Why a payload was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The payload ends inside its header or inside a unit that it announces.
    #[error("payload is too short")]
    Short,
    /// The payload has a structure that was not negotiated or does not exist.
    #[error("payload structure {0} is not supported")]
    Unsupported(u8),
    /// The fragments do not make up one frame.
    #[error("fragments do not fit together")]
    Mismatch,
}

/// What one RTP payload carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fragment {
    /// A whole Opus packet.
    Opus(Bytes),
    /// A piece of a VP8 frame.
    Vp8(Vp8Fragment),
    /// Units of an H.264 access unit or a piece of one.
    H264(H264Fragment),
}

/// Reads one RTP payload.
///
/// # Errors
///
/// [`PayloadError`] when the payload header is cut short, carries no data, or has a structure that is not
/// part of the codec's negotiated mode.
pub fn depacketize(codec: Codec, payload: Bytes) -> Result<Fragment, PayloadError> {
    match codec {
        Codec::Opus if payload.is_empty() => Err(PayloadError::Short),
        Codec::Opus => Ok(Fragment::Opus(payload)),
        Codec::Vp8 => Vp8Fragment::parse(payload).map(Fragment::Vp8),
        Codec::H264 => H264Fragment::parse(payload).map(Fragment::H264),
    }
}

impl Fragment {
    /// Returns whether a frame certainly begins with this fragment. For H.264 only a delimiter or a sequence
    /// parameter set proves it; other frames are recognised by where the frame before ends.
    pub fn starts_frame(&self) -> bool {
        match self {
            Self::Opus(_) => true,
            Self::Vp8(fragment) => fragment.starts_frame(),
            Self::H264(fragment) => fragment.starts_frame(),
        }
    }

    /// Returns whether the frame is one that a decoder can start at, as far as this fragment tells.
    pub fn keyframe(&self) -> Option<bool> {
        match self {
            Self::Opus(_) => Some(true),
            Self::Vp8(fragment) => fragment.keyframe(),
            Self::H264(fragment) => fragment.keyframe(),
        }
    }

    /// Returns whether the fragment carries an H.264 sequence parameter set.
    pub fn has_parameter_sets(&self) -> bool {
        matches!(self, Self::H264(fragment) if fragment.has_parameter_sets())
    }

    /// Returns the VP8 picture id.
    pub fn picture_id(&self) -> Option<PictureId> {
        match self {
            Self::Vp8(fragment) => fragment.picture_id,
            _ => None,
        }
    }
}

/// Puts the fragments of one frame, in order, together: one VP8 frame, one H.264 access unit in Annex B with
/// start codes of four bytes, one Opus packet.
///
/// # Errors
///
/// [`PayloadError::Mismatch`] when the first fragment does not begin a VP8 frame, when the pieces of an H.264
/// unit do not follow each other, or when fragments of several codecs or several Opus packets come together;
/// [`PayloadError::Short`] when there is no fragment.
pub fn assemble<'a>(fragments: impl Iterator<Item = &'a Fragment> + Clone) -> Result<Bytes, PayloadError> {
    match fragments.clone().next().ok_or(PayloadError::Short)? {
        Fragment::Opus(packet) => {
            if fragments.count() > 1 {
                return Err(PayloadError::Mismatch);
            }
            Ok(packet.clone())
        }
        Fragment::Vp8(_) => vp8::assemble(fragments.map(|fragment| match fragment {
            Fragment::Vp8(fragment) => Ok(fragment),
            _ => Err(PayloadError::Mismatch),
        })),
        Fragment::H264(_) => h264::assemble(fragments.map(|fragment| match fragment {
            Fragment::H264(fragment) => Ok(fragment),
            _ => Err(PayloadError::Mismatch),
        })),
    }
}

/// Joins pieces that `write` appends to a buffer of the given size.
fn join(
    size: usize,
    write: impl FnOnce(&mut BytesMut) -> Result<(), PayloadError>,
) -> Result<Bytes, PayloadError> {
    let mut data = BytesMut::with_capacity(size);
    write(&mut data)?;
    Ok(data.freeze())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use units::Time;

    use super::*;
    use crate::bitstream::nal_units;
    use crate::frame::EncodedFrame;
    use crate::packetize::{MIN_MAX_PAYLOAD, Packetizer};

    fn round_trip(codec: Codec, data: &[u8], max_payload: usize) -> Bytes {
        let frame = EncodedFrame {
            codec,
            timestamp: Time::ZERO,
            duration: Duration::ZERO,
            keyframe: false,
            data: Bytes::copy_from_slice(data),
        };
        let payloads = Packetizer::new(codec, 5).packetize(&frame, max_payload);
        assert!(payloads.iter().all(|p| codec == Codec::Opus || p.payload.len() <= max_payload));
        let fragments: Vec<_> =
            payloads.into_iter().map(|p| depacketize(codec, p.payload).unwrap()).collect();
        assemble(fragments.iter()).unwrap()
    }

    fn unit() -> impl Strategy<Value = Vec<u8>> {
        // Kinds that are not dropped on the way, with a body that holds no zero and so no start code.
        let kind = prop_oneof![Just(0x41u8), Just(0x65), Just(0x67), Just(0x68), Just(0x06)];
        (kind, proptest::collection::vec(1u8.., 1..700)).prop_map(|(kind, mut unit)| {
            unit[0] = kind;
            unit
        })
    }

    proptest! {
        #[test]
        fn any_payload_is_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..80)) {
            for codec in [Codec::Opus, Codec::Vp8, Codec::H264] {
                if let Ok(fragment) = depacketize(codec, Bytes::from(data.clone())) {
                    let _ = (fragment.starts_frame(), fragment.keyframe(), fragment.picture_id());
                    let _ = assemble([&fragment, &fragment].into_iter());
                    let _ = assemble([&fragment].into_iter());
                }
            }
        }

        #[test]
        fn a_vp8_frame_survives_the_way(
            data in proptest::collection::vec(any::<u8>(), 1..5000),
            max in MIN_MAX_PAYLOAD..1400,
        ) {
            prop_assert_eq!(&round_trip(Codec::Vp8, &data, max)[..], &data[..]);
        }

        #[test]
        fn an_opus_packet_survives_the_way(data in proptest::collection::vec(any::<u8>(), 1..1500)) {
            prop_assert_eq!(&round_trip(Codec::Opus, &data, 1160)[..], &data[..]);
        }

        #[test]
        fn the_units_of_an_access_unit_survive_the_way(
            units in proptest::collection::vec(unit(), 1..8),
            max in MIN_MAX_PAYLOAD..1400,
        ) {
            // A frame of only parameter sets is kept back, so there is always a slice.
            let units = [units, vec![vec![0x41, 1, 2]]].concat();
            let data: Vec<u8> = units.iter().flat_map(|unit| [&[0, 0, 1], &unit[..]].concat()).collect();
            let arrived = round_trip(Codec::H264, &data, max);
            let arrived: Vec<_> = nal_units(&arrived).map(|unit| arrived[unit].to_vec()).collect();
            prop_assert_eq!(arrived, units);
        }
    }

    #[test]
    fn fragments_of_different_codecs_do_not_make_a_frame() {
        let vp8 = depacketize(Codec::Vp8, Bytes::from_static(&[0x10, 1, 2])).unwrap();
        let h264 = depacketize(Codec::H264, Bytes::from_static(&[0x41, 1, 2])).unwrap();
        assert_eq!(assemble([&vp8, &h264].into_iter()), Err(PayloadError::Mismatch));
        assert_eq!(assemble([&h264, &vp8].into_iter()), Err(PayloadError::Mismatch));
        assert_eq!(assemble([].into_iter()), Err(PayloadError::Short));
    }
}
