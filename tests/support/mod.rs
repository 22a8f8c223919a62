//! A server and callers in this process, over loopback sockets.

// Each test program uses what it needs of this.
#![allow(dead_code)]
#![allow(clippy::unwrap_used)] // helpers of tests are tests

pub mod proxy;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use parlor::api::{
    AudioFrame, AudioSink, AudioSource, Credential, Engine, EngineConfig, Event, Listener, MediaKind,
    MediaStream, PeerId, Secret, Session, SessionConfig, TrackId, VideoFrame, VideoSink, VideoSource,
};
use parlor::device::Stamp;
use parlor_server::{Config, Server, ServerHandle};

/// What stands for the number of a picture without a stamp.
pub const UNSTAMPED: u32 = u32::MAX;

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A development server on a free port.
pub struct TestServer {
    runtime: tokio::runtime::Runtime,
    handle: Option<ServerHandle>,
    pub url: String,
}

impl TestServer {
    pub fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let handle = runtime.block_on(Server::start(Config::dev_on_free_port())).unwrap();
        Self { url: handle.url(), handle: Some(handle), runtime }
    }

    pub fn config(&self) -> SessionConfig {
        config(&self.url, "pk_dev")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.runtime.block_on(self.handle.take().unwrap().shutdown());
    }
}

/// A session's configuration, on an engine of its own that uses this machine's loopback interface alone.
pub fn config(url: &str, key: &str) -> SessionConfig {
    let mut config = SessionConfig::new(url, Credential::ApiKey(Secret::new(key)));
    let engine =
        EngineConfig { bind_addresses: vec!["127.0.0.1".parse().unwrap()], ..EngineConfig::default() };
    config.engine = Some(Engine::new(engine).unwrap());
    config
}

/// A small pattern with a tone: cheap enough for many at once.
pub fn small_stream() -> MediaStream {
    let stream = MediaStream::new();
    stream.add_video(&VideoSource::test_pattern(320, 180, 15).unwrap()).unwrap();
    stream.add_audio(&AudioSource::tone(440.0).unwrap()).unwrap();
    stream
}

/// What a caller saw so far.
#[derive(Default)]
pub struct Seen {
    pub events: Vec<Event>,
    pub names: BTreeMap<PeerId, String>,
    /// Stamped frame numbers in the order in which their pictures were decoded.
    pub pictures: BTreeMap<TrackId, Vec<u32>>,
    /// Sum of squares and count of samples other than silence.
    pub sound: BTreeMap<TrackId, (f64, u64)>,
}

impl Seen {
    /// Returns the events' names, in order.
    pub fn event_names(&self) -> Vec<&'static str> {
        self.events.iter().map(Event::name).collect()
    }

    /// Returns how many tracks have at least this many pictures.
    pub fn tracks_with_pictures(&self, at_least: usize) -> usize {
        self.pictures.values().filter(|pictures| pictures.len() >= at_least).count()
    }

    /// Returns how many tracks have at least this many samples that are not silent.
    pub fn tracks_with_sound(&self, at_least: u64) -> usize {
        self.sound.values().filter(|(_, samples)| *samples >= at_least).count()
    }
}

#[derive(Default)]
struct Record {
    session: OnceLock<Session>,
    seen: Mutex<Seen>,
    changed: Condvar,
}

impl Record {
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

/// A session that receives everything.
pub struct Caller {
    pub session: Session,
    record: Arc<Record>,
}

impl Caller {
    pub fn new(config: SessionConfig) -> Self {
        let record = Arc::<Record>::default();
        let listener = Arc::new(Recorder(Arc::clone(&record)));
        let session = Session::create(config, listener).unwrap();
        record.session.set(session.clone()).unwrap();
        Self { session, record }
    }

    /// Waits until what was seen satisfies `done`.
    #[track_caller]
    pub fn wait(&self, what: &str, done: impl Fn(&Seen) -> bool) {
        let end = Instant::now() + DEADLINE;
        let mut seen = self.seen();
        while !done(&seen) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come within {DEADLINE:?}: {:#?}", seen.events);
            seen = self.record.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for what was seen to satisfy `done`, but not longer than this; returns whether it does.
    pub fn waits_for(&self, limit: Duration, done: impl Fn(&Seen) -> bool) -> bool {
        let (seen, _) = self
            .record
            .changed
            .wait_timeout_while(self.seen(), limit, |seen| !done(seen))
            .unwrap_or_else(PoisonError::into_inner);
        done(&seen)
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.record.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.session.close();
    }
}

struct Recorder(Arc<Record>);

impl Listener for Recorder {
    fn on_event(&self, event: &Event) {
        match event {
            Event::PeerJoined { peer, id, .. } => {
                self.0.note(|seen| drop(seen.names.insert(*peer, id.clone())));
            }
            Event::TrackAdded { track, kind, .. } => {
                let session = self.0.session.get().expect("events come after join");
                let sink = Arc::new(TrackRecorder { track: *track, record: Arc::clone(&self.0) });
                match kind {
                    MediaKind::Video => session.set_video_sink(*track, Some(sink)).unwrap(),
                    MediaKind::Audio => session.set_audio_sink(*track, Some(sink)).unwrap(),
                }
            }
            _ => {}
        }
        self.0.note(|seen| seen.events.push(event.clone()));
    }
}

struct TrackRecorder {
    track: TrackId,
    record: Arc<Record>,
}

impl VideoSink for TrackRecorder {
    fn on_frame(&self, frame: &VideoFrame) {
        let number = Stamp::read(frame).map_or(UNSTAMPED, |stamp| stamp.frame);
        self.record.note(|seen| seen.pictures.entry(self.track).or_default().push(number));
    }
}

impl AudioSink for TrackRecorder {
    fn on_frame(&self, frame: &AudioFrame) {
        let heard = frame.samples.iter().filter(|sample| sample.unsigned_abs() > 100);
        let (mut energy, mut count) = (0.0, 0);
        for sample in heard {
            energy += f64::from(*sample).powi(2);
            count += 1;
        }
        self.record.note(|seen| {
            let (sum, samples) = seen.sound.entry(self.track).or_default();
            *sum += energy;
            *samples += count;
        });
    }
}
