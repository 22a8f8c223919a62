//! What holds of everything that a session says, at any time and whatever happens.
//!
//! What is announced is taken back once, from the inside out; states follow each other; requests end once; data comes
//! in order and not twice.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use session::{Event, PeerState, SessionState};
use units::{ChannelId, PeerId, RequestId, StreamId, TrackId};

use crate::{NodeId, Stamped, World};

/// What a session has announced and not taken back.
#[derive(Default)]
struct Announced {
    peers: BTreeMap<PeerId, (String, PeerState)>,
    streams: BTreeMap<StreamId, PeerId>,
    tracks: BTreeMap<TrackId, StreamId>,
    channels: BTreeSet<ChannelId>,
    closed: BTreeSet<ChannelId>,
    done: BTreeSet<RequestId>,
    /// The highest number of each sender, of broadcasts and of directs.
    highest: BTreeMap<(String, bool), u64>,
}

/// Checks what a session said in its life of this number, from zero. `requests` are those that must have ended; for a
/// life that was cut short there are none.
pub(super) fn check(
    world: &World,
    node: NodeId,
    (number, life): (usize, &[Stamped]),
    requests: Option<&[RequestId]>,
) -> Vec<String> {
    let mut announced = Announced::default();
    let mut state = SessionState::Idle;
    let mut wrong = Vec::new();
    for Stamped { at, event } in life {
        let ok = match event {
            Event::StateChanged { from, to } => {
                let follows = *from == state && may_follow(*from, *to);
                state = *to;
                follows
            }
            Event::Left { request, .. } => request.is_some(),
            Event::PeerJoined { id, .. } if world.had_id(node, number, id) => false,
            event => announced.take(event),
        };
        if !ok {
            wrong.push(format!("at {} ms it must not say {event:?}", at.as_millis()));
        }
    }
    for request in requests.unwrap_or_default() {
        if !announced.done.contains(request) {
            wrong.push(format!("request {} never ended", request.get()));
        }
    }
    wrong
}

/// Checks that data channels brought numbers in order, each once.
pub(super) fn check_messages(messages: &[(ChannelId, Bytes)]) -> Vec<String> {
    let mut highest: BTreeMap<ChannelId, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (channel, data) in messages {
        let number: Option<u64> = std::str::from_utf8(data).ok().and_then(|text| text.parse().ok());
        let last = highest.entry(*channel).or_default();
        match number {
            Some(number) if number > *last => *last = number,
            _ => wrong.push(format!("{number:?} came after {last} on a data channel")),
        }
    }
    wrong
}

fn may_follow(from: SessionState, to: SessionState) -> bool {
    use SessionState::{Idle, Joined, Joining, Leaving, Reconnecting};
    matches!(
        (from, to),
        (Idle, Joining)
            | (Joining, Joined | Idle | Leaving)
            | (Joined, Reconnecting | Leaving)
            | (Reconnecting, Joined | Leaving)
            | (Leaving, Idle)
    )
}

impl Announced {
    /// Takes an event in; returns whether it may come now.
    fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::PeerJoined { peer, id, .. } => {
                let known = self.peers.values().any(|(known, _)| known == id);
                self.peers.insert(*peer, (id.clone(), PeerState::Idle)).is_none() && !known
            }
            Event::PeerLeft { peer } => {
                let bare = !self.streams.values().any(|owner| owner == peer);
                bare && self.peers.remove(peer).is_some_and(|(_, state)| state == PeerState::Closed)
            }
            Event::PeerStateChanged { peer, from, to } => match self.peers.get_mut(peer) {
                Some((_, state)) => {
                    let follows = state == from && from != to && *from != PeerState::Closed;
                    *state = *to;
                    follows
                }
                None => false,
            },
            Event::StreamAdded { peer, stream, .. } => {
                self.peers.contains_key(peer) && self.streams.insert(*stream, *peer).is_none()
            }
            Event::StreamRemoved { peer, stream } => {
                let bare = !self.tracks.values().any(|owner| owner == stream);
                bare && self.streams.remove(stream) == Some(*peer)
            }
            Event::TrackAdded { peer, stream, track, .. } => {
                self.streams.get(stream) == Some(peer) && self.tracks.insert(*track, *stream).is_none()
            }
            Event::TrackRemoved { stream, track, .. } => self.tracks.remove(track) == Some(*stream),
            Event::ChannelOpened { peer, channel, .. } => {
                self.channels.insert(*channel);
                self.peers.contains_key(peer) && !self.closed.contains(channel)
            }
            Event::ChannelClosed { channel, .. } => self.closed.insert(*channel),
            Event::Data { peer, data, direct, .. } => self.take_data(*peer, data, *direct),
            Event::Done { request, .. } => self.done.insert(*request),
            Event::NegotiationError { peer, .. } | Event::ConnectionReset { peer } => {
                self.peers.contains_key(peer)
            }
            Event::Joined { .. } | Event::DataLost | Event::Error { .. } => true,
            Event::TokenNeeded { .. } | Event::GoingAway { .. } => false,
            Event::Left { .. } | Event::StateChanged { .. } => true,
        }
    }

    fn take_data(&mut self, peer: PeerId, data: &serde_json::Value, direct: bool) -> bool {
        let (Some((id, _)), Some(number)) = (self.peers.get(&peer), data.as_u64()) else { return false };
        let highest = self.highest.insert((id.clone(), direct), number);
        highest.is_none_or(|highest| highest < number)
    }
}
