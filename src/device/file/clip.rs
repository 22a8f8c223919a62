//! A video file in memory, whose pictures can be had by their number.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use media::codec::VideoDecoder;
use media::frame::{EncodedFrame, VideoFrame};
use units::{Codec, Time};

use super::ivf::Ivf;
use super::{FileError, format_error, read};
use crate::codec;

/// A video that repeats for ever: picture numbers count on from one round to the next.
///
/// One picture is decoded at a time, and only the last one is kept: numbers that go up cost one decoding each, a
/// jump costs what lies between the keyframe before the picture and the picture.
pub(in crate::device) struct Clip {
    path: PathBuf,
    ivf: Ivf,
    decoder: Option<Box<dyn VideoDecoder>>,
    /// The frame that the decoder takes next; the picture before it is `shown`.
    next: usize,
    shown: Option<VideoFrame>,
}

impl Clip {
    /// Reads a file; nothing is decoded yet.
    pub(in crate::device) fn open(path: &Path) -> Result<Self, FileError> {
        Self::parse(path, read(path)?)
    }

    /// Takes the content of a file; the path is for errors.
    fn parse(path: &Path, bytes: Bytes) -> Result<Self, FileError> {
        let ivf = Ivf::parse(bytes).map_err(format_error(path))?;
        Ok(Self { path: path.to_owned(), ivf, decoder: None, next: 0, shown: None })
    }

    /// Returns the codec of the file.
    pub(super) fn codec(&self) -> Codec {
        self.ivf.codec
    }

    /// Returns the time from one picture to the next.
    pub(super) fn interval(&self) -> Duration {
        self.ivf.interval
    }

    /// Returns the encoded frame with a number.
    pub(super) fn encoded(&self, number: usize, timestamp: Time) -> EncodedFrame {
        let frame = &self.ivf.frames[number % self.ivf.frames.len()];
        EncodedFrame {
            codec: self.ivf.codec,
            timestamp,
            duration: Duration::ZERO,
            keyframe: frame.keyframe,
            data: frame.data.clone(),
        }
    }

    /// Returns the picture with a number. A frame that shows nothing by itself shows the picture before it.
    pub(in crate::device) fn picture(&mut self, number: u32) -> Result<VideoFrame, FileError> {
        let wanted = number as usize % self.ivf.frames.len();
        let shown = self.next.checked_sub(1).filter(|_| self.shown.is_some());
        if shown != Some(wanted) {
            let keyframe = self.ivf.frames[..=wanted].iter().rposition(|frame| frame.keyframe).unwrap_or(0);
            if self.next > wanted || self.next < keyframe {
                self.next = keyframe;
                self.shown = None;
            }
            while self.next <= wanted {
                let outcome = self.decode_next();
                if self.next > wanted {
                    outcome?;
                }
            }
        }
        self.shown.clone().ok_or_else(|| FileError::Empty { path: self.path.clone(), frame: wanted })
    }

    /// Decodes the next frame; after an error nothing is shown until another frame shows something.
    fn decode_next(&mut self) -> Result<(), FileError> {
        let frame = self.next;
        let encoded = self.encoded(frame, Time::ZERO);
        self.next += 1;
        let decoded = match &mut self.decoder {
            Some(decoder) => decoder.decode(&encoded),
            none => codec::video_decoder(encoded.codec).and_then(|new| none.insert(new).decode(&encoded)),
        };
        match decoded {
            Ok(Some(picture)) => self.shown = Some(picture),
            Ok(None) => {}
            Err(source) => {
                self.shown = None;
                return Err(FileError::Decode { path: self.path.clone(), frame, source });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use media::psnr::psnr;

    use super::*;
    use crate::device::file::ivf::tests::{DELTA, KEY, file};

    fn bunny() -> Clip {
        Clip::open(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/media/bunny.ivf"))).unwrap()
    }

    fn same(a: &VideoFrame, b: &VideoFrame) -> bool {
        psnr(a, b).unwrap().all == f64::INFINITY
    }

    #[test]
    fn a_jump_gives_the_same_picture_as_playing_up_to_it() {
        let (mut player, mut jumper) = (bunny(), bunny());
        let played: Vec<_> = (0..40).map(|number| player.picture(number).unwrap()).collect();
        assert!(!same(&played[3], &played[30]));
        for number in [30, 3, 4, 39, 38] {
            assert!(same(&jumper.picture(number).unwrap(), &played[number as usize]), "picture {number}");
        }
    }

    #[test]
    fn a_later_round_shows_the_pictures_of_the_first() {
        let mut clip = bunny();
        let length = clip.ivf.frames.len() as u32;
        let first = clip.picture(1).unwrap();
        assert!(same(&clip.picture(1).unwrap(), &first));
        assert!(same(&clip.picture(length + 1).unwrap(), &first));
    }

    #[test]
    fn a_frame_that_cannot_be_decoded_is_an_error_and_the_next_keyframe_helps() {
        let bytes = file(25, 1, &[(0, &KEY), (0, &KEY), (0, &DELTA)]);
        let mut clip = Clip::parse(Path::new("broken.ivf"), Bytes::from(bytes)).unwrap();
        for number in [0, 1, 2, 0] {
            let error = clip.picture(number).unwrap_err().to_string();
            assert!(error.contains("broken.ivf"), "{error}");
        }
        let mut clip = bunny();
        clip.ivf.frames[0].data = Bytes::from_static(&KEY);
        let keyframe = clip.ivf.frames.iter().skip(1).position(|frame| frame.keyframe).unwrap() as u32 + 1;
        assert!(clip.picture(0).is_err());
        assert!(clip.picture(keyframe).is_ok());
    }
}
