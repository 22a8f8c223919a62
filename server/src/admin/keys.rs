//! `keys create|list|revoke|rotate`.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hub::{Action, Pattern};
use serde_json::{Value, json};

use super::{CommonArgs, Failure, Report};
use crate::auth::MasterKey;
use crate::auth::key_ring::{derive_secret, digest_of, draw_publishable, publishable_id};
use crate::store::{KeyKind, KeyRecord, NewKey, Store};

/// Makes, lists, revokes and rotates keys.
#[derive(Debug, Clone, Args)]
pub struct KeysArgs {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum KeysCommand {
    /// Make a key and show it, this once
    Create(CreateArgs),
    /// List all keys, without anything that opens anything
    List,
    /// Revoke a key for good and close what it admitted
    Revoke {
        /// The key's id, or a publishable key itself
        key: String,
    },
    /// Give a secret key a new secret; the one before it stays valid until --finish or the next rotation
    Rotate {
        /// The key's id, sk_id_…
        key: String,
        /// Make no new secret, but end the one before, and close what it admitted
        #[arg(long)]
        finish: bool,
    },
}

#[derive(Debug, Clone, Args)]
struct CreateArgs {
    /// Make a secret key, for a backend: it signs tokens and drives REST
    #[arg(long)]
    secret: bool,

    /// What to call the key in lists
    #[arg(long, default_value = "", value_name = "TEXT")]
    name: String,

    /// A channel name or pattern that the key opens; again for more [default: **]
    #[arg(long = "channel", value_name = "PATTERN")]
    channels: Vec<String>,

    /// Something that the key allows; again for more [default: subscribe, publish, presence and send]
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<String>,

    /// A web origin that the key works from, such as https://app.example; again for more [default: everywhere]
    #[arg(long = "origin", value_name = "ORIGIN", conflicts_with = "secret")]
    origins: Vec<String>,

    /// Do not tell clients the server's STUN and TURN servers
    #[arg(long)]
    no_turn: bool,

    /// Most sockets at once of the clients that it admits; one more is closed with 4010 [default: no limit of its own]
    #[arg(long, value_name = "COUNT")]
    max_connections: Option<NonZeroUsize>,
}

/// Runs `keys` and returns the process's exit status.
pub fn run(arguments: KeysArgs) -> ExitCode {
    let KeysArgs { common, command } = arguments;
    common.run(async move |store, master_key| match command {
        KeysCommand::Create(arguments) => create(store, master_key, arguments).await,
        KeysCommand::List => list(store).await,
        KeysCommand::Revoke { key } => revoke(store, &key).await,
        KeysCommand::Rotate { key, finish: false } => rotate(store, master_key, &key).await,
        KeysCommand::Rotate { key, finish: true } => finish(store, &key).await,
    })
}

async fn create(store: &Store, master_key: &MasterKey, arguments: CreateArgs) -> Result<Report, Failure> {
    let is_secret = arguments.secret;
    let new = arguments.check()?;
    if is_secret {
        let record = store.create_secret(new).await?;
        return Ok(show_secret(
            &record,
            master_key,
            "The secret is shown only now: give it to your backend.",
        ));
    }
    let credential = draw_publishable();
    let record = store.create_publishable(credential.expose(), new).await?;
    let mut json = describe(&record);
    json["key"] = credential.expose().into();
    let text = format!(
        "id:   {}\nkey:  {}\nThe key is shown only now: put it into your client. The id is for lists and for revoking it.\n",
        record.id,
        credential.expose()
    );
    Ok(Report { text, json })
}

impl CreateArgs {
    /// Checks what the server would not understand, and puts the defaults in.
    fn check(self) -> Result<NewKey, Failure> {
        let Self { name, mut channels, mut actions, origins, no_turn, max_connections, .. } = self;
        if channels.is_empty() {
            channels.push("**".to_owned());
        }
        if actions.is_empty() {
            actions = Action::ALL.map(|action| action.as_str().to_owned()).to_vec();
        }
        for channel in &channels {
            Pattern::parse(channel)
                .map_err(|error| Failure::Request(format!("the channel pattern {channel:?}: {error}")))?;
        }
        for action in &actions {
            let known = Action::ALL.map(Action::as_str).join(", ");
            Action::from_name(action)
                .ok_or_else(|| Failure::Request(format!("the action {action:?} is none of {known}")))?;
        }
        Ok(NewKey { name, channels, actions, origins, turn: !no_turn, max_connections })
    }
}

async fn list(store: &Store) -> Result<Report, Failure> {
    let records = store.keys().await?;
    let json = records.iter().map(describe).collect();
    if records.is_empty() {
        return Ok(Report { text: "There are no keys: make one with `keys create`.\n".to_owned(), json });
    }
    let mut text = String::new();
    let heading = ["ID", "KIND", "STATE", "CHANNELS", "ACTIONS", "ORIGINS", "NAME"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(heading).chain(records.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 7] = std::array::from_fn(width);
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    Ok(Report { text, json })
}

fn row(record: &KeyRecord) -> [String; 7] {
    let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
    [
        record.id.clone(),
        record.kind.as_str().to_owned(),
        state(record).to_owned(),
        record.channels.join(" "),
        record.actions.join(" "),
        or(record.origins.join(" "), "everywhere"),
        or(record.name.clone(), "-"),
    ]
}

fn state(record: &KeyRecord) -> &'static str {
    match record {
        KeyRecord { revoked_at: Some(_), .. } => "revoked",
        KeyRecord { generation, oldest_generation, .. } if oldest_generation < generation => "rotating",
        _ => "live",
    }
}

async fn revoke(store: &Store, key: &str) -> Result<Report, Failure> {
    let record = find(store, key).await?;
    store.revoke(&record.id).await?;
    let record = find(store, &record.id).await?;
    Ok(Report {
        text: format!(
            "{} is revoked: a running server closes what it admitted within two seconds.\n",
            record.id
        ),
        json: describe(&record),
    })
}

async fn rotate(store: &Store, master_key: &MasterKey, key: &str) -> Result<Report, Failure> {
    let record = find_live_secret(store, key).await?;
    store.rotate(&record.id).await?;
    let record = find(store, &record.id).await?;
    let note = "The secret is shown only now. The one before it stays valid until `keys rotate --finish`.";
    Ok(show_secret(&record, master_key, note))
}

async fn finish(store: &Store, key: &str) -> Result<Report, Failure> {
    let record = find_live_secret(store, key).await?;
    store.finish_rotation(&record.id).await?;
    let record = find(store, &record.id).await?;
    let text = format!(
        "Only the newest secret of {} is valid: a running server closes within two seconds what the one before admitted.\n",
        record.id
    );
    Ok(Report { text, json: describe(&record) })
}

/// Finds a key by its id, or a publishable one by its text.
async fn find(store: &Store, key: &str) -> Result<KeyRecord, Failure> {
    let id = if key.starts_with("pk_") && !key.starts_with("pk_id_") {
        publishable_id(&digest_of(key))
    } else {
        key.to_owned()
    };
    // What was asked for may be a secret, so it is not repeated.
    store
        .key(&id)
        .await?
        .ok_or_else(|| Failure::Request("there is no such key; `keys list` shows all".to_owned()))
}

async fn find_live_secret(store: &Store, key: &str) -> Result<KeyRecord, Failure> {
    let record = find(store, key).await?;
    if record.kind != KeyKind::Secret {
        return Err(Failure::Request(
            "only secret keys rotate: make a new publishable key instead".to_owned(),
        ));
    }
    if record.revoked_at.is_some() {
        return Err(Failure::Request(format!("{} is revoked", record.id)));
    }
    Ok(record)
}

fn show_secret(record: &KeyRecord, master_key: &MasterKey, note: &str) -> Report {
    let secret = derive_secret(master_key, &record.id, record.generation);
    let mut json = describe(record);
    json["secret"] = secret.expose().into();
    Report { text: format!("id:      {}\nsecret:  {}\n{note}\n", record.id, secret.expose()), json }
}

fn describe(record: &KeyRecord) -> Value {
    json!({
        "id": record.id,
        "kind": record.kind.as_str(),
        "name": record.name,
        "state": state(record),
        "channels": record.channels,
        "actions": record.actions,
        "origins": record.origins,
        "turn": record.turn,
        "maxConnections": record.max_connections,
        "createdAt": record.created_at,
        "revokedAt": record.revoked_at,
    })
}
