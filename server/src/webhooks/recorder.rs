//! From the switchboard to the journal.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use super::event::Event;
use super::journal::Journal;
use crate::metrics::Metrics;
use crate::switchboard::{LifecycleEvent, Lost, Recording};

/// Most events that are written in one transaction.
const MAX_BATCH: usize = 1_000;

/// How long clients wait for the database. Half of what the hub waits for a client's pong, so that a roster that was
/// held up still comes in a read of its own.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a database that took no events is left alone. Meanwhile they wait in the switchboard, which is bounded.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes down what happens.
pub(super) struct Recorder {
    pub(super) recording: Recording,
    pub(super) journal: Journal,
    /// Told when there is something new in the journal.
    pub(super) written: Arc<Notify>,
    pub(super) metrics: Arc<Metrics>,
}

impl Recorder {
    /// Writes down that the server has started, and then what happens, until all is written and `finished` says that
    /// nothing more will come.
    pub(super) async fn run(mut self, mut finished: oneshot::Receiver<()>) {
        let mut batch = vec![Event::server_started()];
        loop {
            while batch.len() < MAX_BATCH
                && let Some(event) = self.recording.try_next()
            {
                batch.push(entry(event));
            }
            self.write(&batch).await;
            batch.clear();
            tokio::select! {
                biased;
                event = self.recording.next() => batch.push(entry(event)),
                _ = &mut finished => return,
            }
        }
    }

    /// Writes a batch down. Clients wait for that, though not for long.
    async fn write(&self, batch: &[Event]) {
        loop {
            let mut writing = pin!(self.journal.append(batch));
            let outcome = match timeout(PATIENCE, &mut writing).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    tracing::warn!(
                        events = batch.len(),
                        "the database is slow: clients are told of what is not written down"
                    );
                    self.recording.let_go();
                    writing.await
                }
            };
            match outcome {
                Ok(()) => {
                    self.recording.written();
                    self.metrics.webhook_events.inc_by(batch.len() as u64);
                    self.written.notify_one();
                    return;
                }
                Err(problem) => {
                    tracing::error!(%problem, events = batch.len(), "webhook events cannot be written down");
                    self.recording.let_go();
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

fn entry(event: Result<LifecycleEvent, Lost>) -> Event {
    event.map_or_else(
        |Lost(count)| {
            tracing::error!(count, "webhook events were lost: the database is too slow");
            Event::lost(count)
        },
        Event::from,
    )
}
