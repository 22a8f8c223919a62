//! Sessions of five peers in which things go wrong at random, and what must hold all the same.
//!
//! A seed gives a [`Plan`]: what the network is like, and what happens when. [`run`] carries it out in a [`World`],
//! then heals everything and looks: whoever is in the channel sees exactly the others and all that they send, every
//! request has ended once, nobody was thrown out, and no queue has grown. The rules that hold at any time are checked
//! on everything that the sessions have said.

mod plan;
mod rules;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

pub use self::plan::{Action, PEERS, Plan};
use self::stage::Stage;

/// What became of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// What must not happen and did; empty when all is well.
    pub violations: Vec<String>,
    /// The hash of everything observable; see [`World::trace`](crate::World::trace).
    pub trace: u64,
    /// How long the call lasted, on its own clock.
    pub simulated: Duration,
    /// How long it took from the last fault until all was well.
    pub settled: Duration,
    /// What was planned and what was said, for people.
    pub log: String,
}

/// Runs a seed. `epoch` is any instant; nothing depends on it.
pub fn run(epoch: Instant, seed: u64) -> Outcome {
    let plan = Plan::new(seed);
    let mut stage = Stage::new(epoch, seed, &plan);
    let ended = catch_unwind(AssertUnwindSafe(|| stage.play(&plan)));
    let (settled, mut violations) = match ended {
        Ok(settled) => (settled, stage.violations()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            (Duration::ZERO, vec![format!("panic: {}", text.unwrap_or_default())])
        }
    };
    violations.dedup();
    let log = if violations.is_empty() { String::new() } else { format!("{plan}\n{}", stage.log()) };
    Outcome { violations, trace: stage.world.trace(), simulated: stage.simulated(), settled, log }
}
