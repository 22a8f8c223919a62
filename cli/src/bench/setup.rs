//! `parlor bench setup`: how long until there is a picture.

use std::time::Duration;

use clap::Args;
use parlor::api::{Error, Result, Status};
use serde_json::{Value, json};

use super::{OutputArgs, links, percentile, print, tenth};
use crate::call::stream;
use crate::demo::LocalServer;
use crate::participant::{Participant, Settings};

/// How long one run may take before it counts as failed.
const RUN_BOUND: Duration = Duration::from_secs(10);

/// Arguments of `parlor bench setup`.
#[derive(Args)]
pub struct SetupArgs {
    /// How many times to measure, each with a new session and engine.
    #[arg(long, default_value_t = 50)]
    runs: usize,
    #[command(flatten)]
    output: OutputArgs,
}

/// Measures and prints.
pub fn run(arguments: &SetupArgs) -> Result<()> {
    let runs = arguments.runs.max(1);
    let first_frame = first_frames(runs)?;
    let mut driver = links::Driver::new()?;
    let channel_open = (0..runs)
        .map(|_| driver.connect().map(|(_, took)| took.as_secs_f64() * 1000.0))
        .collect::<Result<Vec<_>>>()?;
    let rows = [row("join_to_first_frame", first_frame), row("create_to_channel_open", channel_open)];
    print("setup", &rows, json!({}), arguments.output);
    Ok(())
}

fn row(what: &str, mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    json!({
        "what": what,
        "p50_ms": tenth(percentile(&values, 50)),
        "p90_ms": tenth(percentile(&values, 90)),
        "p95_ms": tenth(percentile(&values, 95)),
        "runs": values.len(),
    })
}

/// Joins a channel in which another session sends already, again and again.
fn first_frames(runs: usize) -> Result<Vec<f64>> {
    let server = LocalServer::start()?;
    let participant = |name: &str| {
        Participant::join(Settings {
            name: name.into(),
            config: server.config()?,
            channel: "bench".into(),
            role: "camera".into(),
            stream: stream("test", "tone")?,
            reference: None,
            snapshots: None,
        })
    };
    let host = participant("host")?;
    host.wait_for(RUN_BOUND, |host| host.state() == parlor::api::SessionState::Joined);
    let mut values = Vec::with_capacity(runs);
    for _ in 0..runs {
        let guest = participant("guest")?;
        if !guest.wait_for(RUN_BOUND, |guest| guest.first_frame_ms().is_some()) {
            return Err(Error::new(Status::TimedOut, "no picture within 10 seconds"));
        }
        values.extend(guest.first_frame_ms());
        guest.leave()?;
        if !host.wait_for(RUN_BOUND, |host| host.peers().is_empty()) {
            return Err(Error::new(Status::TimedOut, "the session before did not leave within 10 seconds"));
        }
    }
    host.leave()?;
    Ok(values)
}
