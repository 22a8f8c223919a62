//! `cargo xtask sim`: calls of five peers in which things go wrong, one for each seed, and the ledger of those that ran.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::project::{root, target_dir};
use crate::{Result, command, workspace};

/// The seeds of CI.
pub const BRIEFLY: &str = "0..500";

/// Has the C library's allocator keep what is freed: a seventh of the time of a simulation is saved.
const ALLOCATOR: &str = "glibc.malloc.tcache_max=65536:glibc.malloc.tcache_count=2000:\
                         glibc.malloc.trim_threshold=1000000000:glibc.malloc.mmap_threshold=1000000000";

/// Runs the seeds `A..B`; the first failure of each is printed, with what replays it.
pub fn check(seeds: &str) -> Result {
    simulate(seeds, None)
}

/// Runs the seeds `A..B`, and writes into `docs/sim-ledger.md` what became of them.
pub fn run(seeds: &str) -> Result {
    fs::create_dir_all(target_dir())?;
    let report = target_dir().join("sim-report");
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let outcome = simulate(seeds, Some(&report));
    // Without a report the seeds did not run to the end.
    if let Ok(text) = fs::read_to_string(&report) {
        write_down(seeds, &text)?;
    }
    outcome
}

fn simulate(seeds: &str, report: Option<&Path>) -> Result {
    let range = seeds.split_once("..");
    if range.is_none_or(|(a, b)| a.parse::<u64>().is_err() || b.parse::<u64>().is_err()) {
        return Err(format!("seeds are A..B, not `{seeds}`").into());
    }
    let mut test = command::cargo();
    test.arg("test").args(workspace::ALL).args(["--test", "simulation", "--", "--nocapture"]);
    test.env("PARLOR_SIM_SEEDS", seeds).env("GLIBC_TUNABLES", ALLOCATOR);
    if let Some(report) = report {
        test.env("PARLOR_SIM_REPORT", report);
    }
    command::run(&mut test)
}

/// Adds a line to the ledger. The report is the call-seconds a second, and the seeds that failed.
fn write_down(seeds: &str, report: &str) -> Result {
    let (rate, failed) = report.split_once('\n').ok_or("the report of the simulation cannot be read")?;
    let failed = if failed.trim().is_empty() { "none" } else { failed.trim() };
    let date = command::output(command::new("date").args(["-u", "+%F %H:%M"]))?;
    let commit = command::output(command::new("git").args(["describe", "--always"]))?;
    // The ledger itself has changed when a run before this one is not committed yet.
    let changes =
        ["status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)docs/sim-ledger.md"];
    let changes = command::output(command::new("git").args(changes))?;
    let changed = if changes.trim().is_empty() { "" } else { "+" };
    let mut ledger = OpenOptions::new().append(true).open(root().join("docs/sim-ledger.md"))?;
    writeln!(
        ledger,
        "| {} | {}{changed} | {seeds} | {failed} | {rate} | {} |",
        date.trim(),
        commit.trim(),
        machine()?
    )?;
    Ok(())
}

fn machine() -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let models: Vec<&str> = cpus.lines().filter_map(|line| line.strip_prefix("model name")).collect();
    let model =
        models.first().map_or("an unknown processor", |model| model.trim_start_matches([' ', '\t', ':']));
    Ok(format!("{} × {model}", models.len()))
}
