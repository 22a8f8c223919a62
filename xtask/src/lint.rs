//! `cargo xtask lint`: everything that is checked without running anything of the product.

use std::env;

use crate::{Result, boundaries, command, header};

/// Runs all checks of this module, the boundaries and the header's.
pub fn run() -> Result {
    format()?;
    clippy()?;
    boundaries::run()?;
    header::check()?;
    licences()
}

/// Fails when `cargo fmt` would change something.
pub fn format() -> Result {
    command::run(command::cargo().args(["fmt", "--all", "--check"]))?;
    // Its own workspace.
    command::run(command::cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))
}

/// Fails on any warning of the compiler or of clippy, in all targets.
pub fn clippy() -> Result {
    let arguments = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"];
    command::run(command::cargo().args(arguments))
}

/// Checks the dependencies against `deny.toml`. Without cargo-deny, CI installs it and others are told.
pub fn licences() -> Result {
    if command::find("cargo-deny").is_none() {
        if env::var_os("CI").is_none() {
            println!("licences not checked: no cargo-deny (`cargo install cargo-deny --locked`)");
            return Ok(());
        }
        // Unoptimised: it runs once, and optimising it would take longer than all else.
        let arguments = ["install", "cargo-deny", "--locked", "--version", "0.20.2", "--quiet", "--debug"];
        command::run(command::cargo().args(arguments))?;
    }
    let arguments = ["deny", "--workspace", "--log-level", "error", "check", "licenses", "bans", "sources"];
    command::run(command::cargo().args(arguments))
}
