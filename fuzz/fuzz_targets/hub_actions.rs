//! Any life of a few sockets in one hub, watched from each socket's side.

#![no_main]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arbitrary::Arbitrary;
use hub::{
    Actions, AppId, Claim, Config, ConnectionId, Grants, Hub, Input, KeyId, NewConnection, Output, Pattern,
    Resume,
};
use libfuzzer_sys::fuzz_target;
use protocol::limits::MAX_SERVER_FRAME_SIZE;
use protocol::{ClientFrame, ServerFrame, Welcome};
use serde_json::{Value, json};
use units::Time;

const APP: AppId = AppId::new(1);
const THIS_RUN: &str = "this run";
const KEYS: [&str; 2] = ["pk_test_1", "pk_test_2"];
/// Longer lives find nothing that shorter ones do not.
const MAX_ACTIONS: usize = 200;

/// A resume token that is genuine, whatever run, socket and peer it is from.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Token {
    is_of_this_run: bool,
    generation: u8,
    cursor: u8,
}

#[derive(Arbitrary, Debug)]
enum Action<'a> {
    Connect {
        peer: u8,
        key: bool,
        expires_in_ms: Option<u16>,
        token: Option<Token>,
    },
    Subscribe {
        who: u8,
        channel: u8,
        metadata: bool,
    },
    Unsubscribe {
        who: u8,
        channel: u8,
    },
    Publish {
        who: u8,
        channel: u8,
    },
    Send {
        who: u8,
        to: u8,
    },
    /// Says that it can resume, and how far it has read.
    Cursor {
        who: u8,
        cursor: u8,
    },
    /// Whatever a client may write.
    Text {
        who: u8,
        text: &'a str,
    },
    /// Answers the oldest ping that is not answered yet.
    Pong {
        who: u8,
    },
    WrongPong {
        who: u8,
        payload: [u8; 8],
    },
    Close {
        who: u8,
        clean: bool,
    },
    OperatorPublish {
        channel: u8,
    },
    Kick {
        peer: u8,
    },
    Revoke {
        key: bool,
    },
    Wait {
        ms: u16,
    },
    ShutDown,
}

/// What one socket has seen.
#[derive(Default)]
struct Socket {
    is_welcome: bool,
    pings: VecDeque<[u8; 8]>,
    /// Who was ever shown to it, or to the socket that it goes on for, as present.
    shown: BTreeSet<String>,
    cursor: u64,
}

struct World {
    hub: Hub,
    now: Time,
    sockets: BTreeMap<ConnectionId, Socket>,
    /// Who was shown to the sockets of the past, for those that go on for them.
    past: BTreeMap<ConnectionId, BTreeSet<String>>,
    last: u64,
}

fuzz_target!(|actions: Vec<Action>| {
    let mut world = World {
        hub: Hub::new(Config::default(), THIS_RUN),
        now: Time::ZERO,
        sockets: BTreeMap::new(),
        past: BTreeMap::new(),
        last: 0,
    };
    for action in actions.iter().take(MAX_ACTIONS) {
        world.act(action);
    }
});

impl World {
    fn act(&mut self, action: &Action) {
        match *action {
            Action::Connect { peer, key, expires_in_ms, token } => {
                self.connect(peer, key, expires_in_ms, token)
            }
            Action::Subscribe { who, channel, metadata: include_sender_metadata } => {
                let (channel, request_id) = (channel_name(channel), Some("s".to_owned()));
                self.frame(who, ClientFrame::Subscribe { channel, request_id, include_sender_metadata });
            }
            Action::Unsubscribe { who, channel } => {
                let channel = channel_name(channel);
                self.frame(who, ClientFrame::Unsubscribe { channel, request_id: None });
            }
            Action::Publish { who, channel } => {
                let channel = channel_name(channel);
                self.frame(who, ClientFrame::Publish { channel, data: Value::Null, request_id: None });
            }
            Action::Send { who, to } => {
                let (to, data) = (peer_id(to), json!({"type": "rtc-ice", "candidate": null}));
                self.frame(who, ClientFrame::Send { to, data, request_id: None });
            }
            Action::Cursor { who, cursor } => {
                self.frame(who, ClientFrame::Ping { request_id: None, cursor: Some(u64::from(cursor)) });
            }
            Action::Text { who, text } => match ClientFrame::parse(text) {
                Ok(frame) => self.frame(who, frame),
                Err(error) => {
                    if let Some(connection) = self.pick(who) {
                        self.input(Input::BadFrame { connection, error });
                    }
                }
            },
            Action::Pong { who } => {
                if let Some(connection) = self.pick(who)
                    && let Some(payload) =
                        self.sockets.get_mut(&connection).and_then(|it| it.pings.pop_front())
                {
                    self.input(Input::Pong { connection, payload });
                }
            }
            Action::WrongPong { who, payload } => {
                if let Some(connection) = self.pick(who) {
                    self.input(Input::Pong { connection, payload });
                }
            }
            Action::Close { who, clean } => {
                if let Some(connection) = self.pick(who) {
                    // A timer that is due fires first and may close it, too.
                    self.input(Input::Closed { connection, clean });
                    self.forget(connection);
                }
            }
            Action::OperatorPublish { channel } => {
                let (channel, from) = (channel_name(channel), "operator".to_owned());
                self.input(Input::Publish {
                    app: APP,
                    channel,
                    from,
                    from_metadata: None,
                    data: Value::Null,
                });
            }
            Action::Kick { peer } => self.input(Input::Kick { app: APP, peer: peer_id(peer) }),
            Action::Revoke { key } => self.input(Input::Revoke { app: APP, key: key_id(key) }),
            Action::Wait { ms } => {
                self.now += Duration::from_millis(u64::from(ms));
                self.input(Input::TimePassed);
                let due = self.hub.poll_timeout();
                assert!(due.is_none_or(|due| due > self.now), "a timer that is due must have fired");
            }
            Action::ShutDown => self.input(Input::ShutDown { retry_after_ms: 1_500 }),
        }
    }

    fn connect(&mut self, peer: u8, key: bool, expires_in_ms: Option<u16>, token: Option<Token>) {
        self.last += 1;
        let connection = ConnectionId::new(self.last);
        // As a server does: what is due comes before what is new.
        self.input(Input::TimePassed);
        let claim = token.map(|token| Claim {
            epoch: if token.is_of_this_run { THIS_RUN } else { "an earlier run" }.to_owned(),
            generation: ConnectionId::new(u64::from(token.generation)),
            peer: peer_id(peer),
            cursor: u64::from(token.cursor),
        });
        let resume = claim.as_ref().and_then(|claim| self.hub.resumption(self.now, APP, claim));
        let mut socket = Socket::default();
        if let (Some(Resume::Session { cursor }), Some(claim)) = (resume, claim) {
            let before = self.sockets.get(&claim.generation).map(|before| before.shown.clone());
            let before = before.or_else(|| self.past.get(&claim.generation).cloned());
            socket.shown = before.expect("only a socket that was there can be gone on with");
            socket.cursor = cursor;
        }
        self.sockets.insert(connection, socket);
        let grants = Grants { channels: vec![Pattern::parse("**").expect("valid")], actions: Actions::all() };
        let lifetime = expires_in_ms.map(|ms| Duration::from_millis(u64::from(ms)));
        self.input(Input::Connected(NewConnection {
            connection,
            app: APP,
            key: key_id(key),
            grants: Arc::new(grants),
            expires_at: lifetime.map(|lifetime| self.now + lifetime),
            peer_metadata: None,
            resume,
            welcome: Welcome {
                peer_id: peer_id(peer),
                expires_at: None,
                server_time: 1_800_000_000,
                max_message_size: 65_536,
                metadata: None,
                epoch: None,
                resume: None,
                resumed: false,
            },
        }));
    }

    fn pick(&self, who: u8) -> Option<ConnectionId> {
        let count = self.sockets.len();
        (count > 0).then(|| self.sockets.keys().nth(usize::from(who) % count).copied()).flatten()
    }

    fn frame(&mut self, who: u8, frame: ClientFrame) {
        if let Some(connection) = self.pick(who) {
            self.input(Input::Frame { connection, frame });
        }
    }

    fn input(&mut self, input: Input) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll() {
            match output {
                Output::Send { connection, text } => self.read(connection, &text),
                Output::Ping { connection, payload } => self.socket(connection).pings.push_back(payload),
                Output::Close { connection, .. } => {
                    assert!(self.forget(connection), "only an open socket can be closed");
                }
                Output::Lifecycle { .. } => {}
                Output::Bus(message) => panic!("{message:?} although there is no other hub"),
            }
        }
    }

    /// Returns whether the socket was there.
    fn forget(&mut self, connection: ConnectionId) -> bool {
        let Some(socket) = self.sockets.remove(&connection) else { return false };
        self.past.insert(connection, socket.shown);
        true
    }

    fn socket(&mut self, connection: ConnectionId) -> &mut Socket {
        self.sockets.get_mut(&connection).expect("nothing is sent to a socket that is closed")
    }

    fn read(&mut self, connection: ConnectionId, text: &str) {
        assert!(text.len() <= MAX_SERVER_FRAME_SIZE);
        let socket = self.socket(connection);
        let frame = ServerFrame::parse(text).expect("the hub writes frames that clients can read");
        assert_eq!(matches!(frame, ServerFrame::Welcome(_)), !socket.is_welcome, "one welcome, and first");
        socket.is_welcome = true;
        match frame {
            ServerFrame::Presence { joined, left, .. } => {
                assert!(joined.iter().all(|it| left.iter().all(|other| it.peer_id != other.peer_id)));
                socket.shown.extend(joined.into_iter().map(|member| member.peer_id));
            }
            ServerFrame::Direct { from, cursor, .. } => {
                assert!(socket.shown.contains(&from), "presence comes before directs");
                if let Some(cursor) = cursor {
                    assert!(cursor > socket.cursor, "cursors rise");
                    socket.cursor = cursor;
                }
            }
            ServerFrame::Gap { cursor } => socket.cursor = cursor,
            _ => {}
        }
    }
}

fn channel_name(number: u8) -> String {
    format!("channel/{}", number % 4)
}

fn peer_id(number: u8) -> String {
    format!("peer {}", number % 6)
}

fn key_id(second: bool) -> KeyId {
    KeyId::new(KEYS[usize::from(second)])
}
