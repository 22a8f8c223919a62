//! `cargo xtask bench-ffi`: builds each language's bench program on release builds and starts `parlor bench ffi` with them.

use crate::project::target_dir;
use crate::{Result, bindings, c_library, command, kotlin, python_package, swift};

/// Builds and measures; `options` go to `parlor bench ffi`.
pub fn run(options: &[&str]) -> Result {
    if options.contains(&"--json") {
        command::run_aside();
    }
    bindings::generate()?;
    bindings::build_for_bench()?;
    command::run(command::cargo().args(["build", "--quiet", "--release", "--package", "parlor-cli"]))?;
    let programs = [
        ("c", c_library::build_bench()?),
        ("swift", swift::build_bench()?),
        ("kotlin", kotlin::build_bench()?),
        ("python", python_package::build_bench()?),
    ];
    let mut bench = command::new(target_dir().join("release/parlor"));
    bench.args(["bench", "ffi"]).args(options);
    for (language, program) in programs {
        bench.arg("--program").arg(format!("{language}={}", program.display()));
    }
    let status = bench.status()?;
    if status.success() { Ok(()) } else { Err("the bench failed".into()) }
}
