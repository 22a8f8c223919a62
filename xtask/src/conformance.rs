//! `cargo xtask conformance`: the server and the engine against the published SDKs, in Chromium, in Node and in Python.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::{root, target_dir};
use crate::{Result, command, python, web, workspace};

/// The first Node with a built-in WebSocket, behind a flag, which the SDK is tested with.
const OLDEST_NODE: u32 = 20;

/// How many checks run at once. Most wait for something most of the time.
const AT_ONCE: &str = "3";

/// How many files may be run again after they failed.
const MOST_AGAIN: usize = 3;

/// What to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Checks<'a> {
    /// All of the list F1–F40 and the scenarios.
    All,
    /// The one of this name, such as `F2`.
    Only(&'a str),
    /// Those that wait as long as clients do, at full length; the results go to `docs/soak.md`.
    Soak,
}

/// Runs checks and prints a table. Where a program is missing this is skipped with one line, except in CI.
pub fn run(checks: Checks) -> Result {
    let missing: Vec<&str> = ["node", "npm", "chromium", "python3"]
        .into_iter()
        .filter(|program| command::find(program).is_none())
        .collect();
    if !missing.is_empty() {
        let message =
            format!("conformance tests skipped: no {} (`cargo xtask setup --test`)", missing.join(", "));
        if env::var("CI").is_ok_and(|ci| ci == "true") {
            return Err(message.into());
        }
        println!("{message}");
        return Ok(());
    }
    check_node()?;
    let folder = root().join("tests/conformance");
    let tests = match checks {
        Checks::All => tests(&folder, "f")?,
        Checks::Only(check) => tests(&folder, &file_prefix(check)?)?,
        Checks::Soak => [tests(&folder.join("soak"), "f")?, tests(&folder, &file_prefix("F16")?)?].concat(),
    };
    web::install_node_modules(&folder)?;
    let Some(python) = python::install(&folder, "conformance tests")? else { return Ok(()) };
    workspace::build()?;
    let run = |tests: &[PathBuf], at_once: &str| {
        let mut node = node(&folder, at_once, &python);
        if checks == Checks::Soak {
            report(&mut node, &folder.join("support/record.mjs"), &root().join("docs/soak.md"));
        }
        command::run(node.args(tests))
    };
    let Err(error) = run(&tests, AT_ONCE) else { return Ok(()) };
    // Browsers and other people's clients share the machine with one another here. A few that failed get it for
    // themselves once more; what fails then, fails.
    let failed = fs::read_to_string(failed_list())?;
    let failed: Vec<PathBuf> = failed.lines().map(PathBuf::from).collect();
    if failed.is_empty() || failed.len() > MOST_AGAIN || checks == Checks::Soak {
        return Err(error);
    }
    println!("{} of {} files failed; once more, one at a time:", failed.len(), tests.len());
    run(&failed, "1")
}

/// Replays the stories of `spec/scenarios/api` with a language's peer program. Without Node this is skipped with one line,
/// except in CI.
pub fn replay(language: &str, program: &Path) -> Result {
    if command::find("node").is_none() {
        let message = format!("scenarios in {language} skipped: no node (`cargo xtask setup --test`)");
        if env::var("CI").is_ok_and(|ci| ci == "true") {
            return Err(message.into());
        }
        println!("{message}");
        return Ok(());
    }
    println!("scenarios in {language}:");
    let folder = root().join("tests/conformance");
    let mut node = command::new("node");
    node.args(["--experimental-websocket", "--test"]);
    report(&mut node, &folder.join("support/reporter.mjs"), Path::new("stdout"));
    node.env("PARLOR_SERVER", target_dir().join("debug/parlor-server")).env("PARLOR_ENGINE", program);
    command::run(node.arg(folder.join("scenarios.test.mjs")))
}

/// A run of tests that prints what happens and writes down which files failed.
fn node(folder: &Path, at_once: &str, python: &Path) -> Command {
    let mut node = command::new("node");
    node.args(["--experimental-websocket", "--test", "--test-concurrency", at_once]);
    report(&mut node, &folder.join("support/reporter.mjs"), Path::new("stdout"));
    report(&mut node, &folder.join("support/failed.mjs"), &failed_list());
    let debug = target_dir().join("debug");
    node.env("PARLOR_SERVER", debug.join("parlor-server"));
    node.env("PARLOR_ENGINE", debug.join("parlor-conformance-engine"));
    node.env("PARLOR_PYTHON", python);
    node
}

fn failed_list() -> PathBuf {
    target_dir().join("conformance-failed")
}

fn report(node: &mut Command, reporter: &Path, destination: &Path) {
    node.arg("--test-reporter").arg(reporter).arg("--test-reporter-destination").arg(destination);
}

fn check_node() -> Result {
    let version = command::output(command::new("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major >= OLDEST_NODE) {
        Ok(())
    } else {
        Err(format!("the conformance tests need Node {OLDEST_NODE} or later, not {}", version.trim()).into())
    }
}

/// Returns how the file of a check begins: `F2` is `f02_….test.mjs`.
fn file_prefix(check: &str) -> Result<String> {
    let number: Option<u32> = check.strip_prefix(['F', 'f']).and_then(|number| number.parse().ok());
    match number {
        Some(number) => Ok(format!("f{number:02}_")),
        None => Err(format!("a check has a name such as F2, not `{check}`").into()),
    }
}

/// Finds the tests of a folder whose names begin like this.
fn tests(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(".test.mjs") {
            tests.push(path);
        }
    }
    if tests.is_empty() {
        return Err(format!("there is no test {prefix}… in {}", folder.display()).into());
    }
    tests.sort();
    Ok(tests)
}
