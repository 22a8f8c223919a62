//! Checks of the C library from outside: as other people's compilers, linkers and programs see it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use crate::install::{self, Destination};
use crate::project::target_dir;
use crate::{Result, command, header};

/// A CMake project that finds the installed package and registers its programs with ctest.
const TESTS: &str = "tests/c";

/// Builds and runs the C and C++ tests against an installed library.
pub fn test() -> Result {
    Variant { name: "plain", profile: "dev", features: &[], defines: &[] }.run()
}

/// Runs the same tests with the address and undefined-behaviour sanitizers in the C and C++ code.
pub fn test_with_sanitizers() -> Result {
    let defines = &[
        "CMAKE_C_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=all",
        "CMAKE_CXX_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=all",
    ];
    Variant { name: "sanitizers", profile: "dev", features: &[], defines }.run()
}

/// Runs the same tests under Valgrind.
pub fn test_with_valgrind() -> Result {
    let defines = &["CMAKE_CROSSCOMPILING_EMULATOR=valgrind;--quiet;--error-exitcode=97;\
                     --leak-check=full;--errors-for-leak-kinds=definite"];
    Variant { name: "valgrind", profile: "dev", features: &[], defines }.run()
}

/// Builds the library that is shipped, runs the tests on it shared and static, and compares what it exports with the
/// header. A panic is forced in a second build of it, since what is shipped has no function that panics.
pub fn test_release() -> Result {
    let (features, defines) = (&["test-hooks"], &["PARLOR_TEST_HOOKS=ON"]);
    Variant { name: "release-hooks", profile: "release", features, defines }.run()?;
    let defines = &["PARLOR_LIBRARY=parlor::static"];
    Variant { name: "release-static", profile: "release", features: &[], defines }.run()?;
    Variant { name: "release", profile: "release", features: &[], defines: &[] }.run()?;
    check_symbols()
}

/// One way to build and run the tests.
struct Variant {
    name: &'static str,
    profile: &'static str,
    features: &'static [&'static str],
    defines: &'static [&'static str],
}

impl Variant {
    fn run(&self) -> Result {
        let prefix = target_dir().join("c").join(self.name);
        install::run(&Destination {
            prefix: prefix.clone(),
            destdir: None,
            profile: self.profile.to_owned(),
            features: self.features.to_vec(),
        })?;
        command::run(command::cargo().args(["build", "--package", "parlor-server"]))?;
        let build: PathBuf = target_dir().join("c/build").join(self.name);
        let mut configure = command::new("cmake");
        configure
            .args(["--log-level=WARNING", "-S", TESTS, "-B"])
            .arg(&build)
            .arg("-DCMAKE_BUILD_TYPE=Debug");
        configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
        configure.arg(format!("-DPARLOR_SERVER={}", install::built("dev").join("parlor-server").display()));
        configure.args(self.defines.iter().map(|define| format!("-D{define}")));
        command::run(&mut configure)?;
        command::run(command::new("cmake").arg("--build").arg(&build))?;
        let mut ctest = command::new("ctest");
        ctest.arg("--test-dir").arg(&build).args(["--output-on-failure", "--no-tests=error"]);
        command::run(&mut ctest)
    }
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

/// Compares what the release library exports with what the header declares.
fn check_symbols() -> Result {
    let library = install::built("release").join("libparlor.so");
    let listing = command::output(command::new("nm").args(["--dynamic", "--defined-only"]).arg(&library))?;
    let exported = symbols_in(&listing);
    let declared: BTreeSet<String> = header::declared_symbols()?.into_iter().collect();
    let surplus: Vec<&str> = exported.difference(&declared).map(String::as_str).collect();
    let lacking: Vec<&str> = declared.difference(&exported).map(String::as_str).collect();
    if surplus.is_empty() && lacking.is_empty() {
        println!("symbols: the library exports the header's {} functions and nothing else", declared.len());
        let size = fs::metadata(&library)?.len();
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
