//! What a peer sends us: its tracks, grouped by stream, with their metadata.
//!
//! * Inputs: metadata messages; tracks that a link announces and takes back; the link is replaced.
//! * Outputs: events, each addition taken back exactly once.
//! * State: the metadata entries, and the streams with their live tracks.
//!
//! Metadata is found by the m-section's msid track id, then by stream id and kind. A browser that sends a track in an
//! m-section that our offer began says another msid than its track's id, which is all that the JavaScript SDK names: so
//! what is still unknown gets the oldest entry that names no stream and that no other track has claimed.
//!
//! Metadata normally precedes the offer, so nothing waits for it: metadata that comes after its track applies to what
//! is announced later, such as the stream's next track or everything after a new link.

use std::collections::VecDeque;

use protocol::Map;
use protocol::peer::MAX_TRACK_METADATA_PER_PEER;
use units::{LinkId, MediaKind, PeerId, ReceiverId, StreamId, TrackId};

use crate::Event;
use crate::ids::Ids;

/// Most live tracks of one peer; further ones are ignored.
const MAX_TRACKS: usize = 256;

/// What a peer says about one of its tracks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetadataEntry {
    pub(crate) track_id: String,
    pub(crate) stream_id: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) metadata: Map,
}

#[derive(Debug)]
struct RemoteTrack {
    id: TrackId,
    receiver: ReceiverId,
    stream: StreamId,
    msid: String,
    /// The track id of its metadata's entry.
    claimed: Option<String>,
}

#[derive(Debug)]
pub(crate) struct RemoteTracks {
    peer: PeerId,
    metadata: VecDeque<MetadataEntry>,
    tracks: Vec<RemoteTrack>,
}

impl RemoteTracks {
    pub(crate) fn new(peer: PeerId) -> Self {
        Self { peer, metadata: VecDeque::new(), tracks: Vec::new() }
    }

    /// Remembers an entry in place of an earlier one for the same track; the oldest goes when there are too many.
    pub(crate) fn set_metadata(&mut self, entry: MetadataEntry) {
        self.clear_metadata(&entry.track_id);
        if self.metadata.len() >= MAX_TRACK_METADATA_PER_PEER {
            self.metadata.pop_front();
        }
        self.metadata.push_back(entry);
    }

    pub(crate) fn clear_metadata(&mut self, track_id: &str) {
        self.metadata.retain(|entry| entry.track_id != track_id);
    }

    /// Announces a track, and its stream when this is the stream's first.
    pub(crate) fn added(
        &mut self,
        link: LinkId,
        receiver: ReceiverId,
        kind: MediaKind,
        msid: (&str, &str),
        ids: &mut Ids,
    ) -> Vec<Event> {
        let known = self.tracks.iter().any(|track| track.receiver == receiver);
        if known || self.tracks.len() >= MAX_TRACKS {
            return Vec::new();
        }
        // A track without a stream is a stream of its own.
        let (msid_stream, msid_track) = match msid {
            ("" | "-", track) => (track, track),
            both => both,
        };
        let peer = self.peer;
        let entry = self.resolve(msid_stream, msid_track, kind);
        let (claimed, metadata) = entry.map(|entry| (entry.track_id.clone(), entry.metadata.clone())).unzip();
        let mut events = Vec::new();
        let stream = match self.tracks.iter().find(|track| track.msid == msid_stream) {
            Some(track) => track.stream,
            None => {
                let stream = ids.stream();
                let (msid, metadata) = (msid_stream.to_owned(), metadata.clone());
                events.push(Event::StreamAdded { peer, stream, msid, metadata });
                stream
            }
        };
        let track = ids.track();
        let msid = msid_stream.to_owned();
        self.tracks.push(RemoteTrack { id: track, receiver, stream, msid, claimed });
        events.push(Event::TrackAdded { peer, stream, track, kind, link, receiver, metadata });
        events
    }

    /// Takes a track back, and its stream when this was the stream's last.
    pub(crate) fn removed(&mut self, receiver: ReceiverId) -> Vec<Event> {
        let Some(index) = self.tracks.iter().position(|track| track.receiver == receiver) else {
            return Vec::new();
        };
        let gone = self.tracks.remove(index);
        let (peer, stream) = (self.peer, gone.stream);
        let mut events = vec![Event::TrackRemoved { peer, stream, track: gone.id }];
        if !self.tracks.iter().any(|track| track.stream == stream) {
            events.push(Event::StreamRemoved { peer, stream });
        }
        events
    }

    /// Takes everything back, because the link that carried it is gone. Metadata stays.
    pub(crate) fn removed_all(&mut self) -> Vec<Event> {
        let receivers: Vec<ReceiverId> = self.tracks.iter().map(|track| track.receiver).collect();
        receivers.into_iter().flat_map(|receiver| self.removed(receiver)).collect()
    }

    fn resolve(&self, msid_stream: &str, msid_track: &str, kind: MediaKind) -> Option<&MetadataEntry> {
        let by_track = self.metadata.iter().find(|entry| entry.track_id == msid_track);
        let by_stream = || {
            self.metadata.iter().rev().find(|entry| {
                entry.stream_id.as_deref() == Some(msid_stream)
                    && entry.kind.as_deref() == Some(kind.as_str())
            })
        };
        let by_exclusion = || {
            self.metadata.iter().find(|entry| {
                let claims = |track: &RemoteTrack| track.claimed.as_ref() == Some(&entry.track_id);
                entry.stream_id.is_none() && !self.tracks.iter().any(claims)
            })
        };
        by_track.or_else(by_stream).or_else(by_exclusion)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PEER: PeerId = PeerId::new(1);
    const LINK: LinkId = LinkId::new(2);

    fn role(role: &str) -> Map {
        json!({ "role": role }).as_object().unwrap().clone()
    }

    fn entry(track: &str, stream: Option<&str>, kind: Option<&str>, word: &str) -> MetadataEntry {
        MetadataEntry {
            track_id: track.to_owned(),
            stream_id: stream.map(str::to_owned),
            kind: kind.map(str::to_owned),
            metadata: role(word),
        }
    }

    fn roles(events: &[Event]) -> Vec<Option<Map>> {
        events
            .iter()
            .filter_map(|event| match event {
                Event::StreamAdded { metadata, .. } | Event::TrackAdded { metadata, .. } => {
                    Some(metadata.clone())
                }
                _ => None,
            })
            .collect()
    }

    struct Fixture {
        tracks: RemoteTracks,
        ids: Ids,
    }

    impl Fixture {
        fn new() -> Self {
            Self { tracks: RemoteTracks::new(PEER), ids: Ids::new() }
        }

        fn add(&mut self, receiver: u64, kind: MediaKind, stream: &str, track: &str) -> Vec<Event> {
            self.tracks.added(LINK, ReceiverId::new(receiver), kind, (stream, track), &mut self.ids)
        }
    }

    #[test]
    fn a_stream_comes_with_its_first_track_and_goes_with_its_last() {
        let mut fixture = Fixture::new();
        let first = fixture.add(1, MediaKind::Audio, "cam", "a");
        assert!(matches!(first[..], [Event::StreamAdded { .. }, Event::TrackAdded { .. }]), "{first:?}");
        let second = fixture.add(2, MediaKind::Video, "cam", "v");
        assert!(matches!(second[..], [Event::TrackAdded { .. }]), "{second:?}");
        let removed = fixture.tracks.removed(ReceiverId::new(1));
        assert!(matches!(removed[..], [Event::TrackRemoved { .. }]), "{removed:?}");
        let removed = fixture.tracks.removed(ReceiverId::new(2));
        assert!(
            matches!(removed[..], [Event::TrackRemoved { .. }, Event::StreamRemoved { .. }]),
            "{removed:?}"
        );
        assert!(fixture.tracks.removed(ReceiverId::new(2)).is_empty());
    }

    #[test]
    fn metadata_is_found_by_track_before_stream_and_kind() {
        let mut fixture = Fixture::new();
        fixture.tracks.set_metadata(entry("other", Some("cam"), Some("video"), "by-stream"));
        fixture.tracks.set_metadata(entry("v", None, None, "by-track"));
        assert_eq!(
            roles(&fixture.add(1, MediaKind::Video, "cam", "v")),
            [Some(role("by-track")), Some(role("by-track"))]
        );
        assert_eq!(roles(&fixture.add(2, MediaKind::Video, "cam", "w")), [Some(role("by-stream"))]);
        assert_eq!(roles(&fixture.add(3, MediaKind::Audio, "cam", "x")), [None]);
    }

    #[test]
    fn tracks_of_unknown_msid_get_the_entries_that_nothing_else_claims_in_order() {
        let mut fixture = Fixture::new();
        for (track, word) in [("a", "camera"), ("v", "camera"), ("s", "screen")] {
            fixture.tracks.set_metadata(entry(track, None, None, word));
        }
        fixture.tracks.set_metadata(entry("other", Some("elsewhere"), Some("video"), "named"));
        assert_eq!(roles(&fixture.add(1, MediaKind::Audio, "cam", "a"))[0], Some(role("camera")));
        assert_eq!(roles(&fixture.add(2, MediaKind::Video, "cam", "?1")), [Some(role("camera"))]);
        assert_eq!(roles(&fixture.add(3, MediaKind::Video, "scr", "?2"))[0], Some(role("screen")));
        assert_eq!(roles(&fixture.add(4, MediaKind::Video, "more", "?3")), [None, None]);
        // What has gone claims nothing any more.
        fixture.tracks.removed(ReceiverId::new(3));
        assert_eq!(roles(&fixture.add(5, MediaKind::Video, "scr", "?4"))[0], Some(role("screen")));
    }

    #[test]
    fn cleared_metadata_is_forgotten_and_late_metadata_applies_to_what_comes_later() {
        let mut fixture = Fixture::new();
        fixture.tracks.set_metadata(entry("v", None, None, "old"));
        fixture.tracks.clear_metadata("v");
        assert_eq!(roles(&fixture.add(1, MediaKind::Video, "cam", "v")), [None, None]);
        fixture.tracks.set_metadata(entry("v", None, None, "new"));
        fixture.tracks.removed_all();
        assert_eq!(roles(&fixture.add(1, MediaKind::Video, "cam", "v"))[0], Some(role("new")));
    }

    #[test]
    fn the_oldest_metadata_goes_when_there_is_too_much() {
        let mut fixture = Fixture::new();
        for index in 0..=MAX_TRACK_METADATA_PER_PEER {
            fixture.tracks.set_metadata(entry(&format!("t{index}"), Some("elsewhere"), None, "x"));
        }
        assert_eq!(fixture.tracks.metadata.len(), MAX_TRACK_METADATA_PER_PEER);
        assert_eq!(roles(&fixture.add(1, MediaKind::Video, "cam", "t0"))[0], None);
        assert_eq!(roles(&fixture.add(2, MediaKind::Video, "cam", "t1"))[0], Some(role("x")));
    }

    #[test]
    fn a_track_without_a_stream_is_a_stream_of_its_own() {
        let mut fixture = Fixture::new();
        let events = fixture.add(1, MediaKind::Audio, "-", "lone");
        assert!(matches!(&events[0], Event::StreamAdded { msid, .. } if msid == "lone"), "{events:?}");
        let events = fixture.add(2, MediaKind::Audio, "", "other");
        assert!(matches!(&events[0], Event::StreamAdded { msid, .. } if msid == "other"), "{events:?}");
    }

    #[test]
    fn a_receiver_is_announced_once_and_tracks_are_bounded() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.add(1, MediaKind::Audio, "s", "a").len(), 2);
        assert!(fixture.add(1, MediaKind::Audio, "s", "a").is_empty());
        for receiver in 2..=MAX_TRACKS as u64 {
            assert_eq!(fixture.add(receiver, MediaKind::Audio, "s", "a").len(), 1);
        }
        assert!(fixture.add(1 + MAX_TRACKS as u64, MediaKind::Audio, "s", "a").is_empty());
        assert_eq!(fixture.tracks.removed_all().len(), MAX_TRACKS + 1);
    }
}
