//! The engine: threads and sockets that sessions share.

use std::sync::Arc;

use super::config::EngineConfig;
use super::error::Result;
use crate::shell;

/// Owns the network thread, the signalling runtime and the playout thread of its sessions.
///
/// A session that is given none uses the process's default engine, made by the first such session and ended
/// with the last. Clones share the engine; it ends when the last clone and the last session on it are gone.
#[derive(Debug, Clone)]
pub struct Engine(pub(crate) Arc<shell::Engine>);

impl Engine {
    /// Starts an engine of its own.
    ///
    /// # Errors
    ///
    /// [`super::Status::ConnectionFailed`] when no socket can be opened on the chosen addresses.
    pub fn new(config: EngineConfig) -> Result<Self> {
        shell::Engine::start(config).map(Self)
    }
}

/// Returns the time on the clock of every time stamp of this process, in microseconds.
pub fn time_us() -> u64 {
    shell::clock::now().as_micros()
}
