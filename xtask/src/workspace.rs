//! The one debug build that all tests share.

use crate::{Result, command};

/// Cargo chooses the features of every dependency for a command line as a whole. With the same packages and features
/// in each, nothing is built twice.
///
/// The generator of the bindings stands apart: what it needs of UniFFI would come into the library that they load.
pub const ALL: [&str; 7] = [
    "--workspace",
    "--exclude",
    "xtask",
    "--exclude",
    "parlor-bindgen",
    "--features",
    "parlor-c/test-hooks,parlor-uniffi/test-hooks",
];

/// Builds all libraries, programs and tests.
pub fn build() -> Result {
    command::run(command::cargo().args(["build", "--quiet", "--all-targets"]).args(ALL))
}

/// Runs all Rust tests.
pub fn test() -> Result {
    command::run(command::cargo().args(["test", "--quiet"]).args(ALL))?;
    command::run(command::cargo().args(["test", "--quiet", "--package", "xtask"]))
}
