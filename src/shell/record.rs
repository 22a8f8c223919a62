//! Sinks that write files.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use media::frame::{AudioFrame, EncodedFrame, VideoFrame};
use units::MediaKind;

use super::error::{Error, Result, Status};
use super::sink::{AudioSink, VideoSink};
use crate::device::{IvfRecorder, OggRecorder, WavRecorder};

/// Sound is played in stereo, and so it is recorded.
const CHANNELS: u16 = 2;

/// A sink that writes a file.
pub(crate) enum Recording {
    Video(Arc<dyn VideoSink>),
    Audio(Arc<dyn AudioSink>),
}

impl Recording {
    /// Returns what a file of this name records.
    pub(crate) fn kind(path: &Path) -> Result<MediaKind> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("ivf") => Ok(MediaKind::Video),
            Some("ogg" | "wav") => Ok(MediaKind::Audio),
            _ => Err(Error::new(Status::InvalidArgument, "a recording ends with .ivf, .ogg or .wav")),
        }
    }

    /// Makes the file and the sink for it; the end of the name says which.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::new(Status::MediaFile, format!("{} cannot be written: {error}", path.display()))
        };
        Ok(match Self::kind(path)? {
            MediaKind::Video => Self::Video(Arc::new(Frames {
                file: Open::new(IvfRecorder::create(path).map_err(failed)?),
                started: AtomicBool::new(false),
            })),
            MediaKind::Audio if path.extension().is_some_and(|end| end == "ogg") => {
                Self::Audio(Arc::new(Packets(Open::new(OggRecorder::create(path).map_err(failed)?))))
            }
            MediaKind::Audio => {
                let file = WavRecorder::create(path, CHANNELS).map_err(failed)?;
                Self::Audio(Arc::new(Sound(Open::new(file))))
            }
        })
    }
}

/// A recorder until it fails; what was written until then stays.
struct Open<R>(Mutex<Option<R>>);

impl<R> Open<R> {
    fn new(recorder: R) -> Self {
        Self(Mutex::new(Some(recorder)))
    }

    fn write(&self, write: impl FnOnce(&mut R) -> io::Result<()>) {
        let mut recorder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = recorder.as_mut().map(write) {
            tracing::error!(%error, "a recording ends early");
            *recorder = None;
        }
    }

    fn finish<T>(&mut self, finish: impl FnOnce(R) -> io::Result<T>) {
        let recorder = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = recorder.map(finish) {
            tracing::error!(%error, "a recording has no proper end");
        }
    }
}

/// Records a video track as it came.
struct Frames {
    file: Open<IvfRecorder>,
    /// A player can only start at a keyframe.
    started: AtomicBool,
}

impl VideoSink for Frames {
    fn on_frame(&self, _: &VideoFrame) {}

    fn on_encoded(&self, frame: &EncodedFrame) {
        if frame.keyframe {
            self.started.store(true, Ordering::Relaxed);
        }
        if self.started.load(Ordering::Relaxed) {
            self.file.write(|file| file.write(frame));
        }
    }

    fn wants_pictures(&self) -> bool {
        false
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.file.finish(IvfRecorder::finish);
    }
}

/// Records an audio track's packets as they came.
struct Packets(Open<OggRecorder>);

impl AudioSink for Packets {
    fn on_frame(&self, _: &AudioFrame) {}

    fn on_encoded(&self, frame: &EncodedFrame) {
        self.0.write(|file| file.write(frame));
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        self.0.finish(OggRecorder::finish);
    }
}

/// Records an audio track as it is played.
struct Sound(Open<WavRecorder>);

impl AudioSink for Sound {
    fn on_frame(&self, frame: &AudioFrame) {
        self.0.write(|file| file.write(frame));
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.0.finish(WavRecorder::finish);
    }
}
