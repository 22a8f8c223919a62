//! A source of sound and its encoder thread.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use media::codec::AudioEncoder;
use media::frame::{AudioFrame, EncodedFrame};
use media::framer::{AudioFramer, Samples};
use media::packetize::{MAX_PAYLOAD, Packetizer};
use units::{Codec, Time};

use super::feed::{AudioFeed, Feed};
use super::{Subscriber, SubscriberId, deliver};
use crate::codec::audio_encoder;
use crate::shell::live::{Kind, Live};
use crate::shell::random_seed;
use crate::shell::worker::Worker;
use crate::shell::{Error, FileMode, Result, Status};

/// How many 20 ms frames may wait for the encoder, one second. Past it a push answers [`Status::Busy`].
const FRAME_QUEUE: usize = 50;

/// A source of sound.
pub(crate) struct AudioSource {
    /// None for a source that is fed with Opus packets.
    framer: Option<Mutex<AudioFramer>>,
    encoding: Arc<Encoding>,
    feed: Feed,
    _counted: Live,
}

impl fmt::Debug for AudioSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioSource").field("encoded", &self.framer.is_none()).finish_non_exhaustive()
    }
}

impl AudioSource {
    /// Makes a source that the app feeds with sound.
    pub(crate) fn raw(channels: u16) -> Result<Arc<Self>> {
        if !(1..=2).contains(&channels) {
            return Err(Error::new(Status::InvalidArgument, "sound is sent with 1 or 2 channels"));
        }
        Self::pcm(channels, Feed::app())
    }

    /// Makes a source that the app feeds with Opus packets.
    pub(crate) fn encoded() -> Arc<Self> {
        Self::with(None, Arc::default(), Feed::app())
    }

    /// Makes a sine tone.
    pub(crate) fn tone(frequency: f32) -> Result<Arc<Self>> {
        let feed = AudioFeed::tone(frequency)?;
        let source = Self::pcm(feed.channels(), Feed::device())?;
        feed.start(&source)?;
        Ok(source)
    }

    /// Plays a file over and over.
    pub(crate) fn from_file(path: &Path, mode: FileMode) -> Result<Arc<Self>> {
        let feed = AudioFeed::file(path, mode)?;
        let source = match mode {
            FileMode::Decode => Self::pcm(feed.channels(), Feed::device())?,
            FileMode::Passthrough => Self::with(None, Arc::default(), Feed::device()),
        };
        feed.start(&source)?;
        Ok(source)
    }

    fn pcm(channels: u16, feed: Feed) -> Result<Arc<Self>> {
        let encoder = audio_encoder(channels)
            .map_err(|error| Error::new(Status::UnsupportedCodec, error.to_string()))?;
        let encoding = Arc::<Encoding>::default();
        Encoding::start(&encoding, encoder)?;
        let framer = Some(Mutex::new(AudioFramer::new(channels)?));
        Ok(Self::with(framer, encoding, feed))
    }

    fn with(framer: Option<Mutex<AudioFramer>>, encoding: Arc<Encoding>, feed: Feed) -> Arc<Self> {
        Arc::new(Self { framer, encoding, feed, _counted: Live::new(Kind::Source) })
    }

    /// Refuses what an app pushes into a source that the engine feeds.
    pub(crate) fn check_app(&self) -> Result<()> {
        self.feed.check_app()
    }

    /// Returns the switch of the thread that feeds this source.
    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Takes interleaved 16-bit sound.
    pub(crate) fn push_i16(&self, samples: &[i16], rate: u32, channels: u16, captured: Time) -> Result<()> {
        self.push(Samples::I16(samples), rate, channels, captured)
    }

    /// Takes interleaved sound of ±1.0.
    pub(crate) fn push_f32(&self, samples: &[f32], rate: u32, channels: u16, captured: Time) -> Result<()> {
        self.push(Samples::F32(samples), rate, channels, captured)
    }

    fn push(&self, samples: Samples<'_>, rate: u32, channels: u16, captured: Time) -> Result<()> {
        let Some(framer) = &self.framer else {
            return Err(Error::new(Status::InvalidState, "this source takes Opus packets"));
        };
        if self.encoding.lock().frames.len() >= FRAME_QUEUE {
            return Err(Error::new(Status::Busy, "a second of sound waits for the encoder already"));
        }
        let mut framer = framer.lock().unwrap_or_else(PoisonError::into_inner);
        framer.push(captured, rate, channels, samples)?;
        while let Some(frame) = framer.poll() {
            self.encoding.offer(frame);
        }
        Ok(())
    }

    /// Takes an Opus packet.
    pub(crate) fn push_encoded(&self, frame: EncodedFrame) -> Result<()> {
        if self.framer.is_some() {
            return Err(Error::new(Status::InvalidState, "this source takes sound, not packets"));
        }
        if frame.codec != Codec::Opus || frame.data.is_empty() {
            return Err(Error::new(Status::InvalidFrame, "an Opus packet was expected"));
        }
        self.encoding.send(&frame);
        Ok(())
    }

    /// Starts sending to a subscriber.
    pub(super) fn subscribe(&self, subscriber: Subscriber) -> Result<()> {
        let mut state = self.encoding.lock();
        state.subscribers.push(subscriber);
        // Subscribers of one engine must stand together, see `deliver`.
        state.subscribers.sort_by_key(|s| (Arc::as_ptr(&s.queue) as usize, s.id));
        drop(state);
        self.feed.set_wanted(true);
        Ok(())
    }

    /// Stops sending to a subscriber.
    pub(super) fn unsubscribe(&self, id: SubscriberId) {
        let mut state = self.encoding.lock();
        state.subscribers.retain(|s| s.id != id);
        let wanted = !state.subscribers.is_empty();
        drop(state);
        self.feed.set_wanted(wanted);
    }
}

impl Drop for AudioSource {
    fn drop(&mut self) {
        self.feed.end();
        self.encoding.end();
    }
}

/// The encoding of a source: its subscribers and, for sound, its thread.
struct Encoding {
    state: Mutex<State>,
    wake: Condvar,
    worker: Mutex<Option<Worker>>,
}

struct State {
    subscribers: Vec<Subscriber>,
    packetizer: Packetizer,
    frames: VecDeque<AudioFrame>,
    ended: bool,
}

impl Default for Encoding {
    fn default() -> Self {
        let state = State {
            subscribers: Vec::new(),
            packetizer: Packetizer::new(Codec::Opus, random_seed()),
            frames: VecDeque::new(),
            ended: false,
        };
        Self { state: Mutex::new(state), wake: Condvar::new(), worker: Mutex::default() }
    }
}

impl Encoding {
    fn start(encoding: &Arc<Self>, encoder: Box<dyn AudioEncoder>) -> Result<()> {
        let encoding_of_thread = Arc::clone(encoding);
        let worker = Worker::start("parlor-encode", move || encoding_of_thread.run(encoder))?;
        *encoding.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
        Ok(())
    }

    /// Queues a frame for the encoder; without subscribers it goes nowhere.
    fn offer(&self, frame: AudioFrame) {
        let mut state = self.lock();
        if !state.subscribers.is_empty() {
            state.frames.push_back(frame);
            self.wake.notify_one();
        }
    }

    fn run(&self, mut encoder: Box<dyn AudioEncoder>) {
        loop {
            let frame = {
                let mut state = self.lock();
                loop {
                    if state.ended {
                        return;
                    }
                    if let Some(frame) = state.frames.pop_front() {
                        break frame;
                    }
                    state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            };
            match encoder.encode(&frame) {
                Ok(encoded) => self.send(&encoded),
                Err(error) => tracing::warn!(%error, "20 ms of sound could not be encoded"),
            }
        }
    }

    /// Ends the thread and waits for it.
    fn end(&self) {
        self.lock().ended = true;
        self.wake.notify_one();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            worker.join();
        }
    }

    fn send(&self, frame: &EncodedFrame) {
        let mut state = self.lock();
        let recipients = state.subscribers.clone();
        if recipients.is_empty() {
            return;
        }
        let payloads = state.packetizer.packetize(frame, MAX_PAYLOAD);
        drop(state);
        deliver(&recipients, payloads);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
