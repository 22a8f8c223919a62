//! A remote video track and its decoder thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use media::codec::VideoDecoder;
use media::frame::EncodedFrame;
use media::video_receiver::VideoReceiverStats;
use units::Codec;

use crate::codec::video_decoder;
use crate::shell::slot::Slot;
use crate::shell::worker::Worker;
use crate::shell::{Result, TrackStats, VideoSink};

/// How many encoded frames may wait for the decoder or for the app's first sink, one second at 30 per second.
/// Past it all of them are dropped and counted, and a keyframe is asked for.
const FRAME_QUEUE: usize = 30;

/// Tells the network thread that a track needs a keyframe; called on the decoder thread.
pub(crate) type KeyframeRequest = Box<dyn Fn() + Send + Sync>;

/// A remote video track.
pub(crate) struct RemoteVideo {
    sink: Slot<dyn VideoSink>,
    state: Mutex<State>,
    wake: Condvar,
    request_keyframe: KeyframeRequest,
    worker: Mutex<Option<Worker>>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<EncodedFrame>,
    /// Set by the first sink: until then frames wait for it, so that none of the first is lost.
    started: bool,
    /// Frames before the next keyframe are of no use.
    broken: bool,
    ended: bool,
    stats: TrackStats,
}

impl RemoteVideo {
    /// Makes the track and starts its decoder thread.
    pub(crate) fn start(request_keyframe: KeyframeRequest) -> Result<Arc<Self>> {
        let video = Arc::new(Self {
            sink: Slot::default(),
            state: Mutex::default(),
            wake: Condvar::new(),
            request_keyframe,
            worker: Mutex::default(),
        });
        let decoding = Arc::clone(&video);
        let worker = Worker::start("parlor-decode", move || decoding.run())?;
        *video.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
        Ok(video)
    }

    /// Replaces the sink.
    pub(crate) fn set_sink(&self, sink: Option<Arc<dyn VideoSink>>) {
        let (wanted, records) = sink.as_ref().map_or((false, false), |sink| (true, !sink.wants_pictures()));
        self.sink.set(sink);
        if !wanted {
            return;
        }
        let joins_late = std::mem::replace(&mut self.lock().started, true);
        self.wake.notify_one();
        // A decoder finds out by itself that it needs a keyframe, a recorder does not.
        if joins_late && records {
            (self.request_keyframe)();
        }
    }

    /// Takes a frame from the network thread, complete and in order.
    pub(crate) fn push(&self, frame: EncodedFrame) {
        let mut state = self.lock();
        state.stats.codec = Some(frame.codec);
        if state.frames.len() >= FRAME_QUEUE {
            state.stats.frames_dropped += state.frames.len() as u64;
            state.frames.clear();
            state.broken = true;
        }
        if state.broken && !frame.keyframe {
            state.stats.frames_dropped += 1;
            drop(state);
            (self.request_keyframe)();
            return;
        }
        state.broken = false;
        state.frames.push_back(frame);
        self.wake.notify_one();
    }

    /// Takes the figures of the network thread's side.
    pub(crate) fn update(&self, received: &VideoReceiverStats) {
        let stats = &mut self.lock().stats;
        stats.packets_received = received.packets;
        stats.packets_lost = received.lost;
        stats.keyframe_requests = received.keyframe_requests;
        stats.freezes = received.freezes;
    }

    /// Returns the track's figures.
    pub(crate) fn stats(&self) -> TrackStats {
        self.lock().stats.clone()
    }

    /// Ends the decoder thread, which lets go of the sink; waits for neither.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.wake.notify_one();
    }

    /// Waits for the decoder thread's end.
    pub(crate) fn join(&self) {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            worker.join();
        }
    }

    fn run(&self) {
        let mut decoder: Option<(Codec, Box<dyn VideoDecoder>)> = None;
        while let Some(frame) = self.next() {
            self.sink.call(|sink| sink.on_encoded(&frame));
            let wanted = self.sink.get().is_some_and(|sink| sink.wants_pictures());
            if !wanted {
                // What is not decoded now cannot be decoded from the middle later.
                decoder = None;
                continue;
            }
            if decoder.as_ref().is_none_or(|(codec, _)| *codec != frame.codec) {
                if !frame.keyframe {
                    self.lost();
                    continue;
                }
                match video_decoder(frame.codec) {
                    Ok(made) => decoder = Some((frame.codec, made)),
                    Err(error) => {
                        tracing::warn!(%error, "a received codec cannot be decoded");
                        continue;
                    }
                }
            }
            let (_, active) = decoder.as_mut().expect("made above");
            match active.decode(&frame) {
                Ok(Some(picture)) => {
                    {
                        let stats = &mut self.lock().stats;
                        stats.frames_decoded += 1;
                        (stats.width, stats.height) = (picture.width(), picture.height());
                    }
                    self.sink.call(|sink| sink.on_frame(&picture));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, "a received picture could not be decoded");
                    decoder = None;
                    self.lost();
                }
            }
        }
        self.sink.set(None);
    }

    fn next(&self) -> Option<EncodedFrame> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            if state.started
                && let Some(frame) = state.frames.pop_front()
            {
                return Some(frame);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lost(&self) {
        {
            let mut state = self.lock();
            state.stats.frames_dropped += 1;
            state.broken = true;
        }
        (self.request_keyframe)();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
