//! A whole world: sessions, their links, the network and the hub on one clock.
//!
//! * Inputs: commands of the test; changes of the network; the end of connections.
//! * Outputs: the sessions' events, the media that arrived.
//! * State: everything above and the time. [`World::step`] goes to the earliest thing that is due and lets it
//!   happen, then lets everything happen that follows from it without time passing.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hub::{Actions, AppId, ConnectionId, Grants, Hub, KeyId, NewConnection, Pattern};
use protocol::peer::PeerMessage;
use protocol::{ClientFrame, Welcome};
use session::{
    Command, Config, Credential, Input, LinkCommand, LocalStream, LocalTrack, Output, PeerState, Session,
    SessionState, SignalCommand, SignalEvent,
};
use transport::{Certificate, LinkConfig};
use units::{
    ChannelId, ChannelOptions, LinkId, MediaKind, PeerId, RequestId, Secret, StreamId, Time, TrackId,
};

pub use self::faults::MessageKind;

use self::faults::Loss;
use self::media::read_packet;
use self::server::Socket;
use crate::link::{FromLink, NodeLink};
use crate::network::{Network, Path};
use crate::node::{Flow, Node, NodeId, Stamped};
use crate::random::Random;
use crate::signalling::{Delivery, Signalling, ToServer, ToSession};

mod commands;
mod faults;
mod media;
mod server;
mod views;

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
    /// How often each track sends a packet while media is on.
    pub media_interval: Duration,
    /// The server's knobs.
    pub hub: hub::Config,
    /// Whether the server lets sessions be resumed; the hosted service does not.
    pub resume: bool,
}

impl WorldConfig {
    /// Makes a config with 20 ms from anyone to anyone and 15 ms to the server.
    pub fn new(epoch: Instant, seed: u64) -> Self {
        Self {
            epoch,
            seed,
            path: Path::with_delay(Duration::from_millis(20)),
            signalling_delay: Duration::from_millis(15),
            media_interval: Duration::from_millis(20),
            hub: hub::Config::default(),
            resume: true,
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
    /// The run of the server.
    epoch: String,
    sockets: BTreeMap<ConnectionId, Socket>,
    /// What the server shall lose.
    to_lose: Vec<Loss>,
    nodes: Vec<Node>,
    /// Whose peer id this is or was.
    wire_ids: BTreeMap<String, NodeId>,
    addresses: BTreeMap<SocketAddr, (NodeId, LinkId)>,
    next_connection: u64,
    next_id: u64,
    media_at: Option<Time>,
    /// Steps taken at the present time.
    steps_now: usize,
    violations: Vec<String>,
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
            epoch: "first".to_owned(),
            random,
            config,
            server_up: true,
            sockets: BTreeMap::new(),
            to_lose: Vec::new(),
            nodes: Vec::new(),
            wire_ids: BTreeMap::new(),
            addresses: BTreeMap::new(),
            next_connection: 1,
            next_id: 1,
            media_at: None,
            steps_now: 0,
            violations: Vec::new(),
        }
    }

    /// Returns the time.
    pub fn now(&self) -> Time {
        self.now
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

    fn next_due(&self) -> Option<Time> {
        let own = [
            self.network.next_arrival(),
            self.signalling.next_arrival(),
            self.hub.poll_timeout(),
            self.next_probe(),
            self.media_at,
        ];
        own.into_iter().chain(self.nodes.iter().map(|node| node.due)).flatten().min()
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
                open.stack().handle_datagram(self.now, arrival.to, arrival.from, &arrival.data);
                self.run_down(node);
            }
        }
        if self.hub.poll_timeout().is_some_and(|due| due <= self.now) {
            self.tell_hub(hub::Input::TimePassed);
        }
        self.probe_sockets();
        for index in 0..self.nodes.len() {
            if self.nodes[index].due.is_some_and(|due| due <= self.now) {
                self.run_timers(NodeId(index));
            }
        }
        if self.media_at.is_some_and(|due| due <= self.now) {
            self.media_at = Some(self.now + self.config.media_interval);
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
            if link.due().is_some_and(|due| due <= self.now) {
                link.stack().handle_timeout(self.now);
            }
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
                None => break,
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
        self.nodes[node.0].find_due();
    }

    fn flush(&mut self, node: NodeId) {
        for link in self.nodes[node.0].links.values_mut() {
            while let Some(transmit) = link.poll_transmit() {
                self.network.send(self.now, transmit.local, transmit.remote, transmit.data.freeze());
            }
        }
    }

    fn link_command(&mut self, node: NodeId, id: LinkId, command: LinkCommand) -> Option<session::LinkEvent> {
        let this = &mut self.nodes[node.0];
        match command {
            LinkCommand::Open { peer, .. } => {
                let address = SocketAddr::new(this.address, this.next_port);
                this.next_port += 1;
                this.config.seed = this.random.bits();
                let remote = this.peers.get(&peer).and_then(|id| self.wire_ids.get(id)).copied();
                let reflexive = self.network.reflexive(address);
                let link = NodeLink::open(self.now, &this.config, address, reflexive, remote);
                this.links.insert(id, link);
                self.addresses.insert(address, (node, id));
                None
            }
            LinkCommand::Close => {
                let mut link = this.links.remove(&id).expect("a session closes open links only");
                link.command(self.now, LinkCommand::Close);
                while let Some(transmit) = link.poll_transmit() {
                    self.network.send(self.now, transmit.local, transmit.remote, transmit.data.freeze());
                }
                self.addresses.remove(&link.address);
                None
            }
            command => {
                let link = this.links.get_mut(&id).expect("a session commands open links only");
                let accepts = matches!(command, LinkCommand::AcceptOffer { .. });
                let answer = link.command(self.now, command);
                if accepts {
                    self.check_yielding(node, id);
                }
                answer
            }
        }
    }

    fn signal(&mut self, node: NodeId, command: SignalCommand) {
        let now = self.now;
        match command {
            SignalCommand::Connect { resume, .. } => {
                let connection = ConnectionId::new(self.next_connection);
                self.next_connection += 1;
                let this = &mut self.nodes[node.0];
                this.connection = Some(connection);
                this.closing = None;
                this.connects += 1;
                self.signalling.send(now, node, connection, Delivery::ToServer(ToServer::Open(resume)));
            }
            SignalCommand::Send(text) => {
                if let Some(connection) = self.nodes[node.0].connection {
                    self.signalling.send(now, node, connection, Delivery::ToServer(ToServer::Text(text)));
                }
            }
            SignalCommand::Close { code, .. } => {
                let this = &mut self.nodes[node.0];
                this.closing = this.connection.take();
                if let Some(connection) = this.closing {
                    self.signalling.send(now, node, connection, Delivery::ToServer(ToServer::Close { code }));
                }
            }
        }
    }
}
