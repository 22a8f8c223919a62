//! `parlor bench setup`: how long until there is a picture.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use clap::Args;
use parlor::api::{Error, Result, Status};
use parlor::net::{NetConfig, Poller, ReceiveBuffers, Sockets};
use serde_json::{Value, json};
use transport::{Certificate, Link, LinkConfig, LinkError, LinkEvent, LocalCandidate};
use units::{ChannelOptions, Time};

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

/// Opens a data channel between two new links over loopback sockets; what signalling would carry changes hands
/// at once.
fn channel_open() -> Result<f64> {
    let io = |error: std::io::Error| failed("a socket failed", error);
    let clock = Instant::now();
    let now = || Time::ZERO + clock.elapsed();
    let mut poller = Poller::new().map_err(io)?;
    let mut buffers = ReceiveBuffers::new();
    let certificates = [Certificate::generate(), Certificate::generate()];
    let [first, second] = certificates.map(|certificate| certificate.map_err(stack));
    let configs = [LinkConfig::new(clock, first?), LinkConfig { seed: 1, ..LinkConfig::new(clock, second?) }];

    let start = now();
    let [first, second] = configs.map(|config| End::open(&mut poller, start, &config));
    let mut ends = [first?, second?];
    ends[0].link.open_channel("bench", ChannelOptions::default()).map_err(stack)?;
    let offer = ends[0].link.create_offer(now(), false).map_err(stack)?;
    let answer = ends[1].link.accept_offer(now(), &offer).map_err(stack)?;
    ends[0].link.accept_answer(now(), &answer).map_err(stack)?;
    loop {
        // A candidate that changes hands may give the other end something to say.
        for _ in 0..2 {
            for from in 0..2 {
                for candidate in ends[from].turn(now(), &mut buffers) {
                    ends[1 - from].link.add_remote_candidate(&candidate, None, None, None).map_err(stack)?;
                }
            }
        }
        if ends.iter().all(|end| end.open) {
            return Ok((now() - start).as_secs_f64() * 1000.0);
        }
        if now() - start > RUN_BOUND {
            return Err(Error::new(Status::TimedOut, "no open channel within 10 seconds"));
        }
        let due = ends.iter_mut().filter_map(|end| end.link.poll_timeout()).min();
        poller.wait(due.map(|due| due - now())).map_err(io)?;
        for &ready in poller.ready() {
            ends.iter_mut().any(|end| end.sockets.note_ready(ready));
        }
    }
}

/// One end of a link with its socket.
struct End {
    sockets: Sockets,
    link: Link,
    open: bool,
}

impl End {
    fn open(poller: &mut Poller, now: Time, config: &LinkConfig) -> Result<Self> {
        let net = NetConfig { bind: Some(vec![Ipv4Addr::LOCALHOST.into()]), ..NetConfig::default() };
        let sockets = Sockets::open(poller, &net).map_err(|error| failed("a socket failed", error))?;
        let mut link = Link::new(now, config).map_err(stack)?;
        for addr in sockets.local_addresses() {
            link.add_local_candidate(LocalCandidate::Host { addr }).map_err(stack)?;
        }
        link.end_of_local_candidates();
        Ok(Self { sockets, link, open: false })
    }

    /// Does all that there is to do now; returns the candidates for the other end.
    fn turn(&mut self, now: Time, buffers: &mut ReceiveBuffers) -> Vec<String> {
        let Self { sockets, link, open } = self;
        let mut candidates = Vec::new();
        let mut more = true;
        while more {
            more = sockets.receive(buffers, |datagram| {
                link.handle_datagram(now, datagram.local, datagram.remote, datagram.data);
            });
            if link.poll_timeout().is_some_and(|due| due <= now) {
                link.handle_timeout(now);
            }
            while let Some(event) = link.poll_event() {
                match event {
                    LinkEvent::ChannelOpened { .. } => *open = true,
                    LinkEvent::LocalCandidate(Some(candidate)) => candidates.push(candidate.candidate),
                    _ => {}
                }
            }
            while let Some(transmit) = link.poll_transmit() {
                sockets.queue_from(transmit.local, transmit.remote, transmit.data.into());
            }
            sockets.flush();
        }
        candidates
    }
}

fn stack(error: LinkError) -> Error {
    failed("a link failed", error)
}
