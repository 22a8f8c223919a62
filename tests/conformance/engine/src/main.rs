//! One session of the engine for the conformance tests, driven by lines of JSON.
//!
//! Reads commands, `{"id", "call", …}` as [`command::Call`] has them, and writes lines: `{"id", "value"}` or
//! `{"id", "error", "message"}` for each command, and `{"event": {"name", "at", …}}` for what the session tells, with
//! peers by their ids on the wire. Standard error has the log that `RUST_LOG` asks for.

mod command;
mod peer;
mod received;
mod recorder;

use std::io::{self, BufRead as _};

use command::Command;
use parlor::api::{Error, Status};
use peer::Peer;
use serde_json::json;
use tracing_subscriber::filter::{EnvFilter, FilterFn, LevelFilter};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> io::Result<()> {
    log_to_stderr();
    let mut peer = Peer::default();
    for line in io::stdin().lock().lines() {
        let Command { id, call } = serde_json::from_str(&line?).map_err(io::Error::other)?;
        let answer = match peer.answer(call) {
            Ok(value) => json!({ "id": id, "value": value }),
            Err(error) => json!({ "id": id, "error": code(error.status()), "message": error.message() }),
        };
        println!("{answer}");
    }
    peer.end();
    Ok(())
}

/// Logs what `RUST_LOG` asks for, of libraries from `warn` up only: further down some write what passes through them.
fn log_to_stderr() {
    let is_ours_or_grave =
        FilterFn::new(|it| *it.level() <= LevelFilter::WARN || it.target().starts_with("parlor"));
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(false).with_filter(is_ours_or_grave);
    Registry::default().with(lines).with(EnvFilter::from_default_env()).init();
}

/// Returns a status as the protocol spells codes, such as `invalid_argument`.
fn code(status: Status) -> String {
    let mut code = String::new();
    for letter in format!("{status:?}").chars() {
        if letter.is_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.push(letter.to_ascii_lowercase());
    }
    code
}

/// Makes the error of a command that names what is not there.
fn unknown(what: &str) -> Error {
    Error::new(Status::UnknownId, format!("there is no {what}"))
}
