//! `cargo xtask web`: the browser page and its end-to-end tests.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::project::{root, target_dir};
use crate::{Result, command, workspace};

/// Builds `web/dist`.
pub fn build() -> Result {
    let web = root().join("web");
    install_node_modules(&web)?;
    command::run(npm(&web).args(["run", "--silent", "build"]))
}

/// Builds the page and runs it in Chromium, against the server and with the native engine. Where Node or Chromium
/// is missing this is skipped with one line, except in CI.
pub fn test() -> Result {
    let missing: Vec<&str> =
        ["node", "npm", "chromium"].into_iter().filter(|program| command::find(program).is_none()).collect();
    if !missing.is_empty() {
        let message = format!("web tests skipped: no {} (`cargo xtask setup --test`)", missing.join(", "));
        if env::var("CI").is_ok_and(|ci| ci == "true") {
            return Err(message.into());
        }
        println!("{message}");
        return Ok(());
    }
    build()?;
    workspace::build()?;
    let mut tests = command::new("node");
    tests.arg("web/tests/e2e.mjs").arg("--parlor").arg(target_dir().join("debug/parlor"));
    tests.arg("--screenshots").arg(target_dir().join("web"));
    command::run(&mut tests)
}

/// Installs what the `package-lock.json` of a folder names, unless that is there already.
pub fn install_node_modules(folder: &Path) -> Result {
    if modified(&folder.join("node_modules/.package-lock.json")) < modified(&folder.join("package-lock.json"))
    {
        command::run(npm(folder).args(["ci", "--loglevel=error"]))?;
    }
    Ok(())
}

fn npm(folder: &Path) -> Command {
    let mut npm = command::new("npm");
    npm.current_dir(folder);
    npm
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}
