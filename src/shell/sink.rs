//! Where received media goes.

use media::frame::{AudioFrame, EncodedFrame, VideoFrame};

/// Receives one remote video track, on a media thread of the engine.
///
/// Calls come one at a time. They must not block: a slow sink loses frames, counted as dropped.
pub trait VideoSink: Send + Sync {
    /// Called for each decoded picture.
    fn on_frame(&self, frame: &VideoFrame);

    /// Called for each encoded frame before it is decoded.
    fn on_encoded(&self, frame: &EncodedFrame) {
        let _ = frame;
    }

    /// Returns whether pictures are wanted; a sink that only takes encoded frames says no and saves the
    /// decoding.
    fn wants_pictures(&self) -> bool {
        true
    }
}

/// Receives one remote audio track, on the engine's playout thread.
///
/// Calls come one at a time, every 20 ms, and must not block.
pub trait AudioSink: Send + Sync {
    /// Called for each 20 ms of sound, 48 kHz stereo, with losses concealed.
    fn on_frame(&self, frame: &AudioFrame);

    /// Called for each Opus packet as it arrives, in arrival order.
    fn on_encoded(&self, frame: &EncodedFrame) {
        let _ = frame;
    }
}
