//! One participant of a world: a session with its links, and what the world wants to know of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hub::ConnectionId;
use session::{Event, PeerState, Session};
use transport::LinkConfig;
use units::{ChannelId, LinkId, MediaKind, PeerId, StreamId, Time, TrackId};

use crate::link::NodeLink;
use crate::random::Random;

/// A participant of a world; numbered from zero in the order of their making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// Returns the number.
    pub const fn get(self) -> usize {
        self.0
    }
}

/// An event with its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped {
    /// When the session said it.
    pub at: Time,
    /// What it said.
    pub event: Event,
}

/// Whose track arrives where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// Who sends.
    pub from: NodeId,
    /// The sender's own id of the track.
    pub track: TrackId,
    /// Who receives.
    pub to: NodeId,
}

/// A remote track as its receiver's session announced it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RemoteTrack {
    pub(crate) peer: PeerId,
    pub(crate) stream: StreamId,
    pub(crate) kind: MediaKind,
}

pub(crate) struct Node {
    pub(crate) session: Session,
    pub(crate) name: String,
    /// Its address now; the first one is what the network calls it by.
    pub(crate) address: IpAddr,
    pub(crate) home: IpAddr,
    /// How often its address changed.
    pub(crate) moves: u8,
    pub(crate) muted: bool,
    /// When its session or one of its links is due.
    pub(crate) due: Option<Time>,
    /// Whether every connect gets another peer id, as with a publishable key.
    pub(crate) fresh_ids: bool,
    pub(crate) connects: u64,
    pub(crate) connection: Option<ConnectionId>,
    /// A connection that the session closed but whose end it has not heard of yet.
    pub(crate) closing: Option<ConnectionId>,
    pub(crate) config: LinkConfig,
    pub(crate) random: Random,
    pub(crate) links: BTreeMap<LinkId, NodeLink>,
    pub(crate) next_port: u16,
    pub(crate) peers: BTreeMap<PeerId, String>,
    pub(crate) peer_states: BTreeMap<PeerId, PeerState>,
    pub(crate) streams: BTreeMap<StreamId, (PeerId, String)>,
    pub(crate) tracks: BTreeMap<TrackId, RemoteTrack>,
    /// The data channels that are open, with their peers.
    pub(crate) channels: BTreeMap<ChannelId, (PeerId, String)>,
    pub(crate) packets_sent: u64,
    pub(crate) sent: BTreeMap<Flow, u64>,
    pub(crate) received: BTreeMap<Flow, u64>,
    /// What came on data channels.
    pub(crate) messages: Vec<(ChannelId, bytes::Bytes)>,
    pub(crate) events: Vec<Stamped>,
    /// The peer ids that it had, each with the number of the life, from zero.
    pub(crate) ids: BTreeSet<(usize, String)>,
    /// What its earlier lives said, each of which ended in a crash.
    pub(crate) lives: Vec<Vec<Stamped>>,
}

impl Node {
    /// Starts over with another session, as a process that crashed.
    pub(crate) fn crash(&mut self, session: Session) {
        self.session = session;
        self.connection = None;
        self.closing = None;
        self.due = None;
        self.links.clear();
        self.peers.clear();
        self.peer_states.clear();
        self.streams.clear();
        self.tracks.clear();
        self.channels.clear();
        self.messages.clear();
        self.lives.push(std::mem::take(&mut self.events));
    }

    /// Notes when the session or one of its links is due.
    pub(crate) fn find_due(&mut self) {
        let links = self.links.values_mut().filter_map(NodeLink::due);
        self.due = self.session.poll_timeout().into_iter().chain(links).min();
    }

    /// Takes an event up into the world's view.
    pub(crate) fn record(&mut self, at: Time, event: Event) {
        match &event {
            Event::PeerJoined { peer, id, .. } => {
                self.peers.insert(*peer, id.clone());
            }
            Event::PeerLeft { peer } => {
                self.peers.remove(peer);
                self.peer_states.remove(peer);
            }
            Event::PeerStateChanged { peer, to, .. } => {
                self.peer_states.insert(*peer, *to);
            }
            Event::StreamAdded { peer, stream, msid, .. } => {
                self.streams.insert(*stream, (*peer, msid.clone()));
            }
            Event::StreamRemoved { stream, .. } => {
                self.streams.remove(stream);
            }
            Event::TrackAdded { peer, stream, track, kind, link, receiver, .. } => {
                self.tracks.insert(*track, RemoteTrack { peer: *peer, stream: *stream, kind: *kind });
                if let Some(link) = self.links.get_mut(link) {
                    link.receiving.insert(*receiver, *track);
                }
            }
            Event::ChannelOpened { peer, channel, label, received } => {
                self.channels.insert(*channel, (*peer, label.clone()));
                if let Some((link, carrier)) = received
                    && let Some(link) = self.links.get_mut(link)
                {
                    link.channels.insert(*carrier, *channel);
                }
            }
            Event::ChannelClosed { channel, .. } => {
                self.channels.remove(channel);
            }
            Event::TrackRemoved { track, .. } => {
                self.tracks.remove(track);
                for link in self.links.values_mut() {
                    link.receiving.retain(|_, known| known != track);
                }
            }
            _ => {}
        }
        self.events.push(Stamped { at, event });
    }
}
