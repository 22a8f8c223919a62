//! A thread that somebody owns.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::shell::{Error, Result, Status};

/// A thread of the engine, joined by its owner.
pub(crate) struct Worker(Mutex<Option<JoinHandle<()>>>);

impl Worker {
    /// Starts a thread.
    ///
    /// # Errors
    ///
    /// [`Status::Internal`] when the system refuses another thread.
    pub(crate) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<Self> {
        thread::Builder::new()
            .name(name.into())
            .spawn(run)
            .map(|handle| Self(Mutex::new(Some(handle))))
            .map_err(|error| Error::new(Status::Internal, format!("no thread {name}: {error}")))
    }

    /// Waits for the thread's end, once; from the thread itself it returns at once.
    pub(crate) fn join(&self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle
            && handle.thread().id() != thread::current().id()
            && handle.join().is_err()
        {
            tracing::error!("a thread of the engine panicked");
        }
    }
}
