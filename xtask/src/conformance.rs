//! `cargo xtask conformance`: the server against the published SDKs, in Chromium, in Node and in Python.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::project::{root, target_dir};
use crate::{Result, command, web};

/// The first Node with a built-in WebSocket, behind a flag, which the SDK is tested with.
const OLDEST_NODE: u32 = 20;

/// How many checks run at once. Most wait for something most of the time.
const AT_ONCE: &str = "3";

/// Runs all checks, or the one of this name (`F2`), and prints a table. Where a program is missing this is skipped
/// with one line, except in CI.
pub fn run(only: Option<&str>) -> Result {
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
    let tests = tests(&folder, only)?;
    web::install_node_modules(&folder)?;
    let python = install_python(&folder)?;
    command::run(command::cargo().args(["build", "--quiet", "--package", "parlor-server"]))?;
    let mut node = command::new("node");
    node.args(["--experimental-websocket", "--test", "--test-concurrency", AT_ONCE]);
    node.arg("--test-reporter").arg(folder.join("support/reporter.mjs")).args(tests);
    node.env("PARLOR_SERVER", target_dir().join("debug/parlor-server")).env("PARLOR_PYTHON", python);
    command::run(&mut node)
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

/// Finds the files of the checks: `F2` is `f02_….test.mjs`.
fn tests(folder: &Path, only: Option<&str>) -> Result<Vec<PathBuf>> {
    let prefix = match only {
        None => "f".to_owned(),
        Some(check) => {
            let number: u32 = check
                .strip_prefix(['F', 'f'])
                .and_then(|number| number.parse().ok())
                .ok_or_else(|| format!("a check has a name such as F2, not `{check}`"))?;
            format!("f{number:02}_")
        }
    };
    let mut tests = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&prefix) && name.ends_with(".test.mjs") {
            tests.push(path);
        }
    }
    if tests.is_empty() {
        return Err(format!("there is no check {}", only.unwrap_or("at all")).into());
    }
    tests.sort();
    Ok(tests)
}

/// Makes a virtual environment with the Python SDK, unless it is there already, and returns its interpreter.
fn install_python(folder: &Path) -> Result<PathBuf> {
    let (venv, wanted) = (folder.join(".venv"), folder.join("requirements.txt"));
    let (python, installed) = (venv.join("bin/python"), venv.join("requirements.txt"));
    if fs::read(&installed).ok() != Some(fs::read(&wanted)?) {
        command::run(command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"];
        command::run(command::new(&python).args(install).arg("--requirement").arg(&wanted))?;
        // Last, so that an interrupted installation is made anew.
        fs::copy(&wanted, &installed)?;
    }
    Ok(python)
}
