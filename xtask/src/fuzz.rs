//! `cargo xtask fuzz`: each fuzz target for a while, from its committed corpus.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::project::root;
use crate::{Result, command};

/// How long each target runs in CI, in seconds: long enough to try the corpus and what is near it.
pub const BRIEFLY: &str = "10";

/// The largest input, in bytes.
const MAX_LENGTH: &str = "4096";

/// Builds and runs every target for this long. What is found new goes to a scratch folder, not into the corpus; an input
/// that fails is kept in `fuzz/artifacts` and printed.
pub fn run(seconds: &str) -> Result {
    let seconds: u32 = seconds.parse().map_err(|_| format!("`{seconds}` is not a number of seconds"))?;
    install()?;
    let fuzz = root().join("fuzz");
    command::run(cargo_fuzz(&fuzz).arg("build"))?;
    for target in targets(&fuzz)? {
        let scratch = fuzz.join("target/corpus").join(&target);
        fs::create_dir_all(&scratch)?;
        let mut run = cargo_fuzz(&fuzz);
        run.arg("run").arg(&target).arg(&scratch).arg(fuzz.join("corpus").join(&target)).arg("--");
        run.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={MAX_LENGTH}"));
        // A failure is printed all the same.
        run.args(["-verbosity=0", "-print_final_stats=1"]);
        command::run(&mut run)?;
    }
    Ok(())
}

/// Installs cargo-fuzz and the nightly compiler that it needs, unless they are there.
fn install() -> Result {
    if command::output(nightly().arg("--version")).is_err() {
        command::run(command::new("rustup").args([
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
        ]))?;
    }
    if command::find("cargo-fuzz").is_none() {
        // Unoptimised: it does nothing that takes long.
        let arguments = ["install", "cargo-fuzz", "--locked", "--version", "0.13.1", "--quiet", "--debug"];
        command::run(command::cargo().args(arguments))?;
    }
    Ok(())
}

/// The corpora's folders are named after the targets.
fn targets(fuzz: &Path) -> Result<Vec<String>> {
    let folders = fs::read_dir(fuzz.join("corpus"))?;
    let mut names = folders
        .map(|folder| Ok(folder?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn cargo_fuzz(fuzz: &Path) -> Command {
    let mut cargo = nightly();
    cargo.current_dir(fuzz).arg("fuzz");
    cargo
}

/// The nightly cargo, which the variable of the cargo that runs this task would hide.
fn nightly() -> Command {
    let mut cargo = command::new("cargo");
    cargo.arg("+nightly").env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    cargo
}
