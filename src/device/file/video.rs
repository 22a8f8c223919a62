//! Playing a video file.

use std::path::Path;
use std::time::Duration;

use media::frame::{EncodedFrame, VideoFrame};
use units::{Codec, Time};

use super::{Clip, FileError};
use crate::device::stamp::{Stamp, StampSource};

/// A video file (VP8 or H.264 in IVF) that plays for ever.
pub struct VideoFile {
    clip: Clip,
    /// The number of the next encoded frame.
    sent: usize,
}

impl VideoFile {
    /// Opens a file and reads it into memory; no codec is needed yet.
    ///
    /// # Errors
    ///
    /// [`FileError`] when the file cannot be read or is not a whole IVF file with VP8 or H.264.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Self { clip: Clip::open(path)?, sent: 0 })
    }

    /// Returns what the frames of the file are encoded with.
    pub fn codec(&self) -> Codec {
        self.clip.codec()
    }

    /// Returns the time from one frame to the next.
    pub fn interval(&self) -> Duration {
        self.clip.interval()
    }

    /// Returns the picture with a number, counted on from round to round, with a [`Stamp`] in it.
    ///
    /// Numbers are meant to go up by one from zero; others are possible and cost more.
    ///
    /// # Errors
    ///
    /// [`FileError`] when the frame cannot be decoded; a later number may succeed.
    pub fn next_picture(&mut self, number: u32, timestamp: Time) -> Result<VideoFrame, FileError> {
        let stamp = Stamp { frame: number, sent: timestamp, source: StampSource::File };
        Ok(stamp.on(&self.clip.picture(number)?.at(timestamp)))
    }

    /// Returns the next frame as it is in the file, without a stamp; starts at a keyframe, and again at it after the
    /// end.
    ///
    /// # Errors
    ///
    /// None: the file was checked when it was opened.
    pub fn next_encoded(&mut self, timestamp: Time) -> Result<EncodedFrame, FileError> {
        let frame = self.clip.encoded(self.sent, timestamp);
        self.sent += 1;
        Ok(frame)
    }
}
