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

#[cfg(test)]
mod tests {
    use media::psnr::psnr;

    use super::*;
    use crate::device::Reference;

    const BUNNY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/media/bunny.ivf");
    const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/media/speech.ogg");

    #[test]
    fn encoded_frames_start_at_a_keyframe_and_start_again_after_the_end() {
        let mut file = VideoFile::open(Path::new(BUNNY)).unwrap();
        assert_eq!((file.codec(), file.interval()), (Codec::Vp8, Duration::from_millis(40)));
        let first = file.next_encoded(Time::from_millis(3)).unwrap();
        assert!(first.keyframe);
        assert_eq!((first.timestamp, first.duration), (Time::from_millis(3), Duration::ZERO));
        assert!(!file.next_encoded(Time::ZERO).unwrap().keyframe);
        let mut again = (0..10_000).map(|_| file.next_encoded(Time::ZERO).unwrap());
        assert!(again.any(|frame| frame.data == first.data));
    }

    #[test]
    fn a_picture_tells_its_number_and_time_and_the_reference_makes_it_again() {
        let mut file = VideoFile::open(Path::new(BUNNY)).unwrap();
        let mut reference = Reference::file(Path::new(BUNNY)).unwrap();
        for number in 0..5 {
            let sent = Time::from_millis(40 * u64::from(number));
            let picture = file.next_picture(number, sent).unwrap();
            assert_eq!(picture.timestamp(), sent);
            let stamp = Stamp::read(&picture).unwrap();
            assert_eq!(stamp, Stamp { frame: number, sent, source: StampSource::File });
            let source = reference.frame(&stamp).unwrap();
            assert_eq!(psnr(&picture, &source).unwrap().all, f64::INFINITY);
        }
        let pattern = Stamp { frame: 0, sent: Time::ZERO, source: StampSource::Pattern };
        assert!(reference.frame(&pattern).is_none());
    }

    #[test]
    fn an_error_names_the_file_and_what_is_wrong() {
        let error = |path: &str| VideoFile::open(Path::new(path)).err().unwrap().to_string();
        assert_eq!(error(SPEECH), format!("{SPEECH} cannot be played: it is not an IVF file"));
        assert!(error("/nonexistent.ivf").starts_with("/nonexistent.ivf cannot be read: "));
        assert!(error("/").contains("not a file"));
    }
}
