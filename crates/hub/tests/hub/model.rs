//! Random lives of a few peers in a few channels, watched from each receiver's side.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use parlor_hub::{Config, Rate};
use proptest::prelude::*;
use protocol::{ClientFrame, ServerFrame};
use serde_json::{Value, json};

use crate::world::{Event, World};

const PEERS: [&str; 4] = ["ann", "bob", "cat", "dan"];
const CHANNELS: [&str; 3] = ["one", "two", "three"];

/// One step. `who` picks one of the connections that are open at that moment.
#[derive(Debug, Clone)]
enum Step {
    Connect {
        peer: usize,
    },
    Subscribe {
        who: usize,
        channel: usize,
    },
    Unsubscribe {
        who: usize,
        channel: usize,
    },
    Publish {
        who: usize,
        channel: usize,
    },
    Send {
        who: usize,
        to: usize,
    },
    Ping {
        who: usize,
    },
    /// Answers the oldest ping that is not answered yet.
    Pong {
        who: usize,
    },
    Close {
        who: usize,
        clean: bool,
    },
    Wait {
        ms: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = any::<usize>();
    let channel = 0..CHANNELS.len();
    let peer = 0..PEERS.len();
    prop_oneof![
        4 => peer.clone().prop_map(|peer| Step::Connect { peer }),
        8 => (who, channel.clone()).prop_map(|(who, channel)| Step::Subscribe { who, channel }),
        3 => (who, channel.clone()).prop_map(|(who, channel)| Step::Unsubscribe { who, channel }),
        3 => (who, channel).prop_map(|(who, channel)| Step::Publish { who, channel }),
        8 => (who, peer).prop_map(|(who, to)| Step::Send { who, to }),
        1 => who.prop_map(|who| Step::Ping { who }),
        6 => who.prop_map(|who| Step::Pong { who }),
        2 => (who, any::<bool>()).prop_map(|(who, clean)| Step::Close { who, clean }),
        3 => (0u64..2_500).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// What one client believes, built from nothing but what it has read.
#[derive(Default)]
struct Client {
    peer: String,
    /// Pings that came and were not answered.
    pings: VecDeque<[u8; 8]>,
    rooms: BTreeMap<String, Room>,
    /// The highest number that came from each sending connection: order must hold.
    highest: BTreeMap<u64, u64>,
    /// Directs that were acknowledged to their senders and must arrive.
    owed: BTreeSet<u64>,
}

/// A channel as a client believes it to be.
#[derive(Default)]
struct Room {
    /// Who was there when the subscribe was handled: what the first presence must say.
    expected: BTreeSet<String>,
    roster: Option<BTreeSet<String>>,
    /// After a second subscribe, a snapshot may name those who are known already.
    asked_again: bool,
}

struct Model {
    world: World,
    clients: BTreeMap<u64, Client>,
    next_connection: u64,
    next_number: u64,
}

impl Model {
    fn new() -> Self {
        let plenty = Rate { per_second: 1_000_000, burst: 1_000_000 };
        let config = Config { message_rate: plenty, peer_message_rate: plenty, ..Config::default() };
        Self { world: World::with(config), clients: BTreeMap::new(), next_connection: 0, next_number: 0 }
    }

    /// Returns the truth: who is in the channel with a live connection.
    fn members(&self, channel: &str) -> BTreeSet<String> {
        let inside = self.clients.values().filter(|client| client.rooms.contains_key(channel));
        inside.map(|client| client.peer.clone()).collect()
    }

    fn pick(&self, who: usize) -> Option<u64> {
        let count = self.clients.len();
        (count > 0).then(|| self.clients.keys().nth(who % count).copied().unwrap())
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Connect { peer } => self.connect(PEERS[peer]),
            Step::Subscribe { who, channel } => {
                let Some(connection) = self.pick(who) else { return };
                let channel = CHANNELS[channel];
                let mut expected = self.members(channel);
                expected.remove(&self.clients[&connection].peer);
                let room = self.clients.get_mut(&connection).unwrap().rooms.entry(channel.to_owned());
                room.and_modify(|room| room.asked_again = true)
                    .or_insert(Room { expected, ..Room::default() });
                let request = self.world.subscribe(connection, channel);
                self.expect_ack(connection, &request);
            }
            Step::Unsubscribe { who, channel } => {
                let Some(connection) = self.pick(who) else { return };
                let request = self.world.unsubscribe(connection, CHANNELS[channel]);
                // Frames that were on their way before the ack may still speak of the channel.
                self.expect_ack(connection, &request);
                let client = self.clients.get_mut(&connection).unwrap();
                client.rooms.remove(CHANNELS[channel]);
                client.owed.clear();
            }
            Step::Publish { who, channel } => {
                let Some(connection) = self.pick(who) else { return };
                self.next_number += 1;
                let data = json!({"by": connection, "number": self.next_number});
                let request = self.world.publish(connection, CHANNELS[channel], data);
                self.expect_ack(connection, &request);
            }
            Step::Send { who, to } => {
                let Some(connection) = self.pick(who) else { return };
                self.send(connection, PEERS[to]);
            }
            Step::Ping { who } => {
                let Some(connection) = self.pick(who) else { return };
                self.world.frame(connection, ClientFrame::Ping { request_id: None, cursor: None });
                let events = self.world.take(connection);
                assert_eq!(events, [Event::Frame(ServerFrame::Pong)]);
            }
            Step::Pong { who } => {
                let Some(connection) = self.pick(who) else { return };
                if let Some(payload) = self.clients.get_mut(&connection).unwrap().pings.pop_front() {
                    self.world.pong(connection, payload);
                }
            }
            Step::Close { who, clean } => {
                let Some(connection) = self.pick(who) else { return };
                self.clients.remove(&connection);
                self.world.close(connection, clean);
            }
            Step::Wait { ms } => self.world.advance(Duration::from_millis(ms)),
        }
        self.read_all();
    }

    fn connect(&mut self, peer: &str) {
        let displaced =
            self.clients.iter().find(|(_, client)| client.peer == peer).map(|(connection, _)| *connection);
        self.next_connection += 1;
        let connection = self.next_connection;
        self.world.connect(connection, peer);
        self.clients.insert(connection, Client { peer: peer.to_owned(), ..Client::default() });
        if let Some(displaced) = displaced {
            assert_eq!(self.world.take(displaced), [Event::Close(4020)]);
            self.clients.remove(&displaced);
            // The socket's own end comes late and must change nothing.
            self.world.close(displaced, false);
        }
    }

    fn send(&mut self, connection: u64, to: &str) {
        self.next_number += 1;
        let number = self.next_number;
        let sender = &self.clients[&connection];
        let receiver = self.clients.iter().find(|(_, client)| client.peer == to);
        let reachable = receiver.filter(|(other, client)| {
            **other != connection && client.rooms.keys().any(|channel| sender.rooms.contains_key(channel))
        });
        let receiver = reachable.map(|(other, _)| *other);
        if let Some(receiver) = receiver {
            self.clients.get_mut(&receiver).unwrap().owed.insert(number);
        }
        let request = self.world.send(connection, to, json!({"by": connection, "number": number}));
        match (self.expect_answer(connection, &request), receiver) {
            (ServerFrame::Ack { .. }, Some(_)) | (ServerFrame::Error { .. }, None) => {}
            (answer, receiver) => panic!("{answer:?} although the receiver is {receiver:?}"),
        }
    }

    fn expect_ack(&mut self, connection: u64, request: &str) {
        let answer = self.expect_answer(connection, request);
        assert_eq!(answer, ServerFrame::Ack { request_id: request.to_owned() });
    }

    /// Reads what came and returns the answer to the request, which must be there once.
    fn expect_answer(&mut self, connection: u64, request: &str) -> ServerFrame {
        let mut answer = None;
        for event in self.world.take(connection) {
            match event {
                Event::Frame(frame @ (ServerFrame::Ack { .. } | ServerFrame::Error { .. })) => {
                    let id = match &frame {
                        ServerFrame::Ack { request_id } => Some(request_id.as_str()),
                        ServerFrame::Error { request_id, .. } => request_id.as_deref(),
                        _ => None,
                    };
                    assert_eq!(id, Some(request));
                    assert_eq!(answer.replace(frame), None, "answered twice");
                }
                other => self.read(connection, other),
            }
        }
        answer.expect("every request must be answered")
    }

    fn read_all(&mut self) {
        let connections: Vec<u64> = self.clients.keys().copied().collect();
        for connection in connections {
            for event in self.world.take(connection) {
                self.read(connection, event);
            }
        }
        for gone in 0..=self.next_connection {
            if !self.clients.contains_key(&gone) {
                assert_eq!(self.world.take(gone), [], "nothing is sent to a closed socket");
            }
        }
    }

    fn read(&mut self, connection: u64, event: Event) {
        let client = self.clients.get_mut(&connection).unwrap();
        match event {
            Event::Ping(payload) => client.pings.push_back(payload),
            Event::Frame(ServerFrame::Presence { channel, joined, left }) => {
                let ids = |members: Vec<protocol::Member>| -> BTreeSet<String> {
                    members.into_iter().map(|member| member.peer_id).collect()
                };
                client.read_presence(&channel, ids(joined), ids(left));
            }
            Event::Frame(ServerFrame::Direct { from, data, .. }) => {
                let rosters = client.rooms.values().filter_map(|room| room.roster.as_ref());
                let known: BTreeSet<&String> = rosters.flatten().collect();
                assert!(known.contains(&from), "a direct from {from}, whom {} does not know", client.peer);
                let number = client.read_number(&data);
                client.owed.remove(&number);
            }
            Event::Frame(ServerFrame::Message { channel, from, data, .. }) => {
                assert_ne!(from, client.peer, "no echo");
                let room = client.rooms.get(&channel).expect("a broadcast of a channel that one is in");
                assert!(room.roster.is_some(), "the snapshot comes before broadcasts");
                client.read_number(&data);
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Answers everything, waits for every grace to end and compares beliefs with the truth.
    fn settle(&mut self) {
        for connection in self.clients.keys().copied().collect::<Vec<_>>() {
            while let Some(payload) = self.clients.get_mut(&connection).unwrap().pings.pop_front() {
                self.world.pong(connection, payload);
            }
        }
        self.read_all();
        self.world.advance(Duration::from_secs(3));
        self.read_all();
        assert!(!self.world.has_timers(), "at rest no timer runs");
        for client in self.clients.values() {
            assert!(client.owed.is_empty(), "acknowledged directs that never came: {:?}", client.owed);
            for (channel, room) in &client.rooms {
                let mut truth = self.members(channel);
                truth.remove(&client.peer);
                assert_eq!(room.roster.as_ref(), Some(&truth), "{} in {channel}", client.peer);
            }
        }
    }
}

impl Client {
    fn read_presence(&mut self, channel: &str, joined: BTreeSet<String>, left: BTreeSet<String>) {
        let room = self.rooms.get_mut(channel).expect("presence of a channel that one is in");
        assert!(joined.is_disjoint(&left), "one id on both lists");
        let Some(roster) = &mut room.roster else {
            assert_eq!(joined, room.expected, "the first presence is the full roster");
            assert!(left.is_empty());
            room.roster = Some(joined);
            return;
        };
        for id in joined {
            assert!(roster.insert(id) || room.asked_again, "joined twice");
        }
        for id in left {
            assert!(roster.remove(&id), "{id} left without having joined");
        }
    }

    fn read_number(&mut self, data: &Value) -> u64 {
        let (by, number) = (data["by"].as_u64().unwrap(), data["number"].as_u64().unwrap());
        let highest = self.highest.insert(by, number);
        assert!(highest.is_none_or(|highest| highest < number), "out of order");
        number
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_beliefs_become_true_and_no_rule_breaks(steps in prop::collection::vec(step(), 1..150)) {
        let mut model = Model::new();
        for step in &steps {
            model.run(step);
        }
        model.settle();
    }
}
