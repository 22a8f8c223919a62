//! The way into a network thread: commands that are never lost, media that is dropped when late.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::network::Command;
use super::source::MediaBatch;
use crate::net::Waker;
use crate::shell::{Error, Result, Status};

/// How many commands of apps may wait. Past it the app's call answers [`Status::Busy`] and nothing is taken.
const COMMAND_QUEUE: usize = 4096;
/// How many encoded frames may wait. Past it the oldest is dropped and counted, and receivers ask for a keyframe
/// as after any loss.
const MEDIA_QUEUE: usize = 512;

/// What waits for the network thread.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) commands: Vec<Command>,
    pub(crate) media: VecDeque<MediaBatch>,
    pub(crate) media_dropped: u64,
    closed: bool,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.media.is_empty()
    }
}

/// The queue of one engine's network thread; any thread may push.
pub(crate) struct NetworkQueue {
    pending: Mutex<Pending>,
    waker: Waker,
}

impl NetworkQueue {
    /// Makes the queue of the thread that `waker` wakes.
    pub(crate) fn new(waker: Waker) -> Self {
        Self { pending: Mutex::default(), waker }
    }

    /// Queues what an app asked for.
    ///
    /// # Errors
    ///
    /// [`Status::Busy`] when too much waits, [`Status::Closed`] after the thread has ended.
    pub(crate) fn push(&self, command: Command) -> Result<()> {
        let mut pending = self.lock();
        if pending.closed {
            return Err(Error::new(Status::Closed, "the engine has ended"));
        }
        if pending.commands.len() >= COMMAND_QUEUE {
            return Err(Error::new(Status::Busy, "too many calls wait for the engine; try again"));
        }
        let is_first = pending.is_empty();
        pending.commands.push(command);
        drop(pending);
        self.wake(is_first);
        Ok(())
    }

    /// Queues what the engine's own threads report; these are few and bounded by what they report on, so
    /// they are always taken.
    pub(crate) fn report(&self, command: Command) {
        let mut pending = self.lock();
        if !pending.closed {
            let is_first = pending.is_empty();
            pending.commands.push(command);
            drop(pending);
            self.wake(is_first);
        }
    }

    /// Queues an encoded frame.
    pub(crate) fn push_media(&self, batch: MediaBatch) {
        let mut pending = self.lock();
        if pending.closed {
            return;
        }
        let is_first = pending.is_empty();
        if pending.media.len() >= MEDIA_QUEUE {
            pending.media.pop_front();
            pending.media_dropped += 1;
        }
        pending.media.push_back(batch);
        drop(pending);
        self.wake(is_first);
    }

    /// Takes all that waits; called by the network thread.
    pub(crate) fn take(&self) -> Pending {
        std::mem::take(&mut *self.lock())
    }

    /// Takes nothing more from now on.
    pub(crate) fn close(&self) {
        let mut pending = self.lock();
        *pending = Pending { closed: true, ..Pending::default() };
    }

    /// Wakes the thread for what was pushed first: it takes all that waits when it comes.
    fn wake(&self, is_first: bool) {
        if is_first {
            self.waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
