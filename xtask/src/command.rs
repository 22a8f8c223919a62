//! Programs that tasks run: in the workspace's folder, shown before they start, and failing when they fail.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Result;
use crate::project::root;

/// Prepares a program to be run in the workspace's folder.
///
/// What cargo told this process about the package `xtask` is kept from it: build scripts that look at those
/// variables, such as ring's, would run again, and all that depends on them be built again, each time that cargo is
/// called once from here and once by hand.
pub fn new(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// Prepares the cargo that runs this task.
pub fn cargo() -> Command {
    new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

static IS_ASIDE: AtomicBool = AtomicBool::new(false);

/// From here on, programs are shown and print on standard error: standard output is the task's own answer.
pub fn run_aside() {
    IS_ASIDE.store(true, Ordering::Relaxed);
}

/// Prints a line about what a task does.
pub fn say(line: &str) {
    if IS_ASIDE.load(Ordering::Relaxed) { eprintln!("{line}") } else { println!("{line}") }
}

/// Shows and runs a program; fails when it cannot start or does not succeed.
pub fn run(command: &mut Command) -> Result {
    let shown = describe(command);
    say(&format!("$ {shown}"));
    if IS_ASIDE.load(Ordering::Relaxed) {
        command.stdout(std::io::stderr());
    }
    let status = command.status().map_err(|error| format!("`{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed: {status}").into()) }
}

/// Runs a program and returns what it printed; fails when it cannot start or does not succeed.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = describe(command);
    let output = command.output().map_err(|error| format!("`{shown}`: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(format!("`{shown}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
            .into())
    }
}

/// Finds a program on the search path.
pub fn find(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
