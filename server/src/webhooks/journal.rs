//! The events in the database, and how far they have been told.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::event::Event;
use crate::store::{Store, StoreError};

/// Most events that one statement writes.
const ROWS: usize = 50;

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

    /// Writes events down, all or none. When this returns they outlive the process, though in SQLite not yet a power
    /// cut: see [`Journal::next`].
    pub(super) async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        self.try_append(events).await.map_err(|error| self.store.explain(&error))
    }

    async fn try_append(&self, events: &[Event]) -> Result<(), sqlx::Error> {
        let count = i64::try_from(events.len()).expect("a batch is small");
        let mut connection = self.store.pool().acquire().await?;
        self.store.commit_without_sync(&mut connection).await?;
        let mut transaction = connection.begin().await?;
        // Takes the numbers, and the lock that keeps those who write at the same time in line.
        let written: i64 =
            sqlx::query_scalar("UPDATE webhook_progress SET written = written + $1 RETURNING written")
                .bind(count)
                .fetch_one(&mut *transaction)
                .await?;
        let mut number = written - count;
        for rows in events.chunks(ROWS) {
            let mut insert = sqlx::query(AssertSqlSafe(insert_statement(rows.len())))
                // Lengths between come too seldom to be kept.
                .persistent(matches!(rows.len(), 1 | ROWS));
            for event in rows {
                number += 1;
                insert = insert.bind(number).bind(event.at).bind(event.json.to_string());
            }
            insert.execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    /// Returns the oldest events that were not told, at most `most`. They outlive a power cut, so that their numbers are never given to other events.
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
        if !events.is_empty() {
            self.store.sync().await.map_err(explained)?;
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

/// Returns the statement that writes this many events.
fn insert_statement(rows: usize) -> String {
    let row = |at: usize| format!("(${}, ${}, ${})", 3 * at + 1, 3 * at + 2, 3 * at + 3);
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("INSERT INTO webhook_events (event_number, at, event) VALUES {}", rows.join(", "))
}
