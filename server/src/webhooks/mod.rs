//! Webhooks: what happens in the channels, told to a URL of the operator's.
//!
//! ```text
//! switchboard ── events ──▶ recorder ──▶ journal (database) ──▶ courier ──▶ POST, signed
//!      ▲────── written ─────────┘             ▲ cursor ◀── 2xx ──────┘
//! ```
//!
//! Events are written down before any client is told of them, and told in the order in which they happened, until
//! the receiver answers with a 2xx status. So each is told at least once, whatever happens to the server or the
//! receiver; the `cursor` of an event tells a repetition from news. `docs/webhooks.md` is for those who receive them.

mod courier;
mod endpoint;
mod event;
mod journal;
mod recorder;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::auth::MasterKey;
use crate::config::ConfigError;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::switchboard::Recording;
use courier::Courier;
use recorder::Recorder;

pub use endpoint::WebhookEndpoint;
pub(crate) use journal::Journal;
pub(crate) use signature::secret;

/// How long a shutdown waits for the last events to be written down.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The webhooks of a running server.
#[derive(Debug)]
pub(crate) struct Webhooks {
    recorder: JoinHandle<()>,
    courier: JoinHandle<()>,
    finish: Option<oneshot::Sender<()>>,
}

impl Webhooks {
    /// Starts to write down and to tell what happens. The first event says that the server has started.
    ///
    /// # Errors
    /// One sentence when an `https` endpoint could not be checked, for the system has no root certificates.
    pub(crate) fn start(
        endpoint: WebhookEndpoint,
        retry: Duration,
        store: Store,
        master_key: &MasterKey,
        recording: Recording,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ConfigError> {
        let journal = Journal::new(store);
        let written = Arc::new(Notify::new());
        let (finish, finished) = oneshot::channel();
        let courier = Courier::new(endpoint, secret(master_key), retry, Arc::clone(&metrics))?;
        let recorder =
            Recorder { recording, journal: journal.clone(), written: Arc::clone(&written), metrics };
        Ok(Self {
            recorder: tokio::spawn(recorder.run(finished)),
            courier: tokio::spawn(courier.run(journal, written)),
            finish: Some(finish),
        })
    }

    /// Writes down what has happened; what is not told yet is told after the next start.
    pub(crate) async fn finish(mut self) {
        self.finish = None;
        if timeout(LAST_WORDS, &mut self.recorder).await.is_err() {
            tracing::error!("the last webhook events could not be written down");
        }
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        self.recorder.abort();
        self.courier.abort();
    }
}
