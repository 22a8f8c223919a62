//! A whole world: sessions, their links, the network and the hub on one clock.
//!
//! * Inputs: commands of the test; changes of the network; the end of connections.
//! * Outputs: the sessions' events, the media that arrived.
//! * State: everything above and the time. [`World::step`] goes to the earliest thing that is due and lets it
//!   happen, then lets everything happen that follows from it without time passing.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hub::{Actions, AppId, ConnectionId, Grants, Hub, KeyId, NewConnection, Pattern};
use protocol::{ClientFrame, Welcome};
use session::{
    Command, Config, Credential, Event, Input, LinkCommand, LocalStream, LocalTrack, Output, PeerState,
    Session, SessionState, SignalCommand, SignalEvent,
};
use transport::{Certificate, LinkConfig};
use units::{ChannelId, ChannelOptions, LinkId, MediaKind, RequestId, Secret, StreamId, Time, TrackId};

use crate::link::{FromLink, NodeLink};
use crate::network::{Network, Path};
use crate::node::{Flow, Node, NodeId, Stamped};
use crate::random::Random;
use crate::signalling::{Delivery, Signalling, ToServer, ToSession};

mod server;

/// How often each track sends a packet while media is on.
const MEDIA_INTERVAL: Duration = Duration::from_millis(20);

/// What the trace rounds times to.
const TRACE_ROUNDING_MICROS: u64 = 10_000;

/// How often a participant may be busy at one point in time before the world calls it a loop.
const MAX_TURNS: usize = 10_000;

/// How a world is made.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// The instant that [`Time::ZERO`] stands for. The links want a real one; the world itself reads no clock.
    pub epoch: Instant,
    /// Where everything that the world and the sessions draw comes from.
    pub seed: u64,
    /// The path between any two participants.
    pub path: Path,
    /// How long a message takes between a session and the server, one way.
    pub signalling_delay: Duration,
    /// The server's knobs.
    pub hub: hub::Config,
}

impl WorldConfig {
    /// Makes a config with 20 ms from anyone to anyone and 15 ms to the server.
    pub fn new(epoch: Instant, seed: u64) -> Self {
        Self {
            epoch,
            seed,
            path: Path::with_delay(Duration::from_millis(20)),
            signalling_delay: Duration::from_millis(15),
            hub: hub::Config::default(),
        }
    }
}

/// Who a participant is to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// The same peer id at every connect, as with a token.
    Stable,
    /// Another peer id at every connect, as with a publishable key.
    Fresh,
}

/// Sessions, their links, the network and the hub on one clock.
pub struct World {
    config: WorldConfig,
    now: Time,
    random: Random,
    network: Network,
    signalling: Signalling,
    hub: Hub,
    /// Whether the server takes connections.
    server_up: bool,
    nodes: Vec<Node>,
    addresses: BTreeMap<SocketAddr, (NodeId, LinkId)>,
    connections: BTreeMap<ConnectionId, NodeId>,
    next_connection: u64,
    next_id: u64,
    media_at: Option<Time>,
    /// Steps taken at the present time.
    steps_now: usize,
}

impl World {
    /// Makes a world without participants.
    pub fn new(config: WorldConfig) -> Self {
        let mut random = Random::new(config.seed);
        Self {
            now: Time::from_millis(1000),
            network: Network::new(random.bits(), config.path),
            signalling: Signalling::new(config.signalling_delay),
            hub: Hub::new(config.hub.clone(), "first"),
            random,
            config,
            server_up: true,
            nodes: Vec::new(),
            addresses: BTreeMap::new(),
            connections: BTreeMap::new(),
            next_connection: 1,
            next_id: 1,
            media_at: None,
            steps_now: 0,
        }
    }

    /// Adds a participant. Its peer id is `name`, followed by a number when the identity is fresh.
    ///
    /// # Panics
    /// When the operating system gives no randomness for a certificate.
    pub fn add_node(&mut self, name: &str, identity: Identity) -> NodeId {
        let id = NodeId(self.nodes.len());
        let certificate = Certificate::generate().expect("the operating system gives randomness");
        self.nodes.push(Node {
            session: Session::new(Config::new(Credential::Key(Secret::new("pk_test")), self.random.bits())),
            name: name.to_owned(),
            fresh_ids: identity == Identity::Fresh,
            connects: 0,
            connection: None,
            closing: None,
            config: LinkConfig::new(self.config.epoch, certificate),
            random: Random::new(self.random.bits()),
            links: BTreeMap::new(),
            next_port: 5000,
            peers: BTreeMap::new(),
            streams: BTreeMap::new(),
            tracks: BTreeMap::new(),
            packets_sent: 0,
            received: BTreeMap::new(),
            messages: Vec::new(),
            events: Vec::new(),
        });
        id
    }

    /// Returns the time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Returns the network between the participants.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Returns a participant's address.
    pub fn address(&self, node: NodeId) -> IpAddr {
        let [high, low] = u16::try_from(node.0 + 1).unwrap_or(u16::MAX).to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(10, 0, high, low))
    }

    /// Gives a session a command.
    pub fn command(&mut self, node: NodeId, command: Command) {
        self.input(node, Input::Command(command));
        self.run_down(node);
    }

    /// Has a participant join a channel.
    pub fn join(&mut self, node: NodeId, channel: &str) -> RequestId {
        let request = RequestId::new(self.take_id());
        self.command(node, Command::Join { request, channel: channel.to_owned() });
        request
    }

    /// Has a participant leave.
    pub fn leave(&mut self, node: NodeId) -> RequestId {
        let request = RequestId::new(self.take_id());
        self.command(node, Command::Leave { request });
        request
    }

    /// Has a participant add a stream with these tracks and the metadata `{"role": <role>}`.
    pub fn add_stream(&mut self, node: NodeId, role: &str, kinds: &[MediaKind]) -> StreamId {
        let id = StreamId::new(self.take_id());
        let tracks = kinds.iter().map(|kind| self.make_track(*kind)).collect();
        let metadata = serde_json::json!({ "role": role }).as_object().cloned();
        let msid = format!("stream-{}", id.get());
        self.command(node, Command::AddStream(LocalStream { id, msid, metadata, tracks }));
        id
    }

    /// Makes a track that can be added to a stream.
    pub fn make_track(&mut self, kind: MediaKind) -> LocalTrack {
        let id = self.take_id();
        LocalTrack { id: TrackId::new(id), msid_track: format!("track-{id}"), kind }
    }

    /// Opens a data channel to the peer with this id on the wire; its id is returned.
    pub fn open_channel(&mut self, node: NodeId, to: &str, label: &str) -> ChannelId {
        let peer = self.nodes[node.0].peers.iter().find(|(_, id)| *id == to).map(|(peer, _)| *peer);
        let peer = peer.expect("the peer is in the channel");
        let channel = ChannelId::new(self.take_id());
        let (label, options) = (label.to_owned(), ChannelOptions::default());
        self.command(node, Command::OpenChannel { channel, peer, label, options });
        channel
    }

    /// Sends a text on an open data channel; returns whether the link took it.
    pub fn send_message(&mut self, node: NodeId, channel: ChannelId, text: &str) -> bool {
        let now = self.now;
        let sent = self.nodes[node.0].links.values_mut().any(|link| {
            let carrier = link.carrier(channel);
            carrier
                .is_some_and(|carrier| link.link.send_channel(now, carrier, false, text.as_bytes()).is_ok())
        });
        self.run_down(node);
        sent
    }

    /// Returns the messages that came on data channels, in order.
    pub fn messages(&self, node: NodeId) -> &[(ChannelId, bytes::Bytes)] {
        &self.nodes[node.0].messages
    }

    /// Sends packets on every track of everyone from now on, or stops.
    pub fn set_media(&mut self, on: bool) {
        self.media_at = on.then(|| self.now + MEDIA_INTERVAL);
    }

    /// Breaks a participant's connection to the server; both notice at once, and the session may reconnect.
    pub fn break_signalling(&mut self, node: NodeId) {
        if let Some(connection) = self.nodes[node.0].connection {
            self.break_connection(node, connection);
        }
    }

    /// Stops the server as if its process were killed: all connections break, and all it knew is gone.
    pub fn stop_server(&mut self) {
        self.server_up = false;
        self.hub = Hub::new(self.config.hub.clone(), format!("after {:?}", self.now));
        for (connection, node) in std::mem::take(&mut self.connections) {
            self.break_connection(node, connection);
        }
    }

    /// Starts the server again.
    pub fn start_server(&mut self) {
        self.server_up = true;
    }

    /// Returns a session's state.
    pub fn state(&self, node: NodeId) -> SessionState {
        self.nodes[node.0].session.state()
    }

    /// Returns what a session said so far.
    pub fn events(&self, node: NodeId) -> &[Stamped] {
        &self.nodes[node.0].events
    }

    /// Returns the wire ids of the peers that a participant sees.
    pub fn peers(&self, node: NodeId) -> Vec<&str> {
        self.nodes[node.0].peers.values().map(String::as_str).collect()
    }

    /// Returns the remote tracks that a participant sees: the peer's wire id, the stream's wire id, the kind.
    pub fn tracks(&self, node: NodeId) -> Vec<(&str, &str, MediaKind)> {
        let node = &self.nodes[node.0];
        let mut tracks: Vec<_> = node
            .tracks
            .values()
            .filter_map(|track| {
                let (peer, msid) = (node.peers.get(&track.peer)?, node.streams.get(&track.stream)?);
                Some((peer.as_str(), msid.1.as_str(), track.kind))
            })
            .collect();
        tracks.sort_unstable();
        tracks
    }

    /// Returns how many peers a participant is connected to.
    pub fn connected_peers(&self, node: NodeId) -> usize {
        let mut states = BTreeMap::new();
        for stamped in self.events(node) {
            if let Event::PeerStateChanged { peer, to, .. } = &stamped.event {
                states.insert(*peer, *to);
            }
        }
        states.values().filter(|state| **state == PeerState::Connected).count()
    }

    /// Returns how many links a participant has open.
    pub fn links(&self, node: NodeId) -> usize {
        self.nodes[node.0].links.len()
    }

    /// Returns how many packets of which tracks a participant received, on tracks that its session announced.
    pub fn received(&self, node: NodeId) -> &BTreeMap<Flow, u64> {
        &self.nodes[node.0].received
    }

    /// Forgets what was received so far.
    pub fn forget_received(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.received.clear());
    }

    /// Returns a hash of everything that the sessions said, with times rounded to 10 ms.
    pub fn trace(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for Stamped { at, event } in &node.events {
                let rounded = (at.as_micros() + TRACE_ROUNDING_MICROS / 2) / TRACE_ROUNDING_MICROS;
                (index, rounded, format!("{event:?}")).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// Lets the next thing happen. Returns false when nothing ever will.
    ///
    /// # Panics
    /// When somebody asks for the same time again and again: a busy loop outside of tests.
    pub fn step(&mut self) -> bool {
        let Some(due) = self.next_due() else { return false };
        self.steps_now = if due > self.now { 0 } else { self.steps_now + 1 };
        assert!(self.steps_now < MAX_TURNS, "somebody is always due at {:?}", self.now);
        self.now = self.now.max(due);
        self.run_due();
        true
    }

    /// Lets everything happen that happens within this time.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.next_due().is_some_and(|due| due <= until) {
            self.step();
        }
        self.now = until;
    }

    /// Lets things happen until the condition holds; returns whether it did within this time.
    pub fn run_until(&mut self, limit: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let until = self.now + limit;
        loop {
            if condition(self) {
                return true;
            }
            if self.next_due().is_none_or(|due| due > until) {
                self.now = until;
                return condition(self);
            }
            self.step();
        }
    }

    fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn next_due(&mut self) -> Option<Time> {
        let nodes = self.nodes.iter_mut().filter_map(|node| {
            let links = node.links.values_mut().filter_map(|link| link.link.poll_timeout());
            node.session.poll_timeout().into_iter().chain(links).min()
        });
        let own = [
            self.network.next_arrival(),
            self.signalling.next_arrival(),
            self.hub.poll_timeout(),
            self.media_at,
        ];
        own.into_iter().flatten().chain(nodes).min()
    }

    fn run_due(&mut self) {
        while let Some((node, connection, what)) = self.signalling.receive(self.now) {
            match what {
                Delivery::ToServer(what) => self.arrived_at_server(node, connection, what),
                Delivery::ToSession(what) => self.arrived_at_session(node, connection, what),
            }
        }
        while let Some(arrival) = self.network.receive(self.now) {
            let Some(&(node, link)) = self.addresses.get(&arrival.to) else { continue };
            if let Some(open) = self.nodes[node.0].links.get_mut(&link) {
                open.link.handle_datagram(self.now, arrival.to, arrival.from, &arrival.data);
                self.run_down(node);
            }
        }
        if self.hub.poll_timeout().is_some_and(|due| due <= self.now) {
            self.tell_hub(hub::Input::TimePassed);
        }
        for index in 0..self.nodes.len() {
            self.run_timers(NodeId(index));
        }
        if self.media_at.is_some_and(|due| due <= self.now) {
            self.media_at = Some(self.now + MEDIA_INTERVAL);
            for index in 0..self.nodes.len() {
                self.send_media(NodeId(index));
            }
        }
    }

    fn run_timers(&mut self, node: NodeId) {
        if self.nodes[node.0].session.poll_timeout().is_some_and(|due| due <= self.now) {
            self.input(node, Input::TimePassed);
        }
        for link in self.nodes[node.0].links.values_mut() {
            if link.link.poll_timeout().is_some_and(|due| due <= self.now) {
                link.link.handle_timeout(self.now);
            }
        }
        self.run_down(node);
    }

    fn send_media(&mut self, node: NodeId) {
        let this = &mut self.nodes[node.0];
        let count = &mut this.packets_sent;
        for link in this.links.values_mut() {
            link.send_media(self.now, |track| {
                *count += 1;
                packet(node, track, *count)
            });
        }
        self.run_down(node);
    }

    /// Hands a session an input and carries out what it says.
    fn input(&mut self, node: NodeId, input: Input) {
        let now = self.now;
        self.nodes[node.0].session.handle(now, input);
        let mut results = Vec::new();
        while let Some(output) = self.nodes[node.0].session.poll() {
            match output {
                Output::Event(event) => self.nodes[node.0].record(now, event),
                Output::Signal(command) => self.signal(node, command),
                Output::Link { link, command } => {
                    if let Some(event) = self.link_command(node, link, command) {
                        results.push((link, event));
                    }
                }
            }
        }
        for (link, event) in results {
            self.input(node, Input::Link { link, event });
        }
    }

    /// Carries what a participant's links say to its session and the network until they say nothing more.
    fn run_down(&mut self, node: NodeId) {
        for turn in 0.. {
            assert!(turn < MAX_TURNS, "{node:?} never comes to rest at {:?}", self.now);
            self.flush(node);
            let said = self.nodes[node.0]
                .links
                .iter_mut()
                .find_map(|(id, link)| link.poll().map(|said| (*id, link.address, said)));
            match said {
                None => return,
                Some((link, _, FromLink::Event(event))) => self.input(node, Input::Link { link, event }),
                Some((link, _, FromLink::Packet { receiver, payload })) => {
                    let this = &mut self.nodes[node.0];
                    let announced = this.links[&link].receiving.contains_key(&receiver);
                    if let Some((from, track)) = read_packet(&payload).filter(|_| announced) {
                        *this.received.entry(Flow { from, track, to: node }).or_default() += 1;
                    }
                }
                Some((_, _, FromLink::Message { channel, data })) => {
                    self.nodes[node.0].messages.push((channel, data));
                }
            }
        }
    }

    fn flush(&mut self, node: NodeId) {
        for link in self.nodes[node.0].links.values_mut() {
            while let Some(transmit) = link.link.poll_transmit() {
                self.network.send(self.now, transmit.local, transmit.remote, transmit.data.freeze());
            }
        }
    }

    fn link_command(&mut self, node: NodeId, id: LinkId, command: LinkCommand) -> Option<session::LinkEvent> {
        let host = self.address(node);
        let this = &mut self.nodes[node.0];
        match command {
            LinkCommand::Open { .. } => {
                let address = SocketAddr::new(host, this.next_port);
                this.next_port += 1;
                this.config.seed = this.random.bits();
                this.links.insert(id, NodeLink::open(self.now, &this.config, address));
                self.addresses.insert(address, (node, id));
                None
            }
            LinkCommand::Close => {
                let mut link = this.links.remove(&id).expect("a session closes open links only");
                link.command(self.now, LinkCommand::Close);
                while let Some(transmit) = link.link.poll_transmit() {
                    self.network.send(self.now, transmit.local, transmit.remote, transmit.data.freeze());
                }
                self.addresses.remove(&link.address);
                None
            }
            command => {
                let link = this.links.get_mut(&id).expect("a session commands open links only");
                link.command(self.now, command)
            }
        }
    }

    fn signal(&mut self, node: NodeId, command: SignalCommand) {
        let now = self.now;
        match command {
            SignalCommand::Connect { .. } => {
                let connection = ConnectionId::new(self.next_connection);
                self.next_connection += 1;
                let this = &mut self.nodes[node.0];
                this.connection = Some(connection);
                this.closing = None;
                this.connects += 1;
                self.signalling.send(now, node, connection, Delivery::ToServer(ToServer::Open));
            }
            SignalCommand::Send(text) => {
                if let Some(connection) = self.nodes[node.0].connection {
                    self.signalling.send(now, node, connection, Delivery::ToServer(ToServer::Text(text)));
                }
            }
            SignalCommand::Close { .. } => {
                let this = &mut self.nodes[node.0];
                this.closing = this.connection.take();
                if let Some(connection) = this.closing {
                    self.signalling.send(now, node, connection, Delivery::ToServer(ToServer::Close));
                }
            }
        }
    }
}

/// Makes a packet that says whose it is.
fn packet(node: NodeId, track: TrackId, count: u64) -> Bytes {
    let mut packet = BytesMut::with_capacity(24);
    for number in [node.0 as u64, track.get(), count] {
        packet.extend_from_slice(&number.to_be_bytes());
    }
    packet.freeze()
}

fn read_packet(packet: &[u8]) -> Option<(NodeId, TrackId)> {
    let number = |index: usize| {
        let bytes = packet.get(index * 8..index * 8 + 8)?;
        Some(u64::from_be_bytes(bytes.try_into().ok()?))
    };
    Some((NodeId(usize::try_from(number(0)?).ok()?), TrackId::new(number(1)?)))
}
