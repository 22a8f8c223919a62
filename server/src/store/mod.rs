//! The database: one SQLite file, or PostgreSQL, through one code path.
//!
//! It holds nothing that opens anything: of publishable keys their digests, of secret keys their ids.

mod follow;
mod keys;
mod location;
mod open;

use sqlx::AnyPool;

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

    /// Closes the connections, so that SQLite leaves one file.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// Says in one sentence what went wrong with a statement.
    pub(crate) fn explain(&self, error: &sqlx::Error) -> StoreError {
        StoreError(self.location.explain(error))
    }
}
