//! `cargo xtask server`: `parlor-server` as one file that runs on any Linux of its architecture.

use std::fs;
use std::path::Path;

use crate::project::target_dir;
use crate::{Result, command};

/// The profile in the workspace's `Cargo.toml`: a release without debug information.
const PROFILE: &str = "server";

/// Builds the binary with everything linked into it, copies it to a folder, and prints its size.
pub fn run(folder: &Path) -> Result {
    let host = command::output(command::new("rustc").args(["--print", "host-tuple"]))?;
    let target = std::env::var("PARLOR_SERVER_TARGET").unwrap_or_else(|_| host.trim().to_owned());
    let mut build = command::cargo();
    build.args(["build", "--package", "parlor-server", "--profile", PROFILE, "--target", &target]);
    // With --target the flags are not for build scripts and procedural macros, which cannot be static.
    build.env("RUSTFLAGS", "-C target-feature=+crt-static");
    command::run(&mut build)?;
    fs::create_dir_all(folder)?;
    let binary = folder.join("parlor-server");
    fs::copy(target_dir().join(&target).join(PROFILE).join("parlor-server"), &binary)?;
    require_static(&binary)?;
    command::run(command::new(&binary).arg("--version"))?;
    let size = fs::metadata(&binary)?.len();
    println!("{} is static, {:.1} MiB ({size} bytes)", binary.display(), size as f64 / f64::from(1 << 20));
    Ok(())
}

/// Fails when a binary needs a dynamic linker (the segment `PT_INTERP` of the ELF format).
fn require_static(binary: &Path) -> Result {
    let segments = command::output(command::new("readelf").arg("--program-headers").arg(binary))?;
    if segments.contains("INTERP") {
        return Err(format!("{} is not static", binary.display()).into());
    }
    Ok(())
}
