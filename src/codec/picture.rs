//! Pictures that can be drawn on.

use bytes::Bytes;
use media::frame::{FrameError, PixelFormat, VideoFrame};
use units::Time;

use super::convert::{self, ConvertError};

/// An I420 picture under construction; it becomes a shared [`VideoFrame`] when it is finished.
#[derive(Debug, Clone)]
pub struct I420Buffer {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

/// One plane of an [`I420Buffer`], without padding between the rows.
#[derive(Debug)]
pub struct PlaneMut<'a> {
    /// `width * height` samples.
    pub data: &'a mut [u8],
    /// Samples in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl PlaneMut<'_> {
    /// Returns one row, counted from the top.
    pub fn row(&mut self, row: usize) -> &mut [u8] {
        &mut self.data[row * self.width..][..self.width]
    }

    /// Fills a rectangle, as far as it lies inside the plane.
    pub fn fill(&mut self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>, value: u8) {
        let end = columns.end.min(self.width);
        let start = columns.start.min(end);
        for row in rows.start..rows.end.min(self.height) {
            self.row(row)[start..end].fill(value);
        }
    }
}

impl I420Buffer {
    /// Makes a picture whose samples are all zero (dark green).
    ///
    /// # Errors
    ///
    /// [`FrameError::Size`] when the size is out of range.
    pub fn new(width: u32, height: u32) -> Result<Self, FrameError> {
        let side = 1..=VideoFrame::MAX_SIDE;
        if !side.contains(&width) || !side.contains(&height) {
            return Err(FrameError::Size(width, height));
        }
        let samples =
            (0..3).map(|plane| plane_size(plane, width, height)).map(|(row, rows)| row * rows).sum();
        Ok(Self { width, height, data: vec![0; samples] })
    }

    /// Makes a picture with the content of a frame of any pixel format.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when the frame cannot be converted.
    pub fn copy_of(frame: &VideoFrame) -> Result<Self, ConvertError> {
        let frame = convert::to(frame, PixelFormat::I420)?;
        let samples = (0..3).map(|plane| plane_size(plane, frame.width(), frame.height()));
        let mut data = Vec::with_capacity(samples.map(|(row, rows)| row * rows).sum());
        for (index, plane) in frame.planes().iter().enumerate() {
            let (row, rows) = plane_size(index, frame.width(), frame.height());
            append_rows(&mut data, &plane.data, plane.stride, row, rows);
        }
        Ok(Self { width: frame.width(), height: frame.height(), data })
    }

    /// Returns the width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns the planes Y, U and V.
    pub fn planes_mut(&mut self) -> [PlaneMut<'_>; 3] {
        let (y_width, y_height) = plane_size(0, self.width, self.height);
        let (width, height) = plane_size(1, self.width, self.height);
        let (y, chroma) = self.data.split_at_mut(y_width * y_height);
        let (u, v) = chroma.split_at_mut(width * height);
        [
            PlaneMut { data: y, width: y_width, height: y_height },
            PlaneMut { data: u, width, height },
            PlaneMut { data: v, width, height },
        ]
    }

    /// Returns the finished picture; the samples are not copied.
    pub fn freeze(self, timestamp: Time) -> VideoFrame {
        VideoFrame::packed(PixelFormat::I420, self.width, self.height, Bytes::from(self.data), timestamp)
            .expect("the buffer was made for this size")
    }
}

fn plane_size(plane: usize, width: u32, height: u32) -> (usize, usize) {
    PixelFormat::I420.plane_size(plane, width, height)
}

/// Appends the rows of a plane without their padding.
pub(super) fn append_rows(out: &mut Vec<u8>, data: &[u8], stride: usize, row: usize, rows: usize) {
    if stride == row {
        out.extend_from_slice(&data[..row * rows]);
    } else {
        for index in 0..rows {
            out.extend_from_slice(&data[index * stride..][..row]);
        }
    }
}
