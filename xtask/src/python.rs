//! Virtual environments of Python, for the tests that need one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, command};

/// Makes a virtual environment in the folder with what its `requirements.txt` names, unless it is there already, and
/// returns its interpreter. Where there is no Python, the tests are skipped with one line, except in CI.
pub fn install(folder: &Path, tests: &str) -> Result<Option<PathBuf>> {
    if command::find("python3").is_none() {
        let message = format!("{tests} skipped: no python3 (`cargo xtask setup --test`)");
        if env::var("CI").is_ok_and(|ci| ci == "true") {
            return Err(message.into());
        }
        println!("{message}");
        return Ok(None);
    }
    let (venv, wanted) = (folder.join(".venv"), folder.join("requirements.txt"));
    let (python, installed) = (venv.join("bin/python"), venv.join("requirements.txt"));
    if fs::read(&installed).ok() != Some(fs::read(&wanted)?) {
        command::run(command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"];
        command::run(command::new(&python).args(install).arg("--requirement").arg(&wanted))?;
        // Last, so that an interrupted installation is made anew.
        fs::copy(&wanted, &installed)?;
    }
    Ok(Some(python))
}
