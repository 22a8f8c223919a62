//! What an app may want of a picture outside a call.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use media::frame::{PixelFormat, VideoFrame};
use media::psnr::psnr;

use super::error::{Error, Result, Status};
use crate::codec;
use crate::device::{self, Stamp};

/// Converts a picture to another pixel format; the same format shares the pixels.
///
/// # Errors
///
/// [`Status::CodecFailed`] when the conversion fails.
pub fn convert(frame: &VideoFrame, format: PixelFormat) -> Result<VideoFrame> {
    codec::convert::to(frame, format).map_err(|error| Error::new(Status::CodecFailed, error.to_string()))
}

/// Writes a picture to a PNG file, replacing one that is there.
///
/// # Errors
///
/// [`Status::MediaFile`] when the file cannot be written.
pub fn write_png(frame: &VideoFrame, path: &Path) -> Result<()> {
    device::write_png(frame, path).map_err(|error| Error::new(Status::MediaFile, error.to_string()))
}

/// The pictures that were sent, to compare with those that came. The stamps that Parlor's own sources draw into
/// their pictures name them.
pub struct Reference(Mutex<device::Reference>);

impl Reference {
    /// Opens a VP8 file in IVF that somebody in the call plays with [`FileMode::Decode`](crate::shell::FileMode::Decode).
    ///
    /// # Errors
    ///
    /// [`Status::MediaFile`] when the file cannot be read or is something else.
    pub fn file(path: &Path) -> Result<Self> {
        let reference = device::Reference::file(path);
        reference.map(Self::new).map_err(|error| Error::new(Status::MediaFile, error.to_string()))
    }

    /// Makes the reference of the test pattern, for pictures of one size.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidArgument`] when the size is out of range.
    pub fn test_pattern(width: u32, height: u32) -> Result<Self> {
        let sides = 1..=VideoFrame::MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(Error::new(Status::InvalidArgument, "the size is outside 1x1..=16384x16384"));
        }
        Ok(Self::new(device::Reference::pattern(width, height)))
    }

    /// Returns the peak signal-to-noise ratio in dB, all samples together, of a picture against the one that its
    /// stamp names.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidFrame`] when the picture has no readable stamp or is not as large as the reference.
    pub fn psnr(&self, frame: &VideoFrame) -> Result<f64> {
        let refused = |message: &str| Error::new(Status::InvalidFrame, message);
        let stamp = Stamp::read(frame).ok_or_else(|| refused("the picture has no readable stamp"))?;
        let mut reference = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let source = reference.frame(&stamp).ok_or_else(|| refused("the stamp names no picture"))?;
        psnr(&source, frame).map(|psnr| psnr.all).map_err(|error| refused(&error.to_string()))
    }

    fn new(reference: device::Reference) -> Self {
        Self(Mutex::new(reference))
    }
}
