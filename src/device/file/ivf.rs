//! Reading IVF: a header of 32 bytes, then frames with 12 bytes of length and time before each.

use std::time::Duration;

use bytes::{Buf, Bytes};
use media::bitstream::is_keyframe;
use units::Codec;

use super::FormatError;

/// The shortest and the longest time between two pictures that is believed.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(4)..=Duration::from_secs(10);
/// Bytes of the header that is known; its own length field may say that there are more.
const HEADER: usize = 32;
/// Bytes before each frame.
const FRAME_HEADER: usize = 12;

/// The content of an IVF file.
#[derive(Debug, Clone)]
pub(in crate::device) struct Ivf {
    /// What the frames are.
    pub(in crate::device) codec: Codec,
    /// The mean time between two frames.
    pub(in crate::device) interval: Duration,
    /// The frames in the order in which they are decoded; the first one is a keyframe.
    pub(in crate::device) frames: Vec<IvfFrame>,
}

/// One encoded picture.
#[derive(Debug, Clone)]
pub(in crate::device) struct IvfFrame {
    /// Whether a decoder can start here.
    pub(in crate::device) keyframe: bool,
    /// The encoded bytes.
    pub(in crate::device) data: Bytes,
}

impl Ivf {
    /// Reads a file; frames before the first keyframe, which nobody can decode, are left out.
    pub(in crate::device) fn parse(mut bytes: Bytes) -> Result<Self, FormatError> {
        if !bytes.starts_with(b"DKIF") {
            return Err(FormatError::Kind("an IVF file"));
        }
        if bytes.len() < HEADER {
            return Err(FormatError::Truncated("its header"));
        }
        let mut header = bytes.split_to(HEADER);
        header.advance(6);
        let header_length = usize::from(header.get_u16_le());
        let codec = codec(header.copy_to_bytes(4).as_ref())?;
        header.advance(4);
        let (rate, scale) = (header.get_u32_le(), header.get_u32_le());
        let more =
            header_length.checked_sub(HEADER).ok_or(FormatError::Broken("its header has a wrong length"))?;
        if more > bytes.len() {
            return Err(FormatError::Truncated("its header"));
        }
        bytes.advance(more);

        let mut frames = Vec::new();
        let (mut first, mut last) = (0, 0);
        while !bytes.is_empty() {
            if bytes.len() < FRAME_HEADER {
                return Err(FormatError::Truncated("a frame"));
            }
            let (size, time) = (bytes.get_u32_le() as usize, bytes.get_u64_le());
            if size > bytes.len() {
                return Err(FormatError::Truncated("a frame"));
            }
            let data = bytes.split_to(size);
            let keyframe = is_keyframe(codec, &data);
            if frames.is_empty() {
                if !keyframe {
                    continue;
                }
                first = time;
            }
            last = time;
            frames.push(IvfFrame { keyframe, data });
        }
        if frames.is_empty() {
            return Err(FormatError::Broken("it has no keyframe"));
        }
        let interval = interval(last.saturating_sub(first), frames.len(), rate, scale)?;
        Ok(Self { codec, interval, frames })
    }
}

fn codec(name: &[u8]) -> Result<Codec, FormatError> {
    match name {
        b"VP80" => Ok(Codec::Vp8),
        b"H264" => Ok(Codec::H264),
        _ => Err(FormatError::Unsupported(format!(
            "{} pictures, which are not supported",
            name.escape_ascii()
        ))),
    }
}

/// Returns the mean time between frames that span `ticks` of `scale / rate` seconds. A file with useless times is
/// taken to have one frame a tick.
fn interval(ticks: u64, frames: usize, rate: u32, scale: u32) -> Result<Duration, FormatError> {
    let seconds = f64::from(scale) / f64::from(rate);
    let gaps = frames.saturating_sub(1);
    let ticks = if ticks == 0 || gaps == 0 { 1.0 } else { ticks as f64 / gaps as f64 };
    Duration::try_from_secs_f64(seconds * ticks)
        .ok()
        .filter(|interval| INTERVALS.contains(interval))
        .ok_or(FormatError::Broken("its frame rate is not between one in 10 seconds and 250 a second"))
}

#[cfg(test)]
pub(in crate::device) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The start of a VP8 keyframe of 16x16 pixels, and of a frame that refers to others.
    pub(in super::super) const KEY: [u8; 10] = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 16, 0, 16, 0];
    pub(in super::super) const DELTA: [u8; 4] = [0x11, 0, 0, 7];

    pub(in super::super) fn file(rate: u32, scale: u32, frames: &[(u64, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::from(*b"DKIF\0\0\x20\0VP80\x10\0\x10\0");
        bytes.extend(rate.to_le_bytes());
        bytes.extend(scale.to_le_bytes());
        bytes.extend([0; 8]);
        for (time, frame) in frames {
            bytes.extend((frame.len() as u32).to_le_bytes());
            bytes.extend(time.to_le_bytes());
            bytes.extend(*frame);
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Ivf, FormatError> {
        Ivf::parse(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn frames_come_with_their_bytes_and_their_rate() {
        let ivf = parse(&file(25, 1, &[(0, &KEY), (1, &DELTA), (2, &KEY)])).unwrap();
        assert_eq!((ivf.codec, ivf.interval), (Codec::Vp8, Duration::from_millis(40)));
        assert_eq!(ivf.frames.iter().map(|frame| frame.keyframe).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(ivf.frames[1].data, DELTA[..]);
    }

    #[test]
    fn the_interval_follows_the_times_where_there_are_any() {
        let ivf = parse(&file(1000, 1, &[(100, &KEY), (140, &DELTA), (180, &DELTA)])).unwrap();
        assert_eq!(ivf.interval, Duration::from_millis(40));
        let untimed = parse(&file(50, 1, &[(0, &KEY), (0, &DELTA)])).unwrap();
        assert_eq!(untimed.interval, Duration::from_millis(20));
    }

    #[test]
    fn a_file_starts_at_its_first_keyframe() {
        let ivf = parse(&file(25, 1, &[(0, &DELTA), (1, &KEY), (2, &DELTA)])).unwrap();
        assert_eq!(ivf.frames.len(), 2);
        assert!(ivf.frames[0].keyframe);
        assert_eq!(
            parse(&file(25, 1, &[(0, &DELTA)])).unwrap_err(),
            FormatError::Broken("it has no keyframe")
        );
        assert_eq!(parse(&file(25, 1, &[])).unwrap_err(), FormatError::Broken("it has no keyframe"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = file(25, 1, &[(0, &KEY)]);
        assert_eq!(parse(b"OggS").unwrap_err(), FormatError::Kind("an IVF file"));
        assert_eq!(parse(&good[..20]).unwrap_err(), FormatError::Truncated("its header"));
        assert_eq!(parse(&good[..40]).unwrap_err(), FormatError::Truncated("a frame"));
        assert_eq!(parse(&good[..good.len() - 1]).unwrap_err(), FormatError::Truncated("a frame"));
        let mut vp9 = good.clone();
        vp9[8..12].copy_from_slice(b"VP90");
        assert!(parse(&vp9).unwrap_err().to_string().contains("VP90"));
        for (rate, scale) in [(0, 1), (1, 0), (0, 0), (1, u32::MAX), (u32::MAX, 1)] {
            assert!(matches!(parse(&file(rate, scale, &[(0, &KEY)])), Err(FormatError::Broken(_))));
        }
    }

    proptest! {
        #[test]
        fn bytes_that_were_tampered_with_are_refused_or_read(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
            length in any::<proptest::sample::Index>(),
        ) {
            let mut bytes = file(25, 1, &[(0, &KEY), (1, &DELTA), (2, &KEY), (3, &DELTA)]);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(length.index(bytes.len() + 1));
            if let Ok(ivf) = parse(&bytes) {
                prop_assert!(ivf.frames[0].keyframe);
                prop_assert!(INTERVALS.contains(&ivf.interval));
            }
        }
    }
}
