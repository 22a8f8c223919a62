//! A hub with clients whose inboxes a test reads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parlor_hub::{
    Actions, AppId, Claim, Config, ConnectionId, Grants, Hub, Input, KeyId, Lifecycle, NewConnection, Output,
    Pattern, Resume,
};
use protocol::{ClientFrame, Map, Member, ServerFrame, Welcome};
use serde_json::{Value, json};
use units::Time;

/// What a socket is made to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Frame(ServerFrame),
    Ping([u8; 8]),
    Close(u16),
}

pub struct World {
    pub hub: Hub,
    /// What happened in the channels, written short.
    pub chronicle: Vec<String>,
    now: Time,
    inboxes: BTreeMap<u64, Vec<Event>>,
    requests: u64,
}

/// A credential for tests: everything allowed unless said otherwise.
pub struct Credential {
    pub app: u64,
    pub channels: &'static str,
    pub actions: Actions,
    pub metadata: Option<Map>,
    pub key: &'static str,
    pub expires_at: Option<Time>,
    pub resume: Option<Resume>,
}

impl Default for Credential {
    fn default() -> Self {
        let (channels, actions) = ("**", Actions::all());
        Self { app: 1, channels, actions, metadata: None, key: "pk_test", expires_at: None, resume: None }
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self {
            hub: Hub::new(config, "this"),
            chronicle: Vec::new(),
            now: Time::ZERO,
            inboxes: BTreeMap::new(),
            requests: 0,
        }
    }

    pub fn input(&mut self, input: Input) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll() {
            let (connection, event) = match output {
                Output::Send { connection, text } => {
                    (connection, Event::Frame(ServerFrame::parse(&text).unwrap()))
                }
                Output::Ping { connection, payload } => (connection, Event::Ping(payload)),
                Output::Close { connection, code, .. } => (connection, Event::Close(code.get())),
                Output::Bus(message) => panic!("{message:?} although there is no other hub"),
                Output::Lifecycle { event, .. } => {
                    self.chronicle.push(in_short(&event));
                    continue;
                }
            };
            self.inboxes.entry(connection.get()).or_default().push(event);
        }
    }

    pub fn connect_as(&mut self, connection: u64, peer: &str, credential: Credential) {
        let Credential { app, channels, actions, metadata, key, expires_at, resume } = credential;
        let grants = Grants { channels: vec![Pattern::parse(channels).unwrap()], actions };
        self.input(Input::Connected(NewConnection {
            connection: ConnectionId::new(connection),
            app: AppId::new(app),
            key: KeyId::new(key),
            grants: Arc::new(grants),
            expires_at,
            peer_metadata: metadata,
            resume,
            welcome: Welcome {
                peer_id: peer.to_owned(),
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

    /// Connects and reads the welcome away.
    pub fn connect(&mut self, connection: u64, peer: &str) {
        self.connect_as(connection, peer, Credential::default());
        self.take(connection);
    }

    pub fn frame(&mut self, connection: u64, frame: ClientFrame) {
        self.input(Input::Frame { connection: ConnectionId::new(connection), frame });
    }

    fn request_id(&mut self) -> Option<String> {
        self.requests += 1;
        Some(format!("r{}", self.requests))
    }

    /// Sends the request and returns its id.
    pub fn subscribe(&mut self, connection: u64, channel: &str) -> String {
        self.subscribe_with(connection, channel, false)
    }

    pub fn subscribe_with(&mut self, connection: u64, channel: &str, metadata: bool) -> String {
        let request_id = self.request_id();
        let (channel, include_sender_metadata) = (channel.to_owned(), metadata);
        let frame =
            ClientFrame::Subscribe { channel, request_id: request_id.clone(), include_sender_metadata };
        self.frame(connection, frame);
        request_id.unwrap()
    }

    pub fn unsubscribe(&mut self, connection: u64, channel: &str) -> String {
        let request_id = self.request_id();
        let frame = ClientFrame::Unsubscribe { channel: channel.to_owned(), request_id: request_id.clone() };
        self.frame(connection, frame);
        request_id.unwrap()
    }

    pub fn publish(&mut self, connection: u64, channel: &str, data: Value) -> String {
        let request_id = self.request_id();
        let frame =
            ClientFrame::Publish { channel: channel.to_owned(), data, request_id: request_id.clone() };
        self.frame(connection, frame);
        request_id.unwrap()
    }

    pub fn send(&mut self, connection: u64, to: &str, data: Value) -> String {
        let request_id = self.request_id();
        let frame = ClientFrame::Send { to: to.to_owned(), data, request_id: request_id.clone() };
        self.frame(connection, frame);
        request_id.unwrap()
    }

    pub fn pong(&mut self, connection: u64, payload: [u8; 8]) {
        self.input(Input::Pong { connection: ConnectionId::new(connection), payload });
    }

    pub fn close(&mut self, connection: u64, clean: bool) {
        self.input(Input::Closed { connection: ConnectionId::new(connection), clean });
    }

    /// Lets time pass, stopping at every timer of the hub on the way.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(due) = self.hub.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(Input::TimePassed);
            assert!(self.hub.poll_timeout() != Some(due), "a timer that fired must be gone");
        }
        self.now = end;
        self.input(Input::TimePassed);
    }

    pub fn resumption(&self, app: AppId, claim: &Claim) -> Option<Resume> {
        self.hub.resumption(self.now, app, claim)
    }

    /// Puts back what was taken too early.
    pub fn put_back(&mut self, connection: u64, events: Vec<Event>) {
        self.inboxes.entry(connection).or_default().splice(0..0, events);
    }

    pub fn has_timers(&self) -> bool {
        self.hub.poll_timeout().is_some()
    }

    /// Reads the inbox empty.
    pub fn take(&mut self, connection: u64) -> Vec<Event> {
        self.inboxes.remove(&connection).unwrap_or_default()
    }

    /// Reads the inbox empty and answers the pings in it, until nothing more comes.
    pub fn settle(&mut self, connection: u64) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let new = self.take(connection);
            if new.is_empty() {
                return events;
            }
            for event in new {
                match event {
                    Event::Ping(payload) => self.pong(connection, payload),
                    other => events.push(other),
                }
            }
        }
    }

    /// Connects, joins a channel and reads everything away.
    pub fn join(&mut self, connection: u64, peer: &str, channel: &str) {
        self.connect(connection, peer);
        self.subscribe(connection, channel);
        self.settle(connection);
    }
}

fn in_short(event: &Lifecycle) -> String {
    match event {
        Lifecycle::ChannelOpened { channel } => format!("{channel} opened"),
        Lifecycle::PeerJoined { channel, peer, .. } => format!("{peer} joined {channel}"),
        Lifecycle::PeerLeft { channel, peer } => format!("{peer} left {channel}"),
        Lifecycle::ChannelClosed { channel } => format!("{channel} closed"),
    }
}

pub fn ack(request_id: &str) -> Event {
    Event::Frame(ServerFrame::Ack { request_id: request_id.to_owned() })
}

fn members(peers: &[&str]) -> Vec<Member> {
    peers.iter().map(|peer| Member { peer_id: (*peer).to_owned(), metadata: None }).collect()
}

pub fn presence(channel: &str, joined: &[&str], left: &[&str]) -> Event {
    let (channel, joined, left) = (channel.to_owned(), members(joined), members(left));
    Event::Frame(ServerFrame::Presence { channel, joined, left })
}

pub fn direct(from: &str, data: Value) -> Event {
    Event::Frame(ServerFrame::Direct { from: from.to_owned(), data, from_metadata: None, cursor: None })
}

pub fn message(channel: &str, from: &str, data: Value) -> Event {
    let (channel, from) = (channel.to_owned(), from.to_owned());
    Event::Frame(ServerFrame::Message { channel, from, data, from_metadata: None })
}

/// Returns the code of the only event, which must be the error that answers this request.
pub fn only_error(events: &[Event], request: &str) -> String {
    match events {
        [Event::Frame(ServerFrame::Error { code, request_id, .. })]
            if request_id.as_deref() == Some(request) =>
        {
            code.clone()
        }
        other => panic!("expected one error for {request}, got {other:?}"),
    }
}

/// Returns the payload of the ping among these events.
pub fn ping_in(events: &[Event]) -> [u8; 8] {
    let mut pings = events.iter().filter_map(|event| match event {
        Event::Ping(payload) => Some(*payload),
        _ => None,
    });
    let payload = pings.next().expect("there must be a ping");
    assert_eq!(pings.next(), None, "there must be one ping only");
    payload
}

pub fn rtc_candidate() -> Value {
    json!({"type": "rtc-ice", "candidate": null})
}
