//! From the switchboard to the journal.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::time::sleep;

use super::event::Event;
use super::journal::Journal;
use crate::metrics::Metrics;
use crate::switchboard::LifecycleEvent;

/// Most events that are written in one transaction.
const MAX_BATCH: usize = 1_000;

/// How long a database that took no events is left alone. Meanwhile they wait in the feed, which is bounded.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes down what the feed brings, until it is empty and `finished` says that nothing more will come.
pub(super) async fn run(
    mut feed: broadcast::Receiver<LifecycleEvent>,
    journal: Journal,
    written: Arc<Notify>,
    metrics: Arc<Metrics>,
    mut finished: oneshot::Receiver<()>,
) {
    let mut batch = vec![Event::server_started()];
    loop {
        collect(&mut feed, &mut batch);
        while let Err(problem) = journal.append(&batch).await {
            tracing::error!(%problem, events = batch.len(), "webhook events cannot be written down");
            sleep(PAUSE).await;
        }
        metrics.webhook_events.inc_by(batch.len() as u64);
        batch.clear();
        written.notify_one();
        tokio::select! {
            biased;
            event = feed.recv() => match event {
                Ok(event) => batch.push(event.into()),
                Err(RecvError::Lagged(count)) => batch.push(lost(count)),
                Err(RecvError::Closed) => return,
            },
            // Everything that has happened is in the journal.
            _ = &mut finished => return,
        }
    }
}

/// Takes what is there without waiting, up to a full batch.
fn collect(feed: &mut broadcast::Receiver<LifecycleEvent>, batch: &mut Vec<Event>) {
    while batch.len() < MAX_BATCH {
        match feed.try_recv() {
            Ok(event) => batch.push(event.into()),
            Err(TryRecvError::Lagged(count)) => batch.push(lost(count)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}

fn lost(count: u64) -> Event {
    tracing::error!(count, "webhook events were lost: the database is too slow");
    Event::lost(count)
}
