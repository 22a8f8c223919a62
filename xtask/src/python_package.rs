//! The Python package: how its wheel is put together, and its tests from the installed wheel.
//!
//! Cargo builds the library and UniFFI writes the code; hatchling packs what is there. A backend that calls cargo by
//! itself, such as maturin, would build the library once more, with other features than the tests of every language
//! share, and is one more program to install.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::bindings::{self, Language};
use crate::project::{Version, root, target_dir};
use crate::{Result, command, conformance, python};

const PACKAGE: &str = "bindings/python";

/// Builds the wheel, installs it and runs the tests of the package and of the examples. Where there is no Python this is
/// skipped with one line, except in CI.
pub fn test() -> Result {
    let Some(python) = python::install(&root().join(PACKAGE), "Python tests")? else { return Ok(()) };
    bindings::generate()?;
    let wheel = wheel(&python, &bindings::library())?;
    install(&python, &wheel)?;
    let debug = target_dir().join("debug");
    let mut pytest = command::new(&python);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(root().join(PACKAGE));
    pytest.env("PARLOR_SERVER", debug.join("parlor-server")).env("PARLOR_WHEEL", wheel);
    // One test has every entry panic, and a backtrace of the debug build takes a third of a second.
    pytest.env("RUST_BACKTRACE", "0");
    command::run(&mut pytest)?;
    conformance::replay("Python", &root().join(PACKAGE).join("peer"))
}

/// Installs the package in the environment of its tests and returns the peer program.
pub fn build_peer() -> Result<PathBuf> {
    let python =
        python::install(&root().join(PACKAGE), "Python peer")?.ok_or("the Python peer needs python3")?;
    bindings::generate()?;
    let wheel = wheel(&python, &bindings::library())?;
    install(&python, &wheel)?;
    Ok(root().join(PACKAGE).join("peer"))
}

/// Installs the package on the release library in a folder of its own and returns the bench program.
pub fn build_bench() -> Result<PathBuf> {
    let python =
        python::install(&root().join(PACKAGE), "Python bench")?.ok_or("the Python bench needs python3")?;
    let wheel = wheel(&python, &bindings::release_library())?;
    let folder = target_dir().join("bindings/python-bench");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut pip = command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]);
    command::run(pip.arg("--target").arg(&folder).arg(wheel))?;
    let program = folder.join("bench");
    let bench = root().join(PACKAGE).join("tests/bench.py");
    let lines = [
        "#!/bin/sh".to_owned(),
        format!("PYTHONPATH='{}' exec '{}' '{}' \"$@\"", folder.display(), python.display(), bench.display()),
    ];
    fs::write(&program, lines.join("\n") + "\n")?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

/// Packs a library and the code that was generated for it, and returns the wheel.
pub fn wheel(python: &Path, library: &Path) -> Result<PathBuf> {
    let folder = target_dir().join("bindings/python");
    let (package, wheels) = (folder.join("package"), folder.join("wheels"));
    for old in [&package, &wheels] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    let modules = package.join("src/parlor");
    fs::create_dir_all(&modules)?;
    for file in ["pyproject.toml", "wheel_tag.py"] {
        fs::copy(root().join(PACKAGE).join(file), package.join(file))?;
    }
    for entry in fs::read_dir(root().join(PACKAGE).join("src/parlor"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), modules.join(entry.file_name()))?;
        }
    }
    fs::copy(Language::Python.generated().join("parlor.py"), modules.join("_engine.py"))?;
    fs::copy(library, modules.join("libparlor_uniffi.so"))?;
    let mut pip = command::new(python);
    pip.args(["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]);
    // What builds it is in the environment, with its hash in requirements.txt.
    pip.args(["--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir"]).arg(&wheels).arg(&package);
    pip.env("PARLOR_VERSION", Version::read()?.to_string());
    command::run(&mut pip)?;
    let made = fs::read_dir(&wheels)?.next().ok_or("pip made no wheel")?;
    Ok(made?.path())
}

fn install(python: &Path, wheel: &Path) -> Result {
    let mut pip = command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--force-reinstall", "--no-deps", "--no-index"]).arg(wheel);
    command::run(&mut pip)
}
