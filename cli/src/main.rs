//! The `parlor` command: a server, a caller, a demo and the benches.

mod bench;
mod call;
mod demo;
mod participant;
mod probe;
mod progress;
mod report;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::{EnvFilter, FilterFn, LevelFilter};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Parlor: name a channel, add your streams, join.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the signalling server.
    Serve(Box<parlor_server::cli::ServeArgs>),
    /// Make, list, revoke and rotate the server's keys.
    Keys(parlor_server::admin::KeysArgs),
    /// Make tokens for the server's clients.
    Token(parlor_server::admin::TokenArgs),
    /// Show the webhooks' secret and progress, and tell events again.
    Webhooks(parlor_server::admin::WebhooksArgs),
    /// Join a channel, send and receive, and report what came.
    Call(call::CallArgs),
    /// Run a server and two sessions that call each other, all in this process.
    Demo(demo::DemoArgs),
    /// Measure.
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Serve(arguments) => return parlor_server::cli::run(*arguments),
        Command::Keys(arguments) => return parlor_server::admin::keys::run(arguments),
        Command::Token(arguments) => return parlor_server::admin::token::run(arguments),
        Command::Webhooks(arguments) => return parlor_server::admin::webhooks::run(arguments),
        Command::Call(arguments) => call::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("parlor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error what `RUST_LOG` asks for, and nothing else. Libraries are heard from `warn` up only: further
/// down some write what passes through them, tokens included.
fn log_to_stderr() {
    let is_ours_or_grave =
        FilterFn::new(|it| *it.level() <= LevelFilter::WARN || it.target().starts_with("parlor"));
    let lines = fmt::layer().with_writer(std::io::stderr).with_filter(is_ours_or_grave);
    Registry::default().with(lines).with(EnvFilter::from_default_env()).init();
}
