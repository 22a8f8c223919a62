//! The app's own streams: what every peer, now and later, is offered.
//!
//! * Inputs: streams and tracks are added and removed, in any state of the session.
//! * Outputs: what changed for the links that exist.
//! * State: the registry. It outlives leaving and joining again.

use protocol::Map;
use protocol::peer::PeerMessage;
use units::{StreamId, TrackId};

use crate::{LocalStream, LocalTrack};

/// A track with what its stream gives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered<'a> {
    pub(crate) stream: StreamId,
    pub(crate) msid: &'a str,
    pub(crate) metadata: Option<&'a Map>,
    pub(crate) track: &'a LocalTrack,
}

impl Offered<'_> {
    /// Makes the message that tells a peer the track's metadata; `None` when there is none to tell.
    pub(crate) fn metadata_message(&self) -> Option<PeerMessage> {
        Some(PeerMessage::TrackMetadata {
            track_id: self.track.msid_track.clone(),
            stream_id: Some(self.msid.to_owned()),
            kind: Some(self.track.kind.as_str().to_owned()),
            metadata: Some(self.metadata?.clone()),
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct LocalStreams {
    streams: Vec<LocalStream>,
}

impl LocalStreams {
    /// Registers a stream without its tracks that are taken already; `false` when its own id is taken.
    pub(crate) fn add(&mut self, mut stream: LocalStream) -> bool {
        if self.streams.iter().any(|known| known.id == stream.id) {
            return false;
        }
        let tracks = std::mem::take(&mut stream.tracks);
        let id = stream.id;
        self.streams.push(stream);
        for track in tracks {
            self.add_track(id, track);
        }
        true
    }

    /// Adds a track; `false` when its id is taken or the stream is not registered.
    pub(crate) fn add_track(&mut self, stream: StreamId, track: LocalTrack) -> bool {
        if self.tracks().any(|known| known.track.id == track.id) {
            return false;
        }
        match self.streams.iter_mut().find(|known| known.id == stream) {
            Some(known) => {
                known.tracks.push(track);
                true
            }
            None => false,
        }
    }

    /// Removes a stream and returns it.
    pub(crate) fn remove(&mut self, stream: StreamId) -> Option<LocalStream> {
        let index = self.streams.iter().position(|known| known.id == stream)?;
        Some(self.streams.remove(index))
    }

    /// Removes a track and returns it.
    pub(crate) fn remove_track(&mut self, track: TrackId) -> Option<LocalTrack> {
        self.streams.iter_mut().find_map(|stream| {
            let index = stream.tracks.iter().position(|known| known.id == track)?;
            Some(stream.tracks.remove(index))
        })
    }

    /// Returns all tracks in the order of their registration.
    pub(crate) fn tracks(&self) -> impl Iterator<Item = Offered<'_>> {
        self.streams.iter().flat_map(|stream| {
            stream.tracks.iter().map(|track| Offered {
                stream: stream.id,
                msid: &stream.msid,
                metadata: stream.metadata.as_ref(),
                track,
            })
        })
    }

    /// Returns the tracks of one stream.
    pub(crate) fn tracks_of(&self, stream: StreamId) -> impl Iterator<Item = Offered<'_>> {
        self.tracks().filter(move |offered| offered.stream == stream)
    }

    /// Returns one track.
    pub(crate) fn track(&self, track: TrackId) -> Option<Offered<'_>> {
        self.tracks().find(|offered| offered.track.id == track)
    }
}

#[cfg(test)]
mod tests {
    use units::MediaKind;

    use super::*;

    fn track(id: u64) -> LocalTrack {
        LocalTrack { id: TrackId::new(id), msid_track: format!("t{id}"), kind: MediaKind::Audio }
    }

    fn stream(id: u64, tracks: &[u64]) -> LocalStream {
        LocalStream {
            id: StreamId::new(id),
            msid: format!("s{id}"),
            metadata: None,
            tracks: tracks.iter().map(|&id| track(id)).collect(),
        }
    }

    fn ids(streams: &LocalStreams) -> Vec<u64> {
        streams.tracks().map(|offered| offered.track.id.get()).collect()
    }

    #[test]
    fn taken_ids_are_refused_and_the_first_registration_stays() {
        let mut streams = LocalStreams::default();
        assert!(streams.add(stream(1, &[10, 11, 10])));
        assert!(!streams.add(stream(1, &[12])));
        assert!(streams.add(stream(2, &[11, 13])));
        assert!(!streams.add_track(StreamId::new(2), track(10)));
        assert!(!streams.add_track(StreamId::new(3), track(14)));
        assert_eq!(ids(&streams), [10, 11, 13]);
    }

    #[test]
    fn a_stream_without_tracks_stays_registered_until_it_is_removed() {
        let mut streams = LocalStreams::default();
        streams.add(stream(1, &[10]));
        assert_eq!(streams.remove_track(TrackId::new(10)), Some(track(10)));
        assert_eq!(streams.remove_track(TrackId::new(10)), None);
        assert!(streams.add_track(StreamId::new(1), track(15)));
        assert_eq!(streams.remove(StreamId::new(1)).map(|stream| stream.tracks), Some(vec![track(15)]));
        assert_eq!(streams.remove(StreamId::new(1)), None);
        assert!(ids(&streams).is_empty());
    }
}
