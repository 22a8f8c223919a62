//! Received sound.

use std::sync::{Arc, Mutex, PoisonError};

use engine::api::{self, Live, Status};

use crate::error::{ParlorError, Result, failed};
use crate::guard::guard;
use crate::memory;

/// What sound is, and where its samples lie.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct SoundLayout {
    /// Where the first of the interleaved signed 16-bit samples lies.
    pub address: u64,
    /// How many samples, all channels together.
    pub sample_count: u64,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Interleaved channels.
    pub channels: u32,
    /// When the first sample is due, by `time_us`.
    pub timestamp_us: u64,
}

/// Sound, never changed. Its samples stay where they are until it is released.
#[derive(uniffi::Object)]
pub struct AudioFrame(Mutex<Option<Held>>);

struct Held {
    frame: api::AudioFrame,
    _counted: Live,
}

#[uniffi::export]
impl AudioFrame {
    /// Returns what the sound is, and where its samples lie until it is released.
    ///
    /// Errors: `Closed` when it was released.
    pub fn layout(&self) -> Result<SoundLayout> {
        guard(|| {
            let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let released = || failed(Status::Closed, "the sound was released");
            let frame = &held.as_ref().ok_or_else(released)?.frame;
            Ok::<_, ParlorError>(SoundLayout {
                address: memory::address(&frame.samples),
                sample_count: frame.samples.len() as u64,
                sample_rate: frame.sample_rate,
                channels: frame.channels.into(),
                timestamp_us: frame.timestamp.as_micros(),
            })
        })
    }

    /// Gives the samples back; every later call answers `Closed`. Twice does nothing.
    pub fn release(&self) -> Result<()> {
        guard(|| {
            drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
            Ok::<_, ParlorError>(())
        })
    }
}

impl AudioFrame {
    pub(crate) fn of(frame: api::AudioFrame) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Held { frame, _counted: Live::frame() }))))
    }
}
