//! The `parlor-server` binary.

use std::process::ExitCode;

use clap::Parser;
use parlor_server::cli::{self, ServeArgs};

/// Parlor's self-hosted server: signalling and presence in one binary.
#[derive(Parser)]
#[command(name = "parlor-server", version)]
struct Arguments {
    #[command(flatten)]
    serve: ServeArgs,
}

fn main() -> ExitCode {
    cli::run(Arguments::parse().serve)
}
