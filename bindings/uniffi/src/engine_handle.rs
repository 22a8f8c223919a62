//! An engine of the app's own.

use std::sync::Arc;

use engine::api;

use crate::config::EngineConfig;
use crate::error::{ParlorError, Result};
use crate::guard::guard;

/// The network, signalling and playout threads that sessions share.
///
/// Sessions that are given none share the process's default engine. It ends when the last reference and the last
/// session on it are gone.
#[derive(uniffi::Object)]
pub struct Engine(pub(crate) api::Engine);

#[uniffi::export]
impl Engine {
    /// Starts an engine.
    ///
    /// Errors: `InvalidArgument` when a bind address is none; `ConnectionFailed` when no socket can be opened.
    #[uniffi::constructor]
    pub fn new(config: EngineConfig) -> Result<Arc<Self>> {
        guard(|| Ok::<_, ParlorError>(Arc::new(Self(api::Engine::new(config.try_into()?)?))))
    }
}
