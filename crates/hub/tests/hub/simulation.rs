//! Hubs, clients and a bus on one clock, from a seed: what happens is random, but the same for the same seed.
//!
//! `PARLOR_SIM_SEEDS=100000` runs more seeds than a quick test does; a failure prints how to replay its seed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use parlor_hub::{
    Actions, AppId, BusMessage, Claim, Config, ConnectionId, Grants, Hub, Input, KeyId, NewConnection,
    NodeId, Output, Pattern, Rate, Resume,
};
use protocol::{ClientFrame, ServerFrame, Welcome};
use serde_json::json;
use units::Time;

const APP: AppId = AppId::new(1);
const PEERS: [&str; 5] = ["ann", "bob", "cat", "dan", "eve"];
const CHANNELS: [&str; 2] = ["one", "two"];
const STEPS: usize = 150;

/// SplitMix64: small, and good enough to choose what happens next.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A client, and what it believes from nothing but what it has read.
struct Client {
    peer: &'static str,
    hub: usize,
    /// What it sends reaches the server, but it reads nothing any more.
    is_deaf: bool,
    resumes: bool,
    /// The highest cursor that it has read.
    cursor: u64,
    /// Channels that it is in; a roster once the first presence has come.
    rooms: BTreeMap<&'static str, Option<BTreeSet<String>>>,
    pings: VecDeque<[u8; 8]>,
    session: Session,
}

/// What goes over from one socket to the next that resumes.
#[derive(Default)]
struct Session {
    /// Numbers of directs that it has read: none comes twice.
    read: BTreeSet<u64>,
    /// The highest number that came from each sender's connection, of broadcasts and of directs. Replayed directs
    /// may come after broadcasts that were said later.
    highest: [BTreeMap<u64, u64>; 2],
}

/// A session whose socket broke.
struct Absent {
    hub: usize,
    claim: Claim,
    session: Session,
}

struct Simulation {
    dice: Dice,
    now: Time,
    hubs: Vec<Hub>,
    /// Messages on the way: when they arrive, a tie-breaker, to which hub.
    bus: BTreeMap<(Time, u64, usize), BusMessage>,
    is_faulty: bool,
    clients: BTreeMap<u64, Client>,
    absent: BTreeMap<&'static str, Absent>,
    last_connection: u64,
    last_number: u64,
    last_message: u64,
}

impl Simulation {
    fn new(seed: u64, hubs: usize) -> Self {
        let plenty = Rate { per_second: 1_000_000, burst: 1_000_000 };
        let config = Config { message_rate: plenty, peer_message_rate: plenty, ..Config::default() };
        let hub = |node| match hubs {
            1 => Hub::new(config.clone(), "0"),
            _ => Hub::on_bus(config.clone(), format!("{node}"), NodeId::new(u32::try_from(node).unwrap())),
        };
        Self {
            dice: Dice(seed),
            now: Time::ZERO,
            hubs: (0..hubs).map(hub).collect(),
            bus: BTreeMap::new(),
            is_faulty: hubs > 1,
            clients: BTreeMap::new(),
            absent: BTreeMap::new(),
            last_connection: 0,
            last_number: 0,
            last_message: 0,
        }
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            self.step();
        }
        self.settle();
    }

    fn step(&mut self) {
        let channel = CHANNELS[self.dice.below(CHANNELS.len())];
        let peer = PEERS[self.dice.below(PEERS.len())];
        let hub = self.dice.below(self.hubs.len());
        match self.dice.below(100) {
            0..10 => {
                let resumes = self.dice.chance(50);
                self.connect(peer, hub, None, resumes);
            }
            10..20 => self.resume(peer),
            20..40 => {
                if let Some(connection) = self.pick()
                    && !self.clients[&connection].rooms.contains_key(channel)
                {
                    self.clients.get_mut(&connection).unwrap().rooms.insert(channel, None);
                    let (channel, request_id) = (channel.to_owned(), None);
                    let frame =
                        ClientFrame::Subscribe { channel, request_id, include_sender_metadata: false };
                    self.frame(connection, frame);
                }
            }
            40..44 => {
                if let Some(connection) = self.pick() {
                    self.clients.get_mut(&connection).unwrap().rooms.remove(channel);
                    let (channel, request_id) = (channel.to_owned(), None);
                    self.frame(connection, ClientFrame::Unsubscribe { channel, request_id });
                }
            }
            44..50 => {
                if let Some(connection) = self.pick() {
                    let (channel, data, request_id) = (channel.to_owned(), self.payload(connection), None);
                    self.frame(connection, ClientFrame::Publish { channel, data, request_id });
                }
            }
            50..68 => {
                if let Some(connection) = self.pick() {
                    let (to, data, request_id) = (peer.to_owned(), self.payload(connection), None);
                    self.frame(connection, ClientFrame::Send { to, data, request_id });
                }
            }
            68..82 => {
                if let Some(connection) = self.pick()
                    && let Some(payload) = self.clients.get_mut(&connection).unwrap().pings.pop_front()
                {
                    self.input(
                        hub_of(&self.clients, connection),
                        Input::Pong { connection: ConnectionId::new(connection), payload },
                    );
                }
            }
            82..85 => {
                if let Some(connection) = self.pick() {
                    self.clients.get_mut(&connection).unwrap().is_deaf = true;
                }
            }
            85..90 => {
                if let Some(connection) = self.pick() {
                    let clean = self.dice.chance(30);
                    self.close(connection, clean);
                }
            }
            _ => {
                let ms = self.dice.next() % 1_500;
                self.advance(Duration::from_millis(ms));
            }
        }
    }

    fn pick(&mut self) -> Option<u64> {
        let hearing: Vec<u64> =
            self.clients.iter().filter(|(_, client)| !client.is_deaf).map(|(id, _)| *id).collect();
        (!hearing.is_empty()).then(|| hearing[self.dice.below(hearing.len())])
    }

    fn payload(&mut self, connection: u64) -> serde_json::Value {
        self.last_number += 1;
        json!([connection, self.last_number])
    }

    fn connect(&mut self, peer: &'static str, hub: usize, resume: Option<(Resume, Session)>, resumes: bool) {
        self.last_connection += 1;
        let connection = self.last_connection;
        let (resume, session) =
            resume.map_or((None, Session::default()), |(it, session)| (Some(it), session));
        let cursor = if let Some(Resume::Session { cursor }) = resume { cursor } else { 0 };
        let rooms = BTreeMap::new();
        let pings = VecDeque::new();
        let client = Client { peer, hub, is_deaf: false, resumes, cursor, rooms, pings, session };
        self.clients.insert(connection, client);
        let grants = Grants { channels: vec![Pattern::parse("**").unwrap()], actions: Actions::all() };
        self.input(
            hub,
            Input::Connected(NewConnection {
                connection: ConnectionId::new(connection),
                app: APP,
                key: KeyId::new("pk_test"),
                grants: Arc::new(grants),
                expires_at: None,
                peer_metadata: None,
                resume,
                welcome: Welcome {
                    peer_id: peer.to_owned(),
                    expires_at: None,
                    server_time: 0,
                    max_message_size: 65_536,
                    metadata: None,
                    epoch: None,
                    resume: None,
                    resumed: resume.is_some(),
                },
            }),
        );
        if resumes && self.clients.contains_key(&connection) {
            self.frame(connection, ClientFrame::Ping { request_id: None, cursor: Some(cursor) });
        }
    }

    /// A client that can resume does so, whether or not the server knows that its socket is dead.
    fn resume(&mut self, peer: &'static str) {
        let dead = self.clients.iter().find(|(_, client)| client.peer == peer && client.is_deaf);
        if let Some(connection) = dead.map(|(connection, _)| *connection) {
            let client = self.clients.get(&connection).unwrap();
            if client.resumes {
                let claim = claim(connection, client);
                let hub = client.hub;
                let session = std::mem::take(&mut self.clients.get_mut(&connection).unwrap().session);
                self.absent.insert(peer, Absent { hub, claim, session });
            }
        }
        let Some(Absent { hub, claim, session }) = self.absent.remove(peer) else { return };
        // Another hub does not know the session and keeps the id, as after a restart.
        let hub = if self.dice.chance(20) { self.dice.below(self.hubs.len()) } else { hub };
        if let Some(resume) = self.hubs[hub].resumption(self.now, APP, &claim) {
            self.connect(peer, hub, Some((resume, session)), true);
        }
    }

    fn close(&mut self, connection: u64, clean: bool) {
        let client = self.clients.remove(&connection).unwrap();
        let hub = client.hub;
        if client.resumes && !clean {
            let claim = claim(connection, &client);
            self.absent.insert(client.peer, Absent { hub, claim, session: client.session });
        }
        self.input(hub, Input::Closed { connection: ConnectionId::new(connection), clean });
    }

    fn frame(&mut self, connection: u64, frame: ClientFrame) {
        let hub = hub_of(&self.clients, connection);
        self.input(hub, Input::Frame { connection: ConnectionId::new(connection), frame });
    }

    fn input(&mut self, hub: usize, input: Input) {
        self.hubs[hub].handle(self.now, input);
        while let Some(output) = self.hubs[hub].poll() {
            match output {
                Output::Send { connection, text } => {
                    let client = self.clients.get_mut(&connection.get());
                    client.expect("nothing is sent to a closed socket").read(&text);
                }
                Output::Ping { connection, payload } => {
                    let client = self.clients.get_mut(&connection.get()).unwrap();
                    if !client.is_deaf {
                        client.pings.push_back(payload);
                    }
                }
                Output::Close { connection, code, .. } => {
                    assert_eq!(code.get(), 4020);
                    self.clients.remove(&connection.get());
                }
                Output::Bus(message) => self.post(hub, &message),
                Output::Lifecycle { .. } => {}
            }
        }
    }

    /// Puts a message on the bus, which delays it, and may drop it or repeat it.
    fn post(&mut self, from: usize, message: &BusMessage) {
        for to in (0..self.hubs.len()).filter(|to| *to != from) {
            let copies = match self.dice.below(100) {
                0..5 if self.is_faulty => 0,
                5..10 if self.is_faulty => 2,
                _ => 1,
            };
            for _ in 0..copies {
                let delay = if self.is_faulty { self.dice.next() % 80 } else { 1 };
                self.last_message += 1;
                let due = self.now + Duration::from_millis(delay);
                self.bus.insert((due, self.last_message, to), message.clone());
            }
        }
    }

    /// Lets time pass, stopping wherever something is due.
    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        loop {
            let timer = self.hubs.iter().filter_map(Hub::poll_timeout).min();
            let arrival = self.bus.keys().next().map(|(due, ..)| *due);
            let Some(due) = timer.into_iter().chain(arrival).min().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            let (now, mut arrived) = (self.now, Vec::new());
            while let Some(entry) = self.bus.first_entry().filter(|entry| entry.key().0 <= now) {
                let ((_, _, to), message) = entry.remove_entry();
                arrived.push((to, message));
            }
            for (to, message) in arrived {
                self.input(to, Input::Bus(message));
            }
            for hub in 0..self.hubs.len() {
                self.input(hub, Input::TimePassed);
            }
        }
        self.now = end;
    }

    /// Ends the faults, lets everything run out, and compares beliefs with the truth.
    fn settle(&mut self) {
        self.is_faulty = false;
        let deaf: Vec<u64> =
            self.clients.iter().filter(|(_, client)| client.is_deaf).map(|(id, _)| *id).collect();
        for connection in deaf {
            if self.clients.contains_key(&connection) {
                self.close(connection, false);
            }
        }
        // Graces and snapshots that wait for their pongs run out, and those who are behind ask again.
        self.advance(Duration::from_secs(15));
        let ids: BTreeSet<&str> = self.clients.values().map(|client| client.peer).collect();
        assert_eq!(ids.len(), self.clients.len(), "a peer id has one connection across all hubs");
        for (connection, client) in &self.clients {
            for (channel, roster) in &client.rooms {
                let inside = self
                    .clients
                    .iter()
                    .filter(|(id, other)| *id != connection && other.rooms.contains_key(channel));
                let truth: BTreeSet<String> = inside.map(|(_, other)| other.peer.to_owned()).collect();
                assert_eq!(
                    roster.as_ref(),
                    Some(&truth),
                    "{} at hub {} in {channel}",
                    client.peer,
                    client.hub
                );
            }
        }
    }
}

fn hub_of(clients: &BTreeMap<u64, Client>, connection: u64) -> usize {
    clients[&connection].hub
}

fn claim(connection: u64, client: &Client) -> Claim {
    Claim {
        epoch: client.hub.to_string(),
        generation: ConnectionId::new(connection),
        peer: client.peer.to_owned(),
        cursor: client.cursor,
    }
}

impl Client {
    fn read(&mut self, text: &str) {
        if self.is_deaf {
            return;
        }
        match ServerFrame::parse(text).unwrap() {
            ServerFrame::Presence { channel, joined, left } => {
                let channel = CHANNELS.into_iter().find(|known| *known == channel).unwrap();
                let room = self.rooms.get_mut(channel).expect("presence of a channel that one is in");
                let ids = |members: Vec<protocol::Member>| -> BTreeSet<String> {
                    members.into_iter().map(|member| member.peer_id).collect()
                };
                let (joined, left) = (ids(joined), ids(left));
                assert!(joined.is_disjoint(&left), "one id on both lists");
                let Some(roster) = room else {
                    assert!(left.is_empty(), "the first presence is a roster");
                    *room = Some(joined);
                    return;
                };
                for id in joined {
                    assert!(roster.insert(id.clone()), "{id} joined {channel} twice before {}", self.peer);
                }
                for id in left {
                    assert!(roster.remove(&id), "{id} left {channel}, where {} did not see it", self.peer);
                }
            }
            ServerFrame::Direct { from, data, cursor, .. } => {
                let known = self.rooms.values().flatten().any(|roster| roster.contains(&from));
                assert!(known, "a direct from {from}, whom {} does not know", self.peer);
                let number = self.take_number(1, &data);
                assert!(self.session.read.insert(number), "{number} came twice");
                if let Some(cursor) = cursor {
                    assert!(cursor > self.cursor, "cursors rise");
                    self.cursor = cursor;
                }
            }
            ServerFrame::Gap { cursor } => {
                assert!(cursor > self.cursor, "cursors rise");
                self.cursor = cursor;
            }
            ServerFrame::Message { channel, data, .. } => {
                let room = self.rooms.get(channel.as_str()).expect("a broadcast of a channel that one is in");
                assert!(room.is_some(), "the snapshot comes before broadcasts");
                self.take_number(0, &data);
            }
            ServerFrame::Welcome(_) | ServerFrame::Pong | ServerFrame::Error { .. } => {}
            other => panic!("unexpected {other:?}"),
        }
    }

    fn take_number(&mut self, kind: usize, data: &serde_json::Value) -> u64 {
        let (by, number) = (data[0].as_u64().unwrap(), data[1].as_u64().unwrap());
        let highest = self.session.highest[kind].insert(by, number);
        assert!(highest.is_none_or(|highest| highest < number), "out of order");
        number
    }
}

fn simulate(hubs: usize) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("PARLOR_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PARLOR_SIM_SEEDS").unwrap_or(400),
    };
    for seed in seeds {
        let outcome = catch_unwind(AssertUnwindSafe(|| Simulation::new(seed, hubs).run()));
        assert!(
            outcome.is_ok(),
            "seed {seed} with {hubs} hubs; replay with PARLOR_SIM_SEED={seed} cargo test -p parlor-hub simulation"
        );
    }
}

#[test]
fn one_hub_keeps_the_rules_whatever_happens() {
    simulate(1);
}

#[test]
fn two_hubs_on_a_bus_that_delays_drops_and_repeats_keep_the_rules() {
    simulate(2);
}

#[test]
fn three_hubs_keep_the_rules() {
    simulate(3);
}
