//! The Kotlin package: built by Maven from `bindings/kotlin` and the generated code, and tested as apps see it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::bindings;
use crate::project::{root, target_dir};
use crate::{Result, command, conformance};

/// Tests the package and the examples, holds the package against what Android 7.0 has, tests it again as an app has it
/// that was shrunk by ProGuard, and replays the scenarios of `spec/scenarios/api`. Without Maven this is skipped with
/// one line, except in CI.
pub fn test() -> Result {
    if !are_there("Kotlin tests", &["java", "mvn"])? {
        return Ok(());
    }
    bindings::generate()?;
    command::run(maven().args(["verify", "--activate-profiles", "android-api,shrunk"]))?;
    conformance::replay("Kotlin", &program("peer"))
}

/// Builds the peer program and returns where it is.
pub fn build_peer() -> Result<PathBuf> {
    build_tests()?;
    Ok(program("peer"))
}

/// Builds the bench program and returns where it is; it loads the library of the release build.
pub fn build_bench() -> Result<PathBuf> {
    build_tests()?;
    Ok(program("bench"))
}

fn build_tests() -> Result {
    bindings::generate()?;
    command::run(maven().arg("test-compile"))
}

fn maven() -> Command {
    let mut maven = command::new("mvn");
    maven.args(["--quiet", "--batch-mode", "--file"]).arg(root().join("bindings/kotlin/pom.xml"));
    maven.arg(format!("-Dparlor.target={}", target_dir().display()));
    maven
}

/// Returns where the script is that starts a program among the tests.
fn program(name: &str) -> PathBuf {
    root().join("bindings/kotlin").join(name)
}

fn are_there(what: &str, programs: &[&str]) -> Result<bool> {
    let missing: Vec<_> =
        programs.iter().copied().filter(|program| command::find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(true);
    }
    let message = format!("{what} skipped: no {}", missing.join(", "));
    if env::var("CI").is_ok_and(|ci| ci == "true") {
        return Err(message.into());
    }
    println!("{message}");
    Ok(false)
}
