//! The Swift package: put together from `bindings/swift` and the generated code, then tested as other packages see it.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bindings::{self, Language};
use crate::project::{Version, root, target_dir};
use crate::{Result, command, conformance};

/// Lets clang and SwiftPM find the generated header, and the linker the library.
const MODULE_MAP: &str = "\
module parlorFFI {
    header \"parlorFFI.h\"
    link \"parlor_uniffi\"
    export *
}
";

/// What compiles with a warning, the generated code included, does not compile. Not for packages that have ours from a git
/// repository: SwiftPM silences the warnings of those.
const STRICTLY: [&str; 2] = ["-Xswiftc", "-warnings-as-errors"];

/// Tests the package, the examples and a package that depends on it, and replays the scenarios of `spec/scenarios/api`.
/// Without a Swift compiler this is skipped with one line, except in CI.
pub fn test() -> Result {
    if !is_there("Swift tests", "swift", "https://www.swift.org/install")? {
        return Ok(());
    }
    let package = stage()?;
    let mut tests = swift("test", &tests_folder(), &package);
    tests
        .args(STRICTLY)
        .env("PARLOR_HEADER", root().join("include/parlor.h"))
        .env("PARLOR_MEDIA", root().join("examples/media"));
    // The test of panics makes a good many of them.
    tests.env("RUST_BACKTRACE", "0");
    tests.env("PARLOR_EXAMPLES", build_examples(&package)?);
    run(&mut tests)?;
    test_consumer(&package)?;
    conformance::replay("Swift", &scratch(&tests_folder()).join("debug/parlor-peer"))
}

/// Builds the peer program and returns where it is; it finds the library by itself.
pub fn build_peer() -> Result<PathBuf> {
    let mut build = swift("build", &tests_folder(), &stage()?);
    build.args(STRICTLY).args(["--quiet", "--product", "parlor-peer"]).stdout(stderr());
    run(&mut build)?;
    Ok(scratch(&tests_folder()).join("debug/parlor-peer"))
}

/// Builds the program of `parlor bench ffi` on the library of the release build, which is there by then.
pub fn build_bench() -> Result<PathBuf> {
    let mut build = swift_with("build", &tests_folder(), &stage()?, &bindings::release_library());
    build.args(STRICTLY).args(["--quiet", "--configuration", "release", "--product", "parlor-bench"]);
    run(build.stdout(stderr()))?;
    Ok(scratch(&tests_folder()).join("release/parlor-bench"))
}

/// Puts the package together: what a release's repository holds. Returns its folder.
pub fn stage() -> Result<PathBuf> {
    bindings::generate()?;
    let package = target_dir().join("bindings/swift/Parlor");
    let source = root().join("bindings/swift");
    let generated = Language::Swift.generated();
    let mut files = vec![
        ("Package.swift".to_owned(), fs::read(source.join("Package.swift"))?),
        (
            "Sources/ParlorEngine/ParlorEngine.swift".to_owned(),
            fs::read(generated.join("ParlorEngine.swift"))?,
        ),
        ("Sources/parlorFFI/parlorFFI.h".to_owned(), fs::read(generated.join("parlorFFI.h"))?),
        ("Sources/parlorFFI/module.modulemap".to_owned(), MODULE_MAP.into()),
    ];
    for entry in fs::read_dir(source.join("Sources/Parlor"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((format!("Sources/Parlor/{name}"), fs::read(&path)?));
    }
    remove_strays(&package, &files)?;
    for (name, bytes) in files {
        let path = package.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&package))?;
        // Only what differs is written, so that Swift compiles only that.
        if fs::read(&path).ok().as_ref() != Some(&bytes) {
            fs::write(&path, bytes)?;
        }
    }
    Ok(package)
}

/// Removes sources of the staged package that are no more.
fn remove_strays(package: &Path, files: &[(String, Vec<u8>)]) -> Result {
    let folder = package.join("Sources/Parlor");
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if !files.iter().any(|(name, _)| package.join(name) == path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Makes a git repository of the package and a tag, as a release has them, and runs a package that depends on that.
fn test_consumer(package: &Path) -> Result {
    let work = target_dir().join("bindings/swift/consumer");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let repository = work.join("parlor");
    fs::create_dir_all(&repository)?;
    let git = |arguments: &[&str]| {
        let mut git = command::new("git");
        git.current_dir(&repository).args(["-c", "user.name=Parlor", "-c", "user.email=parlor@localhost"]);
        command::output(git.args(arguments)).map(drop)
    };
    for name in ["Package.swift", "Sources"] {
        command::output(command::new("cp").arg("-r").arg(package.join(name)).arg(&repository))?;
    }
    let version = Version::read()?.to_string();
    git(&["init", "--quiet"])?;
    git(&["add", "."])?;
    git(&["commit", "--quiet", "--message", &version])?;
    git(&["tag", &version])?;
    let consumer = work.join("consumer");
    command::output(command::new("cp").arg("-r").arg(root().join("bindings/swift/Consumer")).arg(&consumer))?;
    // SwiftPM takes a version that it has for one that does not change.
    if scratch(&consumer).exists() {
        fs::remove_dir_all(scratch(&consumer))?;
    }
    let mut program = swift("run", &consumer, package);
    program.env("PARLOR_URL", format!("file://{}", repository.display())).env("PARLOR_VERSION", &version);
    // SwiftPM keeps a copy of each repository under its URL; this one is made anew each time.
    program.args(["--quiet", "--disable-dependency-cache", "consumer"]);
    run(&mut program)
}

/// Builds the examples and returns the folder of their programs.
fn build_examples(package: &Path) -> Result<PathBuf> {
    let folder = root().join("examples/swift");
    let mut build = swift("build", &folder, package);
    run(build.args(STRICTLY).arg("--quiet"))?;
    Ok(scratch(&folder).join("debug"))
}

fn tests_folder() -> PathBuf {
    root().join("bindings/swift/Tests")
}

/// Returns where SwiftPM builds the package of a folder.
fn scratch(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    target_dir().join("bindings/swift/build").join(name)
}

/// Prepares a command of SwiftPM for the package of a folder, with the library of the debug build.
fn swift(task: &str, folder: &Path, package: &Path) -> Command {
    swift_with(task, folder, package, &bindings::library())
}

/// Prepares a command of SwiftPM for the package of a folder; what it builds finds the library where that is now.
fn swift_with(task: &str, folder: &Path, package: &Path, library: &Path) -> Command {
    let libraries = library.parent().unwrap_or(library).display().to_string();
    let mut swift = command::new("swift");
    swift.arg(task).arg("--package-path").arg(folder).arg("--scratch-path").arg(scratch(folder));
    for flag in [format!("-L{libraries}"), "-rpath".to_owned(), libraries] {
        swift.args(["-Xlinker", &flag]);
    }
    swift.env("PARLOR_PACKAGE", package).env("PARLOR_SERVER", target_dir().join("debug/parlor-server"));
    swift
}

/// Runs a command of SwiftPM, without what a compiler that is cut down says on each call and that means nothing.
fn run(swift: &mut Command) -> Result {
    let words: Vec<_> = swift.get_args().map(|word| word.to_string_lossy()).collect();
    eprintln!("$ swift {}", words.join(" "));
    let mut child = swift.stderr(Stdio::piped()).spawn().map_err(|error| format!("swift: {error}"))?;
    if let Some(output) = child.stderr.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            if !line.contains("Unable to locate libSwiftScan") {
                eprintln!("{line}");
            }
        }
    }
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("swift failed: {status}").into()) }
}

/// Says whether a program is there; in CI it must be.
fn is_there(what: &str, program: &str, source: &str) -> Result<bool> {
    if command::find(program).is_some() {
        return Ok(true);
    }
    let message = format!("{what} skipped: no {program} ({source})");
    // No package archive has a Swift compiler: `.ci/run` says so where it has put one on the path.
    let is_required = if program == "swift" { "PARLOR_SWIFT_REQUIRED" } else { "CI" };
    if env::var(is_required).is_ok_and(|value| value == "true") {
        return Err(message.into());
    }
    println!("{message}");
    Ok(false)
}
