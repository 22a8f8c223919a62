//! A source of pictures and its encoder threads, one per codec.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use media::codec::VideoEncoder;
use media::fanout::{EncoderControl, target_rate};
use media::frame::{EncodedFrame, VideoFrame};
use media::packetize::{MAX_PAYLOAD, Packetizer};
use media::rtp::RtpPayload;
use units::{Codec, MediaKind, Time};

use super::feed::{Feed, VideoFeed};
use super::{Subscriber, SubscriberId, deliver};
use crate::codec::{EncoderSettings, video_encoder};
use crate::shell::live::{Kind, Live};
use crate::shell::worker::Worker;
use crate::shell::{EncodedSourceObserver, Error, FileMode, Result, Status};
use crate::shell::{clock, random_seed};

/// Rate that is assumed until pictures have shown theirs, in frames per second.
const ASSUMED_FRAME_RATE: u32 = 30;
/// The rate that an app's own encoder is asked for: pictures of unknown size count as 720p.
const ASSUMED_SIZE: (u32, u32) = (1280, 720);

/// A source of pictures.
pub(crate) struct VideoSource {
    input: Input,
    encodings: Mutex<BTreeMap<Codec, Arc<Encoding>>>,
    frames: AtomicU64,
    feed: Feed,
    _counted: Live,
}

/// Who feeds the source.
enum Input {
    /// The app or a device, with pictures.
    Pictures,
    /// The app or a file, with encoded frames.
    Encoded { codec: Codec, observer: Option<Arc<dyn EncodedSourceObserver>> },
}

impl fmt::Debug for VideoSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoSource").field("frames", &self.frames()).finish_non_exhaustive()
    }
}

impl VideoSource {
    fn with(input: Input, feed: Feed) -> Arc<Self> {
        Arc::new(Self {
            input,
            encodings: Mutex::default(),
            frames: AtomicU64::new(0),
            feed,
            _counted: Live::new(Kind::Source),
        })
    }

    /// Makes a source that the app feeds with pictures.
    pub(crate) fn raw() -> Arc<Self> {
        Self::with(Input::Pictures, Feed::app())
    }

    /// Makes a source that the app feeds with encoded frames.
    pub(crate) fn encoded(codec: Codec, observer: Arc<dyn EncodedSourceObserver>) -> Result<Arc<Self>> {
        if codec.kind() != MediaKind::Video {
            return Err(Error::new(Status::UnsupportedCodec, "an encoded video source needs a video codec"));
        }
        Ok(Self::with(Input::Encoded { codec, observer: Some(observer) }, Feed::app()))
    }

    /// Makes a moving test pattern.
    pub(crate) fn test_pattern(width: u32, height: u32, frames_per_second: u32) -> Result<Arc<Self>> {
        Self::device(VideoFeed::pattern(width, height, frames_per_second)?)
    }

    /// Plays a file over and over.
    pub(crate) fn from_file(path: &Path, mode: FileMode) -> Result<Arc<Self>> {
        Self::device(VideoFeed::file(path, mode)?)
    }

    fn device(feed: VideoFeed) -> Result<Arc<Self>> {
        let input = match feed.passthrough() {
            Some(codec) => Input::Encoded { codec, observer: None },
            None => Input::Pictures,
        };
        let source = Self::with(input, Feed::device());
        feed.start(&source)?;
        Ok(source)
    }

    /// Refuses what an app pushes into a source that the engine feeds.
    pub(crate) fn check_app(&self) -> Result<()> {
        self.feed.check_app()
    }

    /// Returns the switch of the thread that feeds this source.
    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Returns how many frames came in.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Returns the codec of a source that is fed with encoded frames.
    pub(crate) fn fixed_codec(&self) -> Option<Codec> {
        match self.input {
            Input::Pictures => None,
            Input::Encoded { codec, .. } => Some(codec),
        }
    }

    /// Takes a picture from the app or a device.
    pub(crate) fn push(&self, frame: VideoFrame) -> Result<()> {
        if self.fixed_codec().is_some() {
            return Err(Error::new(Status::InvalidState, "this source takes encoded frames"));
        }
        self.frames.fetch_add(1, Ordering::Relaxed);
        for encoding in self.encodings().values() {
            encoding.offer(frame.clone());
        }
        Ok(())
    }

    /// Takes an encoded frame from the app or a file.
    pub(crate) fn push_encoded(&self, frame: EncodedFrame) -> Result<()> {
        match self.fixed_codec() {
            None => return Err(Error::new(Status::InvalidState, "this source takes pictures")),
            Some(codec) if codec != frame.codec => {
                return Err(Error::new(
                    Status::InvalidFrame,
                    "the frame is of another codec than its source",
                ));
            }
            Some(_) if frame.data.is_empty() => {
                return Err(Error::new(Status::InvalidFrame, "the frame is empty"));
            }
            Some(_) => {}
        }
        self.frames.fetch_add(1, Ordering::Relaxed);
        let encoding = self.encodings().get(&frame.codec).cloned();
        if let Some(encoding) = encoding {
            encoding.pass(&frame);
            self.ask_app(&encoding);
        }
        Ok(())
    }

    /// Starts sending to a subscriber.
    pub(super) fn subscribe(&self, codec: Codec, subscriber: Subscriber) -> Result<()> {
        if self.fixed_codec().is_some_and(|fixed| fixed != codec) {
            return Err(Error::new(Status::UnsupportedCodec, "the source's codec was not agreed upon"));
        }
        let encoding = {
            let mut encodings = self.encodings();
            match encodings.get(&codec) {
                Some(encoding) => Arc::clone(encoding),
                None => {
                    let encoding = Arc::new(Encoding::new(codec));
                    if matches!(self.input, Input::Pictures) {
                        Encoding::start(&encoding)?;
                    }
                    encodings.insert(codec, Arc::clone(&encoding));
                    encoding
                }
            }
        };
        encoding.subscribe(subscriber);
        self.feed.set_wanted(true);
        self.ask_app(&encoding);
        Ok(())
    }

    /// Stops sending to a subscriber.
    pub(super) fn unsubscribe(&self, codec: Codec, id: SubscriberId) {
        let encodings = self.encodings();
        if let Some(encoding) = encodings.get(&codec) {
            encoding.unsubscribe(id);
        }
        self.feed.set_wanted(encodings.values().any(|encoding| encoding.wanted()));
    }

    /// Asks for a keyframe on a subscriber's behalf.
    pub(super) fn request_keyframe(&self, codec: Codec, id: SubscriberId) {
        let encoding = self.encodings().get(&codec).cloned();
        if let Some(encoding) = encoding {
            encoding.lock().control.request_keyframe(clock::now(), id.0);
            self.ask_app(&encoding);
        }
    }

    /// Passes a need for a keyframe on to the app that encodes by itself.
    fn ask_app(&self, encoding: &Encoding) {
        let Input::Encoded { observer: Some(observer), .. } = &self.input else { return };
        let asked = encoding.lock().control.ask_app(clock::now());
        if asked {
            let (width, height) = ASSUMED_SIZE;
            observer.on_target_bitrate(target_rate(width, height, ASSUMED_FRAME_RATE));
            observer.on_keyframe_request();
        }
    }

    fn encodings(&self) -> MutexGuard<'_, BTreeMap<Codec, Arc<Encoding>>> {
        self.encodings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for VideoSource {
    fn drop(&mut self) {
        self.feed.end();
        for encoding in self.encodings().values() {
            encoding.end();
        }
    }
}

/// One codec's encoding of a source: its control, its subscribers and, for pictures, its thread.
struct Encoding {
    codec: Codec,
    state: Mutex<State>,
    wake: Condvar,
    worker: Mutex<Option<Worker>>,
}

struct State {
    control: EncoderControl,
    subscribers: Vec<Subscriber>,
    packetizer: Packetizer,
    /// The picture to encode next; a newer one takes its place.
    pending: Option<VideoFrame>,
    /// The picture encoded last, encoded again at once for a subscriber that comes between two pictures.
    last: Option<VideoFrame>,
    ended: bool,
}

impl State {
    /// Makes the payloads of an encoded frame; returns them with the subscribers that can decode it.
    fn packetize(&mut self, frame: &EncodedFrame) -> (Vec<Subscriber>, Vec<RtpPayload>) {
        self.control.encoded(clock::now(), frame.keyframe);
        let recipients = self.subscribers.iter().filter(|s| self.control.receives(s.id.0)).cloned().collect();
        (recipients, self.packetizer.packetize(frame, MAX_PAYLOAD))
    }

    /// Returns whether a subscriber waits for its first keyframe.
    fn newcomer_waits(&self) -> bool {
        self.subscribers.iter().any(|subscriber| !self.control.receives(subscriber.id.0))
    }
}

impl Encoding {
    fn new(codec: Codec) -> Self {
        let state = State {
            control: EncoderControl::new(),
            subscribers: Vec::new(),
            packetizer: Packetizer::new(codec, random_seed()),
            pending: None,
            last: None,
            ended: false,
        };
        Self { codec, state: Mutex::new(state), wake: Condvar::new(), worker: Mutex::default() }
    }

    fn start(encoding: &Arc<Self>) -> Result<()> {
        let encoding_of_thread = Arc::clone(encoding);
        let worker = Worker::start("parlor-encode", move || Encoder::new(&encoding_of_thread).run())?;
        *encoding.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
        Ok(())
    }

    fn subscribe(&self, subscriber: Subscriber) {
        let mut state = self.lock();
        state.control.subscribe(subscriber.id.0);
        state.subscribers.push(subscriber);
        // Subscribers of one engine must stand together, see `deliver`.
        state.subscribers.sort_by_key(|s| (Arc::as_ptr(&s.queue) as usize, s.id));
        self.wake.notify_one();
    }

    fn unsubscribe(&self, id: SubscriberId) {
        let mut state = self.lock();
        state.control.unsubscribe(id.0);
        state.subscribers.retain(|s| s.id != id);
    }

    fn wanted(&self) -> bool {
        !self.lock().subscribers.is_empty()
    }

    fn offer(&self, frame: VideoFrame) {
        let mut state = self.lock();
        state.pending = Some(frame);
        self.wake.notify_one();
    }

    /// Sends an encoded frame to the subscribers that can decode it.
    fn pass(&self, frame: &EncodedFrame) {
        let (recipients, payloads) = self.lock().packetize(frame);
        deliver(&recipients, payloads);
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running encoder and what it was told.
struct ActiveEncoder {
    encoder: Box<dyn VideoEncoder>,
    size: (u32, u32),
    frames_per_second: u32,
}

/// What the encoder thread holds.
struct Encoder<'a> {
    encoding: &'a Encoding,
    active: Option<ActiveEncoder>,
    rate: FrameRate,
    last: Time,
}

impl<'a> Encoder<'a> {
    fn new(encoding: &'a Encoding) -> Self {
        Self { encoding, active: None, rate: FrameRate::default(), last: Time::ZERO }
    }

    fn run(mut self) {
        while let Some((frame, keyframe)) = self.next() {
            // Links turn the time stamp into RTP time, which must never run backwards.
            let timestamp = frame.timestamp().max(self.last + Duration::from_millis(1));
            self.last = timestamp;
            match self.encode(&frame.at(timestamp), keyframe) {
                Ok(Some(encoded)) => {
                    let (recipients, payloads) = self.encoding.lock().packetize(&encoded);
                    deliver(&recipients, payloads);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "a picture could not be encoded");
                    self.active = None;
                    let mut state = self.encoding.lock();
                    let ids: Vec<_> = state.subscribers.iter().map(|s| s.id).collect();
                    for id in ids {
                        state.control.request_keyframe(clock::now(), id.0);
                    }
                }
            }
        }
    }

    /// Waits for a picture that somebody receives; returns none at the source's end.
    fn next(&mut self) -> Option<(VideoFrame, bool)> {
        let mut state = self.encoding.lock();
        loop {
            if state.ended {
                return None;
            }
            let now = clock::now();
            let frame = match state.pending.take() {
                Some(frame) => {
                    self.rate.saw(frame.timestamp());
                    state.last = Some(frame.clone());
                    Some(frame)
                }
                None if state.newcomer_waits() => state.last.clone().map(|frame| frame.at(now)),
                None => None,
            };
            let decision = frame.as_ref().map(|_| state.control.next_frame(now));
            match (frame, decision) {
                (Some(frame), Some(decision)) if decision.encode => {
                    return Some((frame, decision.keyframe));
                }
                _ => state = self.encoding.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn encode(
        &mut self,
        frame: &VideoFrame,
        keyframe: bool,
    ) -> std::result::Result<Option<EncodedFrame>, media::codec::CodecError> {
        let size = (frame.width(), frame.height());
        let frames_per_second = self.rate.frames_per_second();
        let rate = target_rate(size.0, size.1, frames_per_second);
        let active = match self.active.take() {
            Some(mut active) if active.size == size => {
                // A new target on every small wobble would only disturb the rate control.
                let change = frames_per_second.abs_diff(active.frames_per_second);
                if change * 10 > active.frames_per_second {
                    active.encoder.set_target(rate, frames_per_second)?;
                    active.frames_per_second = frames_per_second;
                }
                active
            }
            _ => {
                let settings = EncoderSettings { width: size.0, height: size.1, rate, frames_per_second };
                let encoder = video_encoder(self.encoding.codec, settings)?;
                ActiveEncoder { encoder, size, frames_per_second }
            }
        };
        let ActiveEncoder { encoder, .. } = self.active.insert(active);
        encoder.encode(frame, keyframe)
    }
}

/// Learns a source's frame rate from its time stamps.
#[derive(Default)]
struct FrameRate {
    previous: Option<Time>,
    interval: Option<Duration>,
}

impl FrameRate {
    fn saw(&mut self, timestamp: Time) {
        if let Some(previous) = self.previous.replace(timestamp) {
            let interval = timestamp - previous;
            // Pauses are not a frame rate.
            if !interval.is_zero() && interval < Duration::from_secs(1) {
                self.interval = Some(self.interval.map_or(interval, |mean| (mean * 7 + interval) / 8));
            }
        }
    }

    fn frames_per_second(&self) -> u32 {
        self.interval.map_or(ASSUMED_FRAME_RATE, |interval| {
            (1_000_000 / interval.as_micros().max(1)).clamp(1, 120) as u32
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_rate_follows_the_time_stamps_and_ignores_pauses() {
        let mut rate = FrameRate::default();
        assert_eq!(rate.frames_per_second(), ASSUMED_FRAME_RATE);
        for frame in 0..50 {
            rate.saw(Time::from_millis(frame * 40));
        }
        assert_eq!(rate.frames_per_second(), 25);
        rate.saw(Time::from_millis(20_000));
        rate.saw(Time::from_millis(20_040));
        assert_eq!(rate.frames_per_second(), 25);
    }
}
