//! The hub's state machine: connections, timers and the life of memberships.
//!
//! **Inputs** are those of [`Input`]; **outputs** those of [`Output`].
//!
//! **States of a connection**: unknown → (`Connected`) live → (`Closed`, or an output `Close`) unknown again.
//! Inputs about an unknown connection are ignored, so a late `Closed` of a replaced socket changes nothing.
//!
//! **States of a membership** (one peer in one channel):
//!
//! ```text
//! absent ──subscribe──▶ live ──unsubscribe, clean close──▶ absent      the others get `left` at once
//!                        │
//!                        └──broken or replaced socket──▶ lingering     the others get nothing,
//!                                                          │ │         snapshots do not show it
//!                 live ◀──subscribe on the peer's new socket │         the others get `left`, `joined`
//!                                              absent ◀──────┘ timer   the others get `left`
//! ```
//!
//! **States of a connection's log** (see `outbox`): flowing; paused behind gates, each opened by its pong or
//! its deadline.
//!
//! State is keyed by app, then channel, and a peer's connection is looked up in one place, so that a second
//! hub on a bus can add remote members without changing what a live member is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use protocol::{CloseCode, Member, ServerFrame};
use units::Time;

use crate::channel::{Channel, Identity};
use crate::config::Config;
use crate::grants::Grants;
use crate::io::{AppId, ConnectionId, Input, NewConnection, Output};
use crate::outbox::{About, Frame, Outbox};
use crate::rate::TokenBucket;

/// The server's channels, presence and routing for all its sockets.
#[derive(Debug)]
pub struct Hub {
    pub(crate) config: Config,
    pub(crate) apps: BTreeMap<AppId, App>,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    timers: BTreeSet<(Time, Timer)>,
    /// Counts joins and breaks, to order them.
    events: u64,
    /// Numbers the gates.
    gates: u64,
    /// Drained by the caller after each input. One input makes at most a few outputs per member of the
    /// channels that it touches.
    pub(crate) outputs: VecDeque<Output>,
}

/// What belongs to one tenant.
#[derive(Debug, Default)]
pub(crate) struct App {
    pub(crate) channels: BTreeMap<Arc<str>, Channel>,
    /// Which connection each peer id belongs to.
    pub(crate) owners: BTreeMap<Arc<str>, ConnectionId>,
}

/// A live connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) app: AppId,
    pub(crate) grants: Arc<Grants>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) subscriptions: BTreeSet<Arc<str>>,
    pub(crate) messages: TokenBucket,
    pub(crate) peer_messages: TokenBucket,
    outbox: Outbox,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A snapshot has waited long enough for its pong.
    Gate { connection: ConnectionId, number: u64 },
    /// A broken peer has been waited for long enough.
    Linger { app: AppId, channel: Arc<str>, peer: Arc<str> },
}

impl Hub {
    /// Makes a hub without connections.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            apps: BTreeMap::new(),
            connections: BTreeMap::new(),
            timers: BTreeSet::new(),
            events: 0,
            gates: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened. `now` must not go backwards. Drain [`Hub::poll`] afterwards.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.fire_timers(now);
        match input {
            Input::Connected(new) => self.connect(now, new),
            Input::Frame { connection, frame } => self.handle_frame(now, connection, frame),
            Input::BadFrame { connection, error } => {
                if self.spend_message(now, connection) {
                    self.reply(connection, &error.into());
                }
            }
            Input::Pong { connection, payload } => {
                self.open_gates(connection, u64::from_be_bytes(payload));
            }
            Input::Closed { connection, clean } => self.depart(now, connection, clean),
            Input::ShutDown { retry_after_ms } => self.shut_down(retry_after_ms),
            Input::TimePassed => {}
        }
    }

    /// Returns the next thing to do, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when the hub wants to be told that time has passed, at the latest.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.first().map(|(deadline, _)| *deadline)
    }

    fn connect(&mut self, now: Time, new: NewConnection) {
        let NewConnection { connection, app, grants, peer_metadata, welcome } = new;
        let identity = Arc::new(Identity::new(welcome.peer_id.clone(), peer_metadata));
        let owners = &mut self.apps.entry(app).or_default().owners;
        if let Some(previous) = owners.insert(Arc::clone(&identity.peer), connection) {
            self.close(now, previous, CloseCode::ADMIN_DISCONNECT, "superseded");
        }
        self.connections.insert(
            connection,
            Connection {
                app,
                grants,
                identity,
                subscriptions: BTreeSet::new(),
                messages: TokenBucket::new(now, self.config.message_rate),
                peer_messages: TokenBucket::new(now, self.config.peer_message_rate),
                outbox: Outbox::default(),
            },
        );
        self.reply(connection, &ServerFrame::Welcome(welcome));
    }

    /// Closes a connection from our side. The others see it like a broken one: the client may come back.
    pub(crate) fn close(
        &mut self,
        now: Time,
        connection: ConnectionId,
        code: CloseCode,
        reason: &'static str,
    ) {
        self.depart(now, connection, false);
        self.outputs.push_back(Output::Close { connection, code, reason });
    }

    /// Forgets a connection and ends or suspends its memberships.
    fn depart(&mut self, now: Time, connection: ConnectionId, clean: bool) {
        let Some(gone) = self.connections.remove(&connection) else { return };
        for (deadline, number) in gone.outbox.gates() {
            self.timers.remove(&(deadline, Timer::Gate { connection, number }));
        }
        let peer = &gone.identity.peer;
        if let Some(app) = self.apps.get_mut(&gone.app)
            && app.owners.get(peer) == Some(&connection)
        {
            app.owners.remove(peer);
        }
        let lingers = !clean && !self.config.linger.is_zero();
        for channel in &gone.subscriptions {
            self.leave_channel(gone.app, channel, peer);
            if lingers {
                self.linger(now, gone.app, channel, peer);
            } else {
                self.announce_left(gone.app, channel, peer);
            }
        }
        self.drop_empty_app(gone.app);
    }

    /// Takes a peer out of a channel without telling anyone. A channel without live members ends: whoever
    /// lingers in it has no witnesses left.
    pub(crate) fn leave_channel(&mut self, app: AppId, name: &Arc<str>, peer: &str) {
        let Some(channels) = self.apps.get_mut(&app).map(|app| &mut app.channels) else { return };
        let Some(channel) = channels.get_mut(name) else { return };
        channel.leave(peer);
        if channel.is_empty() {
            for (until, peer) in channel.lingering() {
                let (channel, peer) = (Arc::clone(name), Arc::clone(peer));
                self.timers.remove(&(until, Timer::Linger { app, channel, peer }));
            }
            channels.remove(name);
        }
    }

    pub(crate) fn drop_empty_app(&mut self, app: AppId) {
        if self.apps.get(&app).is_some_and(|app| app.owners.is_empty() && app.channels.is_empty()) {
            self.apps.remove(&app);
        }
    }

    fn linger(&mut self, now: Time, app: AppId, name: &Arc<str>, peer: &Arc<str>) {
        let since = self.next_event();
        let Some(channel) = self.apps.get_mut(&app).and_then(|app| app.channels.get_mut(name)) else {
            return;
        };
        let until = now + self.config.linger;
        channel.linger(Arc::clone(peer), until, since);
        let timer = Timer::Linger { app, channel: Arc::clone(name), peer: Arc::clone(peer) };
        self.timers.insert((until, timer));
    }

    /// Tells those who knew a lingering peer that it is gone.
    pub(crate) fn end_lingering(&mut self, app: AppId, name: &Arc<str>, peer: &Arc<str>) {
        let Some(channel) = self.apps.get_mut(&app).and_then(|app| app.channels.get_mut(name)) else {
            return;
        };
        let Some((until, witnesses)) = channel.end_lingering(peer) else { return };
        let timer = Timer::Linger { app, channel: Arc::clone(name), peer: Arc::clone(peer) };
        self.timers.remove(&(until, timer));
        self.send_presence(&witnesses, name, Vec::new(), vec![Self::bare(peer)]);
    }

    /// Tells everyone in a channel that a peer is gone.
    pub(crate) fn announce_left(&mut self, app: AppId, name: &Arc<str>, peer: &Arc<str>) {
        let Some(channel) = self.apps.get(&app).and_then(|app| app.channels.get(name)) else { return };
        let watchers: Vec<ConnectionId> = channel.watchers().map(|member| member.connection).collect();
        self.send_presence(&watchers, name, Vec::new(), vec![Self::bare(peer)]);
    }

    fn bare(peer: &Arc<str>) -> Member {
        Member { peer_id: peer.to_string(), metadata: None }
    }

    /// Sends one presence change to many.
    pub(crate) fn send_presence(
        &mut self,
        to: &[ConnectionId],
        channel: &Arc<str>,
        joined: Vec<Member>,
        left: Vec<Member>,
    ) {
        if to.is_empty() {
            return;
        }
        let frame = ServerFrame::Presence { channel: channel.to_string(), joined, left };
        let text: Arc<str> = frame.to_json().into();
        for &connection in to {
            self.deliver(connection, &text, About::Channel(Arc::clone(channel)));
        }
    }

    fn shut_down(&mut self, retry_after_ms: u64) {
        let farewell = ServerFrame::GoingAway { retry_after_ms: Some(retry_after_ms) };
        let text: Arc<str> = farewell.to_json().into();
        for &connection in self.connections.keys() {
            self.outputs.push_back(Output::Send { connection, text: Arc::clone(&text) });
            let (code, reason) = (CloseCode::GOING_AWAY, "server shutdown");
            self.outputs.push_back(Output::Close { connection, code, reason });
        }
        self.connections.clear();
        self.apps.clear();
        self.timers.clear();
    }

    /// Counts one message against the connection's rate; closes the connection and returns false when it
    /// was too much or the connection is unknown.
    pub(crate) fn spend_message(&mut self, now: Time, connection: ConnectionId) -> bool {
        let Some(state) = self.connections.get_mut(&connection) else { return false };
        let within = state.messages.take(now);
        if !within {
            self.close(now, connection, CloseCode::OVER_MESSAGE_RATE, "message rate");
        }
        within
    }

    /// Sends a frame that overtakes the log: replies and the welcome.
    pub(crate) fn reply(&mut self, connection: ConnectionId, frame: &ServerFrame) {
        self.outputs.push_back(Output::Send { connection, text: frame.to_json().into() });
    }

    /// Sends a frame that belongs in the log.
    pub(crate) fn deliver(&mut self, connection: ConnectionId, text: &Arc<str>, about: About) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        match state.outbox.push(Frame { text: Arc::clone(text), about }) {
            Some(Frame { text, .. }) => self.outputs.push_back(Output::Send { connection, text }),
            None if state.outbox.is_over_full() => self.open_gates(connection, u64::MAX),
            None => {}
        }
    }

    /// Puts a channel's snapshot at the end of the log, behind a gate of its own, and pings for it.
    pub(crate) fn deliver_snapshot(
        &mut self,
        now: Time,
        connection: ConnectionId,
        channel: &Arc<str>,
        roster: Vec<Member>,
    ) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        self.gates += 1;
        let number = self.gates;
        let deadline = now + self.config.snapshot_wait;
        let frame = ServerFrame::Presence { channel: channel.to_string(), joined: roster, left: Vec::new() };
        let about = About::Channel(Arc::clone(channel));
        state.outbox.push_gated(number, deadline, Frame { text: frame.to_json().into(), about });
        self.timers.insert((deadline, Timer::Gate { connection, number }));
        self.outputs.push_back(Output::Ping { connection, payload: number.to_be_bytes() });
        if state.outbox.is_over_full() {
            self.open_gates(connection, u64::MAX);
        }
    }

    /// Sends what waits behind the gates up to this number. A client may answer only the last of several
    /// pings (RFC 6455 §5.5.3), so a pong opens the earlier gates, too.
    fn open_gates(&mut self, connection: ConnectionId, up_to: u64) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        while let Some((frame, gate)) = state.outbox.pop(up_to) {
            if let Some((deadline, number)) = gate {
                self.timers.remove(&(deadline, Timer::Gate { connection, number }));
            }
            self.outputs.push_back(Output::Send { connection, text: frame.text });
        }
    }

    /// Drops what waits for a connection and is void now that it has left a channel.
    pub(crate) fn drop_void_frames(&mut self, connection: ConnectionId, left: &str) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        for (deadline, number) in state.outbox.leave_channel(left) {
            self.timers.remove(&(deadline, Timer::Gate { connection, number }));
        }
        // What waited only for the dropped gates flows again.
        self.open_gates(connection, 0);
    }

    pub(crate) fn next_event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    fn fire_timers(&mut self, now: Time) {
        while let Some(timer) = self.due_timer(now) {
            match timer {
                Timer::Gate { connection, number } => self.open_gates(connection, number),
                Timer::Linger { app, channel, peer } => self.end_lingering(app, &channel, &peer),
            }
        }
    }

    fn due_timer(&mut self, now: Time) -> Option<Timer> {
        let is_due = self.timers.first().is_some_and(|(deadline, _)| *deadline <= now);
        if is_due { self.timers.pop_first().map(|(_, timer)| timer) } else { None }
    }
}
