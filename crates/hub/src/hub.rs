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
//! The rest of the state machine is in `membership` (who is in a channel), `delivery` (what goes to a
//! connection), `session` (what outlives a socket), `bus` (other hubs), `requests` (what clients ask for) and `operator` (what the operator wants).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use protocol::{CloseCode, ServerFrame};
use units::Time;

use crate::bus::{Bus, BusEvent, Stamp};
use crate::channel::{Channel, Identity};
use crate::config::Config;
use crate::grants::Grants;
use crate::io::{AppId, ConnectionId, EXPIRY_MARGIN, Input, KeyId, NewConnection, Output};
use crate::outbox::Outbox;
use crate::queries::Usage;
use crate::rate::TokenBucket;
use crate::session::{Resume, Session};

/// The server's channels, presence and routing for all its sockets.
#[derive(Debug)]
pub struct Hub {
    pub(crate) config: Config,
    /// Names this run of the server.
    pub(crate) epoch: String,
    /// When the first input came.
    pub(crate) started: Option<Time>,
    pub(crate) apps: BTreeMap<AppId, App>,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    /// The way to the other hubs, if there are any.
    pub(crate) bus: Option<Bus>,
    /// The Lamport clock of the stamps.
    pub(crate) clock: u64,
    pub(crate) usage: BTreeMap<AppId, Usage>,
    pub(crate) timers: BTreeSet<(Time, Timer)>,
    /// Peer ids that were taken over from earlier runs, for which a token is good once.
    pub(crate) adopted: BTreeSet<(AppId, Arc<str>)>,
    /// How many sessions wait for a socket.
    pub(crate) absent: usize,
    /// Counts joins and breaks, to order them.
    events: u64,
    /// Numbers the gates.
    pub(crate) gates: u64,
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
    /// What outlives the sockets of those peers that can resume.
    pub(crate) sessions: BTreeMap<Arc<str>, Session>,
}

impl App {
    pub(crate) fn is_empty(&self) -> bool {
        self.owners.is_empty() && self.channels.is_empty() && self.sessions.is_empty()
    }
}

/// A live connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) app: AppId,
    pub(crate) key: KeyId,
    pub(crate) grants: Arc<Grants>,
    /// When it is closed because its credential expires.
    pub(crate) expires: Option<Time>,
    pub(crate) identity: Arc<Identity>,
    /// When it began, comparable between hubs.
    pub(crate) stamp: Stamp,
    /// Whether it goes on with the memberships of an earlier connection.
    pub(crate) is_resumed: bool,
    pub(crate) subscriptions: BTreeSet<Arc<str>>,
    pub(crate) messages: TokenBucket,
    pub(crate) peer_messages: TokenBucket,
    pub(crate) outbox: Outbox,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A credential is about to expire.
    Expiry { connection: ConnectionId },
    /// A snapshot has waited long enough for its pong.
    Gate { connection: ConnectionId, number: u64 },
    /// A broken peer has been waited for long enough.
    Linger { app: AppId, channel: Arc<str>, peer: Arc<str> },
    /// The other hubs must hear from this one.
    Beat,
    /// A direct was kept for long enough.
    Trim { app: AppId, peer: Arc<str> },
    /// A session has waited for a socket for long enough.
    Forget { app: AppId, peer: Arc<str> },
}

impl Hub {
    /// Makes a hub without connections. `epoch` names this run of the server; no other run has that name.
    pub fn new(config: Config, epoch: impl Into<String>) -> Self {
        Self {
            config,
            epoch: epoch.into(),
            started: None,
            apps: BTreeMap::new(),
            connections: BTreeMap::new(),
            bus: None,
            clock: 0,
            usage: BTreeMap::new(),
            timers: BTreeSet::new(),
            adopted: BTreeSet::new(),
            absent: 0,
            events: 0,
            gates: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened. `now` must not go backwards. Drain [`Hub::poll`] afterwards.
    pub fn handle(&mut self, now: Time, input: Input) {
        if now >= *self.started.get_or_insert(now) + self.config.resume_window {
            self.adopted.clear();
        }
        self.start_beat(now);
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
            Input::Publish { app, channel, from, from_metadata, data } => {
                self.publish_from_outside(app, channel, from, from_metadata, data);
            }
            Input::Kick { app, peer } => self.kick(now, app, &peer),
            Input::Revoke { app, key } => self.revoke(now, app, &key),
            Input::Bus(message) => self.hear(now, message),
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
        let NewConnection { connection, app, key, grants, expires_at, peer_metadata, resume, welcome } = new;
        let identity = Arc::new(Identity::new(welcome.peer_id.clone(), peer_metadata));
        let stamp = self.next_stamp();
        let owners = &mut self.apps.entry(app).or_default().owners;
        if let Some(previous) = owners.insert(Arc::clone(&identity.peer), connection) {
            self.close(now, previous, CloseCode::ADMIN_DISCONNECT, "superseded");
        }
        let expires = expires_at.map(|at| at.earlier_by(EXPIRY_MARGIN));
        if let Some(expires) = expires {
            self.timers.insert((expires, Timer::Expiry { connection }));
        }
        let state = Connection {
            app,
            key,
            grants,
            expires,
            identity: Arc::clone(&identity),
            stamp,
            is_resumed: matches!(resume, Some(Resume::Session { .. })),
            subscriptions: BTreeSet::new(),
            messages: TokenBucket::new(now, self.config.message_rate),
            peer_messages: TokenBucket::new(now, self.config.peer_message_rate),
            outbox: Outbox::default(),
        };
        self.connections.insert(connection, state);
        self.count_connected(app);
        self.reply(connection, &ServerFrame::Welcome(welcome));
        self.begin_session(app, &identity.peer, connection, resume);
        self.tell(|| BusEvent::Connected { app, peer: Arc::clone(&identity.peer), stamp });
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

    pub(crate) fn next_event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    fn fire_timers(&mut self, now: Time) {
        while let Some(timer) = self.due_timer(now) {
            match timer {
                Timer::Expiry { connection } => {
                    self.close(now, connection, CloseCode::TOKEN_EXPIRED, "token expired");
                }
                Timer::Gate { connection, number } => self.open_gates(connection, number),
                Timer::Linger { app, channel, peer } => self.give_up(app, &channel, &peer),
                Timer::Beat => self.beat(now),
                Timer::Trim { app, peer } => self.trim(now, app, &peer),
                Timer::Forget { app, peer } => {
                    self.end_session(app, &peer);
                    self.drop_empty_app(app);
                }
            }
        }
    }

    fn due_timer(&mut self, now: Time) -> Option<Timer> {
        let is_due = self.timers.first().is_some_and(|(deadline, _)| *deadline <= now);
        if is_due { self.timers.pop_first().map(|(_, timer)| timer) } else { None }
    }
}
