//! A session's events on their way to the app.

use std::sync::Arc;

use engine::api;

use crate::error::{CallbackError, log_thrown};
use crate::event::Event;
use crate::jvm;
use crate::request::Pending;
use crate::timing::{Told, timed};

/// Receives a session's events, one at a time, on a thread of the session's own.
///
/// It may call every function. What it throws is logged and changes nothing. The session holds it until it ends: an
/// app object that owns the session must not be its listener itself, or neither is ever freed.
#[uniffi::export(foreign)]
pub trait SessionListener: Send + Sync {
    /// Called for each event.
    fn on_event(&self, event: Event) -> Result<(), CallbackError>;
}

/// A listener of another language as the facade's.
pub(crate) struct ListenerBridge {
    listener: Arc<dyn SessionListener>,
    pending: Arc<Pending>,
}

impl ListenerBridge {
    pub(crate) fn new(listener: Arc<dyn SessionListener>, pending: Arc<Pending>) -> Self {
        Self { listener, pending }
    }
}

impl api::Listener for ListenerBridge {
    fn on_event(&self, event: &api::Event) {
        jvm::attach();
        let outcome = timed(Told::Event, || self.listener.on_event(event.into()));
        log_thrown("on_event", outcome);
        // After the listener has heard of it: who waited has missed nothing.
        if let api::Event::RequestDone { request, outcome } = event {
            self.pending.end(*request, outcome.clone());
        }
    }
}
