//! The processes of `parlor bench mesh`: one sends, one receives for all, a third tells them when.
//!
//! Each says `ready` on standard output, measures from the line `start` on standard input to the line `stop`,
//! and answers with one JSON object.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use parlor::api::{
    Credential, Engine, EngineConfig, Error, Event, Listener, MediaKind, Result, Secret, Session,
    SessionConfig, Status, VideoFrame, VideoSink,
};
use serde_json::{Value, json};

use super::{failed, machine};
use crate::call::stream;
use crate::participant::{Participant, Settings};

/// How long a process waits for its peers.
const READY_BOUND: Duration = Duration::from_secs(30);

/// Arguments of the processes of `mesh`.
#[derive(Args)]
pub struct CrewArgs {
    /// The server's origin.
    #[arg(long)]
    url: String,
    /// How many receivers there are.
    #[arg(long)]
    receivers: usize,
}

/// Sends a 720p pattern to all receivers and measures this process's CPU time.
pub fn send(arguments: &CrewArgs) -> Result<()> {
    let sender = Participant::join(Settings {
        name: "sender".into(),
        config: config(&arguments.url),
        channel: "mesh".into(),
        role: "camera".into(),
        stream: stream("test", "none")?,
        reference: None,
        snapshots: None,
    })?;
    let connected = |sender: &Participant| {
        sender.peers().iter().filter(|peer| peer.state == "connected").count() == arguments.receivers
    };
    if !sender.wait_for(READY_BOUND, connected) {
        return Err(Error::new(Status::TimedOut, "not all receivers connected within 30 seconds"));
    }
    measure(
        machine::cpu_seconds,
        |before, after, seconds| json!({ "cpu_pct": 100.0 * (after - before) / seconds }),
    )?;
    sender.leave().map(drop)
}

/// Receives and decodes with many sessions and counts their pictures.
pub fn receive(arguments: &CrewArgs) -> Result<()> {
    let mut receivers = Vec::new();
    for _ in 0..arguments.receivers {
        let counter = Arc::new(Counter::default());
        let mut config = config(&arguments.url);
        config.engine = Some(Engine::new(EngineConfig::default())?);
        let session = Session::create(config, Arc::clone(&counter) as Arc<dyn Listener>)?;
        counter.session.set(session.clone()).map_err(|_| failed("a session was made twice", ""))?;
        session.join("mesh")?;
        receivers.push((session, counter));
    }
    let counts = || receivers.iter().map(|(_, c)| c.frames.0.load(Ordering::Relaxed)).collect::<Vec<_>>();
    measure(counts, |before, after, seconds| {
        let frames = after.iter().zip(&before).map(|(after, before)| after - before);
        json!({ "fps": frames.map(|frames| frames as f64 / seconds).collect::<Vec<_>>() })
    })?;
    receivers.iter().for_each(|(session, _)| session.close());
    Ok(())
}

/// Reads a figure at the order to start and at the order to stop, and reports on the two and the seconds between.
fn measure<T>(read: impl Fn() -> T, report: impl FnOnce(T, T, f64) -> Value) -> Result<()> {
    let say = |line: &str| {
        let mut out = std::io::stdout();
        writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| failed("standard output", error))
    };
    say("ready")?;
    let mut before = None;
    for line in std::io::stdin().lock().lines() {
        match (line.map_err(|error| failed("standard input", error))?.as_str(), before.take()) {
            ("start", None) => before = Some((Instant::now(), read())),
            ("stop", Some((start, before))) => {
                return say(&report(before, read(), start.elapsed().as_secs_f64()).to_string());
            }
            (other, _) => return Err(failed("an order is not understood", other)),
        }
    }
    Err(failed("standard input", "it ended before the order to stop"))
}

fn config(url: &str) -> SessionConfig {
    SessionConfig::new(url, Credential::ApiKey(Secret::new("pk_dev")))
}

/// Counts the pictures of one session; nothing is compared, so that decoding is all that it costs.
#[derive(Default)]
struct Counter {
    session: std::sync::OnceLock<Session>,
    frames: Arc<Frames>,
}

#[derive(Default)]
struct Frames(AtomicU64);

impl Listener for Counter {
    fn on_event(&self, event: &Event) {
        if let (Event::TrackAdded { track, kind: MediaKind::Video, .. }, Some(session)) =
            (event, self.session.get())
            && let Err(error) = session.set_video_sink(*track, Some(Arc::clone(&self.frames) as _))
        {
            eprintln!("parlor: a track cannot be received: {error}");
        }
    }
}

impl VideoSink for Frames {
    fn on_frame(&self, _: &VideoFrame) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
