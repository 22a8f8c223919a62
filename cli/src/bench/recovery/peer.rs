//! One of the two sessions, as a process of its own in its namespace.
//!
//! It says `ready` on standard output when it sees the other's pictures. The line `mark` on standard input starts its
//! notes anew and is answered with `marked`; `report` is answered with them as one JSON object.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use parlor::api::{
    Credential, Error, Event, Listener, MediaKind, MediaStream, Result, Secret, Session, SessionConfig,
    SessionState, Status, VideoFrame, VideoSink, VideoSource,
};
use serde_json::{Value, json};

use super::FRAME_INTERVAL_MS;
use super::lab::{Lab, Side};
use crate::bench::failed;

/// How often a peer that is not in the channel is asked again.
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// Arguments of the hidden `recovery-peer`.
#[derive(Args)]
pub struct PeerArgs {
    /// The server's origin.
    #[arg(long)]
    url: String,
    /// The server's certificate.
    #[arg(long)]
    certificate: PathBuf,
}

/// Runs one session until standard input ends.
pub fn peer(arguments: &PeerArgs) -> Result<()> {
    let roots = std::fs::read_to_string(&arguments.certificate)
        .map_err(|error| failed("the server's certificate cannot be read", error))?;
    let notes = Arc::new(Notes::default());
    let mut config = SessionConfig::new(&arguments.url, Credential::ApiKey(Secret::new("pk_dev")));
    config.extra_roots_pem = Some(roots);
    let session = Session::create(config, Arc::clone(&notes) as Arc<dyn Listener>)?;
    notes.session.set(session.clone()).map_err(|_| failed("a session was made twice", ""))?;
    let stream = MediaStream::new();
    stream.add_video(&VideoSource::test_pattern(320, 180, 30)?)?;
    session.add_stream(&stream, None)?;
    session.join("recovery")?;
    for line in std::io::stdin().lock().lines() {
        match line.map_err(|error| failed("standard input", error))?.as_str() {
            "mark" => {
                notes.begin();
                say("marked")?;
            }
            "report" => say(&notes.report(session.state()).to_string())?,
            other => return Err(failed("an order is not understood", other)),
        }
    }
    session.close();
    Ok(())
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| failed("standard output", error))
}

/// What a session saw since the mark.
#[derive(Default)]
struct Notes {
    session: OnceLock<Session>,
    arrivals: Arc<Arrivals>,
    lefts: Mutex<usize>,
}

#[derive(Default)]
struct Arrivals(Mutex<Pictures>);

#[derive(Default)]
struct Pictures {
    since: Option<Instant>,
    at: Vec<Instant>,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, Pictures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    fn begin(&self) {
        *self.arrivals.lock() = Pictures { since: Some(Instant::now()), at: Vec::new() };
        *self.lefts.lock().unwrap_or_else(PoisonError::into_inner) = 0;
    }

    fn report(&self, state: SessionState) -> Value {
        let pictures = self.arrivals.lock();
        let since = pictures.since.unwrap_or_else(Instant::now);
        let ms = |at: &Instant| at.saturating_duration_since(since).as_secs_f64() * 1e3;
        json!({
            "joined": state == SessionState::Joined,
            "now_ms": ms(&Instant::now()),
            "arrivals_ms": pictures.at.iter().map(ms).collect::<Vec<_>>(),
            "lefts": *self.lefts.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }
}

impl Listener for Notes {
    fn on_event(&self, event: &Event) {
        match event {
            Event::TrackAdded { track, kind: MediaKind::Video, .. } => {
                if let Some(session) = self.session.get()
                    && let Err(error) = session.set_video_sink(*track, Some(Arc::clone(&self.arrivals) as _))
                {
                    eprintln!("parlor: a track cannot be received: {error}");
                }
            }
            Event::PeerLeft { .. } => *self.lefts.lock().unwrap_or_else(PoisonError::into_inner) += 1,
            _ => {}
        }
    }
}

impl VideoSink for Arrivals {
    fn on_frame(&self, _: &VideoFrame) {
        let mut pictures = self.lock();
        if pictures.since.is_none() && pictures.at.is_empty() && say("ready").is_err() {
            return;
        }
        pictures.at.push(Instant::now());
    }
}

/// What a session saw since the mark, as its process tells.
pub(super) struct Report {
    pub(super) arrivals_ms: Vec<f64>,
    pub(super) lefts: usize,
    joined: bool,
    now_ms: f64,
}

impl Report {
    /// The longest pause since the mark beyond the usual one; what is still going on counts.
    pub(super) fn longest_gap_ms(&self) -> f64 {
        let times = || self.arrivals_ms.iter().copied();
        let pauses = times().chain([self.now_ms]).zip([0.0].into_iter().chain(times()));
        let longest = pauses.map(|(later, earlier)| later - earlier).fold(0.0, f64::max);
        (longest - FRAME_INTERVAL_MS).max(0.0)
    }
}

/// The process of one session.
pub(super) struct Peer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    pub(super) fn start(lab: &Lab, side: Side) -> Result<Self> {
        let program = std::env::current_exe().map_err(|error| failed("this program's path", error))?;
        let mut child = lab
            .command_in(side, &program.to_string_lossy())
            .args(["bench", "recovery-peer", "--url", &Lab::url(), "--certificate"])
            .arg(lab.certificate())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed("a session's process does not start", error))?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("a session's process", "it has no pipes"));
        };
        Ok(Self { child, orders, answers: BufReader::new(answers) })
    }

    pub(super) fn expect_ready(&mut self) -> Result<()> {
        self.expect("ready")
    }

    pub(super) fn mark(&mut self) -> Result<()> {
        self.order("mark")?;
        self.expect("marked")
    }

    pub(super) fn report(&mut self) -> Result<Report> {
        self.order("report")?;
        let line = self.line()?;
        let value: Value =
            serde_json::from_str(&line).map_err(|error| failed("a session's report", error))?;
        let number = |field: &str| value[field].as_f64().unwrap_or_default();
        Ok(Report {
            arrivals_ms: value["arrivals_ms"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_f64)
                .collect(),
            lefts: number("lefts") as usize,
            joined: value["joined"] == true,
            now_ms: number("now_ms"),
        })
    }

    /// Waits until the session is in its channel.
    pub(super) fn wait_for_joined(&mut self, bound: Duration) -> Result<()> {
        let start = Instant::now();
        while !self.report()?.joined {
            if start.elapsed() > bound {
                return Err(Error::new(Status::TimedOut, "a session did not come back to its channel"));
            }
            thread::sleep(ASK_INTERVAL);
        }
        Ok(())
    }

    fn order(&mut self, order: &str) -> Result<()> {
        writeln!(self.orders, "{order}").map_err(|error| failed("a session's process is gone", error))
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        let line = self.line()?;
        if line == word { Ok(()) } else { Err(failed("a session's process said", line)) }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err(failed("a session's process", "it ended too early")),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(failed("a session's process", error)),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends when its standard input does; one that hangs must not be left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_counts_from_the_mark_to_now() {
        let report = |arrivals: &[f64], now_ms| Report {
            arrivals_ms: arrivals.to_vec(),
            lefts: 0,
            joined: true,
            now_ms,
        };
        let gap = |arrivals: &[f64], now| report(arrivals, now).longest_gap_ms().round();
        assert_eq!(gap(&[10.0, 43.0, 143.0, 170.0], 180.0), 67.0);
        assert_eq!(gap(&[], 1000.0), 967.0, "nothing came at all");
        assert_eq!(gap(&[10.0, 43.0], 543.0), 467.0, "it still stands");
        assert_eq!(gap(&[20.0, 50.0], 60.0), 0.0);
    }
}
