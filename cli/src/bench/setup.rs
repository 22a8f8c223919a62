//! `parlor bench setup`: how long until there is a picture.

use std::time::{Duration, Instant};

use clap::Args;
use parlor::api::{Error, Result, Status};
use parlor::net::{NetConfig, Poller, ReceiveBuffers, Sockets};
use serde_json::{Value, json};
use transport::{Certificate, ChannelOptions, Link, LinkConfig, LinkEvent, LocalCandidate};
use units::Time;

use super::{OutputArgs, failed, percentile, print, tenth};
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
    let channel_open = (0..runs).map(|_| channel_open()).collect::<Result<Vec<_>>>()?;
    let rows = [row("join_to_first_frame", first_frame), row("create_to_channel_open", channel_open)];
    print("setup", &rows, json!({}), arguments.output);
    Ok(())
}

fn row(what: &str, mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    json!({
        "what": what,
        "p50_ms": tenth(percentile(&values, 50)),
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

/// Opens a data channel between two new links over loopback sockets; the descriptions change hands by hand.
fn channel_open() -> Result<f64> {
    let stack = |error: transport::LinkError| failed("a link failed", error);
    let io = |error: std::io::Error| failed("a socket failed", error);
    let epoch = Instant::now();
    let mut poller = Poller::new().map_err(io)?;
    let net = NetConfig { bind: Some(vec!["127.0.0.1".parse().expect("an address")]), ..NetConfig::default() };
    let mut sides = Vec::new();
    for seed in 0..2 {
        let sockets = Sockets::open(&net, &poller).map_err(io)?;
        let certificate = Certificate::generate().map_err(stack)?;
        sides.push((sockets, LinkConfig { seed, ..LinkConfig::new(epoch, certificate) }));
    }
    let now = |epoch: Instant| Time::ZERO + epoch.elapsed();
    let start = now(epoch);
    let mut ends = Vec::new();
    for (sockets, config) in sides {
        let mut link = Link::new(now(epoch), &config).map_err(stack)?;
        for address in sockets.local_addresses() {
            link.add_local_candidate(LocalCandidate::Host { address }).map_err(stack)?;
        }
        link.end_of_local_candidates();
        ends.push((sockets, link));
    }
    let [mut caller, mut callee]: [(Sockets, Link); 2] =
        ends.try_into().map_err(|_| Error::new(Status::Internal, "two ends were made"))?;
    caller.1.open_channel("bench", ChannelOptions::default()).map_err(stack)?;
    let offer = caller.1.create_offer(now(epoch), false).map_err(stack)?;
    let answer = callee.1.accept_offer(now(epoch), &offer).map_err(stack)?;
    caller.1.accept_answer(now(epoch), &answer).map_err(stack)?;
    let mut buffers = ReceiveBuffers::new();
    let mut open = [false; 2];
    while open != [true; 2] {
        if now(epoch) - start > RUN_BOUND {
            return Err(Error::new(Status::TimedOut, "no open channel within 10 seconds"));
        }
        let mut candidates = [Vec::new(), Vec::new()];
        for (index, (sockets, link)) in [&mut caller, &mut callee].into_iter().enumerate() {
            sockets.receive(&mut buffers, &mut |datagram| {
                link.handle_datagram(now(epoch), datagram.local, datagram.remote, datagram.data);
            });
            if link.poll_timeout().is_some_and(|due| due <= now(epoch)) {
                link.handle_timeout(now(epoch));
            }
            while let Some(event) = link.poll_event() {
                match event {
                    LinkEvent::ChannelOpened { .. } => open[index] = true,
                    LinkEvent::LocalCandidate(candidate) => candidates[1 - index].push(candidate),
                    _ => {}
                }
            }
            while let Some(transmit) = link.poll_transmit() {
                sockets.send(transmit.local, transmit.remote, transmit.data);
            }
            sockets.flush();
        }
        let mut due = None;
        for ((sockets, link), candidates) in [&mut caller, &mut callee].into_iter().zip(candidates) {
            for candidate in candidates {
                link.add_remote_candidate(candidate).map_err(stack)?;
            }
            while let Some(transmit) = link.poll_transmit() {
                sockets.send(transmit.local, transmit.remote, transmit.data);
            }
            sockets.flush();
            due = [due, link.poll_timeout()].into_iter().flatten().min();
        }
        if open != [true; 2] {
            poller.wait(due.map(|due| due - now(epoch))).map_err(io)?;
        }
    }
    Ok((now(epoch) - start).as_secs_f64() * 1000.0)
}
