//! The commands that manage keys: `keys create|list|revoke|rotate` and `token mint`.
//!
//! They change the database, and a running server follows within two seconds.

pub mod keys;
pub mod token;
pub mod webhooks;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::auth::MasterKey;
use crate::config::ConfigError;
use crate::settings::Settings;
use crate::store::{self, DatabaseLocation, Store, StoreError};

pub use keys::KeysArgs;
pub use token::TokenArgs;
pub use webhooks::WebhooksArgs;

/// The database that a command works on when no setting names one: a file in the working directory.
pub(crate) const DEFAULT_DATABASE: &str = "parlor.db";

/// Which database a command works on, and how it reports.
#[derive(Debug, Clone, Args)]
struct CommonArgs {
    /// The server's configuration file, for its database and master_key_file
    #[arg(long, env = "PARLOR_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// The SQLite file or postgres:// URL [default: parlor.db]
    #[arg(long, env = "PARLOR_DATABASE", value_name = "PATH|URL", global = true, hide_env_values = true)]
    database: Option<DatabaseLocation>,

    /// The file of the master key; made on first use [default: beside the SQLite file, as .key]
    #[arg(long, env = "PARLOR_MASTER_KEY_FILE", value_name = "FILE", global = true)]
    master_key_file: Option<PathBuf>,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

/// What a command prints.
struct Report {
    text: String,
    json: Value,
}

/// Why a command did nothing. The text is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Request(String),
}

impl CommonArgs {
    /// Opens the database and runs the command on it.
    fn run(self, command: impl AsyncFnOnce(&Store, &MasterKey) -> Result<Report, Failure>) -> ExitCode {
        let as_json = self.json;
        let outcome = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Request(format!("no runtime: {error}")))
            .and_then(|runtime| {
                runtime.block_on(async {
                    let settings = self.settings()?;
                    let master_key = settings.master_key();
                    let location = settings
                        .database
                        .unwrap_or_else(|| DatabaseLocation::Sqlite(PathBuf::from(DEFAULT_DATABASE)));
                    let (store, master_key) = store::open(&location, &master_key).await?;
                    let report = command(&store, &master_key).await;
                    store.close().await;
                    report
                })
            });
        match outcome {
            Ok(Report { text, json }) => {
                let shown = if as_json { format!("{json:#}\n") } else { text };
                // A reader that went away has seen enough.
                let _ = std::io::stdout().write_all(shown.as_bytes());
                ExitCode::SUCCESS
            }
            Err(problem) => {
                eprintln!("error: {problem}");
                ExitCode::FAILURE
            }
        }
    }

    fn settings(&self) -> Result<Settings, ConfigError> {
        let file = self.config.as_deref().map(crate::config_file::read).transpose()?.unwrap_or_default();
        let flags = Settings {
            database: self.database.clone(),
            master_key_file: self.master_key_file.clone(),
            ..Settings::default()
        };
        Ok(flags.or(file))
    }
}
