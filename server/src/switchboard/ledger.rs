//! What happened in the channels and is not written down yet, and the frames that wait for that.
//!
//! While somebody records, no client is told of an event that is not written down. What waits: whatever goes out
//! together with an event, each presence frame, and what comes after one of those on the same socket, whose frames
//! stay in order. All else passes, so a slow database delays those who come and go, and not the calls that go on.
//!
//! ```text
//! holding ──recorder lets go, too much waits──▶ letting go: nothing waits
//!    ▲                                              │
//!    └───────────── recorder has caught up ─────────┘
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use hub::{AppId, ConnectionId, Lifecycle};
use protocol::ServerFrame;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::{Outgoing, Switchboard};

/// How many events wait to be written down. When there are more, the oldest are lost, and the recorder is told how many.
const BACKLOG: usize = 16_384;

/// Most bytes of frames that wait for events to be written down. When more come, nothing waits any more, as if the
/// recorder had let go.
const MAX_HELD_BYTES: usize = 64 << 20;

/// A change in a channel's life, with its time.
#[derive(Debug, Clone)]
pub(crate) struct LifecycleEvent {
    /// The tenant.
    #[allow(dead_code, reason = "all keys of a server belong to one tenant")]
    pub(crate) app: AppId,
    /// When.
    pub(crate) at: SystemTime,
    /// What.
    pub(crate) event: Lifecycle,
}

/// What happened since somebody records.
#[derive(Debug)]
pub(super) struct Ledger {
    events: broadcast::Sender<LifecycleEvent>,
    /// How many events there were.
    happened: u64,
    /// How many of them are written down, or lost.
    written: u64,
    is_holding: bool,
    /// What has been put in since the last [`Ledger::seal`], when so many events had happened.
    fresh: Vec<(ConnectionId, Outgoing)>,
    sealed: u64,
    /// What may go out.
    free: VecDeque<(ConnectionId, Outgoing)>,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// How many frames of a socket are held.
    held_of: HashMap<ConnectionId, usize>,
}

/// A frame that waits for an event.
#[derive(Debug)]
struct Held {
    /// The number of the event.
    event: u64,
    connection: ConnectionId,
    outgoing: Outgoing,
}

impl Ledger {
    fn new() -> Self {
        Self {
            events: broadcast::channel(BACKLOG).0,
            happened: 0,
            written: 0,
            is_holding: true,
            fresh: Vec::new(),
            sealed: 0,
            free: VecDeque::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            held_of: HashMap::new(),
        }
    }

    /// Takes in an event.
    pub(super) fn enter(&mut self, app: AppId, event: Lifecycle) {
        self.happened += 1;
        // Fails when the recorder is gone, which has let go before.
        let _ = self.events.send(LifecycleEvent { app, at: SystemTime::now(), event });
    }

    /// Takes in what shall go out.
    pub(super) fn put(&mut self, connection: ConnectionId, outgoing: Outgoing) {
        self.fresh.push((connection, outgoing));
    }

    /// Decides what of that waits, now that all that goes out together is there.
    pub(super) fn seal(&mut self) {
        let tells = self.happened > self.sealed;
        self.sealed = self.happened;
        for (connection, outgoing) in std::mem::take(&mut self.fresh) {
            let is_presence = matches!(&outgoing, Outgoing::Text(text) if ServerFrame::is_presence(text));
            let is_ahead = self.is_holding && self.happened > self.written && (tells || is_presence);
            if is_ahead || self.held_of.contains_key(&connection) {
                self.held_bytes += outgoing.cost();
                *self.held_of.entry(connection).or_default() += 1;
                self.held.push_back(Held { event: self.happened, connection, outgoing });
            } else {
                self.free.push_back((connection, outgoing));
            }
        }
        if self.held_bytes > MAX_HELD_BYTES {
            self.is_holding = false;
        }
    }

    /// Returns the next frame that may go out.
    pub(super) fn next(&mut self) -> Option<(ConnectionId, Outgoing)> {
        self.free.pop_front().or_else(|| {
            let (is_holding, written) = (self.is_holding, self.written);
            let Held { connection, outgoing, .. } =
                self.held.pop_front_if(|held| !is_holding || held.event <= written)?;
            self.held_bytes -= outgoing.cost();
            if let Some(count) = self.held_of.get_mut(&connection) {
                *count -= 1;
                if *count == 0 {
                    self.held_of.remove(&connection);
                }
            }
            Some((connection, outgoing))
        })
    }
}

/// The recorder's end of the switchboard. What is held goes out when it is dropped.
#[derive(Debug)]
pub(crate) struct Recording {
    switchboard: Arc<Switchboard>,
    events: broadcast::Receiver<LifecycleEvent>,
    /// How many events were taken, the lost ones included.
    taken: u64,
}

/// How many events were lost because the recorder was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) u64);

impl Recording {
    /// Waits for the next event, in order within a channel. Losing the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<LifecycleEvent, Lost> {
        match self.events.recv().await {
            Ok(event) => Ok(self.take(event)),
            Err(RecvError::Lagged(count)) => Err(self.lose(count)),
            // The switchboard has the other end, and this has the switchboard.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }

    /// Returns the next event if it is there.
    pub(crate) fn try_next(&mut self) -> Option<Result<LifecycleEvent, Lost>> {
        match self.events.try_recv() {
            Ok(event) => Some(Ok(self.take(event))),
            Err(TryRecvError::Lagged(count)) => Some(Err(self.lose(count))),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// Says that all events that were taken are written down.
    pub(crate) fn written(&self) {
        let taken = self.taken;
        self.switchboard.with_ledger(|ledger| {
            ledger.written = taken;
            ledger.is_holding = true;
        });
    }

    /// Says that clients shall not wait, until [`Recording::written`] is said again.
    pub(crate) fn let_go(&self) {
        self.switchboard.with_ledger(|ledger| ledger.is_holding = false);
    }

    fn take(&mut self, event: LifecycleEvent) -> LifecycleEvent {
        self.taken += 1;
        event
    }

    fn lose(&mut self, count: u64) -> Lost {
        self.taken += count;
        Lost(count)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Switchboard {
    /// Begins to record what happens in the channels. There is one recorder.
    pub(crate) fn record(self: &Arc<Self>) -> Recording {
        let events = self.lock().ledger.insert(Ledger::new()).events.subscribe();
        Recording { switchboard: Arc::clone(self), events, taken: 0 }
    }

    fn with_ledger(&self, change: impl FnOnce(&mut Ledger)) {
        let mut state = self.lock();
        state.ledger.as_mut().map(change);
        self.act(state, self.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: AppId = AppId::new(1);

    fn event(ledger: &mut Ledger) {
        ledger.enter(APP, Lifecycle::ChannelClosed { channel: "demo".into() });
    }

    /// Puts in a frame that goes out alone.
    fn say(ledger: &mut Ledger, connection: u64, text: &str) {
        ledger.put(ConnectionId::new(connection), Outgoing::Text(text.to_owned().into()));
        ledger.seal();
    }

    /// Takes out what may go out, written short.
    fn out(ledger: &mut Ledger) -> Vec<String> {
        let shown = |(connection, outgoing): (ConnectionId, Outgoing)| match outgoing {
            Outgoing::Text(text) => format!("{} {text}", connection.get()),
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| ledger.next()).map(shown).collect()
    }

    #[test]
    fn what_tells_of_an_event_waits_until_it_is_written_and_the_rest_does_not() {
        let mut ledger = Ledger::new();
        say(&mut ledger, 1, "before");
        assert_eq!(out(&mut ledger), ["1 before"]);
        event(&mut ledger);
        say(&mut ledger, 1, "with it");
        say(&mut ledger, 1, "behind");
        say(&mut ledger, 2, "elsewhere");
        say(&mut ledger, 3, r#"{"type":"presence","later":0}"#);
        assert_eq!(out(&mut ledger), ["2 elsewhere"]);
        event(&mut ledger);
        say(&mut ledger, 4, "with the next");
        ledger.written = 1;
        say(&mut ledger, 1, "last");
        assert_eq!(out(&mut ledger), ["1 with it", "1 behind", r#"3 {"type":"presence","later":0}"#]);
        ledger.written = 2;
        assert_eq!(out(&mut ledger), ["4 with the next", "1 last"]);
        say(&mut ledger, 1, r#"{"type":"presence","joined":[]}"#);
        assert_eq!(out(&mut ledger).len(), 1, "all that happened is written");
        assert!(ledger.held_of.is_empty() && ledger.held_bytes == 0);
    }

    #[test]
    fn nothing_waits_for_a_recorder_that_lets_go() {
        let mut ledger = Ledger::new();
        event(&mut ledger);
        say(&mut ledger, 1, "held");
        assert!(out(&mut ledger).is_empty());
        ledger.is_holding = false;
        event(&mut ledger);
        say(&mut ledger, 1, "passes");
        assert_eq!(out(&mut ledger), ["1 held", "1 passes"]);
    }

    #[test]
    fn so_much_waits_and_no_more() {
        let mut ledger = Ledger::new();
        let text = "x".repeat(1 << 20);
        let mut count = 0;
        while out(&mut ledger).is_empty() {
            event(&mut ledger);
            say(&mut ledger, 1, &text);
            count += 1;
            assert!(count <= MAX_HELD_BYTES >> 20);
        }
        assert!(ledger.held.is_empty());
    }
}
