//! Frames: raw pictures, raw sound and encoded data, all cheap to clone.

use std::time::Duration;

use bytes::Bytes;
use units::{Codec, Time};

/// How the pixels of a picture lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Three planes, Y then U then V, chroma halved both ways (BT.601, limited range).
    I420,
    /// Two planes, Y then interleaved UV, chroma halved both ways (BT.601, limited range).
    Nv12,
    /// One plane, four bytes a pixel: red, green, blue, alpha.
    Rgba,
}

impl PixelFormat {
    /// Returns how many planes a picture has.
    pub const fn planes(self) -> usize {
        match self {
            Self::I420 => 3,
            Self::Nv12 => 2,
            Self::Rgba => 1,
        }
    }

    /// Returns the bytes that a row of `plane` holds and how many rows it has, without padding.
    pub const fn plane_size(self, plane: usize, width: u32, height: u32) -> (usize, usize) {
        let (w, h) = (width as usize, height as usize);
        match (self, plane) {
            (Self::Rgba, _) => (w * 4, h),
            (_, 0) => (w, h),
            (Self::I420, _) => (w.div_ceil(2), h.div_ceil(2)),
            (Self::Nv12, _) => (w.div_ceil(2) * 2, h.div_ceil(2)),
        }
    }
}

/// One plane of a picture.
#[derive(Debug, Clone, Default)]
pub struct Plane {
    /// The bytes, at least `stride * (rows - 1) + row bytes` of them. An app's memory comes in without a copy
    /// through [`Bytes::from_owner`].
    pub data: Bytes,
    /// Bytes from the start of one row to the start of the next.
    pub stride: usize,
}

/// A raw picture; clones share the pixels.
#[derive(Debug, Clone)]
pub struct VideoFrame {
    format: PixelFormat,
    width: u32,
    height: u32,
    planes: [Plane; 3],
    timestamp: Time,
}

/// Why a frame was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Width or height is zero or above [`VideoFrame::MAX_SIDE`].
    #[error("picture size {0}x{1} is outside 1x1..=16384x16384")]
    Size(u32, u32),
    /// The number of planes does not fit the pixel format.
    #[error("{0:?} needs {1} planes, got {2}")]
    Planes(PixelFormat, usize, usize),
    /// A plane's stride or length is too small for the picture.
    #[error("plane {0} is too small for the picture")]
    Plane(usize),
    /// The sample rate, channel count or sample count of sound does not fit.
    #[error("sound must be 48 kHz, 1 or 2 channels, in whole interleaved samples")]
    Sound,
}

impl VideoFrame {
    /// The longest side of a picture in pixels.
    pub const MAX_SIDE: u32 = 16_384;

    /// Makes a picture from its planes.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when the size is out of range, or a plane is missing or too small.
    pub fn new(
        format: PixelFormat,
        width: u32,
        height: u32,
        planes: &[Plane],
        timestamp: Time,
    ) -> Result<Self, FrameError> {
        let side = 1..=Self::MAX_SIDE;
        if !side.contains(&width) || !side.contains(&height) {
            return Err(FrameError::Size(width, height));
        }
        if planes.len() != format.planes() {
            return Err(FrameError::Planes(format, format.planes(), planes.len()));
        }
        for (index, plane) in planes.iter().enumerate() {
            let (row, rows) = format.plane_size(index, width, height);
            let needed = plane.stride.checked_mul(rows - 1).and_then(|bytes| bytes.checked_add(row));
            if plane.stride < row || needed.is_none_or(|needed| plane.data.len() < needed) {
                return Err(FrameError::Plane(index));
            }
        }
        let mut all = <[Plane; 3]>::default();
        all[..planes.len()].clone_from_slice(planes);
        Ok(Self { format, width, height, planes: all, timestamp })
    }

    /// Makes a picture from one tightly packed buffer that holds all planes one after the other.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when the size is out of range or the buffer too short.
    pub fn packed(
        format: PixelFormat,
        width: u32,
        height: u32,
        mut data: Bytes,
        timestamp: Time,
    ) -> Result<Self, FrameError> {
        let mut planes = Vec::with_capacity(format.planes());
        for index in 0..format.planes() {
            let (row, rows) = format.plane_size(index, width, height);
            let size = row.saturating_mul(rows);
            if data.len() < size {
                return Err(FrameError::Plane(index));
            }
            planes.push(Plane { data: data.split_to(size), stride: row });
        }
        Self::new(format, width, height, &planes, timestamp)
    }

    /// Returns how the pixels lie in memory.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Returns the width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns the planes, as many as the pixel format has.
    pub fn planes(&self) -> &[Plane] {
        &self.planes[..self.format.planes()]
    }

    /// Returns when the picture was captured (sending) or is due (receiving), on the engine's clock.
    pub fn timestamp(&self) -> Time {
        self.timestamp
    }

    /// Returns the same picture with another time stamp; the pixels are shared.
    pub fn at(mut self, timestamp: Time) -> Self {
        self.timestamp = timestamp;
        self
    }
}

/// Raw sound: interleaved signed 16-bit samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFrame {
    /// When the first sample was captured or is due, on the engine's clock.
    pub timestamp: Time,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Interleaved channels.
    pub channels: u16,
    /// The samples, `channels` of them for each instant.
    pub samples: Vec<i16>,
}

impl AudioFrame {
    /// Returns how long the sound lasts.
    pub fn duration(&self) -> Duration {
        let per_channel = self.samples.len() as u64 / u64::from(self.channels.max(1));
        Duration::from_micros(per_channel * 1_000_000 / u64::from(self.sample_rate.max(1)))
    }
}

/// One encoded picture or packet of sound; clones share the bytes.
#[derive(Debug, Clone)]
pub struct EncodedFrame {
    /// What the bytes are.
    pub codec: Codec,
    /// When it was captured (sending) or is due (receiving), on the engine's clock.
    pub timestamp: Time,
    /// How long a packet of sound lasts; zero for pictures.
    pub duration: Duration,
    /// Whether a decoder can start here. Always true for sound.
    pub keyframe: bool,
    /// The bytes: one VP8 frame, one H.264 access unit (Annex B), one Opus packet.
    pub data: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_i420_picture_of_odd_size_splits_into_its_planes() {
        let data = Bytes::from(vec![0; 5 * 3 + 2 * (3 * 2)]);
        let frame = VideoFrame::packed(PixelFormat::I420, 5, 3, data, Time::ZERO).unwrap();
        assert_eq!(
            frame.planes().iter().map(|p| (p.stride, p.data.len())).collect::<Vec<_>>(),
            [(5, 15), (3, 6), (3, 6)]
        );
    }

    #[test]
    fn a_picture_is_refused_when_a_plane_is_short_or_the_size_absurd() {
        let short = Plane { data: Bytes::from(vec![0; 10]), stride: 4 };
        assert_eq!(
            VideoFrame::new(PixelFormat::Rgba, 1, 4, &[short], Time::ZERO).unwrap_err(),
            FrameError::Plane(0)
        );
        let huge = Plane { data: Bytes::new(), stride: usize::MAX };
        assert_eq!(
            VideoFrame::new(PixelFormat::Rgba, 1, 4, &[huge], Time::ZERO).unwrap_err(),
            FrameError::Plane(0)
        );
        assert_eq!(
            VideoFrame::packed(PixelFormat::Nv12, 0, 4, Bytes::new(), Time::ZERO).unwrap_err(),
            FrameError::Size(0, 4)
        );
    }
}
