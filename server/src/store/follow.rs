//! A running server's view of the keys.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::{Store, StoreError};
use crate::auth::{APP, Doorkeeper};
use crate::switchboard::Switchboard;

/// How often a running server looks whether a key has changed.
const INTERVAL: Duration = Duration::from_secs(1);

/// Follows the changes of the keys, for ever: new ones open, revoked ones do not, and what they admitted ends.
///
/// While the database cannot be asked, the keys stay as they were.
pub(crate) async fn follow(
    store: Store,
    doorkeeper: Arc<Doorkeeper>,
    switchboard: Arc<Switchboard>,
    known: i64,
) {
    let mut revision = known;
    let mut is_failing = false;
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match look(&store, &doorkeeper, &switchboard, revision).await {
            Ok(seen) => {
                revision = seen;
                is_failing = false;
            }
            Err(problem) if is_failing => tracing::debug!(%problem, "the keys still cannot be read"),
            Err(problem) => {
                is_failing = true;
                tracing::error!(%problem, "the keys cannot be read and stay as they were");
            }
        }
    }
}

async fn look(
    store: &Store,
    doorkeeper: &Doorkeeper,
    switchboard: &Switchboard,
    known: i64,
) -> Result<i64, StoreError> {
    let revision = store.key_revision().await?;
    if revision != known {
        let ended = doorkeeper.replace(&store.keys().await?).map_err(StoreError)?;
        tracing::info!(ended = ended.len(), "the keys have changed");
        for key in ended {
            switchboard.revoke(APP, key);
        }
    }
    Ok(revision)
}
