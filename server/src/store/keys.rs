//! The table of keys.

use std::num::NonZeroUsize;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::{Store, StoreError};
use crate::auth::key_ring::{self, Digest};
use crate::auth::unix_now;

/// Most keys of a database that are not revoked.
const MAX_KEYS: i64 = 50;

/// The two kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Stands in a client's source code for everyone to read; its text is the credential.
    Publishable,
    /// Signs tokens and drives REST.
    Secret,
}

impl KeyKind {
    /// Returns the kind's name: `publishable` or `secret`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Publishable => "publishable",
            Self::Secret => "secret",
        }
    }
}

/// A key as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRecord {
    /// What the key is called: `pk_id_…` or `sk_id_…`. It opens nothing.
    pub(crate) id: String,
    pub(crate) kind: KeyKind,
    /// Of a publishable key.
    pub(crate) digest: Option<Digest>,
    /// What the operator calls it.
    pub(crate) name: String,
    pub(crate) channels: Vec<String>,
    pub(crate) actions: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) turn: bool,
    /// Most sockets at once that it may admit.
    pub(crate) max_connections: Option<NonZeroUsize>,
    /// The newest generation of a secret.
    pub(crate) generation: u32,
    /// The oldest generation that is still valid.
    pub(crate) oldest_generation: u32,
    /// In Unix seconds.
    pub(crate) created_at: u64,
    /// In Unix seconds.
    pub(crate) revoked_at: Option<u64>,
}

/// What a new key shall be.
#[derive(Debug, Clone)]
pub(crate) struct NewKey {
    pub(crate) name: String,
    pub(crate) channels: Vec<String>,
    pub(crate) actions: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) turn: bool,
    pub(crate) max_connections: Option<NonZeroUsize>,
}

impl Store {
    /// Makes a publishable key; `credential` is its text.
    pub(crate) async fn create_publishable(
        &self,
        credential: &str,
        new: NewKey,
    ) -> Result<KeyRecord, StoreError> {
        let digest = key_ring::digest_of(credential);
        let id = key_ring::publishable_id(&digest);
        self.insert(record(id, KeyKind::Publishable, Some(digest), 0, new)).await
    }

    /// Makes a secret key of the first generation.
    pub(crate) async fn create_secret(&self, new: NewKey) -> Result<KeyRecord, StoreError> {
        self.insert(record(key_ring::draw_secret_id(), KeyKind::Secret, None, 1, new)).await
    }

    async fn insert(&self, record: KeyRecord) -> Result<KeyRecord, StoreError> {
        let written = record.clone();
        let has_room = self.change(async move |connection| {
            let live: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM keys WHERE revoked_at = 0")
                .fetch_one(&mut *connection)
                .await?;
            if live >= MAX_KEYS {
                return Ok(false);
            }
            sqlx::query(
                "INSERT INTO keys (id, kind, digest, name, channels, actions, origins, turn, generation, \
                 oldest_generation, created_at, revoked_at, max_connections) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12)",
            )
            .bind(written.id)
            .bind(written.kind.as_str())
            .bind(written.digest.map(hex::encode).unwrap_or_default())
            .bind(written.name)
            .bind(to_json(&written.channels))
            .bind(to_json(&written.actions))
            .bind(to_json(&written.origins))
            .bind(i64::from(written.turn))
            .bind(i64::from(written.generation))
            .bind(i64::from(written.oldest_generation))
            .bind(to_i64(written.created_at))
            .bind(written.max_connections.map_or(0, |most| i64::try_from(most.get()).unwrap_or(i64::MAX)))
            .execute(connection)
            .await?;
            Ok(true)
        });
        if has_room.await? {
            Ok(record)
        } else {
            Err(StoreError(format!("{} has {MAX_KEYS} live keys, and that is the most", self.location)))
        }
    }

    /// Returns all keys, revoked ones included, the oldest first.
    pub(crate) async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let rows = sqlx::query(AssertSqlSafe(format!("{SELECT} ORDER BY created_at, id")))
            .fetch_all(self.pool())
            .await
            .map_err(|error| self.explain(&error))?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// Finds a key by its id.
    pub(crate) async fn key(&self, id: &str) -> Result<Option<KeyRecord>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("{SELECT} WHERE id = $1")))
            .bind(id)
            .fetch_optional(self.pool())
            .await
            .map_err(|error| self.explain(&error))?;
        row.map(|row| self.read(&row)).transpose()
    }

    /// Revokes a key for good.
    pub(crate) async fn revoke(&self, id: &str) -> Result<(), StoreError> {
        let (id, now) = (id.to_owned(), to_i64(unix_now()));
        self.change(async move |connection| {
            sqlx::query("UPDATE keys SET revoked_at = $1 WHERE id = $2 AND revoked_at = 0")
                .bind(now)
                .bind(id)
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// Gives a secret key a new generation. The one before it stays valid, older ones do not.
    pub(crate) async fn rotate(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.change(async move |connection| {
            sqlx::query(
                "UPDATE keys SET oldest_generation = generation, generation = generation + 1 WHERE id = $1",
            )
            .bind(id)
            .execute(connection)
            .await?;
            Ok(())
        })
        .await
    }

    /// Leaves only the newest generation of a secret key valid.
    pub(crate) async fn finish_rotation(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.change(async move |connection| {
            sqlx::query("UPDATE keys SET oldest_generation = generation WHERE id = $1")
                .bind(id)
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// Returns a number that goes up with every change of a key.
    pub(crate) async fn key_revision(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT key_revision FROM deployment")
            .fetch_one(self.pool())
            .await
            .map_err(|error| self.explain(&error))
    }

    /// Changes the keys and the revision in one transaction.
    async fn change<T>(
        &self,
        statement: impl AsyncFnOnce(&mut AnyConnection) -> sqlx::Result<T>,
    ) -> Result<T, StoreError> {
        let changed = async {
            let mut transaction = self.pool().begin().await?;
            // First, so that the transaction waits for another one here and does not fail later.
            sqlx::query("UPDATE deployment SET key_revision = key_revision + 1")
                .execute(&mut *transaction)
                .await?;
            let outcome = statement(&mut transaction).await?;
            transaction.commit().await?;
            Ok(outcome)
        };
        changed.await.map_err(|error| self.explain(&error))
    }

    fn read(&self, row: &AnyRow) -> Result<KeyRecord, StoreError> {
        let id: String = row.try_get("id").map_err(|error| self.explain(&error))?;
        let read = || {
            let number = |column| row.try_get::<i64, _>(column).ok();
            let list = |column| serde_json::from_str(row.try_get::<&str, _>(column).ok()?).ok();
            let kind = match row.try_get::<&str, _>("kind").ok()? {
                "publishable" => KeyKind::Publishable,
                "secret" => KeyKind::Secret,
                _ => return None,
            };
            let mut digest = [0; 32];
            let digest = match kind {
                KeyKind::Publishable => {
                    hex::decode_to_slice(row.try_get::<&str, _>("digest").ok()?, &mut digest).ok()?;
                    Some(digest)
                }
                KeyKind::Secret => None,
            };
            Some(KeyRecord {
                id: id.clone(),
                kind,
                digest,
                name: row.try_get("name").ok()?,
                channels: list("channels")?,
                actions: list("actions")?,
                origins: list("origins")?,
                turn: number("turn")? != 0,
                max_connections: NonZeroUsize::new(number("max_connections")?.try_into().ok()?),
                generation: number("generation")?.try_into().ok()?,
                oldest_generation: number("oldest_generation")?.try_into().ok()?,
                created_at: number("created_at")?.try_into().ok()?,
                revoked_at: Some(number("revoked_at")?.try_into().ok()?).filter(|at| *at != 0),
            })
        };
        read().ok_or_else(|| StoreError(format!("{} holds an unreadable key {id}", self.location)))
    }
}

const SELECT: &str = "SELECT id, kind, digest, name, channels, actions, origins, turn, generation, \
                      oldest_generation, created_at, revoked_at, max_connections FROM keys";

fn record(id: String, kind: KeyKind, digest: Option<Digest>, generation: u32, new: NewKey) -> KeyRecord {
    let NewKey { name, channels, actions, origins, turn, max_connections } = new;
    KeyRecord {
        id,
        kind,
        digest,
        name,
        channels,
        actions,
        origins,
        turn,
        max_connections,
        generation,
        oldest_generation: generation,
        created_at: unix_now(),
        revoked_at: None,
    }
}

fn to_json(list: &[String]) -> String {
    serde_json::to_string(list).expect("text is JSON")
}

fn to_i64(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
