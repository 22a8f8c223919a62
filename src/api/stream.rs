//! Streams: what an app adds to a session.

use std::sync::{Arc, Mutex, PoisonError};

use units::{StreamId, TrackId};

use super::source::{AudioSource, VideoSource};
use super::{Error, Live, Result, Status};
use crate::shell::{self, TrackSource};

/// A set of tracks that belong together, such as a camera and its microphone.
///
/// Clones share the stream. Tracks are added before the stream is added to a session.
#[derive(Debug, Clone)]
pub struct MediaStream {
    id: StreamId,
    tracks: Arc<Tracks>,
}

#[derive(Debug)]
struct Tracks {
    list: Mutex<Vec<(TrackId, TrackSource)>>,
    _counted: Live,
}

impl MediaStream {
    /// The most tracks that a stream may have.
    pub const MAX_TRACKS: usize = 8;

    /// Makes a stream without tracks.
    pub fn new() -> Self {
        let tracks = Tracks { list: Mutex::default(), _counted: Live::stream() };
        Self { id: StreamId::new(shell::next_id()), tracks: Arc::new(tracks) }
    }

    /// Returns the stream's id, unique in the process.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Adds a video track.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidState`] when the stream is full.
    pub fn add_video(&self, source: &VideoSource) -> Result<TrackId> {
        self.add(TrackSource::Video(source.0.clone()))
    }

    /// Adds an audio track.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidState`] when the stream is full.
    pub fn add_audio(&self, source: &AudioSource) -> Result<TrackId> {
        self.add(TrackSource::Audio(source.0.clone()))
    }

    fn add(&self, source: TrackSource) -> Result<TrackId> {
        let mut tracks = self.tracks.list.lock().unwrap_or_else(PoisonError::into_inner);
        if tracks.len() == Self::MAX_TRACKS {
            return Err(Error::new(Status::InvalidState, "a stream holds at most 8 tracks"));
        }
        let id = TrackId::new(shell::next_id());
        tracks.push((id, source));
        Ok(id)
    }

    pub(crate) fn tracks(&self) -> Vec<(TrackId, TrackSource)> {
        self.tracks.list.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for MediaStream {
    fn default() -> Self {
        Self::new()
    }
}
