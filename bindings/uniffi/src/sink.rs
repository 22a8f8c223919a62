//! Where received media goes.

use std::sync::Arc;

use engine::api;

use crate::encoded::EncodedFrame;
use crate::error::{CallbackError, ParlorError, Result, log_thrown};
use crate::frame::VideoFrame;
use crate::jvm;
use crate::sound::AudioFrame;
use crate::timing::{Told, timed};

/// What of a track a sink wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SinkWants {
    /// Decoded pictures or sound.
    Decoded,
    /// Encoded frames as they came; pictures are not decoded then.
    Encoded,
    /// Both.
    Both,
}

/// Receives one remote video track, on a media thread: one call at a time, and it must not block. A slow sink loses
/// frames, counted as dropped. A frame is its receiver's, who releases it. What it throws is logged.
#[uniffi::export(foreign)]
pub trait VideoSink: Send + Sync {
    /// Returns what the sink wants; asked once, when it is set.
    fn wants(&self) -> std::result::Result<SinkWants, CallbackError>;

    /// Called for each decoded picture, with what its `layout` would answer: one crossing instead of several.
    fn on_frame(&self, frame: Arc<VideoFrame>, layout: u64) -> std::result::Result<(), CallbackError>;

    /// Called for each encoded frame, before it is decoded.
    fn on_encoded(&self, frame: Arc<EncodedFrame>) -> std::result::Result<(), CallbackError>;
}

/// Receives one remote audio track, on the playout thread, every 20 ms: it must not block. A frame is its receiver's,
/// who releases it. What it throws is logged.
#[uniffi::export(foreign)]
pub trait AudioSink: Send + Sync {
    /// Returns what the sink wants; asked once, when it is set.
    fn wants(&self) -> std::result::Result<SinkWants, CallbackError>;

    /// Called for each 20 ms of sound, 48 kHz stereo, with losses concealed.
    fn on_frame(&self, frame: Arc<AudioFrame>) -> std::result::Result<(), CallbackError>;

    /// Called for each Opus packet as it arrives, in arrival order.
    fn on_encoded(&self, frame: Arc<EncodedFrame>) -> std::result::Result<(), CallbackError>;
}

/// A video sink of another language as the facade's.
pub(crate) struct VideoBridge {
    sink: Arc<dyn VideoSink>,
    wants: SinkWants,
}

impl VideoBridge {
    pub(crate) fn make(sink: Arc<dyn VideoSink>) -> Result<Arc<dyn api::VideoSink>> {
        let wants = sink.wants().map_err(thrown)?;
        Ok(Arc::new(Self { sink, wants }))
    }
}

impl api::VideoSink for VideoBridge {
    fn on_frame(&self, frame: &api::VideoFrame) {
        if self.wants != SinkWants::Encoded {
            jvm::attach();
            let outcome = timed(Told::Frame, || {
                let frame = VideoFrame::of(frame.clone());
                let layout = frame.layout_address();
                self.sink.on_frame(frame, layout)
            });
            log_thrown("on_frame", outcome);
        }
    }

    fn on_encoded(&self, frame: &api::EncodedFrame) {
        if self.wants != SinkWants::Decoded {
            jvm::attach();
            log_thrown("on_encoded", self.sink.on_encoded(EncodedFrame::of(frame.clone())));
        }
    }

    fn wants_pictures(&self) -> bool {
        self.wants != SinkWants::Encoded
    }
}

/// An audio sink of another language as the facade's.
pub(crate) struct AudioBridge {
    sink: Arc<dyn AudioSink>,
    wants: SinkWants,
}

impl AudioBridge {
    pub(crate) fn make(sink: Arc<dyn AudioSink>) -> Result<Arc<dyn api::AudioSink>> {
        let wants = sink.wants().map_err(thrown)?;
        Ok(Arc::new(Self { sink, wants }))
    }
}

impl api::AudioSink for AudioBridge {
    fn on_frame(&self, frame: &api::AudioFrame) {
        if self.wants != SinkWants::Encoded {
            jvm::attach();
            log_thrown("on_frame", self.sink.on_frame(AudioFrame::of(frame.clone())));
        }
    }

    fn on_encoded(&self, frame: &api::EncodedFrame) {
        if self.wants != SinkWants::Decoded {
            jvm::attach();
            log_thrown("on_encoded", self.sink.on_encoded(EncodedFrame::of(frame.clone())));
        }
    }
}

fn thrown(error: CallbackError) -> ParlorError {
    crate::error::failed(api::Status::InvalidArgument, format!("the sink's `wants` failed: {error}"))
}
