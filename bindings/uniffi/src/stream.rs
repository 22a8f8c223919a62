//! Streams and tracks.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine::api::{self, Status, TrackId};

use crate::error::{Result, failed};
use crate::event::MediaKind;
use crate::guard::guard;
use crate::playout::AudioPlayout;
use crate::session::Core;
use crate::sink::{AudioBridge, AudioSink, VideoBridge, VideoSink};
use crate::source::{AudioSource, VideoSource};
use crate::stats::TrackStats;

/// A set of tracks that belong together, such as a camera and its microphone. Tracks are added before the stream is
/// added to a session, which then keeps it.
#[derive(uniffi::Object)]
pub struct MediaStream {
    pub(crate) facade: api::MediaStream,
    tracks: Mutex<Vec<Arc<MediaTrack>>>,
}

#[uniffi::export]
impl MediaStream {
    /// Makes a stream without tracks.
    #[uniffi::constructor]
    pub fn new() -> Result<Arc<Self>> {
        guard(|| {
            Ok::<_, api::Error>(Arc::new(Self { facade: api::MediaStream::new(), tracks: Mutex::default() }))
        })
    }

    /// Returns the stream's id, unique in the process.
    pub fn id(&self) -> Result<u64> {
        guard(|| Ok::<_, api::Error>(self.facade.id().get()))
    }

    /// Adds a video track.
    ///
    /// Errors: `InvalidState` when the stream has 8 tracks.
    pub fn add_video(&self, source: Arc<VideoSource>) -> Result<Arc<MediaTrack>> {
        guard(|| self.facade.add_video(&source.0).map(|id| self.keep(id, MediaKind::Video)))
    }

    /// Adds an audio track.
    ///
    /// Errors: `InvalidState` when the stream has 8 tracks.
    pub fn add_audio(&self, source: Arc<AudioSource>) -> Result<Arc<MediaTrack>> {
        guard(|| self.facade.add_audio(&source.0).map(|id| self.keep(id, MediaKind::Audio)))
    }

    /// Returns the tracks, in the order in which they were added.
    pub fn tracks(&self) -> Result<Vec<Arc<MediaTrack>>> {
        guard(|| Ok::<_, api::Error>(self.tracks.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}

impl MediaStream {
    fn keep(&self, id: TrackId, kind: MediaKind) -> Arc<MediaTrack> {
        let track = Arc::new(MediaTrack { id, kind, session: None });
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&track));
        track
    }
}

/// A track: one of this process's, or one that a remote peer sends.
///
/// What can only be asked of a remote track answers `InvalidState` for a local one, and `UnknownId` once it has ended.
#[derive(uniffi::Object)]
pub struct MediaTrack {
    id: TrackId,
    kind: MediaKind,
    /// None for a local track.
    session: Option<Arc<Core>>,
}

#[uniffi::export]
impl MediaTrack {
    /// Returns the track's id.
    pub fn id(&self) -> Result<u64> {
        guard(|| Ok::<_, api::Error>(self.id.get()))
    }

    /// Returns sound or pictures.
    pub fn kind(&self) -> Result<MediaKind> {
        guard(|| Ok::<_, api::Error>(self.kind))
    }

    /// Sets where a remote video track goes. None stops it, and a call under way on another thread has returned then.
    pub fn set_video_sink(&self, sink: Option<Arc<dyn VideoSink>>) -> Result<()> {
        guard(|| {
            let sink = sink.map(VideoBridge::make).transpose()?;
            Ok::<_, crate::error::ParlorError>(self.remote_session()?.facade.set_video_sink(self.id, sink)?)
        })
    }

    /// Sets where a remote audio track goes. None stops it, and a call under way on another thread has returned then.
    pub fn set_audio_sink(&self, sink: Option<Arc<dyn AudioSink>>) -> Result<()> {
        guard(|| {
            let sink = sink.map(AudioBridge::make).transpose()?;
            Ok::<_, crate::error::ParlorError>(self.remote_session()?.facade.set_audio_sink(self.id, sink)?)
        })
    }

    /// Mixes a remote audio track into what a playout plays, in place of its sink.
    pub fn play(&self, playout: Arc<AudioPlayout>) -> Result<()> {
        guard(|| {
            let session = self.remote_session()?;
            Ok::<_, crate::error::ParlorError>(
                session.facade.set_audio_sink(self.id, Some(playout.0.sink()))?,
            )
        })
    }

    /// Records a remote track into a file, in place of its sink; as `record` of the session.
    pub fn record(&self, path: &str) -> Result<()> {
        guard(|| {
            Ok::<_, crate::error::ParlorError>(
                self.remote_session()?.facade.record(self.id, Path::new(path))?,
            )
        })
    }

    /// Returns the figures of a remote track.
    pub fn stats(&self) -> Result<TrackStats> {
        guard(|| {
            let stats = self.remote_session()?.facade.track_stats(self.id)?;
            Ok::<_, crate::error::ParlorError>(TrackStats::from(&stats))
        })
    }
}

impl MediaTrack {
    /// Finds a remote track.
    pub(crate) fn remote(session: &Arc<Core>, id: TrackId) -> api::Result<Arc<Self>> {
        let kind = session.facade.track_kind(id)?.into();
        Ok(Arc::new(Self { id, kind, session: Some(Arc::clone(session)) }))
    }

    fn remote_session(&self) -> Result<&Arc<Core>> {
        let local = || failed(Status::InvalidState, "this is a local track");
        self.session.as_ref().ok_or_else(local)
    }
}
