//! Making the sent picture again, to compare a received one with it.

use std::path::Path;

use media::frame::VideoFrame;

use super::file::{Clip, FileError};
use super::pattern::TestPattern;
use super::stamp::{Stamp, StampSource};

/// What the pictures of one received track are compared with.
///
/// Pictures are asked for in about the order in which they were sent; a jump in a file costs the decoding of
/// everything since the keyframe before it.
pub struct Reference(Source);

enum Source {
    Pattern(Option<TestPattern>),
    File(Box<Clip>),
}

impl Reference {
    /// Makes the reference for a test pattern; a size that no pattern has never gives a picture.
    pub fn pattern(width: u32, height: u32) -> Self {
        Self(Source::Pattern(TestPattern::new(width, height).ok()))
    }

    /// Makes the reference for a file.
    ///
    /// # Errors
    ///
    /// [`FileError`] when the file cannot be read or is not a whole IVF file with VP8 or H.264.
    pub fn file(path: &Path) -> Result<Self, FileError> {
        Ok(Self(Source::File(Box::new(Clip::open(path)?))))
    }

    /// Returns the picture as it was sent, with the stamp in it.
    ///
    /// Nothing when the stamp belongs to another kind of source, and for a picture of the file that cannot be
    /// decoded.
    pub fn frame(&mut self, stamp: &Stamp) -> Option<VideoFrame> {
        match (&mut self.0, stamp.source) {
            (Source::Pattern(pattern), StampSource::Pattern) => {
                Some(pattern.as_ref()?.frame(stamp.frame, stamp.sent))
            }
            (Source::File(clip), StampSource::File) => {
                Some(stamp.on(&clip.picture(stamp.frame).ok()?.at(stamp.sent)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use media::psnr::psnr;
    use units::Time;

    use super::*;

    #[test]
    fn a_pattern_comes_back_as_it_was_sent() {
        let sent = TestPattern::new(320, 180).unwrap().frame(41, Time::from_millis(1700));
        let stamp = Stamp::read(&sent).unwrap();
        let source = Reference::pattern(320, 180).frame(&stamp).unwrap();
        assert_eq!(psnr(&sent, &source).unwrap().all, f64::INFINITY);
    }

    #[test]
    fn a_clip_is_not_compared_with_the_pattern() {
        let stamp = Stamp { frame: 0, sent: Time::ZERO, source: StampSource::File };
        assert!(Reference::pattern(320, 180).frame(&stamp).is_none());
    }

    #[test]
    fn a_size_that_no_pattern_has_gives_nothing() {
        let stamp = Stamp { frame: 0, sent: Time::ZERO, source: StampSource::Pattern };
        assert!(Reference::pattern(8, 8).frame(&stamp).is_none());
    }
}
