//! Where things are in the workspace, and its version.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// Returns the workspace's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// Returns cargo's output folder.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The version that all packages of the workspace share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counts releases that break; also the number in the shared library's soname.
    pub major: u32,
    /// Counts releases that add.
    pub minor: u32,
    /// Counts releases that repair.
    pub patch: u32,
}

impl Version {
    /// Reads the version from the workspace's manifest.
    pub fn read() -> Result<Self> {
        let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml"))?.parse()?;
        let version =
            manifest["workspace"]["package"]["version"].as_str().ok_or("the workspace has no version")?;
        Self::parse(version)
    }

    fn parse(text: &str) -> Result<Self> {
        let numbers = text.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
        let [major, minor, patch] = numbers[..] else {
            return Err(format!("`{text}` is not major.minor.patch").into());
        };
        Ok(Self { major, minor, patch })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn a_version_is_three_numbers() {
        let version = Version::parse("1.20.3").expect("valid");
        assert_eq!(version, Version { major: 1, minor: 20, patch: 3 });
        assert_eq!(version.to_string(), "1.20.3");
        assert!(Version::parse("1.2").is_err());
        assert!(Version::parse("1.2.x").is_err());
    }
}
