//! Requests: what was asked for, how it ends, and how to stop waiting for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use engine::api::{self, RequestId, RequestOutcome, Status};
use futures_channel::oneshot::{self, Receiver, Sender};

use crate::error::{Result, failed};
use crate::guard::guard;
use crate::session::Core;

/// The requests of a session that somebody may wait for.
#[derive(Default)]
pub(crate) struct Pending(Mutex<HashMap<RequestId, Sender<RequestOutcome>>>);

impl Pending {
    /// Makes a request and notes it before its end can be told.
    pub(crate) fn make(
        self: &Arc<Self>,
        ask: impl FnOnce() -> api::Result<RequestId>,
        abandoned: Option<Weak<Core>>,
    ) -> api::Result<Arc<Request>> {
        let (sender, receiver) = oneshot::channel();
        // The facade does not wait for the dispatcher, which comes here with the lock free.
        let mut waiting = self.lock();
        let id = ask()?;
        waiting.insert(id, sender);
        drop(waiting);
        let state = State { outcome: Some(receiver), abandoned };
        Ok(Arc::new(Request { id, pending: Arc::clone(self), state: Mutex::new(state) }))
    }

    /// Tells how a request ended.
    pub(crate) fn end(&self, request: RequestId, outcome: RequestOutcome) {
        let waiting = self.lock().remove(&request);
        if let Some(waiting) = waiting {
            // Nobody waits any more: it was abandoned.
            let _ = waiting.send(outcome);
        }
    }

    /// Ends every request: the session is gone and tells no more.
    pub(crate) fn end_all(&self) {
        let all = std::mem::take(&mut *self.lock());
        for waiting in all.into_values() {
            let closed = api::Error::new(Status::Closed, "the session was closed");
            let _ = waiting.send(Err(closed));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RequestId, Sender<RequestOutcome>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way: a join, a leave or a message.
#[derive(uniffi::Object)]
pub struct Request {
    id: RequestId,
    pending: Arc<Pending>,
    state: Mutex<State>,
}

struct State {
    outcome: Option<Receiver<RequestOutcome>>,
    /// For a join: the session to leave when nobody wants the join any more.
    abandoned: Option<Weak<Core>>,
}

#[uniffi::export]
impl Request {
    /// Returns the number that `request-done` carries.
    pub fn id(&self) -> Result<u64> {
        guard(|| Ok::<_, api::Error>(self.id.get()))
    }

    /// Waits for the end; to be called once. It needs no runtime. To stop waiting means [`Request::abandon`].
    ///
    /// Errors: how the request failed; `InvalidState` when it was called before; `Cancelled` when the request was
    /// abandoned.
    pub async fn done(&self) -> Result<()> {
        let outcome = guard(|| {
            let outcome = self.state().outcome.take();
            outcome.ok_or_else(|| failed(Status::InvalidState, "the request is waited for already"))
        })?;
        let unless_it_ends = Abandon(self);
        let outcome = outcome.await;
        std::mem::forget(unless_it_ends);
        self.state().abandoned = None;
        match outcome {
            Ok(outcome) => outcome.map_err(Into::into),
            Err(_) => Err(failed(Status::Cancelled, "the request was abandoned")),
        }
    }

    /// Stops waiting: `done` answers `Cancelled`. A join becomes a leave; a leave and a message go on by themselves.
    /// After the end it does nothing.
    pub fn abandon(&self) -> Result<()> {
        guard(|| {
            self.stop();
            Ok::<_, api::Error>(())
        })
    }
}

impl Request {
    fn stop(&self) {
        let is_under_way = self.pending.lock().remove(&self.id).is_some();
        let session = self.state().abandoned.take().and_then(|session| session.upgrade());
        if is_under_way && let Some(session) = session {
            // A session that is closed by now has left already.
            let _ = session.facade.leave();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Abandons the request when the future that waits for it is dropped.
struct Abandon<'a>(&'a Request);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
