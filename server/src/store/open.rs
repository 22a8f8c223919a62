//! Opening the database: the schema, and the master key that belongs to it.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{ConnectOptions as _, SqlSafeStr as _};

use super::{DatabaseLocation, Store, StoreError};
use crate::auth::{MasterKey, MasterKeyError, MasterKeySource};

/// How long a statement waits for a connection, and the start for PostgreSQL.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most connections. SQLite has one writer anyway, and nothing here is asked often.
const MAX_CONNECTIONS: u32 = 4;

/// The schema's versions, oldest first. One that was released is never changed.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "keys", include_str!("migrations/1_keys.sql")),
    (2, "webhooks", include_str!("migrations/2_webhooks.sql")),
    (3, "key limits", include_str!("migrations/3_key_limits.sql")),
];

impl From<MasterKeyError> for StoreError {
    fn from(error: MasterKeyError) -> Self {
        Self(error.to_string())
    }
}

/// Opens the database, makes or updates its schema, and finds or makes the master key.
///
/// # Errors
/// When the database cannot be opened, is newer than this program or locked; when the master key is missing, cannot
/// be read or is another database's.
pub(crate) async fn open(
    location: &DatabaseLocation,
    source: &MasterKeySource,
) -> Result<(Store, MasterKey), StoreError> {
    let store = connect(location).await?;
    migrate(&store).await?;
    let master_key = master_key(&store, source).await?;
    Ok((store, master_key))
}

async fn connect(location: &DatabaseLocation) -> Result<Store, StoreError> {
    sqlx::any::install_default_drivers();
    let explained = |error: sqlx::Error| StoreError(location.explain(&error));
    let options: AnyConnectOptions = location.url()?.expose().parse().map_err(explained)?;
    let pool = AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(PATIENCE + Duration::from_secs(1))
        .connect_with(options.disable_statement_logging())
        .await
        .map_err(explained)?;
    if let DatabaseLocation::Sqlite(_) = location {
        // The command line writes while a server reads.
        sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await.map_err(explained)?;
    }
    Ok(Store { pool, location: location.clone() })
}

async fn migrate(store: &Store) -> Result<(), StoreError> {
    let migration = |(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let migrator = Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect());
    let location = &store.location;
    migrator.run(store.pool()).await.map_err(|error| {
        StoreError(match error {
            MigrateError::VersionMissing(found) => format!(
                "{location} was made by a newer version of Parlor: its schema is {found}, this program knows {}",
                MIGRATIONS.len()
            ),
            MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => {
                format!("the schema of {location} is not one that Parlor made")
            }
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                location.explain(&error)
            }
            error => format!("{location} cannot be brought up to date: {error}"),
        })
    })
}

/// Finds the master key and checks that it is this database's; makes both when there is neither.
async fn master_key(store: &Store, source: &MasterKeySource) -> Result<MasterKey, StoreError> {
    let file = source.file.clone().or_else(|| store.location.default_master_key_file());
    let expected: String = sqlx::query_scalar("SELECT master_key_check FROM deployment")
        .fetch_one(store.pool())
        .await
        .map_err(|error| store.explain(&error))?;
    let is_new = expected.is_empty();
    let key = match (&source.text, &file) {
        (Some(text), _) => MasterKey::from_text(text)?,
        (None, None) => {
            return Err(StoreError(
                "a PostgreSQL database needs a master key: name its file (--master-key-file) or set \
                 PARLOR_MASTER_KEY"
                    .to_owned(),
            ));
        }
        (None, Some(path)) => match MasterKey::read(path)? {
            Some(key) => key,
            None if is_new => MasterKey::create(path)?,
            None => {
                return Err(StoreError(format!(
                    "{} was made with a master key, but there is no file {}",
                    store.location,
                    path.display()
                )));
            }
        },
    };
    let check = hex::encode(key.derive("parlor master key check v1"));
    if is_new {
        sqlx::query("UPDATE deployment SET master_key_check = $1 WHERE master_key_check = ''")
            .bind(&check)
            .execute(store.pool())
            .await
            .map_err(|error| store.explain(&error))?;
        // Another process may have been first.
        return Box::pin(master_key(store, source)).await;
    }
    if check == expected {
        Ok(key)
    } else {
        Err(StoreError(format!("{} was made with another master key", store.location)))
    }
}
