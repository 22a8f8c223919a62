//! Feeding threads: play files, patterns and tones in real time while somebody receives them.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use media::frame::{EncodedFrame, VideoFrame};
use units::{Codec, Time};

use super::{AudioSource, VideoSource};
use crate::device::{AudioFile, FileError, TestPattern, Tone, VideoFile};
use crate::shell::clock;
use crate::shell::worker::Worker;
use crate::shell::{Error, FileMode, Result, Status};

/// How far a feed may fall behind before it gives up on the frames it missed and goes on from now.
const CATCH_UP: Duration = Duration::from_millis(500);
/// How much sound a feed makes at a time.
const AUDIO_STEP: Duration = Duration::from_millis(20);

/// The switch between a source and the thread that feeds it.
///
/// The thread runs while somebody receives the source, so that an unused pattern costs nothing.
pub(super) struct Feed {
    switch: Option<Arc<Switch>>,
    worker: Mutex<Option<Worker>>,
}

#[derive(Default)]
struct Switch {
    state: Mutex<SwitchState>,
    wake: Condvar,
}

#[derive(Default)]
struct SwitchState {
    wanted: bool,
    ended: bool,
}

impl Feed {
    /// Makes the switch of a source that the app feeds: there is nothing to switch.
    pub(super) fn app() -> Self {
        Self { switch: None, worker: Mutex::default() }
    }

    /// Makes the switch of a source that a thread feeds.
    pub(super) fn device() -> Self {
        Self { switch: Some(Arc::default()), worker: Mutex::default() }
    }

    /// Refuses what an app pushes into a source that a thread feeds.
    pub(super) fn check_app(&self) -> Result<()> {
        match self.switch {
            None => Ok(()),
            Some(_) => Err(Error::new(Status::InvalidState, "the engine feeds this source by itself")),
        }
    }

    /// Says whether anybody receives the source.
    pub(super) fn set_wanted(&self, wanted: bool) {
        self.change(|state| state.wanted = wanted);
    }

    /// Ends the thread and waits for it, except from inside it.
    pub(super) fn end(&self) {
        self.change(|state| state.ended = true);
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            worker.join();
        }
    }

    /// Starts the thread.
    fn spawn(&self, run: impl FnOnce(&Switch) + Send + 'static) -> Result<()> {
        let switch =
            Arc::clone(self.switch.as_ref().expect("only sources made with Feed::device start a feed"));
        let worker = Worker::start("parlor-feed", move || run(&switch))?;
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut SwitchState)) {
        if let Some(switch) = &self.switch {
            change(&mut switch.lock());
            switch.wake.notify_one();
        }
    }
}

impl Switch {
    /// Waits until `due`, and while nobody receives; returns the time, or none at the source's end.
    fn wait_until(&self, due: Time) -> Option<Time> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            let now = clock::now();
            state = if !state.wanted {
                self.wake.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else if now < due {
                self.wake.wait_timeout(state, due - now).unwrap_or_else(PoisonError::into_inner).0
            } else {
                return Some(now);
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, SwitchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the next frame is due: evenly spaced, with a fresh start after a pause.
struct Pace {
    due: Time,
}

impl Pace {
    /// Waits for the next frame's time; returns the frame's time stamp, or none at the source's end.
    fn next(&mut self, switch: &Switch, interval: Duration) -> Option<Time> {
        let now = switch.wait_until(self.due)?;
        if now - self.due > CATCH_UP {
            self.due = now;
        }
        let timestamp = self.due;
        self.due += interval;
        Some(timestamp)
    }
}

/// What a video feed plays.
pub(super) enum VideoFeed {
    Pattern { pattern: TestPattern, interval: Duration },
    File(Box<VideoFile>, FileMode),
}

impl VideoFeed {
    /// Makes the feed of a test pattern.
    pub(super) fn pattern(width: u32, height: u32, frames_per_second: u32) -> Result<Self> {
        if !(1..=120).contains(&frames_per_second) {
            return Err(Error::new(Status::InvalidArgument, "a pattern has 1 to 120 frames per second"));
        }
        let pattern = TestPattern::new(width, height)
            .map_err(|error| Error::new(Status::InvalidArgument, error.to_string()))?;
        Ok(Self::Pattern { pattern, interval: Duration::from_secs(1) / frames_per_second })
    }

    /// Makes the feed of a file.
    pub(super) fn file(path: &Path, mode: FileMode) -> Result<Self> {
        Ok(Self::File(Box::new(VideoFile::open(path).map_err(file_error)?), mode))
    }

    /// Returns the codec of a feed that gives encoded frames.
    pub(super) fn passthrough(&self) -> Option<Codec> {
        match self {
            Self::File(file, FileMode::Passthrough) => Some(file.codec()),
            _ => None,
        }
    }

    /// Starts the thread; it ends with the source.
    pub(super) fn start(self, source: &Arc<VideoSource>) -> Result<()> {
        let weak = Arc::downgrade(source);
        source.feed().spawn(move |switch| self.run(&weak, switch))
    }

    fn run(mut self, source: &Weak<VideoSource>, switch: &Switch) {
        let mut pace = Pace { due: clock::now() };
        let mut number = 0;
        while let Some(timestamp) = pace.next(switch, self.interval()) {
            let Some(source) = source.upgrade() else { return };
            let outcome = match self.frame(number, timestamp) {
                Ok(Frame::Picture(frame)) => source.push(frame),
                Ok(Frame::Encoded(frame)) => source.push_encoded(frame),
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                tracing::warn!(%error, "a frame of a video feed was lost");
            }
            number = number.wrapping_add(1);
        }
    }

    fn interval(&self) -> Duration {
        match self {
            Self::Pattern { interval, .. } => *interval,
            Self::File(file, _) => file.interval(),
        }
    }

    fn frame(&mut self, number: u32, timestamp: Time) -> Result<Frame> {
        match self {
            Self::Pattern { pattern, .. } => Ok(Frame::Picture(pattern.frame(number, timestamp))),
            Self::File(file, FileMode::Decode) => {
                file.next_picture(number, timestamp).map(Frame::Picture).map_err(file_error)
            }
            Self::File(file, FileMode::Passthrough) => {
                file.next_encoded(timestamp).map(Frame::Encoded).map_err(file_error)
            }
        }
    }
}

enum Frame {
    Picture(VideoFrame),
    Encoded(EncodedFrame),
}

/// What an audio feed plays.
pub(super) enum AudioFeed {
    Tone(Tone),
    File(Box<AudioFile>, FileMode),
}

impl AudioFeed {
    /// Makes the feed of a tone.
    pub(super) fn tone(frequency: f32) -> Result<Self> {
        if !(20.0..=20_000.0).contains(&frequency) {
            return Err(Error::new(Status::InvalidArgument, "a tone has 20 to 20000 hertz"));
        }
        Ok(Self::Tone(Tone::new(frequency)))
    }

    /// Makes the feed of a file.
    pub(super) fn file(path: &Path, mode: FileMode) -> Result<Self> {
        let file = AudioFile::open(path).map_err(file_error)?;
        if mode == FileMode::Passthrough && !file.is_opus() {
            return Err(Error::new(Status::MediaFile, "only Ogg Opus files can be passed through"));
        }
        Ok(Self::File(Box::new(file), mode))
    }

    /// Returns the channels of the feed's sound.
    pub(super) fn channels(&self) -> u16 {
        match self {
            Self::Tone(_) => 1,
            Self::File(file, _) => file.channels(),
        }
    }

    /// Starts the thread; it ends with the source.
    pub(super) fn start(self, source: &Arc<AudioSource>) -> Result<()> {
        let weak = Arc::downgrade(source);
        source.feed().spawn(move |switch| self.run(&weak, switch))
    }

    fn run(mut self, source: &Weak<AudioSource>, switch: &Switch) {
        let mut pace = Pace { due: clock::now() };
        let mut interval = AUDIO_STEP;
        while let Some(timestamp) = pace.next(switch, interval) {
            let Some(source) = source.upgrade() else { return };
            let outcome = match &mut self {
                Self::Tone(tone) => {
                    let frame = tone.next(AUDIO_STEP, timestamp);
                    source.push_i16(&frame.samples, frame.sample_rate, frame.channels, timestamp)
                }
                Self::File(file, FileMode::Decode) => {
                    file.next_sound(AUDIO_STEP, timestamp).map_err(file_error).and_then(|frame| {
                        source.push_i16(&frame.samples, frame.sample_rate, frame.channels, timestamp)
                    })
                }
                Self::File(file, FileMode::Passthrough) => {
                    file.next_packet(timestamp).map_err(file_error).and_then(|packet| {
                        interval = packet.duration;
                        source.push_encoded(packet)
                    })
                }
            };
            if let Err(error) = outcome {
                tracing::warn!(%error, "sound of an audio feed was lost");
            }
        }
    }
}

fn file_error(error: FileError) -> Error {
    Error::new(Status::MediaFile, error.to_string())
}
