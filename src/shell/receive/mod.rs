//! Received media: remote tracks, the decoder thread of each video track, the playout thread of all sound.

mod audio;
mod playout;
mod video;

use std::sync::Arc;

use units::MediaKind;

pub(crate) use audio::RemoteAudio;
pub(crate) use playout::Playout;
pub(crate) use video::RemoteVideo;

use crate::shell::TrackStats;

/// A track that a remote peer sends, shared by the network thread, a media thread and the app's handle.
#[derive(Clone)]
pub(crate) enum RemoteTrack {
    Video(Arc<RemoteVideo>),
    Audio(Arc<RemoteAudio>),
}

impl RemoteTrack {
    /// Returns the track's figures.
    pub(crate) fn stats(&self) -> TrackStats {
        match self {
            Self::Video(video) => TrackStats { kind: Some(MediaKind::Video), ..video.stats() },
            Self::Audio(audio) => TrackStats { kind: Some(MediaKind::Audio), ..audio.stats() },
        }
    }

    /// Ends the track once its session is closed: its sink is not called any more when this has returned, except
    /// by the call that this is inside of.
    pub(crate) fn close(&self) {
        match self {
            Self::Video(video) => {
                video.end();
                video.join();
            }
            Self::Audio(audio) => audio.set_sink(None),
        }
    }
}
