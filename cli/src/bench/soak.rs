//! `parlor bench soak`: sessions that come and go at random for a long time, and what the process keeps of it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use parlor::api::{
    AudioSource, Error, Event, Listener, MediaKind, MediaStream, Result, Session, SessionState, Status,
    VideoFrame, VideoSink, VideoSource,
};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::{OutputArgs, machine, percentile, print, tenth};
use crate::demo::LocalServer;

/// Between two looks at the process.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// How long all may take to see one another at the end, and to be gone.
const END_BOUND: Duration = Duration::from_secs(30);

/// Arguments of `parlor bench soak`.
#[derive(Args)]
pub struct SoakArgs {
    /// How long, in seconds.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// How many sessions.
    #[arg(long, default_value_t = 6)]
    sessions: usize,
    /// Between two things that happen, in milliseconds.
    #[arg(long, default_value_t = 500)]
    pace_ms: u64,
    /// What decides who does what.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputArgs,
}

/// What the process holds at a moment.
#[derive(Clone, Copy)]
struct Sample {
    resident_kib: f64,
    files: usize,
    threads: usize,
}

impl Sample {
    fn now() -> Self {
        let count = |folder: &str| fs::read_dir(folder).map_or(0, Iterator::count);
        Self {
            resident_kib: machine::resident_kib(std::process::id()),
            files: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}

/// Runs, and prints what was held at the start, on the way and at the end.
pub fn run(arguments: &SoakArgs) -> Result<()> {
    let server = LocalServer::start()?;
    let mut random = Pcg32::seed_from_u64(arguments.seed);
    let mut seats = Vec::new();
    for _ in 0..arguments.sessions.max(2) {
        seats.push(Seat::new(&server)?);
    }
    let (start, length) = (Instant::now(), Duration::from_secs(arguments.seconds));
    let (mut samples, mut turns) = (Vec::new(), 0_u64);
    let mut next_sample = SAMPLE_INTERVAL;
    while start.elapsed() < length {
        let index = random.next_u32() as usize % seats.len();
        seats[index].act(random.next_u32() % 10, &server)?;
        turns += 1;
        thread::sleep(Duration::from_millis(arguments.pace_ms));
        if start.elapsed() >= next_sample {
            next_sample += SAMPLE_INTERVAL;
            samples.push(Sample::now());
            if !arguments.output.json {
                eprint!("\r{} of {} s", start.elapsed().as_secs(), arguments.seconds);
            }
        }
    }
    let met = meet(&seats)?;
    let pictures = seats.iter().map(Seat::pictures).sum::<u64>();
    seats.iter().try_for_each(Seat::leave)?;
    wait("leaving", || seats.iter().all(|seat| seat.session.state() == SessionState::Idle))?;
    drop(seats);
    let mut rows = quarters(&samples);
    rows.push(json!({ "what": "whole", "seconds": arguments.seconds, "sessions": arguments.sessions, "seed": arguments.seed,
        "turns": turns, "pictures": pictures, "links_at_the_end": met }));
    print("soak", &rows, growth(&rows), arguments.output);
    Ok(())
}

/// One place at the table: a session that is in the channel or not, and now and then another one.
struct Seat {
    session: Session,
    notes: Arc<Notes>,
    stream: MediaStream,
    screen: Option<MediaStream>,
    /// Pictures that sessions before this one saw.
    earlier: u64,
}

/// What a session saw.
#[derive(Default)]
struct Notes {
    session: OnceLock<Session>,
    peers: Mutex<BTreeMap<u64, bool>>,
    pictures: Arc<Pictures>,
}

#[derive(Default)]
struct Pictures(Mutex<u64>);

impl Notes {
    fn peers(&self) -> MutexGuard<'_, BTreeMap<u64, bool>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many peers send pictures.
    fn connected(&self) -> usize {
        self.peers().values().filter(|connected| **connected).count()
    }
}

impl Listener for Notes {
    fn on_event(&self, event: &Event) {
        match event {
            Event::PeerJoined { peer, .. } => {
                self.peers().insert(peer.get(), false);
            }
            Event::PeerLeft { peer } => {
                self.peers().remove(&peer.get());
            }
            Event::PeerStateChange { peer, to, .. } => {
                self.peers().insert(peer.get(), *to == parlor::api::PeerState::Connected);
            }
            Event::TrackAdded { track, kind: MediaKind::Video, .. } => {
                if let Some(session) = self.session.get() {
                    // The track may be gone already.
                    let _ = session.set_video_sink(*track, Some(Arc::clone(&self.pictures) as _));
                }
            }
            _ => {}
        }
    }
}

impl VideoSink for Pictures {
    fn on_frame(&self, _: &VideoFrame) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
}

impl Seat {
    fn new(server: &LocalServer) -> Result<Self> {
        let notes = Arc::new(Notes::default());
        let session = Session::create(server.config()?, Arc::clone(&notes) as Arc<dyn Listener>)?;
        notes
            .session
            .set(session.clone())
            .map_err(|_| Error::new(Status::Internal, "a session was made twice"))?;
        let stream = MediaStream::new();
        stream.add_video(&VideoSource::test_pattern(160, 90, 10)?)?;
        stream.add_audio(&AudioSource::tone(440.0)?)?;
        session.add_stream(&stream, Some(r#"{"role":"camera"}"#))?;
        Ok(Self { session, notes, stream, screen: None, earlier: 0 })
    }

    /// Does one of the things that a member of a channel does.
    fn act(&mut self, choice: u32, server: &LocalServer) -> Result<()> {
        let joined = self.session.state() == SessionState::Joined;
        match choice {
            0..=2 if self.session.state() == SessionState::Idle => self.session.join("soak").map(drop)?,
            0..=2 => self.leave()?,
            3 | 4 => match self.screen.take() {
                Some(screen) => self.session.remove_stream(screen.id())?,
                None => {
                    let screen = MediaStream::new();
                    screen.add_video(&VideoSource::test_pattern(160, 90, 5)?)?;
                    self.session.add_stream(&screen, Some(r#"{"role":"screen"}"#))?;
                    self.screen = Some(screen);
                }
            },
            5 => {
                self.session.remove_stream(self.stream.id())?;
                self.session.add_stream(&self.stream, None)?;
            }
            6 | 7 if joined => self.session.send(None, r#"{"text":"hello"}"#).map(drop)?,
            // Another session sits down; this one is dropped as it is, in the channel or not.
            8 => {
                let earlier = self.pictures();
                self.session.close();
                *self = Self { earlier, ..Self::new(server)? };
            }
            _ => {}
        }
        Ok(())
    }

    fn leave(&self) -> Result<()> {
        self.session.leave().map(drop)
    }

    fn pictures(&self) -> u64 {
        self.earlier + *self.notes.pictures.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings everyone into the channel and waits until each is connected to each; returns how many links there are.
fn meet(seats: &[Seat]) -> Result<usize> {
    wait("leaving or joining", || {
        seats.iter().all(|seat| matches!(seat.session.state(), SessionState::Idle | SessionState::Joined))
    })?;
    for seat in seats.iter().filter(|seat| seat.session.state() == SessionState::Idle) {
        seat.session.join("soak")?;
    }
    wait("meeting", || seats.iter().all(|seat| seat.notes.connected() == seats.len() - 1))?;
    Ok(seats.len() * (seats.len() - 1) / 2)
}

fn wait(what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > END_BOUND {
            return Err(Error::new(
                Status::TimedOut,
                format!("{what} took longer than {} s", END_BOUND.as_secs()),
            ));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The median of what was held in each quarter.
fn quarters(samples: &[Sample]) -> Vec<Value> {
    let length = samples.len().div_ceil(4).max(1);
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        percentile(&values, 50)
    };
    let row = |(index, quarter): (usize, &[Sample])| {
        json!({
            "what": format!("quarter_{}", index + 1),
            "rss_mib": tenth(median(quarter.iter().map(|sample| sample.resident_kib / 1024.0).collect())),
            "files": median(quarter.iter().map(|sample| sample.files as f64).collect()),
            "threads": median(quarter.iter().map(|sample| sample.threads as f64).collect()),
        })
    };
    samples.chunks(length).enumerate().map(row).collect()
}

/// The last quarter beside the second; the first still fills what is kept for later.
fn growth(rows: &[Value]) -> Value {
    let value = |row: usize, name: &str| rows.get(row)?[name].as_f64();
    let ratio = |name: &str| Some(json!((value(3, name)? / value(1, name)? * 100.0).round() / 100.0));
    json!({ "rss_last_to_second_quarter": ratio("rss_mib"), "files": ratio("files"), "threads": ratio("threads") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_are_medians_and_growth_compares_the_last_with_the_second() {
        let sample = |mib: f64| Sample { resident_kib: mib * 1024.0, files: 10, threads: 4 };
        let samples: Vec<_> = [1.0, 9.0, 10.0, 10.0, 10.0, 10.0, 11.0, 11.0].map(sample).to_vec();
        let rows = quarters(&samples);
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[1]["rss_mib"], 10.0);
        assert_eq!(growth(&rows)["rss_last_to_second_quarter"], 1.1);
    }
}
