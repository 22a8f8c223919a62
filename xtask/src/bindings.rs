//! `cargo xtask bindings`: the library that Swift, Kotlin and Python load, and the code that UniFFI writes for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::project::{root, target_dir};
use crate::{Result, command, workspace};

/// A language whose code is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Swift,
    Kotlin,
    Python,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Swift, Self::Kotlin, Self::Python];

    /// Returns the name by which UniFFI knows it, which is also its folder's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Swift => "swift",
            Self::Kotlin => "kotlin",
            Self::Python => "python",
        }
    }

    /// Returns where its generated code is.
    pub fn generated(self) -> PathBuf {
        target_dir().join("bindings/generated").join(self.name())
    }
}

/// Returns the library of the debug build, which panics when a test asks for it.
pub fn library() -> PathBuf {
    target_dir().join("debug/libparlor_uniffi.so")
}

/// Returns the library of the release build.
pub fn release_library() -> PathBuf {
    target_dir().join("release/libparlor_uniffi.so")
}

/// Builds the library as it is shipped, but that it tells how long callbacks took.
pub fn build_for_bench() -> Result {
    let build = ["build", "--quiet", "--release", "--package", "parlor-uniffi", "--features", "test-hooks"];
    command::run(command::cargo().args(build))
}

/// Builds the library and writes the code of every language.
pub fn generate() -> Result {
    workspace::build()?;
    command::run(command::cargo().args(["build", "--quiet", "--package", "parlor-bindgen"]))?;
    Language::ALL.into_iter().try_for_each(|language| write(language, &language.generated()))
}

/// Writes the code of every language once more and fails when that gives other bytes.
pub fn check() -> Result {
    generate()?;
    for language in Language::ALL {
        let again = target_dir().join("bindings/again").join(language.name());
        write(language, &again)?;
        if contents(&language.generated())? != contents(&again)? {
            return Err(format!("{}: generated twice, the code differs", language.name()).into());
        }
        fs::remove_dir_all(&again)?;
    }
    println!("bindings: generated twice, the same bytes");
    Ok(())
}

fn write(language: Language, folder: &Path) -> Result {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let mut bindgen = command::new(target_dir().join("debug/parlor-bindgen"));
    bindgen.args(["generate", "--no-format", "--language", language.name(), "--out-dir"]).arg(folder);
    bindgen.arg(library()).current_dir(root());
    command::output(&mut bindgen).map(drop)
}

fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(
                contents(&path)?.into_iter().map(|(inner, bytes)| {
                    (Path::new(path.file_name().unwrap_or_default()).join(inner), bytes)
                }),
            );
        } else {
            all.insert(path.file_name().unwrap_or_default().into(), fs::read(&path)?);
        }
    }
    Ok(all)
}
