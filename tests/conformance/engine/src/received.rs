//! What came from one remote peer.

use std::sync::atomic::{AtomicU64, Ordering};

use parlor::api::{AudioFrame, AudioSink, EncodedFrame, VideoFrame, VideoSink, time_us};
use serde_json::{Value, json};

/// Root mean square of sound that counts as loud: -40 dBFS.
const LOUD: f64 = 327.68;

/// Counts what is received of all tracks that a peer has sent so far.
#[derive(Default)]
pub struct Received {
    pictures: AtomicU64,
    sound_packets: AtomicU64,
    /// When the last picture came, in microseconds; 0 before the first.
    last_picture: AtomicU64,
    /// The longest time between two pictures, in microseconds, since this was last asked for.
    longest_pause: AtomicU64,
    /// When the first picture came, in microseconds; 0 before it.
    first_picture: AtomicU64,
    /// Frames of sound louder than [`LOUD`].
    loud: AtomicU64,
}

impl Received {
    /// Returns the counts; the longest pause starts anew.
    pub fn take(&self) -> Value {
        let first = self.first_picture.load(Ordering::Relaxed);
        json!({
            "firstPictureAt": (first != 0).then_some(first as f64 / 1000.0),
            "loud": self.loud.load(Ordering::Relaxed),
            "video": self.pictures.load(Ordering::Relaxed),
            "audio": self.sound_packets.load(Ordering::Relaxed),
            "longestPauseMs": self.longest_pause.swap(0, Ordering::Relaxed) / 1000,
        })
    }
}

impl VideoSink for Received {
    fn on_frame(&self, _: &VideoFrame) {
        let now = time_us();
        let last = self.last_picture.swap(now, Ordering::Relaxed);
        if last == 0 {
            self.first_picture.store(now, Ordering::Relaxed);
        } else {
            self.longest_pause.fetch_max(now.saturating_sub(last), Ordering::Relaxed);
        }
        self.pictures.fetch_add(1, Ordering::Relaxed);
    }
}

impl AudioSink for Received {
    fn on_frame(&self, frame: &AudioFrame) {
        let square = |sample: &i16| f64::from(*sample) * f64::from(*sample);
        let power = frame.samples.iter().map(square).sum::<f64>() / frame.samples.len().max(1) as f64;
        if power.sqrt() > LOUD {
            self.loud.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn on_encoded(&self, _: &EncodedFrame) {
        self.sound_packets.fetch_add(1, Ordering::Relaxed);
    }
}
