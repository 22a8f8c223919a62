//! The database: one SQLite file, or PostgreSQL, through one code path.
//!
//! It holds nothing that opens anything: of publishable keys their digests, of secret keys their ids.

mod follow;
mod keys;
mod location;
mod open;

use sqlx::{AnyConnection, AnyPool};

pub(crate) use follow::follow;
pub(crate) use keys::{KeyKind, KeyRecord, NewKey};
pub use location::DatabaseLocation;
pub(crate) use open::open;

/// A database whose schema is this program's.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: AnyPool,
    location: DatabaseLocation,
}

/// Why the database cannot be used. The text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoreError(pub(crate) String);

impl Store {
    /// Returns the connections. A statement names its parameters `$1`, `$2`, … and uses what both databases know:
    /// columns of `BIGINT` and `TEXT`.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Makes the next commits of a connection return without waiting for the disk, where the database can: they outlive
    /// the process, but not a power cut before [`Store::sync`].
    ///
    /// That is SQLite's, which writes to its log either way (sqlite.org/pragma.html#pragma_synchronous). PostgreSQL would
    /// lose such commits with its own process.
    pub(crate) async fn commit_without_sync(&self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        if let DatabaseLocation::Sqlite(_) = self.location {
            sqlx::query("PRAGMA synchronous = NORMAL").execute(connection).await?;
        }
        Ok(())
    }

    /// Waits until everything that was committed is on the disk. Nobody who writes waits for this.
    pub(crate) async fn sync(&self) -> sqlx::Result<()> {
        if let DatabaseLocation::Sqlite(_) = self.location {
            // Syncs the log before it copies what is in it.
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&self.pool).await?;
        }
        Ok(())
    }

    /// Closes the connections, so that SQLite leaves one file.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// Says in one sentence what went wrong with a statement.
    pub(crate) fn explain(&self, error: &sqlx::Error) -> StoreError {
        StoreError(self.location.explain(error))
    }
}
