//! Parlor's task runner. The `Makefile` and CI call nothing else, so what passes here passes there.

mod bench_ffi;
mod bindings;
mod boundaries;
mod c_library;
mod ci;
mod command;
mod conformance;
mod demo;
mod fuzz;
mod header;
mod install;
mod kotlin;
mod lint;
mod matrix;
mod parity;
mod project;
mod python;
mod python_package;
mod rest;
mod server;
mod setup;
mod sim;
mod soak;
mod swift;
mod test;
mod web;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

use conformance::Checks;
use install::Destination;

/// What every task returns; the error is printed and ends the run.
type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const USAGE: &str = "\
cargo xtask <task>

  setup [--test]        installs the system packages that building needs; with --test, those of all tests too
  demo [ARGS]           runs `parlor demo`: a server and two sessions that call each other
  test [LANGUAGE]       runs every test that this machine can run, or those of cpp, swift, kotlin or python
  lint                  checks formatting, clippy, boundaries, the C header and the licences
  boundaries            checks who uses what, as ARCHITECTURE.md says
  header [--check]      writes include/parlor.h, or fails when it is not up to date
  bindings [--check]    builds libparlor_uniffi and writes the code of Swift, Kotlin and Python; with --check, twice
  parity                holds bindings/surface.toml against the C header and the generated code
  matrix [--json]       makes a call between every two of the languages and Chromium
  bench-ffi [--json]    measures what crossing into each language costs, on release builds
  web [build|test]      builds web/dist, or tests it in Chromium
  conformance [--only F2]
                        tests the server with the published SDKs, one line for each check
  rest                  holds the REST interface against spec/openapi.json with schemathesis
  fuzz [--seconds N]    runs each fuzz target for a while (nightly Rust)
  sim A..B              simulates the calls of these seeds, in which things go wrong; adds a line to docs/sim-ledger.md
  soak                  what takes too long for CI: conformance at full length, an hour of coming and going, ten minutes
                        without the server; writes docs/soak.md
  install --prefix P [--destdir D] [--profile NAME]
                        builds libparlor and installs it with its headers and package files
  server [--out DIR]    builds parlor-server as one static binary into DIR (target/container) and prints its size
  ci [--list | STEP..]  runs CI's steps, all or the named ones";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result {
    match arguments {
        ["setup"] => setup::run(setup::For::Building),
        ["setup", "--test"] => setup::run(setup::For::Testing),
        ["demo", rest @ ..] => demo::run(rest),
        ["test"] => test::run(),
        ["test", language] => test::only(language),
        ["lint"] => lint::run(),
        ["boundaries"] => boundaries::run(),
        ["header"] => header::write(),
        ["header", "--check"] => header::check(),
        ["bindings"] => bindings::generate(),
        ["bindings", "--check"] => bindings::check(),
        ["parity"] => parity::check(),
        ["bench-ffi", options @ ..] => bench_ffi::run(options),
        ["matrix"] => matrix::run(false),
        ["matrix", "--json"] => matrix::run(true),
        ["web"] | ["web", "build"] => web::build(),
        ["web", "test"] => web::test(),
        ["conformance"] => conformance::run(Checks::All),
        ["conformance", "--only", check] => conformance::run(Checks::Only(check)),
        ["rest"] => rest::test(),
        ["fuzz"] => fuzz::run(fuzz::BRIEFLY),
        ["fuzz", "--seconds", seconds] => fuzz::run(seconds),
        ["sim", seeds] => sim::run(seeds),
        ["soak"] => soak::run(),
        ["install", options @ ..] => install::run(&Destination::parse(options)?),
        ["server"] => server::run(&project::target_dir().join("container")),
        ["server", "--out", folder] => server::run(Path::new(folder)),
        ["ci", "--list"] => {
            ci::list();
            Ok(())
        }
        ["ci", steps @ ..] => ci::run(steps),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("unknown arguments\n\n{USAGE}").into()),
    }
}
