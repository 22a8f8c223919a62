//! Encoded pictures and packets of sound.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use engine::api::{self, Live, Status};

use crate::config::Codec;
use crate::error::{ParlorError, Result, failed};
use crate::frame::time;
use crate::guard::guard;
use crate::memory;

/// What an encoded frame is.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct EncodedInfo {
    /// What the bytes are: one VP8 frame, one H.264 access unit (Annex B) or one Opus packet.
    pub codec: Codec,
    /// Whether a decoder can start here. Sound always can.
    pub keyframe: bool,
    /// When it was captured or is due, by `time_us`; handed in, 0 means now.
    pub timestamp_us: u64,
    /// How long a packet of sound lasts, in microseconds; 0 for pictures.
    pub duration_us: u64,
}

/// What an encoded frame is, and where its bytes lie.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct EncodedLayout {
    /// What it is.
    pub info: EncodedInfo,
    /// Where the first byte lies.
    pub address: u64,
    /// How many bytes.
    pub length: u64,
}

/// One encoded picture or packet of sound, never changed. Its bytes stay where they are until it is released.
#[derive(uniffi::Object)]
pub struct EncodedFrame(Mutex<Option<Held>>);

struct Held {
    frame: api::EncodedFrame,
    _counted: Live,
}

#[uniffi::export]
impl EncodedFrame {
    /// Returns what the frame is, and where its bytes lie until it is released.
    ///
    /// Errors: `Closed` when it was released.
    pub fn layout(&self) -> Result<EncodedLayout> {
        guard(|| {
            let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let released = || failed(Status::Closed, "the frame was released");
            let frame = &held.as_ref().ok_or_else(released)?.frame;
            Ok::<_, ParlorError>(EncodedLayout {
                info: EncodedInfo {
                    codec: frame.codec.into(),
                    keyframe: frame.keyframe,
                    timestamp_us: frame.timestamp.as_micros(),
                    duration_us: u64::try_from(frame.duration.as_micros()).unwrap_or(u64::MAX),
                },
                address: memory::address(&frame.data),
                length: frame.data.len() as u64,
            })
        })
    }

    /// Gives the bytes back; every later call answers `Closed`. Twice does nothing.
    pub fn release(&self) -> Result<()> {
        guard(|| {
            drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
            Ok::<_, ParlorError>(())
        })
    }
}

impl EncodedFrame {
    pub(crate) fn of(frame: api::EncodedFrame) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Held { frame, _counted: Live::frame() }))))
    }
}

/// Copies an encoded frame that the app hands in.
pub(crate) fn copy_in(info: &EncodedInfo, bytes: &[u8]) -> api::EncodedFrame {
    api::EncodedFrame {
        codec: info.codec.into(),
        timestamp: time(info.timestamp_us),
        duration: Duration::from_micros(info.duration_us),
        keyframe: info.keyframe,
        data: Bytes::copy_from_slice(bytes),
    }
}
