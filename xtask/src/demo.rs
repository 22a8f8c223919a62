//! `cargo xtask demo`: from a fresh checkout to two sessions in a call.

use crate::setup::For;
use crate::{Result, command, setup};

/// Installs what is missing, builds the `parlor` command and runs its demo with `arguments`.
pub fn run(arguments: &[&str]) -> Result {
    setup::run(For::Building)?;
    command::run(command::cargo().args(["run", "--package", "parlor-cli", "--", "demo"]).args(arguments))
}
