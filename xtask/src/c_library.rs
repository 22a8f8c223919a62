//! Checks of the C library from outside: as other people's compilers, linkers and programs see it.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::install::{self, Destination};
use crate::project::{root, target_dir};
use crate::{Result, command, conformance, header, workspace};

/// A CMake project that finds the installed package and registers its programs, and the examples, with ctest.
const TESTS: &str = "tests/c";
const SHARED: &str = "PARLOR_LIBRARY=parlor::parlor";
const STATIC: &str = "PARLOR_LIBRARY=parlor::static";

/// Builds and runs the C and C++ tests against an installed library.
pub fn test() -> Result {
    check_panic_test()?;
    let package = Package::debug()?;
    package.test("plain", &[SHARED])?;
    for (language, name) in [("C", "peer_c"), ("C++", "peer_cpp")] {
        let program = target_dir().join("c/build/plain").join(name);
        if program.exists() {
            conformance::replay(language, &program)?;
        } else {
            let message =
                format!("scenarios in {language} skipped: no JSON library (`cargo xtask setup --test`)");
            if env::var("CI").is_ok_and(|ci| ci == "true") {
                return Err(message.into());
            }
            println!("{message}");
        }
    }
    Ok(())
}

/// Runs the same tests with the address and undefined-behaviour sanitizers in the C and C++ code.
pub fn test_with_sanitizers() -> Result {
    let package = Package::debug()?;
    let c = "CMAKE_C_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=all";
    let cpp = "CMAKE_CXX_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=all";
    package.test("sanitizers", &[SHARED, c, cpp])
}

/// Runs the same tests under Valgrind, calls with small pictures among them; servers and the partner of the C example
/// run beside it.
pub fn test_with_valgrind() -> Result {
    let package = Package::debug()?;
    package.test("valgrind", &[SHARED, "PARLOR_VALGRIND=ON"])
}

/// Runs the tests on release builds, where a panic must still be caught, and on the very library that is shipped,
/// linked both ways; compares what that exports with the header.
pub fn test_release() -> Result {
    Package::release(Hooks::On)?.test("release-hooks", &[SHARED])?;
    let package = Package::release(Hooks::Off)?;
    package.test("release-static", &[STATIC])?;
    package.test("release", &[SHARED])?;
    check_symbols(&package.prefix.join("lib/libparlor.so"))
}

/// Whether the library exports what only tests call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hooks {
    On,
    Off,
}

/// An installed library.
struct Package {
    prefix: PathBuf,
    hooks: Hooks,
}

impl Package {
    /// The library of the debug build, with hooks.
    fn debug() -> Result<Self> {
        let prefix = target_dir().join("c/debug-hooks");
        workspace::build()?;
        install::place("dev", &prefix)?;
        Ok(Self { prefix, hooks: Hooks::On })
    }

    /// The library as it is shipped, or the same with hooks.
    fn release(hooks: Hooks) -> Result<Self> {
        let (folder, features) = match hooks {
            Hooks::On => ("c/release-hooks", vec!["test-hooks".to_owned()]),
            Hooks::Off => ("c/release", Vec::new()),
        };
        let prefix = target_dir().join(folder);
        let profile = "release".to_owned();
        install::run(&Destination { prefix: prefix.clone(), destdir: None, profile, features })?;
        Ok(Self { prefix, hooks })
    }

    /// Configures, builds and runs the tests in a build folder of that name.
    fn test(&self, name: &str, defines: &[&str]) -> Result {
        let build = self.build(name, defines)?;
        let mut ctest = command::new("ctest");
        ctest.arg("--test-dir").arg(&build).args(["--output-on-failure", "--no-tests=error"]);
        command::run(&mut ctest)
    }

    /// Configures and builds the tests in a build folder of that name, and returns the folder.
    fn build(&self, name: &str, defines: &[&str]) -> Result<PathBuf> {
        workspace::build()?;
        let build = target_dir().join("c/build").join(name);
        let mut configure = command::new("cmake");
        configure.args(["--log-level=WARNING", "-S", TESTS, "-B"]).arg(&build);
        configure.arg("-DCMAKE_BUILD_TYPE=Debug");
        configure.arg(format!("-DCMAKE_PREFIX_PATH={}", self.prefix.display()));
        configure.arg(format!("-DPARLOR_SERVER={}", target_dir().join("debug/parlor-server").display()));
        configure.arg(format!("-DPARLOR_TEST_HOOKS={}", if self.hooks == Hooks::On { "ON" } else { "OFF" }));
        configure.args(defines.iter().map(|define| format!("-D{define}")));
        command::run(&mut configure)?;
        command::run(command::new("cmake").arg("--build").arg(&build).args(["--", "--quiet"]))?;
        Ok(build)
    }
}

/// Builds the bench program on a release build and returns where it is.
pub fn build_bench() -> Result<PathBuf> {
    let build = Package::release(Hooks::On)?.build("release-hooks", &[SHARED])?;
    Ok(build.join("bench_ffi"))
}

/// Builds the peer program in C or C++ and returns where it is.
pub fn build_peer(language: &str) -> Result<PathBuf> {
    let build = Package::debug()?.build("plain", &[SHARED])?;
    Ok(build.join(format!("peer_{language}")))
}

/// Compiles the installed headers alone, twice included, in every language version that is promised.
pub fn check_headers() -> Result {
    const C: &[&str] = &["c99", "c11", "c17"];
    const CPP: &[&str] = &["c++11", "c++17", "c++20"];
    const CPP_WRAPPER: &[&str] = &["c++17", "c++20"];
    for compiler in ["gcc", "clang"] {
        for (header, language, standards) in
            [("parlor.h", "c", C), ("parlor.h", "c++", CPP), ("parlor.hpp", "c++", CPP_WRAPPER)]
        {
            for standard in standards {
                compile_header(compiler, language, standard, header)?;
            }
            println!("headers: {header} as {language} ({}) with {compiler}: clean", standards.join(", "));
        }
    }
    Ok(())
}

fn compile_header(compiler: &str, language: &str, standard: &str, header: &str) -> Result {
    let mut compile = command::new(compiler);
    compile.args(["-x", language, &format!("-std={standard}")]);
    compile.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-Iinclude", "-"]);
    let mut child = compile.stdin(Stdio::piped()).spawn().map_err(|error| format!("{compiler}: {error}"))?;
    let program = format!("#include <{header}>\n#include <{header}>\nint main(void) {{ return 0; }}\n");
    if let Some(mut input) = child.stdin.take() {
        input.write_all(program.as_bytes())?;
    }
    if child.wait()?.success() {
        Ok(())
    } else {
        Err(format!("{header} does not compile with {compiler} -std={standard}").into())
    }
}

/// Fails when the test of panics leaves a function out.
fn check_panic_test() -> Result {
    let test = fs::read_to_string(root().join(TESTS).join("panic_test.c"))?;
    let missing: Vec<String> =
        header::declared_symbols()?.into_iter().filter(|name| !test.contains(&format!("{name}("))).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("panic_test.c leaves out {missing:?}").into()) }
}

/// Compares what the library exports with what the header declares.
fn check_symbols(library: &Path) -> Result {
    let listing = command::output(command::new("nm").args(["--dynamic", "--defined-only"]).arg(library))?;
    let exported = symbols_in(&listing);
    let declared: BTreeSet<String> = header::declared_symbols()?.into_iter().collect();
    let surplus: Vec<&str> = exported.difference(&declared).map(String::as_str).collect();
    let lacking: Vec<&str> = declared.difference(&exported).map(String::as_str).collect();
    if surplus.is_empty() && lacking.is_empty() {
        println!("symbols: the library exports the header's {} functions and nothing else", declared.len());
        let size = fs::metadata(library)?.len();
        println!("symbols: {} is {:.1} MB", library.display(), size as f64 / 1e6);
        return Ok(());
    }
    Err(format!("exported but not in the header: {surplus:?}; in the header but not exported: {lacking:?}")
        .into())
}

/// The names in a listing of `nm`: address, type letter, name.
fn symbols_in(listing: &str) -> BTreeSet<String> {
    listing.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::symbols_in;

    #[test]
    fn a_symbol_listing_is_read() {
        let listing = "0000000000001139 T parlor_a\n0000000000001140 T parlor_b\n";
        assert_eq!(symbols_in(listing).into_iter().collect::<Vec<_>>(), ["parlor_a", "parlor_b"]);
    }
}
