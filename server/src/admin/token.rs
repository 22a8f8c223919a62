//! `token mint`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use protocol::Map;
use serde_json::{Value, json};

use super::{CommonArgs, Failure, Report};
use crate::auth::{Doorkeeper, MasterKey, unix_now};
use crate::store::{KeyKind, Store};
use token::{Claims, DEFAULT_LIFETIME};

/// Makes tokens.
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum TokenCommand {
    /// Make a token for one peer and show it
    Mint(MintArgs),
}

#[derive(Debug, Clone, Args)]
struct MintArgs {
    /// The id of the secret key that signs it, sk_id_…
    #[arg(long, value_name = "ID")]
    key: String,

    /// The peer's id
    #[arg(long, value_name = "ID")]
    peer_id: String,

    /// A channel name or pattern; again for more [default: the key's]
    #[arg(long = "channel", value_name = "PATTERN")]
    channels: Vec<String>,

    /// An action; again for more [default: the key's]
    #[arg(long = "permission", value_name = "ACTION")]
    permissions: Vec<String>,

    /// How long it lives, up to 86400
    #[arg(long, default_value_t = DEFAULT_LIFETIME, value_name = "SECONDS")]
    expires_in: u64,

    /// A JSON object that only the client gets to see
    #[arg(long, value_name = "JSON", value_parser = object)]
    metadata: Option<Value>,

    /// A JSON object that other peers get to see
    #[arg(long, value_name = "JSON", value_parser = object)]
    peer_metadata: Option<Value>,
}

/// Runs `token` and returns the process's exit status.
pub fn run(arguments: TokenArgs) -> ExitCode {
    let TokenArgs { common, command: TokenCommand::Mint(arguments) } = arguments;
    common.run(async move |store, master_key| mint(store, master_key, arguments).await)
}

async fn mint(store: &Store, master_key: &MasterKey, arguments: MintArgs) -> Result<Report, Failure> {
    let MintArgs { key, peer_id, channels, permissions, expires_in, metadata, peer_metadata } = arguments;
    let doorkeeper = Doorkeeper::new(&[], master_key.clone()).expect("no keys are in nobody's way");
    doorkeeper.replace(&store.keys().await?).map_err(Failure::Request)?;
    let key = doorkeeper
        .key(&key)
        .filter(|key| key.kind == KeyKind::Secret)
        .ok_or_else(|| Failure::Request("there is no such secret key, or it is revoked".to_owned()))?;
    let now = unix_now();
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let claims = Claims {
        sub: peer_id,
        exp: now.saturating_add(expires_in),
        iat: Some(now),
        nbf: None,
        channels: some(channels),
        permissions: some(permissions),
        metadata: metadata.and_then(into_map),
        peer_metadata: peer_metadata.and_then(into_map),
    };
    claims.check(&key.grants, now).map_err(|error| Failure::Request(error.to_string()))?;
    let token = doorkeeper.sign(&key, &claims);
    Ok(Report {
        text: format!("{}\n", token.expose()),
        json: json!({ "token": token.expose(), "expiresAt": claims.exp }),
    })
}

fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        _ => Err("it must be a JSON object".to_owned()),
    }
}

fn into_map(value: Value) -> Option<Map> {
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}
