//! The `parlor-server` binary.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use parlor_server::admin::{self, KeysArgs, TokenArgs, WebhooksArgs};
use parlor_server::cli::{self, ServeArgs};

/// Parlor's self-hosted server: signalling and presence in one binary.
#[derive(Parser)]
#[command(name = "parlor-server", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Make, list, revoke and rotate keys
    Keys(KeysArgs),
    /// Make tokens
    Token(TokenArgs),
    /// Show the webhooks' secret and progress, and tell events again
    Webhooks(WebhooksArgs),
}

fn main() -> ExitCode {
    let Arguments { serve, command } = Arguments::parse();
    match command {
        None => cli::run(serve),
        Some(Command::Keys(arguments)) => admin::keys::run(arguments),
        Some(Command::Token(arguments)) => admin::token::run(arguments),
        Some(Command::Webhooks(arguments)) => admin::webhooks::run(arguments),
    }
}
