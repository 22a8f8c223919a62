//! `cargo xtask setup`: installs, through apt, the system packages that are missing.

use std::process::Command;

use crate::{Result, command};

/// What the packages are wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// Building the engine, the server and the C library, and running their own tests.
    Building,
    /// The tests in browsers, in all compilers and under memory checkers as well.
    Testing,
}

/// How to tell that a package is there; asking the package manager would miss what came another way.
enum Sign {
    /// A program on the search path.
    Program(&'static str),
    /// A library that pkg-config knows.
    Library(&'static str),
    /// A module that Python can import.
    PythonModule(&'static str),
}

struct Package {
    name: &'static str,
    sign: Sign,
    reason: &'static str,
    wanted_for: For,
}

const fn package(name: &'static str, sign: Sign, reason: &'static str, wanted_for: For) -> Package {
    Package { name, sign, reason, wanted_for }
}

const PACKAGES: &[Package] = &[
    package("gcc", Sign::Program("cc"), "compiles the bundled codecs", For::Building),
    package("g++", Sign::Program("c++"), "compiles the bundled OpenH264", For::Building),
    package("cmake", Sign::Program("cmake"), "builds the bundled libopus and the C tests", For::Building),
    package("nasm", Sign::Program("nasm"), "makes H.264 twice as fast", For::Building),
    package("pkg-config", Sign::Program("pkg-config"), "finds libvpx", For::Building),
    package("libvpx-dev", Sign::Library("vpx"), "VP8", For::Building),
    package("nodejs", Sign::Program("node"), "builds and tests the web page", For::Testing),
    package("npm", Sign::Program("npm"), "builds and tests the web page", For::Testing),
    package("chromium", Sign::Program("chromium"), "tests calls with a browser", For::Testing),
    package("postgresql", Sign::Program("pg_ctlcluster"), "tests keys in PostgreSQL", For::Testing),
    package("python3-venv", Sign::PythonModule("ensurepip"), "tests with the Python SDK", For::Testing),
    package("libcjson-dev", Sign::Library("libcjson"), "the C program of the matrix", For::Testing),
    package(
        "nlohmann-json3-dev",
        Sign::Library("nlohmann_json"),
        "the C++ program of the matrix",
        For::Testing,
    ),
    package("openjdk-17-jdk-headless", Sign::Program("javac"), "compiles Kotlin", For::Testing),
    package("maven", Sign::Program("mvn"), "builds and tests the Kotlin package", For::Testing),
    package("iproute2", Sign::Program("ip"), "tests calls whose network fails", For::Testing),
    package("clang", Sign::Program("clang"), "the header's second compiler", For::Testing),
    package("valgrind", Sign::Program("valgrind"), "checks the C library's memory", For::Testing),
    package("binutils", Sign::Program("nm"), "lists the C library's symbols", For::Testing),
];

/// Installs what is missing, saying what and why; does nothing, quickly, when nothing is.
pub fn run(purpose: For) -> Result {
    let missing: Vec<&Package> = PACKAGES
        .iter()
        .filter(|package| purpose == For::Testing || package.wanted_for == For::Building)
        .filter(|package| !is_present(&package.sign))
        .collect();
    if missing.is_empty() {
        println!("setup: nothing is missing");
        return Ok(());
    }
    for package in &missing {
        println!("setup: {} is missing ({})", package.name, package.reason);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if command::find("apt-get").is_none() {
        return Err(format!(
            "this system has no apt-get: install what its own package manager calls {}, then run this again",
            names.join(", ")
        )
        .into());
    }
    command::run(apt_get()?.arg("update").arg("--quiet=2"))?;
    let install = ["install", "--yes", "--quiet=2", "--no-install-recommends"];
    command::run(apt_get()?.args(install).args(&names))
}

fn is_present(sign: &Sign) -> bool {
    match sign {
        Sign::Program(name) => command::find(name).is_some(),
        Sign::PythonModule(name) => {
            let import = format!("import {name}");
            command::find("python3").is_some()
                && command::output(command::new("python3").args(["-c", &import])).is_ok()
        }
        Sign::Library(name) => command::output(command::new("pkg-config").args(["--exists", name])).is_ok(),
    }
}

fn apt_get() -> Result<Command> {
    let is_root = command::output(command::new("id").arg("-u"))?.trim() == "0";
    let mut apt_get = if is_root {
        command::new("apt-get")
    } else if command::find("sudo").is_some() {
        let mut sudo = command::new("sudo");
        sudo.arg("apt-get");
        sudo
    } else {
        return Err("installing needs root, or sudo".into());
    };
    apt_get.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(apt_get)
}
