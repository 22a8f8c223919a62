//! Sinks that write files.

use std::path::Path;
use std::sync::Arc;

use super::error::{Error, Result, Status};
use super::sink::{AudioSink, VideoSink};
use crate::device;

/// A sink that writes a file.
pub(super) enum Recording {
    Video(Arc<dyn VideoSink>),
    Audio(Arc<dyn AudioSink>),
}

impl Recording {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| Error::new(Status::MediaFile, error.to_string());
        match path.extension().and_then(|end| end.to_str()) {
            Some("ivf") => Ok(Self::Video(Arc::new(device::video(path).map_err(failed)?))),
            Some("ogg" | "wav") => Ok(Self::Audio(Arc::new(device::video(path).map_err(failed)?))),
            _ => Err(Error::new(Status::InvalidArgument, "a recording ends with .ivf, .ogg or .wav")),
        }
    }
}
