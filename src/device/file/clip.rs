//! A video file in memory, whose pictures can be had by their number.

use std::path::{Path, PathBuf};

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
        let ivf = Ivf::parse(read(path)?).map_err(format_error(path))?;
        Ok(Self { path: path.to_owned(), ivf, decoder: None, next: 0, shown: None })
    }

    /// Returns the codec of the file.
    pub(super) fn codec(&self) -> Codec {
        self.ivf.codec
    }

    /// Returns the time from one picture to the next.
    pub(super) fn interval(&self) -> std::time::Duration {
        self.ivf.interval
    }

    /// Returns the encoded frame with a number.
    pub(super) fn encoded(&self, number: usize, timestamp: Time) -> EncodedFrame {
        let frame = &self.ivf.frames[number % self.ivf.frames.len()];
        EncodedFrame {
            codec: self.ivf.codec,
            timestamp,
            duration: std::time::Duration::ZERO,
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
