//! A number and a time written into a picture so that they survive lossy coding and scaling.
//!
//! The strip at the top of the picture is a grid of [`COLUMNS`] by [`ROWS`] cells, each black or white. Cells grow
//! with the width of the picture, so a picture that was scaled on its way can still be read. Row by row the cells
//! hold, most significant bit first:
//!
//! | bits | content |
//! | --- | --- |
//! | 16 | [`SYNC`], from which the reader learns how dark black and how bright white came to be |
//! | 32 | the frame number |
//! | 48 | the send time in microseconds |
//! | 8 | 7 bits [`VERSION`], 1 bit source |
//! | 16 | CRC-16/CCITT of the three fields above |

use std::ops::Range;

use bytes::Bytes;
use media::frame::{PixelFormat, VideoFrame};
use units::Time;

/// Cells beside each other.
const COLUMNS: usize = 40;
/// Cells one above the other.
const ROWS: usize = 3;
/// The bits of a stamp, one for each cell.
const BITS: usize = COLUMNS * ROWS;
/// The first cells of every stamp: as many black as white ones.
const SYNC: u16 = 0b1010_0110_1100_0101;
/// The layout of the fields.
const VERSION: u8 = 1;
/// Bytes of the fields that the checksum covers.
const FIELDS: usize = 11;
/// Bits of the send time.
const TIME_MASK: u64 = (1 << 48) - 1;
/// The smallest picture that carries a stamp: its cells are four pixels wide.
const SMALLEST: (u32, u32) = (160, 90);
/// Limited-range black and white.
const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// The chroma of grey.
const NEUTRAL: u8 = 128;
/// How far black and white must lie apart for the strip to be believed to be one.
const CONTRAST: u32 = 60;

/// What kind of source a stamped picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StampSource {
    /// The test pattern; anybody can make the picture again.
    Pattern,
    /// A file; only who has the file can make the picture again.
    File,
}

/// What is written into the pictures of sources that a receiver shall recognise.
///
/// Pictures that are smaller than 160×90, or so wide that the strip would take more than a third of their height,
/// carry no stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The number of the picture in its source, from zero.
    pub frame: u32,
    /// When the picture was captured, on the sender's clock. The strip has room for the lower 48 bits: times wrap
    /// around after nine years.
    pub sent: Time,
    /// What kind of source the picture comes from.
    pub source: StampSource,
}

impl Stamp {
    /// Writes the strip into the luma plane of a picture.
    ///
    /// Leaves a picture alone that is too small for a stamp, and one whose plane is shorter than it should be.
    pub fn write(&self, luma: &mut [u8], stride: usize, width: u32, height: u32) {
        let needed =
            (height as usize).saturating_sub(1).saturating_mul(stride).saturating_add(width as usize);
        if !fits(width, height) || stride < width as usize || luma.len() < needed {
            return;
        }
        for (index, white) in self.bits().into_iter().enumerate() {
            let (columns, rows) = cell(index, width);
            for row in rows {
                luma[row * stride..][columns.clone()].fill(if white { WHITE } else { BLACK });
            }
        }
    }

    /// Returns a copy of an I420 or NV12 picture with the strip in it, grey where it is; a picture in another format
    /// or too small for a stamp comes back as it is.
    pub fn on(&self, frame: &VideoFrame) -> VideoFrame {
        let (format, width, height) = (frame.format(), frame.width(), frame.height());
        if format == PixelFormat::Rgba || !fits(width, height) {
            return frame.clone();
        }
        let sizes: Vec<_> =
            (0..format.planes()).map(|plane| format.plane_size(plane, width, height)).collect();
        let mut data = Vec::with_capacity(sizes.iter().map(|(row, rows)| row * rows).sum());
        for (plane, (row, rows)) in frame.planes().iter().zip(&sizes) {
            for index in 0..*rows {
                data.extend_from_slice(&plane.data[index * plane.stride..][..*row]);
            }
        }
        let (luma, mut chroma) = data.split_at_mut(sizes[0].0 * sizes[0].1);
        self.write(luma, sizes[0].0, width, height);
        for (row, rows) in &sizes[1..] {
            let plane;
            (plane, chroma) = chroma.split_at_mut(row * rows);
            grey(plane, *row, width, height);
        }
        VideoFrame::packed(format, width, height, Bytes::from(data), frame.timestamp())
            .expect("a copy has the size of its original")
    }

    /// Reads the strip of a picture; nothing when it carries none that is whole.
    pub fn read(frame: &VideoFrame) -> Option<Self> {
        if !fits(frame.width(), frame.height()) {
            return None;
        }
        let levels: Vec<u32> = (0..BITS).map(|index| level(frame, index)).collect();
        let sync = |index: usize| SYNC >> (15 - index) & 1 != 0;
        let mean = |white| {
            (0..16).filter(|index| sync(*index) == white).map(|index| levels[index]).sum::<u32>()
                / (SYNC.count_ones())
        };
        let (black, white) = (mean(false), mean(true));
        if white < black + CONTRAST {
            return None;
        }
        let threshold = u32::midpoint(black, white);
        let bits: Vec<bool> = levels.into_iter().map(|level| level > threshold).collect();
        if (0..16).any(|index| bits[index] != sync(index)) {
            return None;
        }
        let mut bytes = [0; FIELDS + 2];
        for (byte, bits) in bytes.iter_mut().zip(bits[16..].chunks_exact(8)) {
            *byte = bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        }
        Self::parse(bytes)
    }

    fn bits(self) -> [bool; BITS] {
        let mut fields = [0; FIELDS];
        fields[..4].copy_from_slice(&self.frame.to_be_bytes());
        fields[4..10].copy_from_slice(&(self.sent.as_micros() & TIME_MASK).to_be_bytes()[2..]);
        fields[10] = VERSION << 1 | u8::from(self.source == StampSource::File);
        let bytes = SYNC.to_be_bytes().into_iter().chain(fields).chain(crc(&fields).to_be_bytes());
        let mut bits = [false; BITS];
        for (byte, bits) in bytes.zip(bits.chunks_exact_mut(8)) {
            for (shift, bit) in bits.iter_mut().rev().enumerate() {
                *bit = byte >> shift & 1 != 0;
            }
        }
        bits
    }

    fn parse(bytes: [u8; FIELDS + 2]) -> Option<Self> {
        let [f0, f1, f2, f3, t0, t1, t2, t3, t4, t5, kind, c0, c1] = bytes;
        if crc(&bytes[..FIELDS]) != u16::from_be_bytes([c0, c1]) || kind >> 1 != VERSION {
            return None;
        }
        Some(Self {
            frame: u32::from_be_bytes([f0, f1, f2, f3]),
            sent: Time::from_micros(u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5])),
            source: if kind & 1 != 0 { StampSource::File } else { StampSource::Pattern },
        })
    }
}

/// Takes the colour out of the part of a chroma plane that lies under the strip; a row of the plane has `row` bytes
/// and the picture the given size.
pub(super) fn grey(chroma: &mut [u8], row: usize, width: u32, height: u32) {
    if fits(width, height) {
        let rows = strip_height(width).div_ceil(2);
        chroma[..row * rows].fill(NEUTRAL);
    }
}

/// Returns whether a picture of this size carries a stamp.
fn fits(width: u32, height: u32) -> bool {
    width >= SMALLEST.0 && height >= SMALLEST.1 && strip_height(width) * 3 <= height as usize
}

fn strip_height(width: u32) -> usize {
    edge(ROWS, width)
}

/// Returns the pixel at which a cell begins, for both ways: cells are square.
fn edge(cell: usize, width: u32) -> usize {
    cell * width as usize / COLUMNS
}

/// Returns the columns and rows of pixels of a cell.
fn cell(index: usize, width: u32) -> (Range<usize>, Range<usize>) {
    let (column, row) = (index % COLUMNS, index / COLUMNS);
    (edge(column, width)..edge(column + 1, width), edge(row, width)..edge(row + 1, width))
}

/// Returns the mean brightness of the inner part of a cell, where coding and scaling smear the least.
fn level(frame: &VideoFrame, index: usize) -> u32 {
    let inner = |range: Range<usize>| {
        let margin = range.len() / 4;
        range.start + margin..range.end - margin
    };
    // The green byte of a pixel stands for its brightness; cells are black or white.
    let (step, offset) = if frame.format() == PixelFormat::Rgba { (4, 1) } else { (1, 0) };
    let plane = &frame.planes()[0];
    let (columns, rows) = cell(index, frame.width());
    let (columns, rows) = (inner(columns), inner(rows));
    let count = (columns.len() * rows.len()) as u32;
    let sum: u32 = rows
        .flat_map(|row| columns.clone().map(move |column| row * plane.stride + column * step + offset))
        .map(|at| u32::from(plane.data[at]))
        .sum();
    sum / count
}

/// Returns the CRC-16 with the polynomial 0x1021, starting from all ones.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8)
            .fold(crc ^ u16::from(*byte) << 8, |crc, _| crc << 1 ^ if crc & 0x8000 != 0 { 0x1021 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use units::BitRate;

    use super::*;
    use crate::codec::{EncoderSettings, video_codecs, video_decoder, video_encoder};
    use crate::device::TestPattern;

    const STAMP: Stamp =
        Stamp { frame: 0xdead_beef, sent: Time::from_micros(0x1234_5678_9abc), source: StampSource::File };

    fn grey_picture(format: PixelFormat, width: u32, height: u32) -> VideoFrame {
        let size = (0..format.planes()).map(|plane| format.plane_size(plane, width, height));
        let data = vec![90; size.map(|(row, rows)| row * rows).sum()];
        VideoFrame::packed(format, width, height, Bytes::from(data), Time::ZERO).unwrap()
    }

    /// Returns the luma of a picture after `change`, as a picture.
    fn changed(frame: &VideoFrame, change: impl Fn(usize, u8) -> u8) -> VideoFrame {
        let mut planes = frame.planes().to_vec();
        planes[0].data = planes[0].data.iter().enumerate().map(|(at, byte)| change(at, *byte)).collect();
        VideoFrame::new(frame.format(), frame.width(), frame.height(), &planes, Time::ZERO).unwrap()
    }

    #[test]
    fn the_checksum_is_crc_16_ccitt() {
        assert_eq!(crc(b"123456789"), 0x29b1);
    }

    #[test]
    fn a_stamp_reads_as_it_was_written() {
        for (width, height) in
            [(160, 90), (161, 121), (320, 180), (333, 187), (1280, 720), (720, 1280), (4096, 2160)]
        {
            for format in [PixelFormat::I420, PixelFormat::Nv12] {
                let stamped = STAMP.on(&grey_picture(format, width, height));
                assert_eq!(Stamp::read(&stamped), Some(STAMP), "{width}x{height}");
            }
        }
    }

    #[test]
    fn a_block_has_at_least_eight_pixels_at_320_by_180() {
        let (columns, rows) = cell(BITS - 1, 320);
        assert!(columns.len() >= 8 && rows.len() >= 8);
        assert!(strip_height(320) * 6 < 180, "the strip leaves most of the picture free");
    }

    #[test]
    fn the_picture_is_grey_under_the_strip_and_untouched_below() {
        let original = grey_picture(PixelFormat::I420, 320, 180);
        let stamped = STAMP.on(&original);
        assert!(stamped.planes()[1].data[..160 * 12].iter().all(|byte| *byte == NEUTRAL));
        for (plane, at) in [(0, 320 * 24), (1, 160 * 12), (2, 160 * 12)] {
            assert_eq!(stamped.planes()[plane].data[at..], original.planes()[plane].data[at..]);
        }
    }

    #[test]
    fn sizes_without_room_are_left_alone() {
        for (width, height) in [(159, 90), (160, 89), (16, 16), (1280, 200)] {
            let picture = grey_picture(PixelFormat::I420, width, height);
            let stamped = STAMP.on(&picture);
            assert_eq!(stamped.planes()[0].data, picture.planes()[0].data, "{width}x{height}");
            assert_eq!(Stamp::read(&stamped), None);
        }
        let mut short = vec![0; 320 * 100];
        STAMP.write(&mut short, 320, 320, 180);
        assert!(short.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_stamp_survives_noise_and_lost_contrast() {
        let stamped = STAMP.on(&grey_picture(PixelFormat::I420, 320, 180));
        let noisy = changed(&stamped, |at, byte| {
            let noise = (at as u32).wrapping_mul(2_654_435_761) >> 26;
            (u32::from(byte) / 2 + 30 + noise) as u8
        });
        assert_eq!(Stamp::read(&noisy), Some(STAMP));
    }

    #[test]
    fn a_stamp_survives_scaling_to_half_size() {
        let large = STAMP.on(&grey_picture(PixelFormat::I420, 640, 360));
        let luma = &large.planes()[0].data;
        let half: Vec<u8> = (0..180).flat_map(|y| (0..320).map(move |x| luma[y * 2 * 640 + x * 2])).collect();
        let mut planes = grey_picture(PixelFormat::I420, 320, 180).planes().to_vec();
        planes[0].data = Bytes::from(half);
        let half = VideoFrame::new(PixelFormat::I420, 320, 180, &planes, Time::ZERO).unwrap();
        assert_eq!(Stamp::read(&half), Some(STAMP));
    }

    #[test]
    fn a_stamp_reads_from_rgba() {
        let stamped = STAMP.on(&grey_picture(PixelFormat::I420, 320, 180));
        let rgba: Vec<u8> =
            stamped.planes()[0].data.iter().flat_map(|luma| [*luma, *luma, *luma, 255]).collect();
        let rgba = VideoFrame::packed(PixelFormat::Rgba, 320, 180, Bytes::from(rgba), Time::ZERO).unwrap();
        assert_eq!(Stamp::read(&rgba), Some(STAMP));
    }

    #[test]
    fn a_picture_with_one_wrong_block_has_no_stamp() {
        let stamped = STAMP.on(&grey_picture(PixelFormat::I420, 320, 180));
        for index in 0..BITS {
            let (columns, rows) = cell(index, 320);
            let broken = changed(&stamped, |at, byte| {
                let inside = rows.contains(&(at / 320)) && columns.contains(&(at % 320));
                if inside { BLACK + WHITE - byte } else { byte }
            });
            assert_eq!(Stamp::read(&broken), None, "block {index}");
        }
    }

    #[test]
    fn a_picture_without_a_stamp_has_none() {
        let picture = grey_picture(PixelFormat::I420, 1280, 720);
        assert_eq!(Stamp::read(&picture), None);
        assert_eq!(Stamp::read(&changed(&picture, |at, _| (at / 7) as u8)), None);
    }

    #[test]
    fn stamps_survive_every_codec_at_a_low_rate() {
        let (width, height, frames_per_second) = (320, 180, 25);
        let rate = BitRate::from_kbps(100);
        let pattern = TestPattern::new(width, height).unwrap();
        for codec in video_codecs() {
            let settings = EncoderSettings { width, height, rate, frames_per_second };
            let mut encoder = video_encoder(codec, settings).unwrap();
            let mut decoder = video_decoder(codec).unwrap();
            let mut read = 0;
            for number in 0..50 {
                let source = pattern.frame(number, Time::from_millis(40 * u64::from(number)));
                let Some(encoded) = encoder.encode(&source, number == 0).unwrap() else { continue };
                let Some(picture) = decoder.decode(&encoded).unwrap() else { continue };
                assert_eq!(Stamp::read(&picture), Stamp::read(&source), "picture {number} in {codec:?}");
                read += 1;
            }
            assert!(read > 40, "{codec:?} dropped {} of 50 pictures", 50 - read);
        }
    }

    proptest! {
        #[test]
        fn every_stamp_reads_as_it_was_written(frame: u32, sent in 0..=TIME_MASK, from_file: bool) {
            let source = if from_file { StampSource::File } else { StampSource::Pattern };
            let stamp = Stamp { frame, sent: Time::from_micros(sent), source };
            let stamped = stamp.on(&grey_picture(PixelFormat::I420, 160, 90));
            prop_assert_eq!(Stamp::read(&stamped), Some(stamp));
        }
    }
}
