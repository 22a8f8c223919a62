//! What an encoder and a decoder must do; the engine's codec room and the app implement it.
//!
//! An encoder or decoder is used by one thread at a time.

use units::{BitRate, Codec};

use crate::frame::{AudioFrame, EncodedFrame, VideoFrame};

/// Why a codec refused its input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{codec:?}: {reason}")]
pub struct CodecError {
    /// The codec that failed.
    pub codec: Codec,
    /// What it said.
    pub reason: String,
}

/// Turns pictures into encoded frames.
pub trait VideoEncoder: Send {
    /// Encodes one picture; `keyframe` asks for one that a decoder can start at.
    ///
    /// Returns nothing when the encoder's rate control skipped the picture. A picture of another size than
    /// the one before restarts the stream with a keyframe.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the encoder fails; the next call may succeed.
    fn encode(&mut self, frame: &VideoFrame, keyframe: bool) -> Result<Option<EncodedFrame>, CodecError>;

    /// Sets the rate to aim at from the next picture on.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the encoder refuses the values.
    fn set_target(&mut self, rate: BitRate, frames_per_second: u32) -> Result<(), CodecError>;
}

/// Turns encoded frames into pictures.
pub trait VideoDecoder: Send {
    /// Decodes one frame; the picture takes the frame's time stamp.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the data is broken: a keyframe must be asked for.
    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CodecError>;
}

/// Turns sound into packets.
pub trait AudioEncoder: Send {
    /// Encodes one frame of sound, 20 ms at 48 kHz.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the frame has another length or format than the encoder was made for.
    fn encode(&mut self, frame: &AudioFrame) -> Result<EncodedFrame, CodecError>;

    /// Tells the encoder how much loss the receivers report, 0..=100 percent, so that it can protect.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the encoder refuses the value.
    fn set_expected_loss(&mut self, percent: u8) -> Result<(), CodecError>;
}

/// Turns packets into sound; output is interleaved at 48 kHz with the channels it was made for.
pub trait AudioDecoder: Send {
    /// Returns the interleaved channels of the output.
    fn channels(&self) -> u16;

    /// Appends the sound of one packet to `out`.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the packet is broken.
    fn decode(&mut self, packet: &[u8], out: &mut Vec<i16>) -> Result<(), CodecError>;

    /// Appends `samples` per channel of the lost packet before `next`, from the forward error correction that
    /// `next` carries; where it carries none, conceals.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the packet is broken.
    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> Result<(), CodecError>;

    /// Appends `samples` per channel that hide a loss.
    ///
    /// # Errors
    ///
    /// [`CodecError`] when the decoder fails.
    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) -> Result<(), CodecError>;
}
