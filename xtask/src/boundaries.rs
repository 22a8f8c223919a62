//! `cargo xtask boundaries`: what `ARCHITECTURE.md` says about who may use what, checked on the sources.

mod manifest;
mod rules;
mod source;
mod text;

use std::fmt;
use std::fs;
use std::path::Path;

use crate::{Result, project};
use text::LongFiles;

const LONG_FILES: &str = "xtask/long-files.txt";
const SKIPPED_FOLDERS: &[&str] = &["target", "node_modules", "dist", ".git", ".venv", "probe"];
const SOURCES: &[&str] =
    &["rs", "toml", "ts", "mjs", "css", "c", "cpp", "h", "hpp", "swift", "kt", "py", "in", "cmake"];
// Written by a generator: its length is not its author's choice.
const GENERATED: &[&str] = &["include/parlor.h"];

/// One broken rule.
#[derive(PartialEq, Eq)]
pub struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), line, message: message.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Checks every source of the workspace, prints what breaks a rule, and fails if anything does.
pub fn run() -> Result {
    let root = project::root();
    let mut paths = Vec::new();
    collect(root, root, &mut paths)?;
    paths.sort();
    let findings = check_all(root, &paths)?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        println!("boundaries: {} files keep the rules", paths.len());
        Ok(())
    } else {
        Err(format!("boundaries: {} findings", findings.len()).into())
    }
}

fn check_all(root: &Path, paths: &[String]) -> Result<Vec<Finding>> {
    let long_files = match LongFiles::parse(LONG_FILES, &fs::read_to_string(root.join(LONG_FILES))?) {
        Ok(list) => list,
        Err(finding) => return Ok(vec![finding]),
    };
    let mut findings = Vec::new();
    for missing in long_files.missing(paths) {
        findings.push(Finding::new(LONG_FILES, 1, format!("`{missing}` does not exist any more")));
    }
    for path in paths.iter().filter(|path| !GENERATED.contains(&path.as_str())) {
        let content = fs::read_to_string(root.join(path))?;
        findings.extend(text::check(path, &content, &long_files));
        if path.ends_with(".rs") {
            findings.extend(source::check(path, &content));
        } else if path.ends_with("Cargo.toml") {
            findings.extend(manifest::check(path, &content));
        }
    }
    Ok(findings)
}

/// Collects the sources below `folder`, relative to `root`, with `/`.
fn collect(root: &Path, folder: &Path, paths: &mut Vec<String>) -> Result {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                collect(root, &path, paths)?;
            }
        } else if path.extension().is_some_and(|it| SOURCES.iter().any(|source| it == *source)) {
            let below = path.strip_prefix(root)?;
            paths.push(below.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}
