//! Tells the session's events and receives what remote peers send.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use parlor::api::{
    ChannelId, Event, Listener, MediaKind, MessageKind, PeerId, Result, Session, StreamId, TrackId, time_us,
};
use serde_json::{Value, json};

use crate::received::Received;
use crate::{code, unknown};

/// The session's listener, and what it has learnt.
#[derive(Default)]
pub struct Recorder {
    session: OnceLock<Session>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Ids on the wire, also of peers that have left.
    peers: BTreeMap<PeerId, String>,
    streams: BTreeMap<StreamId, String>,
    tracks: BTreeMap<TrackId, (PeerId, MediaKind)>,
    channels: BTreeMap<ChannelId, String>,
    received: BTreeMap<String, Arc<Received>>,
}

impl Recorder {
    /// Says whose events these are; the first command does.
    pub fn set_session(&self, session: Session) {
        // It is set once: `Peer` makes one session.
        let _ = self.session.set(session);
    }

    /// Returns what was received from a peer so far.
    pub fn received(&self, peer: &str) -> Arc<Received> {
        Arc::clone(self.known().received.entry(peer.to_owned()).or_default())
    }

    /// Returns the remote tracks and the ids of their peers on the wire.
    pub fn tracks(&self) -> Vec<(TrackId, String)> {
        let known = self.known();
        known.tracks.iter().map(|(track, (peer, _))| (*track, known.peers[peer].clone())).collect()
    }

    /// Notes the label of a channel that this side opens.
    pub fn note_channel(&self, channel: ChannelId, label: &str) {
        self.known().channels.insert(channel, label.to_owned());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, peer: PeerId, track: TrackId, kind: MediaKind) -> Result<()> {
        let session = self.session.get().ok_or_else(|| unknown("session"))?;
        let id = self.known().peers[&peer].clone();
        let received = self.received(&id);
        match kind {
            MediaKind::Video => session.set_video_sink(track, Some(received)),
            MediaKind::Audio => session.set_audio_sink(track, Some(received)),
        }
    }

    /// Returns what to tell of an event beside its name.
    fn details(&self, event: &Event) -> Value {
        let mut known = self.known();
        match event {
            Event::PeerJoined { peer, id, .. } => drop(known.peers.insert(*peer, id.clone())),
            Event::StreamAdded { stream, id, .. } => drop(known.streams.insert(*stream, id.clone())),
            Event::TrackAdded { peer, track, kind, .. } => drop(known.tracks.insert(*track, (*peer, *kind))),
            Event::ChannelOpen { channel, label, .. } => drop(known.channels.insert(*channel, label.clone())),
            _ => {}
        }
        let wire = |peer: &PeerId| known.peers.get(peer).cloned();
        let about = |peer: &PeerId| json!({ "peer": wire(peer), "object": peer.get() });
        let on_channel = |peer: &PeerId, channel: &ChannelId| {
            with(about(peer), json!({ "channel": channel.get(), "label": known.channels.get(channel) }))
        };
        let of_track = |peer: &PeerId, stream: &StreamId, track: &TrackId| {
            let kind = known.tracks.get(track).map(|(_, kind)| kind.as_str());
            with(
                about(peer),
                json!({ "stream": known.streams.get(stream), "track": track.get(), "kind": kind }),
            )
        };
        match event {
            Event::Joined { peer_id, channel } => json!({ "peer": peer_id, "channel": channel }),
            Event::Left { reason } => json!({ "reason": reason }),
            Event::StateChange { from, to } => json!({ "from": from.as_str(), "to": to.as_str() }),
            Event::PeerJoined { peer, metadata, .. } => {
                with(about(peer), json!({ "metadata": parse(metadata) }))
            }
            Event::PeerLeft { peer } | Event::ConnectionReset { peer } => about(peer),
            Event::PeerStateChange { peer, from, to } => {
                with(about(peer), json!({ "from": from.as_str(), "to": to.as_str() }))
            }
            Event::StreamAdded { peer, id, metadata, .. } => {
                with(about(peer), json!({ "stream": id, "metadata": parse(metadata) }))
            }
            Event::StreamRemoved { peer, stream } => {
                with(about(peer), json!({ "stream": known.streams.get(stream) }))
            }
            Event::TrackAdded { peer, stream, track, .. } => of_track(peer, stream, track),
            Event::TrackRemoved { peer, stream, track } => {
                let details = of_track(peer, stream, track);
                known.tracks.remove(track);
                details
            }
            Event::Data { peer, data, kind, metadata } => {
                let kind = match kind {
                    MessageKind::Broadcast => "broadcast",
                    MessageKind::Direct => "direct",
                };
                let data: Option<Value> = serde_json::from_str(data).ok();
                let more = json!({ "data": data, "kind": kind, "senderMetadata": parse(metadata) });
                with(about(peer), more)
            }
            Event::ChannelOpen { peer, channel, incoming, .. } => {
                with(on_channel(peer, channel), json!({ "incoming": incoming }))
            }
            Event::ChannelMessage { peer, channel, binary, data } => {
                let message = if *binary {
                    json!({ "bytes": hex::encode(data) })
                } else {
                    json!({ "text": String::from_utf8_lossy(data) })
                };
                with(on_channel(peer, channel), message)
            }
            Event::ChannelWritable { peer, channel } | Event::ChannelClose { peer, channel } => {
                on_channel(peer, channel)
            }
            Event::RequestDone { request, outcome } => {
                let mut details = json!({ "request": request.get() });
                if let Err(error) = outcome {
                    details =
                        with(details, json!({ "error": code(error.status()), "message": error.message() }));
                }
                details
            }
            Event::NegotiationError { peer, message } => with(about(peer), json!({ "message": message })),
            Event::TokenNeeded { request } => json!({ "request": request.get() }),
            Event::GoingAway { retry_after_ms } => json!({ "retryAfterMs": retry_after_ms }),
            Event::Error { status, message } => json!({ "error": code(*status), "message": message }),
            Event::DataLost => json!({}),
        }
    }
}

impl Listener for Recorder {
    fn on_event(&self, event: &Event) {
        let details = self.details(event);
        let about = json!({ "name": event.name(), "at": time_us() as f64 / 1000.0 });
        println!("{}", json!({ "event": with(about, details) }));
        if let Event::TrackAdded { peer, track, kind, .. } = event
            && let Err(error) = self.receive(*peer, *track, *kind)
        {
            eprintln!("a remote track cannot be received: {error}");
        }
    }
}

/// Returns an object with the fields of both; those that are null are left out.
fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
        object.retain(|_, value| !value.is_null());
    }
    object
}

/// Parses metadata, a JSON text.
fn parse(metadata: &Option<String>) -> Option<Value> {
    serde_json::from_str(metadata.as_deref()?).ok()
}
