//! An engine: its network thread, signalling runtime and playout thread.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use once_cell::sync::Lazy;

use super::config::EngineConfig;
use super::error::{Error, Result, Status};
use super::live::{Kind, Live};
use super::network::{Command, Network};
use super::queue::NetworkQueue;
use super::receive::Playout;
use super::worker::Worker;
use crate::net::{NetConfig, Poller};

/// Owns the network thread, the signalling runtime and the playout thread of its sessions.
///
/// A session that is given none uses the process's default engine, made by the first such session and ended
/// with the last. Clones share the engine; it ends when the last clone and the last session on it are gone.
#[derive(Debug, Clone)]
pub struct Engine(pub(super) Arc<EngineCore>);

impl Engine {
    /// Starts an engine of its own.
    ///
    /// # Errors
    ///
    /// [`Status::ConnectionFailed`] when no socket can be opened on the chosen addresses.
    pub fn new(config: EngineConfig) -> Result<Self> {
        EngineCore::start(config).map(Self)
    }
}

static DEFAULT: Lazy<Mutex<Weak<EngineCore>>> = Lazy::new(Mutex::default);

/// Threads and sockets that sessions share.
pub(crate) struct EngineCore {
    queue: Arc<NetworkQueue>,
    playout: Arc<Playout>,
    /// How many sessions the network thread still runs, those that are leaving included.
    live: Arc<AtomicUsize>,
    network: Worker,
    _counted: Live,
}

impl fmt::Debug for EngineCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("sessions", &self.live.load(Ordering::Relaxed)).finish_non_exhaustive()
    }
}

impl EngineCore {
    /// Starts an engine.
    pub(crate) fn start(config: EngineConfig) -> Result<Arc<Self>> {
        let failed = |what: &str, error: std::io::Error| {
            Error::new(Status::ConnectionFailed, format!("{what}: {error}"))
        };
        let poller =
            Poller::new().map_err(|error| failed("the network thread cannot wait for sockets", error))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("parlor-signal")
            .enable_all()
            .build()
            .map_err(|error| failed("the signalling thread cannot start", error))?;
        let queue = Arc::new(NetworkQueue::new(poller.waker()));
        let playout = Arc::new(Playout::start()?);
        let live = Arc::<AtomicUsize>::default();
        let sockets = NetConfig {
            bind: (!config.bind_addresses.is_empty()).then_some(config.bind_addresses),
            include_loopback: config.include_loopback,
            ..NetConfig::default()
        };
        let network = Network::new(
            poller,
            sockets,
            Arc::clone(&queue),
            Arc::clone(&playout),
            Arc::clone(&live),
            runtime,
        )?;
        let network = Worker::start("parlor-network", move || network.run())?;
        Ok(Arc::new(Self { queue, playout, live, network, _counted: Live::new(Kind::Engine) }))
    }

    /// Returns the process's default engine, started by the first session that needs it.
    pub(crate) fn shared() -> Result<Arc<Self>> {
        let mut default = DEFAULT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = default.upgrade() {
            return Ok(engine);
        }
        let engine = Self::start(EngineConfig::default())?;
        *default = Arc::downgrade(&engine);
        Ok(engine)
    }

    /// Returns the way into the network thread.
    pub(crate) fn queue(&self) -> &Arc<NetworkQueue> {
        &self.queue
    }
}

impl Drop for EngineCore {
    fn drop(&mut self) {
        self.playout.end();
        self.queue.report(Command::End);
        // A session that is still leaving does so in the background, within a bound; nobody waits for the
        // network here.
        if self.live.load(Ordering::Acquire) == 0 {
            self.network.join();
        }
    }
}
