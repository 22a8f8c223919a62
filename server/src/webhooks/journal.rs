//! The events in the database, and how far they have been told.

use serde_json::Value;
use sqlx::Row as _;

use super::event::Event;
use crate::store::{Store, StoreError};

/// The table of events and the cursor.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    store: Store,
}

/// What is to be told next.
#[derive(Debug)]
pub(super) struct Batch {
    /// The last event that was told.
    pub(super) after: i64,
    /// The last event of these.
    pub(super) last: i64,
    /// The events, each with its cursor.
    pub(super) events: Vec<Value>,
}

/// How far the journal is written and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The newest event.
    pub(crate) written: i64,
    /// The last event that was told.
    pub(crate) told: i64,
}

impl Journal {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Writes events down, all or none.
    pub(super) async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        self.try_append(events).await.map_err(|error| self.store.explain(&error))
    }

    async fn try_append(&self, events: &[Event]) -> Result<(), sqlx::Error> {
        let count = i64::try_from(events.len()).expect("a batch is small");
        let mut transaction = self.store.pool().begin().await?;
        // Takes the numbers, and the lock that keeps those who write at the same time in line.
        sqlx::query("UPDATE webhook_progress SET written = written + $1")
            .bind(count)
            .execute(&mut *transaction)
            .await?;
        let written: i64 =
            sqlx::query_scalar("SELECT written FROM webhook_progress").fetch_one(&mut *transaction).await?;
        for (number, event) in (written - count + 1..).zip(events) {
            sqlx::query("INSERT INTO webhook_events (event_number, at, event) VALUES ($1, $2, $3)")
                .bind(number)
                .bind(event.at)
                .bind(event.json.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    /// Returns the oldest events that were not told, at most `most`.
    pub(super) async fn next(&self, most: i64) -> Result<Batch, StoreError> {
        let explained = |error| self.store.explain(&error);
        let after: i64 = sqlx::query_scalar("SELECT told FROM webhook_progress")
            .fetch_one(self.store.pool())
            .await
            .map_err(explained)?;
        let rows = sqlx::query(
            "SELECT event_number, event FROM webhook_events WHERE event_number > $1 \
             ORDER BY event_number LIMIT $2",
        )
        .bind(after)
        .bind(most)
        .fetch_all(self.store.pool())
        .await
        .map_err(explained)?;
        let (mut last, mut events) = (after, Vec::with_capacity(rows.len()));
        for row in rows {
            last = row.try_get(0).map_err(explained)?;
            let text: String = row.try_get(1).map_err(explained)?;
            let mut event: Value = serde_json::from_str(&text)
                .map_err(|_| StoreError(format!("the webhook event {last} in the database is not JSON")))?;
            event["cursor"] = last.into();
            events.push(event);
        }
        Ok(Batch { after, last, events })
    }

    /// Notes that a batch was told, unless somebody has moved the cursor meanwhile.
    pub(super) async fn told(&self, batch: &Batch) -> Result<(), StoreError> {
        sqlx::query("UPDATE webhook_progress SET told = $1 WHERE told = $2")
            .bind(batch.last)
            .bind(batch.after)
            .execute(self.store.pool())
            .await
            .map_err(|error| self.store.explain(&error))?;
        Ok(())
    }

    /// Moves the cursor, so that the event with this number, from 1 on, is the next to be told.
    pub(crate) async fn replay_from(&self, number: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE webhook_progress SET told = $1")
            .bind(number - 1)
            .execute(self.store.pool())
            .await
            .map_err(|error| self.store.explain(&error))?;
        Ok(())
    }

    /// Says how far the journal is written and told.
    pub(crate) async fn progress(&self) -> Result<Progress, StoreError> {
        let explained = |error| self.store.explain(&error);
        let row = sqlx::query("SELECT written, told FROM webhook_progress")
            .fetch_one(self.store.pool())
            .await
            .map_err(explained)?;
        let (written, told) = (row.try_get(0).map_err(explained)?, row.try_get(1).map_err(explained)?);
        Ok(Progress { written, told })
    }

    /// Forgets the events that happened before a time, told or not, and returns how many those were that were not.
    pub(super) async fn forget_before(&self, at: i64) -> Result<i64, StoreError> {
        let explained = |error| self.store.explain(&error);
        let untold: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM webhook_events \
             WHERE at < $1 AND event_number > (SELECT told FROM webhook_progress)",
        )
        .bind(at)
        .fetch_one(self.store.pool())
        .await
        .map_err(explained)?;
        sqlx::query("DELETE FROM webhook_events WHERE at < $1")
            .bind(at)
            .execute(self.store.pool())
            .await
            .map_err(explained)?;
        Ok(untold)
    }
}
