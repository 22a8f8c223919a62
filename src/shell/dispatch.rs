//! The dispatcher thread of a session: calls the app's listener, one event after the other.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::worker::Worker;
use crate::shell::{Event, Listener, Result};

/// How many events may wait for the app. Past it messages are dropped and counted; lifecycle events are always
/// taken, and membership bounds how many of those there can be.
const EVENT_QUEUE: usize = 4096;
/// How many bytes of data-channel messages may wait for the app. Past it the links hold back what comes on data
/// channels, so that the senders slow down; nothing is lost.
const CHANNEL_BYTES: usize = 4 * 1024 * 1024;
/// The links go on when no more than this waits.
const CHANNEL_BYTES_LOW: usize = 1024 * 1024;
/// How many events go to the thread at once at most; it works on them while the network thread goes on.
const FLUSH_EVENTS: usize = 64;
/// What a message costs beside its bytes.
const MESSAGE_OVERHEAD: usize = 256;

/// Called when the app has caught up with its data channels.
type CaughtUp = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    dropped_messages: u64,
    channel_bytes: usize,
    behind: bool,
    /// The thread sleeps and is to be woken.
    idle: bool,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Feeds the dispatcher; held by the network thread.
pub(crate) struct EventQueue {
    shared: Arc<Shared>,
    /// What was pushed since the last flush: the thread is woken once for all of it.
    pending: Vec<Event>,
}

impl EventQueue {
    /// Takes an event for the next flush.
    pub(crate) fn push(&mut self, event: Event) {
        self.pending.push(event);
        if self.pending.len() >= FLUSH_EVENTS {
            self.flush();
        }
    }

    /// Queues what was pushed; after the session was closed it goes nowhere.
    pub(crate) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut state = self.shared.lock();
        for event in self.pending.drain(..) {
            state.push(event);
        }
        if std::mem::take(&mut state.idle) {
            drop(state);
            self.shared.wake.notify_one();
        }
    }

    /// Returns whether the app is so far behind with its data channels that no more may come.
    pub(crate) fn is_behind(&mut self) -> bool {
        self.flush();
        self.shared.lock().behind
    }
}

impl State {
    fn push(&mut self, event: Event) {
        if self.closed {
            return;
        }
        if self.events.len() >= EVENT_QUEUE && matches!(event, Event::Data { .. }) {
            self.dropped_messages += 1;
            if self.dropped_messages.is_power_of_two() {
                tracing::warn!(dropped = self.dropped_messages, "the app is too slow for its messages");
            }
            return;
        }
        self.channel_bytes += channel_bytes(&event);
        self.behind |= self.channel_bytes > CHANNEL_BYTES;
        self.events.push_back(event);
    }
}

/// Owns the dispatcher thread of one session.
pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    thread: Worker,
}

impl Dispatcher {
    /// Starts the thread. It holds the only reference to the listener and drops it at its end. `caught_up` is called
    /// on it each time that [`EventQueue::is_behind`] has become false.
    pub(crate) fn start(listener: Arc<dyn Listener>, caught_up: CaughtUp) -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let queue = Arc::clone(&shared);
        let thread = Worker::start("parlor-events", move || run(&queue, &*listener, &caught_up))?;
        Ok(Self { shared, thread })
    }

    /// Returns the feeding end.
    pub(crate) fn queue(&self) -> EventQueue {
        EventQueue { shared: Arc::clone(&self.shared), pending: Vec::new() }
    }

    /// Ends the thread. Once this has returned the listener is not called any more and was dropped; called from
    /// the listener itself, that holds from the listener's return on.
    pub(crate) fn close(&self) {
        {
            let mut state = self.shared.lock();
            state.closed = true;
            state.events.clear();
            state.channel_bytes = 0;
        }
        self.shared.wake.notify_all();
        self.thread.join();
    }
}

fn channel_bytes(event: &Event) -> usize {
    match event {
        Event::ChannelMessage { data, .. } => data.len() + MESSAGE_OVERHEAD,
        _ => 0,
    }
}

fn run(shared: &Shared, listener: &dyn Listener, caught_up: &CaughtUp) {
    let mut state = shared.lock();
    loop {
        if state.closed {
            return;
        }
        let Some(event) = state.events.pop_front() else {
            state.idle = true;
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        drop(state);
        if catch_unwind(AssertUnwindSafe(|| listener.on_event(&event))).is_err() {
            tracing::error!(event = event.name(), "the app's listener panicked");
        }
        let size = channel_bytes(&event);
        drop(event);
        state = shared.lock();
        state.channel_bytes = state.channel_bytes.saturating_sub(size);
        let low = state.channel_bytes <= CHANNEL_BYTES_LOW;
        if low && std::mem::take(&mut state.behind) {
            drop(state);
            caught_up();
            state = shared.lock();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Sender};

    use super::*;

    struct Recorder(Sender<&'static str>);

    impl Listener for Recorder {
        fn on_event(&self, event: &Event) {
            self.0.send(event.name()).unwrap();
            assert!(event.name() != "going-away", "the listener's own bug");
        }
    }

    #[test]
    fn events_come_in_order_and_a_panicking_listener_goes_on_receiving() {
        let (sender, received) = mpsc::channel();
        let dispatcher = Dispatcher::start(Arc::new(Recorder(sender)), Box::new(|| {})).unwrap();
        let mut queue = dispatcher.queue();
        queue.push(Event::GoingAway { retry_after_ms: 1 });
        queue.push(Event::Left { reason: None });
        queue.flush();
        assert_eq!(received.recv().unwrap(), "going-away");
        assert_eq!(received.recv().unwrap(), "left");
        dispatcher.close();
        queue.push(Event::Left { reason: None });
        queue.flush();
        assert!(received.recv().is_err(), "the listener was dropped, nothing comes after close");
    }

    #[test]
    fn closing_from_inside_the_listener_returns() {
        struct Closer(Mutex<Option<Arc<Dispatcher>>>, Sender<()>);
        impl Listener for Closer {
            fn on_event(&self, _: &Event) {
                if let Some(dispatcher) = self.0.lock().unwrap().take() {
                    dispatcher.close();
                    self.1.send(()).unwrap();
                }
            }
        }
        let (sender, received) = mpsc::channel();
        let closer = Arc::new(Closer(Mutex::default(), sender));
        let dispatcher = Arc::new({
            let listener = Arc::clone(&closer) as Arc<dyn Listener>;
            Dispatcher::start(listener, Box::new(|| {})).unwrap()
        });
        *closer.0.lock().unwrap() = Some(Arc::clone(&dispatcher));
        let mut queue = dispatcher.queue();
        queue.push(Event::Left { reason: None });
        queue.flush();
        received.recv().unwrap();
    }
}
