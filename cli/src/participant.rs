//! One session of the command line: joins, sends a stream, measures what others send.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use parlor::api::{
    Error, Event, Listener, MediaKind, MediaStream, PeerId, PeerStats, Result, Session, SessionConfig,
    SessionState, Status, StreamId, TrackId, time_us,
};
use parlor::device::Reference;
use serde_json::{Value, json};

use crate::probe::{AudioProbe, VideoProbe};
use crate::report::{RemoteReport, SessionReport};

/// How often the figures are read while a session stays.
const REFRESH: Duration = Duration::from_millis(250);
/// How long a leave may take; the engine promises less.
const LEAVE_BOUND: Duration = Duration::from_secs(5);

/// What a participant does.
pub struct Settings {
    /// Its name in the report.
    pub name: String,
    /// How it connects.
    pub config: SessionConfig,
    /// Where it goes.
    pub channel: String,
    /// The role that its stream is announced with.
    pub role: String,
    /// What it sends.
    pub stream: Option<MediaStream>,
    /// The clip that the others send.
    pub reference: Option<PathBuf>,
    /// Where the last pictures go.
    pub snapshots: Option<PathBuf>,
}

/// A session in a channel.
pub struct Participant {
    name: String,
    snapshots: Option<PathBuf>,
    session: Session,
    record: Arc<Record>,
}

/// What a participant's listener notes down.
struct Record {
    joined_us: u64,
    reference: Option<PathBuf>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Here while the session lives; taken out at its end, since it holds the listener.
    session: Option<Session>,
    events: Vec<Value>,
    names: BTreeMap<PeerId, String>,
    remotes: Vec<Remote>,
    joined: bool,
    left: bool,
    failure: Option<Error>,
}

/// One stream of a remote peer.
struct Remote {
    peer: PeerId,
    stream: StreamId,
    role: Option<String>,
    video: Option<(TrackId, Arc<VideoProbe>)>,
    audio: Option<(TrackId, Arc<AudioProbe>)>,
}

/// A remote peer as the progress display shows it.
pub struct PeerLine {
    /// The peer's id on the wire.
    pub id: String,
    /// The state of the connection to it.
    pub state: &'static str,
    /// Pictures received so far.
    pub frames: u64,
    /// The link's figures.
    pub stats: PeerStats,
}

impl Participant {
    /// Makes a session and starts joining.
    pub fn join(settings: Settings) -> Result<Self> {
        if let Some(path) = &settings.reference {
            Reference::file(path).map_err(|error| Error::new(Status::MediaFile, error.to_string()))?;
        }
        let record = Arc::new(Record {
            joined_us: time_us(),
            reference: settings.reference,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let session = Session::create(settings.config, Arc::clone(&record) as Arc<dyn Listener>)?;
        record.lock().session = Some(session.clone());
        if let Some(stream) = &settings.stream {
            session.add_stream(stream, Some(&json!({ "role": settings.role }).to_string()))?;
        }
        session.join(&settings.channel)?;
        Ok(Self { name: settings.name, snapshots: settings.snapshots, session, record })
    }

    /// Stays in the channel for a while, calling `each` now and then; returns early when the session failed.
    pub fn stay(&self, time: Duration, mut each: impl FnMut(&Self)) {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let state = self.record.lock();
            if left.is_zero() || state.failure.is_some() {
                return;
            }
            drop(self.record.changed.wait_timeout(state, left.min(REFRESH)));
            self.refresh();
            each(self);
        }
    }

    /// Waits until `done` says so of what was received, at most for a while; returns whether it did.
    pub fn wait_for(&self, time: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + time;
        loop {
            if done(self) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let state = self.record.lock();
            // Pictures come without an event, so this also looks by itself.
            drop(self.record.changed.wait_timeout(state, left.min(Duration::from_millis(1))));
        }
    }

    /// Returns when the first remote picture was decoded, in milliseconds since join().
    pub fn first_frame_ms(&self) -> Option<f64> {
        self.record
            .lock()
            .remotes
            .iter()
            .filter_map(|r| r.video.as_ref()?.1.first_frame_ms())
            .reduce(f64::min)
    }

    /// Returns the session's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the session's state.
    pub fn state(&self) -> SessionState {
        self.session.state()
    }

    /// Returns the remote peers for the progress display.
    pub fn peers(&self) -> Vec<PeerLine> {
        let state = self.record.lock();
        let frames = |peer| {
            let of_peer = state.remotes.iter().filter(|remote| remote.peer == peer);
            of_peer.filter_map(|remote| remote.video.as_ref()).map(|(_, video)| video.frames()).sum()
        };
        let peers = self.session.peers();
        peers
            .into_iter()
            .map(|info| PeerLine {
                state: info.state.as_str(),
                frames: frames(info.peer),
                stats: self.session.peer_stats(info.peer).unwrap_or_default(),
                id: info.id,
            })
            .collect()
    }

    /// Leaves, writes the snapshots and returns the report.
    ///
    /// # Errors
    ///
    /// Why the session failed, or a snapshot could not be written.
    pub fn leave(self) -> Result<SessionReport> {
        self.refresh();
        let peer_id = self.session.peer_id();
        self.session.leave()?;
        let end = Instant::now() + LEAVE_BOUND;
        let mut state = self.record.lock();
        while !state.left && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            state = self.record.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let session = state.session.take();
        let failure = state.failure.take();
        let events = std::mem::take(&mut state.events);
        let remotes = std::mem::take(&mut state.remotes);
        let (joined, names) = (state.joined, std::mem::take(&mut state.names));
        drop(state);
        drop(session);
        self.session.close();
        if let Some(failure) = failure.filter(|_| !joined) {
            return Err(failure);
        }
        if let Some(folder) = &self.snapshots {
            snapshots(folder, &self.name, &remotes)?;
        }
        let mut reports: Vec<_> = remotes
            .iter()
            .map(|remote| RemoteReport {
                peer_id: names.get(&remote.peer).cloned().unwrap_or_default(),
                role: remote.role.clone(),
                video: remote.video.as_ref().map(|(_, probe)| probe.report()),
                audio: remote.audio.as_ref().map(|(_, probe)| probe.report()),
            })
            .collect();
        // A peer that sent nothing was met all the same.
        let silent = names.iter().filter(|(peer, _)| !remotes.iter().any(|remote| remote.peer == **peer));
        reports.extend(silent.map(|(_, name)| RemoteReport {
            peer_id: name.clone(),
            role: None,
            video: None,
            audio: None,
        }));
        Ok(SessionReport { name: self.name.clone(), peer_id, joined, events, remotes: reports })
    }

    /// Reads the engine's figures into the probes.
    pub fn refresh(&self) {
        let state = self.record.lock();
        for remote in &state.remotes {
            if let Some((track, probe)) = &remote.video
                && let Ok(stats) = self.session.track_stats(*track)
            {
                probe.update(stats);
            }
            if let Some((track, probe)) = &remote.audio
                && let Ok(stats) = self.session.track_stats(*track)
            {
                probe.update(stats);
            }
        }
    }
}

fn snapshots(folder: &Path, name: &str, remotes: &[Remote]) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(Status::MediaFile, format!("a snapshot in {} failed: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for (index, remote) in remotes.iter().enumerate() {
        if let Some((_, probe)) = &remote.video {
            probe.snapshot(&folder.join(format!("{name}-{}.png", index + 1))).map_err(failed)?;
        }
    }
    Ok(())
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn track_added(
        &self,
        state: &mut State,
        stream: StreamId,
        track: TrackId,
        kind: MediaKind,
    ) -> Result<()> {
        let Some(session) = state.session.clone() else { return Ok(()) };
        let Some(remote) = state.remotes.iter_mut().find(|remote| remote.stream == stream) else {
            return Ok(());
        };
        match kind {
            MediaKind::Video => {
                let reference = self.reference.as_deref().and_then(|path| Reference::file(path).ok());
                let probe = Arc::new(VideoProbe::new(self.joined_us, reference));
                session.set_video_sink(track, Some(Arc::clone(&probe) as _))?;
                remote.video = Some((track, probe));
            }
            MediaKind::Audio => {
                let probe = Arc::<AudioProbe>::default();
                session.set_audio_sink(track, Some(Arc::clone(&probe) as _))?;
                remote.audio = Some((track, probe));
            }
        }
        Ok(())
    }
}

impl Listener for Record {
    fn on_event(&self, event: &Event) {
        let ms = time_us().saturating_sub(self.joined_us) as f64 / 1000.0;
        let mut state = self.lock();
        let mut note = json!({ "ms": (ms * 10.0).round() / 10.0, "type": event.name() });
        if let (Some(details), Value::Object(note)) = (details(event, &state.names), &mut note) {
            note.extend(details);
        }
        state.events.push(note);
        match event {
            Event::Joined { .. } => state.joined = true,
            Event::Left { .. } => state.left = true,
            Event::PeerJoined { peer, id, .. } => drop(state.names.insert(*peer, id.clone())),
            Event::StreamAdded { peer, stream, metadata, .. } => {
                let role = metadata.as_deref().and_then(role);
                let remote = Remote { peer: *peer, stream: *stream, role, video: None, audio: None };
                state.remotes.push(remote);
            }
            Event::TrackAdded { stream, track, kind, .. } => {
                if let Err(error) = self.track_added(&mut state, *stream, *track, *kind) {
                    eprintln!("parlor: a remote track cannot be received: {error}");
                }
            }
            Event::RequestDone { outcome: Err(error), .. } if !state.joined => {
                state.failure = Some(error.clone());
            }
            Event::Error { status, message } => state.failure = Some(Error::new(*status, message.clone())),
            _ => {}
        }
        drop(state);
        self.changed.notify_all();
    }
}

/// Returns what the report tells of an event beside its name.
fn details(event: &Event, names: &BTreeMap<PeerId, String>) -> Option<serde_json::Map<String, Value>> {
    let name = |peer: &PeerId| names.get(peer).cloned().unwrap_or_default();
    let details = match event {
        Event::Joined { peer_id, channel } => json!({ "peer_id": peer_id, "channel": channel }),
        Event::Left { reason: Some(reason) } => json!({ "reason": reason }),
        Event::StateChange { from, to } => json!({ "from": from.as_str(), "to": to.as_str() }),
        Event::PeerJoined { id, .. } => json!({ "peer_id": id }),
        Event::PeerLeft { peer } | Event::StreamRemoved { peer, .. } | Event::TrackRemoved { peer, .. } => {
            json!({ "peer_id": name(peer) })
        }
        Event::PeerStateChange { peer, from, to } => {
            json!({ "peer_id": name(peer), "from": from.as_str(), "to": to.as_str() })
        }
        Event::StreamAdded { peer, metadata, .. } => {
            let metadata: Option<Value> =
                metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
            json!({ "peer_id": name(peer), "metadata": metadata })
        }
        Event::TrackAdded { peer, kind, .. } => json!({ "peer_id": name(peer), "kind": kind.as_str() }),
        Event::NegotiationError { peer, message } => json!({ "peer_id": name(peer), "message": message }),
        Event::Error { message, .. } => json!({ "message": message }),
        Event::RequestDone { outcome: Err(error), .. } => json!({ "message": error.message() }),
        _ => return None,
    };
    match details {
        Value::Object(details) => Some(details),
        _ => None,
    }
}

fn role(metadata: &str) -> Option<String> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    metadata.get("role")?.as_str().map(str::to_owned)
}
