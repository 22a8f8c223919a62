//! The one debug build that all tests share.

use crate::{Result, command};

/// Cargo chooses the features of every dependency for a command line as a whole. With the same packages and features
/// in each, nothing is built twice.
pub const ALL: [&str; 5] = ["--workspace", "--exclude", "xtask", "--features", "parlor-c/test-hooks"];

/// Builds all libraries, programs and tests.
pub fn build() -> Result {
    command::run(command::cargo().args(["build", "--quiet", "--all-targets"]).args(ALL))
}

/// Runs all Rust tests.
pub fn test() -> Result {
    command::run(command::cargo().args(["test", "--quiet"]).args(ALL))?;
    command::run(command::cargo().args(["test", "--quiet", "--package", "xtask"]))
}
