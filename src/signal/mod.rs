//! WebSocket client for signalling: moves text frames and knows nothing of their meaning.
//!
//! One task per connection on the tokio runtime that the caller names. What happens comes to a sink, in
//! order: [`SignalEvent::Opened`], any number of [`SignalEvent::Text`], then [`SignalEvent::Closed`]; or
//! [`SignalEvent::Failed`] alone. Exactly one of the last two comes, also when the runtime shuts down.
//!
//! The URL carries the credential. Neither it nor any address appears in an event, an error or a log line of
//! ours.

mod connection;
mod dial;
mod failure;
mod tls;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use self::connection::{Connection, Stop};
use self::tls::TlsRoots;

/// How many text frames wait to be sent on one connection at most. Joining a room of 50 peers is a burst of
/// about 1000. When it is full the network has stalled for long; the connection is given up, since a gap in
/// signalling cannot be repaired and a reconnect replays everything.
pub const SEND_QUEUE_FRAMES: usize = 1024;

/// The largest message that is accepted, in bytes; a larger one closes the connection with code 1009.
pub const MAX_INBOUND_BYTES: usize = 1 << 20;

/// How a connection is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalConfig {
    /// PEM text with certificates to trust besides the platform's; on Android instead of them.
    pub extra_roots: Vec<String>,
    /// How long name look-up, TCP, TLS and the upgrade may take together.
    pub connect_timeout: Duration,
}

impl Default for SignalConfig {
    fn default() -> Self {
        Self { extra_roots: Vec::new(), connect_timeout: Duration::from_secs(10) }
    }
}

/// What happened to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalEvent {
    /// The WebSocket is open.
    Opened,
    /// A text message came.
    Text(String),
    /// The open WebSocket ended: with the server's code (1005 when it gave none), with our own after
    /// [`SignalHandle::close`], with 1009 after a message that was too large, with 1006 when the connection
    /// broke.
    Closed {
        /// The close code (RFC 6455 section 7.4).
        code: u16,
        /// The server's words, or ours.
        reason: String,
    },
    /// The WebSocket never opened.
    Failed {
        /// Why, in words for a person; contains the HTTP status when the server refused the upgrade.
        reason: String,
    },
}

/// Why a client could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// An extra root is not PEM text with at least one certificate.
    #[error("an extra trust root is not a PEM certificate")]
    BadRoot,
}

/// Why a text was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The connection has ended or is being closed.
    #[error("the signalling connection is closed")]
    Closed,
    /// [`SEND_QUEUE_FRAMES`] are waiting already; the connection ends with code 1006.
    #[error("too much is waiting to be sent")]
    QueueFull,
}

/// Receives the events of one connection. It is called on a thread of the runtime and must not block.
pub type SignalSink = Arc<dyn Fn(SignalEvent) + Send + Sync>;

/// Makes connections that share one configuration and one set of trust roots. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SignalClient {
    roots: Arc<TlsRoots>,
    connect_timeout: Duration,
}

impl SignalClient {
    /// Makes a client. The platform's trust roots are read by the first connection that needs them.
    ///
    /// # Errors
    /// [`SignalError::BadRoot`] when an extra root cannot be read.
    pub fn new(config: &SignalConfig) -> Result<Self, SignalError> {
        let roots = Arc::new(TlsRoots::new(&config.extra_roots)?);
        Ok(Self { roots, connect_timeout: config.connect_timeout })
    }

    /// Starts connecting to `url`, whose scheme is `ws` or `wss`, and returns at once. Whether plain `ws` is
    /// allowed for its host is decided by who builds the URL.
    ///
    /// Dropping the last clone of the handle closes the connection with code 1000.
    pub fn connect(&self, runtime: &Handle, url: String, sink: SignalSink) -> SignalHandle {
        let (outbox, waiting) = mpsc::channel(SEND_QUEUE_FRAMES);
        let (stop, stopped) = oneshot::channel();
        let local = Arc::new(OnceLock::new());
        let connection = Connection::new(waiting, stopped, sink, Arc::clone(&local));
        runtime.spawn(connection.run(url, Arc::clone(&self.roots), self.connect_timeout));
        SignalHandle { shared: Arc::new(Shared { outbox, stop: Mutex::new(Some(stop)), local }) }
    }
}

/// Sends on a connection and closes it. Cheap to clone, usable from any thread, never blocks.
#[derive(Clone)]
pub struct SignalHandle {
    shared: Arc<Shared>,
}

struct Shared {
    outbox: mpsc::Sender<String>,
    /// Taken by the first reason to stop.
    stop: Mutex<Option<oneshot::Sender<Stop>>>,
    local: Arc<OnceLock<IpAddr>>,
}

impl SignalHandle {
    /// Queues a text message; what is sent before the connection is open waits for it.
    ///
    /// # Errors
    /// [`SendError::Closed`] after the end or after [`SignalHandle::close`]; [`SendError::QueueFull`] when
    /// the queue is full, which also ends the connection.
    pub fn send(&self, text: String) -> Result<(), SendError> {
        let mut stop = self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner);
        if stop.is_none() {
            return Err(SendError::Closed);
        }
        match self.shared.outbox.try_send(text) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(SendError::Closed),
            Err(TrySendError::Full(_)) => {
                if let Some(stop) = stop.take() {
                    // The task may have ended meanwhile, which is as good.
                    let _ = stop.send(Stop::Overflow);
                }
                Err(SendError::QueueFull)
            }
        }
    }

    /// Returns the local address, once there is a connection.
    pub fn local_address(&self) -> Option<IpAddr> {
        self.shared.local.get().copied()
    }

    /// Closes the connection after what was queued before, within one second; then it is dropped whatever is
    /// left. Codes that may not be sent (RFC 6455 section 7.4.1) leave the close frame empty; a reason
    /// longer than 123 bytes is cut. Only the first call counts.
    pub fn close(&self, code: u16, reason: &str) {
        let stop = self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(stop) = stop {
            // The task may have ended meanwhile, which is as good.
            let _ = stop.send(Stop::Close { code, reason: reason.to_owned() });
        }
    }
}

impl fmt::Debug for SignalHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalHandle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
