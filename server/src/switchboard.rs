//! Where sockets and hub meet: the hub behind a mutex, its clock, its timers, and a queue for each socket.

mod ledger;
mod operator;
mod queue;
mod resume;

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::Utf8Bytes;
use hub::{BusMessage, ConnectionId, Hub, Input, Lifecycle, NewConnection, Output, Resume};
use parking_lot::{Mutex, MutexGuard};
use protocol::ice::{self, IceServer};
use protocol::{CloseCode, Map, Welcome, limits::MAX_MESSAGE_SIZE};
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;
use units::Time;
use uuid::Uuid;

use self::ledger::Ledger;
pub(crate) use self::ledger::{LifecycleEvent, Lost, Recording};
use self::queue::Sender;
pub(crate) use self::queue::{Outgoing, Receiver};
pub(crate) use self::resume::ResumeQuery;
use self::resume::ResumeTokens;
use crate::auth::{Admission, Refusal};
use crate::bus::Bus;
use crate::limits::RETRY_AFTER_MS;
use crate::metrics::Metrics;
use crate::places::Place;

/// The sockets' way to the hub and the hub's way to the sockets.
#[derive(Debug)]
pub(crate) struct Switchboard {
    state: Mutex<State>,
    epoch: Instant,
    /// Wakes the timer task when a deadline comes up that is earlier than the one it sleeps for.
    earlier_deadline: Notify,
    /// What goes into the metadata of a welcome.
    ice_servers: Option<Value>,
    max_connections: usize,
    resume_tokens: ResumeTokens,
    bus: Option<Bus>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct State {
    hub: Hub,
    sockets: HashMap<ConnectionId, Socket>,
    last_connection: u64,
    /// What the timer task sleeps for.
    armed: Option<Time>,
    /// What happened and is not written down yet, if somebody writes it down.
    ledger: Option<Ledger>,
    is_shutting_down: bool,
    /// The sockets that have something to write. Woken while the lock is held, they would run into it.
    wakers: Vec<Waker>,
}

/// A socket whose client was admitted.
#[derive(Debug)]
struct Socket {
    queue: Sender,
    _place: Option<Place<Arc<str>>>,
}

impl Switchboard {
    pub(crate) fn new(
        hub: hub::Config,
        ice_servers: &[IceServer],
        max_connections: usize,
        resume_key: &[u8; 32],
        bus: Option<Bus>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let resume_tokens = ResumeTokens::new(resume_key);
        let epoch = resume_tokens.epoch();
        let hub = match &bus {
            Some(bus) => Hub::on_bus(hub, epoch, bus.next_node()),
            None => Hub::new(hub, epoch),
        };
        let ice_servers = (!ice_servers.is_empty())
            .then(|| Value::Array(ice_servers.iter().map(IceServer::to_value).collect()));
        Self {
            state: Mutex::new(State {
                hub,
                sockets: HashMap::new(),
                last_connection: 0,
                armed: None,
                ledger: None,
                is_shutting_down: false,
                wakers: Vec::new(),
            }),
            epoch: Instant::now(),
            earlier_deadline: Notify::new(),
            ice_servers,
            max_connections,
            resume_tokens,
            bus,
            metrics,
        }
    }

    /// Registers a socket whose client was admitted. The welcome is in its queue when this returns.
    pub(crate) fn connect(
        &self,
        admission: Admission,
        shown: &ResumeQuery,
    ) -> Result<(ConnectionId, Receiver), Refusal> {
        let mut state = self.lock();
        if state.is_shutting_down {
            return Err(Refusal::Close { code: CloseCode::GOING_AWAY, reason: "server shutdown" });
        }
        if state.sockets.len() >= self.max_connections {
            return Err(Refusal::Close {
                code: CloseCode::OVER_CONCURRENT_LIMIT,
                reason: "too many connections",
            });
        }
        state.last_connection += 1;
        let connection = ConnectionId::new(state.last_connection);
        let (sender, receiver) = queue::queue();
        let Admission { app, key, grants, peer_id, peer_metadata, metadata, expires_at, turn, place } =
            admission;
        state.sockets.insert(connection, Socket { queue: sender, _place: place });
        let unix_now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (now, unix_seconds) = (self.now(), unix_now.as_secs());
        let claim = self.resume_tokens.read(shown, app, &key, unix_seconds);
        // What a token of ours names is the peer id; what a token of the app names wins over it.
        let claim = claim.filter(|claim| peer_id.as_ref().is_none_or(|own| *own == claim.peer));
        let resume = claim.as_ref().and_then(|claim| state.hub.resumption(now, app, claim));
        let peer_id = peer_id
            .or_else(|| claim.filter(|_| resume.is_some()).map(|claim| claim.peer))
            .unwrap_or_else(|| Uuid::new_v4().to_string());
        let welcome = Welcome {
            expires_at,
            server_time: unix_seconds,
            max_message_size: MAX_MESSAGE_SIZE as u64,
            metadata: self.welcome_metadata(metadata, turn),
            epoch: Some(self.resume_tokens.epoch()),
            resume: Some(self.resume_tokens.make(app, &key, &peer_id, connection, unix_seconds)),
            resumed: matches!(resume, Some(Resume::Session { .. })),
            peer_id,
        };
        let expires_at = expires_at.map(|at| now + Duration::from_secs(at).saturating_sub(unix_now));
        let new = NewConnection { connection, app, key, grants, expires_at, peer_metadata, resume, welcome };
        self.metrics.connects.inc();
        self.run_at(state, now, Input::Connected(new));
        Ok((connection, receiver))
    }

    /// Puts the server's ICE servers into what the credential says, unless it brings its own.
    fn welcome_metadata(&self, own: Option<Map>, turn: bool) -> Option<Map> {
        let Some(ice_servers) = self.ice_servers.as_ref().filter(|_| turn) else { return own };
        let mut metadata = own.unwrap_or_default();
        metadata.entry(ice::METADATA_KEY).or_insert_with(|| ice_servers.clone());
        Some(metadata)
    }

    /// Tells the hub what happened.
    pub(crate) fn input(&self, input: Input) {
        self.metrics.received(&input);
        self.run(self.lock(), input);
    }

    /// Tells the hub that a socket is gone.
    pub(crate) fn disconnect(&self, connection: ConnectionId, clean: bool) {
        let mut state = self.lock();
        state.sockets.remove(&connection);
        self.run(state, Input::Closed { connection, clean });
    }

    /// Says goodbye to every client and admits no more.
    pub(crate) fn shut_down(&self) {
        let mut state = self.lock();
        state.is_shutting_down = true;
        self.run(state, Input::ShutDown { retry_after_ms: RETRY_AFTER_MS });
    }

    /// Fires the hub's timers, for ever.
    pub(crate) async fn run_timers(&self) {
        loop {
            self.run(self.lock(), Input::TimePassed);
            let deadline = {
                let mut state = self.lock();
                state.armed = state.hub.poll_timeout();
                state.armed
            };
            let earlier = self.earlier_deadline.notified();
            match deadline {
                Some(deadline) => {
                    let deadline = self.epoch + deadline.since_epoch();
                    // Whichever comes first, the loop looks anew.
                    let _ = tokio::time::timeout_at(deadline, earlier).await;
                }
                None => earlier.await,
            }
        }
    }

    /// Takes in what other hubs say, for ever.
    pub(crate) async fn listen(&self, mut heard: broadcast::Receiver<BusMessage>) {
        loop {
            match heard.recv().await {
                Ok(message) => self.input(Input::Bus(message)),
                // The hub finds the hole.
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "this server falls behind the bus"),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn run(&self, state: MutexGuard<'_, State>, input: Input) {
        self.run_at(state, self.now(), input);
    }

    fn run_at(&self, mut state: MutexGuard<'_, State>, now: Time, input: Input) {
        state.hub.handle(now, input);
        self.act(state, now);
    }

    /// Does what the hub says, hands over what need not wait any more, and lets go of the hub.
    fn act(&self, mut guard: MutexGuard<'_, State>, now: Time) {
        let state = &mut *guard;
        loop {
            self.take_outputs(state, now);
            let Some(ledger) = &mut state.ledger else { break };
            ledger.seal();
            let Some((connection, outgoing)) = ledger.next() else { break };
            self.hand_over(state, now, connection, outgoing);
        }
        self.metrics.connections.set(state.sockets.len() as i64);
        let next = state.hub.poll_timeout();
        if next.is_some_and(|next| state.armed.is_none_or(|armed| next < armed)) {
            state.armed = next;
            self.earlier_deadline.notify_one();
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn take_outputs(&self, state: &mut State, now: Time) {
        // A broadcast is one text in many outputs: it is copied once and then shared.
        let mut shared: Option<(Arc<str>, Utf8Bytes)> = None;
        while let Some(output) = state.hub.poll() {
            let (connection, outgoing) = match output {
                Output::Send { connection, text } => {
                    let bytes = match &shared {
                        Some((known, bytes)) if Arc::ptr_eq(known, &text) => bytes.clone(),
                        _ => Utf8Bytes::from(&*text),
                    };
                    shared = Some((text, bytes.clone()));
                    (connection, Outgoing::Text(bytes))
                }
                Output::Ping { connection, payload } => (connection, Outgoing::Ping(payload)),
                Output::Close { connection, code, reason } => (connection, Outgoing::Close { code, reason }),
                Output::Bus(message) => {
                    if let Some(bus) = &self.bus {
                        bus.say(message);
                    }
                    continue;
                }
                Output::Lifecycle { app, event } => {
                    if let Lifecycle::PeerJoined { .. } = event {
                        self.metrics.joins.inc();
                    }
                    if let Some(ledger) = &mut state.ledger {
                        ledger.enter(app, event);
                    }
                    continue;
                }
            };
            match &mut state.ledger {
                Some(ledger) => ledger.put(connection, outgoing),
                None => self.hand_over(state, now, connection, outgoing),
            }
        }
    }

    /// Puts a frame into its socket's queue, unless the socket is gone.
    fn hand_over(&self, state: &mut State, now: Time, connection: ConnectionId, outgoing: Outgoing) {
        if let Outgoing::Close { .. } = outgoing {
            if let Some(socket) = state.sockets.remove(&connection) {
                socket.queue.send(outgoing, &mut state.wakers);
            }
            return;
        }
        let is_full = match state.sockets.get(&connection) {
            Some(socket) => !socket.queue.send(outgoing, &mut state.wakers),
            None => false,
        };
        if is_full {
            // Dropping the queue's sender ends the socket's task.
            state.sockets.remove(&connection);
            self.metrics.queue_cuts.inc();
            tracing::info!(connection = connection.get(), "client too slow, cutting it off");
            state.hub.handle(now, Input::Closed { connection, clean: false });
        }
    }

    /// Reads the hub's clock.
    fn now(&self) -> Time {
        Time::from_micros(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
