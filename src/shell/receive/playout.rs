//! The playout thread of an engine: pulls 20 ms from every remote audio track, 50 times a second.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::audio::RemoteAudio;
use crate::shell::Result;
use crate::shell::clock;
use crate::shell::worker::Worker;

/// How much sound is played at a time.
const STEP: Duration = Duration::from_millis(20);
/// How far playout may fall behind, such as on a machine that slept, before it skips what it missed.
const CATCH_UP: Duration = Duration::from_millis(500);

/// Owns the playout thread.
pub(crate) struct Playout {
    shared: Arc<Shared>,
    thread: Worker,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    tracks: Vec<Arc<RemoteAudio>>,
    /// Tracks whose sinks this thread lets go of, so that nobody else waits for a sink's call.
    removed: Vec<Arc<RemoteAudio>>,
    ended: bool,
}

impl Playout {
    /// Starts the thread; it sleeps while there is no track.
    pub(crate) fn start() -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let playing = Arc::clone(&shared);
        let thread = Worker::start("parlor-playout", move || playing.run())?;
        Ok(Self { shared, thread })
    }

    /// Plays a track from now on.
    pub(crate) fn add(&self, track: Arc<RemoteAudio>) {
        self.shared.lock().tracks.push(track);
        self.shared.wake.notify_one();
    }

    /// Plays a track no more.
    pub(crate) fn remove(&self, track: &Arc<RemoteAudio>) {
        let mut state = self.shared.lock();
        state.tracks.retain(|other| !Arc::ptr_eq(other, track));
        state.removed.push(Arc::clone(track));
        self.shared.wake.notify_one();
    }

    /// Ends the thread and waits for it, except from inside one of its callbacks.
    pub(crate) fn end(&self) {
        self.shared.lock().ended = true;
        self.shared.wake.notify_one();
        self.thread.join();
    }
}

impl Shared {
    fn run(&self) {
        let mut due = clock::now();
        loop {
            let (tracks, removed) = {
                let mut state = self.lock();
                loop {
                    if state.ended {
                        return;
                    }
                    let now = clock::now();
                    if !state.removed.is_empty() {
                        break (Vec::new(), std::mem::take(&mut state.removed));
                    } else if state.tracks.is_empty() {
                        state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                        due = clock::now();
                    } else if now < due {
                        state = self
                            .wake
                            .wait_timeout(state, due - now)
                            .unwrap_or_else(PoisonError::into_inner)
                            .0;
                    } else {
                        break (state.tracks.clone(), Vec::new());
                    }
                }
            };
            if !removed.is_empty() {
                removed.iter().for_each(|track| track.set_sink(None));
                continue;
            }
            let now = clock::now();
            if now - due > CATCH_UP {
                due = now;
            }
            for track in &tracks {
                track.play(due, STEP);
            }
            due += STEP;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
