//! `cargo xtask ci`: the steps of CI, each with its duration, up to the first that fails.

use std::time::Instant;

use crate::conformance::Checks;
use crate::project::target_dir;
use crate::setup::For;
use crate::{
    Result, bindings, boundaries, c_library, command, conformance, fuzz, header, lint, matrix, parity, rest,
    setup, sim, workspace,
};

struct Step {
    name: &'static str,
    run: fn() -> Result,
}

/// In order of cost: what fails early costs little.
const STEPS: &[Step] = &[
    Step { name: "setup", run: || setup::run(For::Testing) },
    Step { name: "format", run: lint::format },
    Step { name: "boundaries", run: boundaries::run },
    Step { name: "header", run: header::check },
    Step { name: "c-headers", run: c_library::check_headers },
    Step { name: "clippy", run: lint::clippy },
    Step { name: "licences", run: lint::licences },
    // The README's own command; it includes the C tests and the web page in Chromium.
    Step { name: "test", run: || command::run(command::new("make").arg("test")) },
    Step { name: "bindings", run: bindings::check },
    Step { name: "parity", run: parity::check },
    Step { name: "matrix", run: || matrix::run(false) },
    Step { name: "simulation", run: || sim::check(sim::BRIEFLY) },
    Step { name: "rest", run: rest::test },
    Step { name: "conformance", run: || conformance::run(Checks::All) },
    Step { name: "fuzz", run: || fuzz::run(fuzz::BRIEFLY) },
    Step { name: "bench-smoke", run: bench_smoke },
    Step { name: "c-sanitizers", run: c_library::test_with_sanitizers },
    Step { name: "c-valgrind", run: c_library::test_with_valgrind },
    Step { name: "c-release", run: c_library::test_release },
];

/// Runs each bench as briefly as it can be, on an unoptimised build: that it works, not what it measures.
fn bench_smoke() -> Result {
    workspace::build()?;
    let benches: [&[&str]; 4] = [
        &["setup", "--runs", "2"],
        &["mesh", "--seconds", "1"],
        &["datachannel", "--seconds", "1", "--rounds", "1"],
        &["soak", "--seconds", "10", "--sessions", "3"],
    ];
    let run = |arguments: &[&str]| {
        command::run(command::new(target_dir().join("debug/parlor")).arg("bench").args(arguments))
    };
    benches.iter().try_for_each(|bench| run(bench))?;
    let program = format!("c={}", c_library::build_peer("c")?.with_file_name("bench_ffi").display());
    run(&["ffi", "--seconds", "1", "--program", &program])
}

/// Prints the names of the steps.
pub fn list() {
    for step in STEPS {
        println!("{}", step.name);
    }
}

/// Runs the named steps, or all.
pub fn run(names: &[&str]) -> Result {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        return Err(format!("no step `{unknown}`; see `cargo xtask ci --list`").into());
    }
    let started = Instant::now();
    let mut durations = Vec::new();
    for step in STEPS.iter().filter(|step| names.is_empty() || names.contains(&step.name)) {
        println!("\n=== {}", step.name);
        let began = Instant::now();
        (step.run)().map_err(|error| format!("step `{}`: {error}", step.name))?;
        durations.push((step.name, began.elapsed()));
    }
    println!();
    for (name, duration) in durations {
        println!("{:>8.1} s  {name}", duration.as_secs_f64());
    }
    println!("{:>8.1} s  in all", started.elapsed().as_secs_f64());
    Ok(())
}
