//! Calls of five peers in which things go wrong at random, one for each seed; see `parlor_testkit::simulation`.
//!
//! `PARLOR_SIM_SEEDS=A..B` runs other seeds than a quick test does; a failure prints how to replay its seed.

mod randomness;

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parlor_testkit::simulation::{Outcome, run};

/// The seeds of a quick test.
const QUICK: Range<u64> = 0..16;

/// How many seeds are run once, for one that is run twice to compare what happened.
const TWICE_EVERY: u64 = 10;

/// What became of all seeds.
#[derive(Default)]
struct Report {
    done: u64,
    failed: Vec<u64>,
    /// Those of which two runs were not the same.
    differing: Vec<u64>,
    simulated: Duration,
    longest: Duration,
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("PARLOR_SIM_SEEDS") else { return QUICK };
    let range = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    range.unwrap_or_else(|| panic!("PARLOR_SIM_SEEDS is A..B, not {text}"))
}

/// Runs a seed on a thread of its own, whose randomness is the seed's and which inherits nothing from another call.
fn simulate(seed: u64) -> Outcome {
    let body = move || {
        randomness::seed(seed);
        run(Instant::now(), seed)
    };
    std::thread::spawn(body).join().expect("a simulation catches its panics")
}

fn work(seeds: &Range<u64>, next: &AtomicU64, report: &Mutex<Report>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds.end {
            return;
        }
        let mut outcome = simulate(seed);
        let mut same = true;
        if seed.is_multiple_of(TWICE_EVERY) {
            let again = simulate(seed);
            same = again.trace == outcome.trace;
            outcome.simulated += again.simulated;
        }
        let mut report = report.lock().expect("no worker panics");
        report.done += 1;
        report.simulated += outcome.simulated;
        report.longest = report.longest.max(outcome.settled);
        if !same {
            report.differing.push(seed);
        }
        if !outcome.violations.is_empty() {
            report.failed.push(seed);
            println!("{}seed {seed}:", outcome.log);
            outcome.violations.iter().for_each(|what| println!("  {what}"));
            println!("replay with: cargo xtask sim {seed}..{}", seed + 1);
        }
        let (done, all) = (report.done, seeds.end - seeds.start);
        if done.is_multiple_of(100) {
            println!("{done} of {all} seeds, {} failed", report.failed.len());
        }
    }
}

#[test]
fn what_the_process_draws_follows_from_the_seed() {
    let draw = |seed| {
        let body = move || {
            randomness::seed(seed);
            RandomState::new().hash_one(0)
        };
        std::thread::spawn(body).join().expect("it draws")
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

/// Calls whose course hangs on the order of the stack's hash maps and on its tie-breakers, or waits at bottlenecks.
const DELICATE: [u64; 4] = [60, 1034, 1122, 1226];

#[test]
fn a_seed_has_one_course() {
    for seed in DELICATE {
        let traces: BTreeSet<u64> = (0..3).map(|_| simulate(seed).trace).collect();
        assert_eq!(traces.len(), 1, "seed {seed}");
    }
}

#[test]
fn all_is_well_again_after_whatever_went_wrong() {
    let (seeds, started) = (seeds(), Instant::now());
    let (next, report) = (AtomicU64::new(seeds.start), Mutex::new(Report::default()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        (0..workers).for_each(|_| {
            scope.spawn(|| work(&seeds, &next, &report));
        });
    });
    let mut report = report.into_inner().expect("no worker panics");
    report.failed.sort_unstable();
    let seconds = started.elapsed().as_secs_f64();
    let simulated = report.simulated.as_secs_f64();
    println!(
        "{} seeds in {seconds:.1} s: {simulated:.0} call-seconds, {:.0} a second; settled within {:.1} s",
        report.done,
        simulated / seconds,
        report.longest.as_secs_f64()
    );
    if let Ok(path) = std::env::var("PARLOR_SIM_REPORT") {
        let failed: Vec<String> = report.failed.iter().map(u64::to_string).collect();
        let rate = simulated / seconds;
        let text = format!("{rate:.0}\n{}\n", failed.join(" "));
        std::fs::write(path, text).expect("the report can be written");
    }
    assert!(report.failed.is_empty(), "failed: {:?}", report.failed);
    assert!(report.differing.is_empty(), "not the same when run twice: {:?}", report.differing);
}
