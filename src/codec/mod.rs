//! Opus, VP8, H.264 and pixel conversion behind the traits of the media room.
//!
//! Which codecs exist is decided when the engine is built, by the features `opus`, `vp8` and `h264`. An encoder or
//! decoder is used by one thread at a time; making one costs milliseconds and some megabytes.

pub mod convert;
#[cfg(feature = "h264")]
mod h264;
#[cfg(feature = "opus")]
mod opus;
mod picture;
mod scale;
#[cfg(feature = "vp8")]
mod vp8;

use media::codec::{AudioDecoder, AudioEncoder, CodecError, VideoDecoder, VideoEncoder};
use units::{BitRate, Codec};

pub use picture::{I420Buffer, PlaneMut};

/// What a video encoder starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Width of the first picture in pixels.
    pub width: u32,
    /// Height of the first picture in pixels.
    pub height: u32,
    /// The rate to aim at.
    pub rate: BitRate,
    /// How many pictures a second will come; the rate is kept when that is true.
    pub frames_per_second: u32,
}

/// The largest picture that decoders accept, in pixels: that of H.264 level 5.2. A few hostile bytes could claim
/// more and cost gigabytes.
pub const MAX_DECODED_PIXELS: u64 = 4096 * 2304;

/// Returns whether a codec was compiled in.
pub const fn is_available(codec: Codec) -> bool {
    match codec {
        Codec::Opus => cfg!(feature = "opus"),
        Codec::Vp8 => cfg!(feature = "vp8"),
        Codec::H264 => cfg!(feature = "h264"),
    }
}

/// Returns the video codecs that were compiled in, the one to prefer first.
pub fn video_codecs() -> Vec<Codec> {
    [Codec::Vp8, Codec::H264].into_iter().filter(|codec| is_available(*codec)).collect()
}

/// Makes a video encoder. It takes pictures of any pixel format.
///
/// # Errors
///
/// [`CodecError`] when the codec was not compiled in or carries no video, or when it refuses the settings.
pub fn video_encoder(codec: Codec, settings: EncoderSettings) -> Result<Box<dyn VideoEncoder>, CodecError> {
    if settings.frames_per_second == 0 {
        return Err(error(codec, "the frame rate is zero"));
    }
    match codec {
        #[cfg(feature = "vp8")]
        Codec::Vp8 => Ok(Box::new(vp8::Vp8Encoder::new(settings)?)),
        #[cfg(feature = "h264")]
        Codec::H264 => Ok(Box::new(h264::H264Encoder::new(settings)?)),
        codec => Err(unavailable(codec, "video")),
    }
}

/// Makes a video decoder. It delivers I420.
///
/// # Errors
///
/// [`CodecError`] when the codec was not compiled in or carries no video.
pub fn video_decoder(codec: Codec) -> Result<Box<dyn VideoDecoder>, CodecError> {
    match codec {
        #[cfg(feature = "vp8")]
        Codec::Vp8 => Ok(Box::new(vp8::Vp8Decoder::new()?)),
        #[cfg(feature = "h264")]
        Codec::H264 => Ok(Box::new(h264::H264Decoder::new()?)),
        codec => Err(unavailable(codec, "video")),
    }
}

/// Makes an Opus encoder for 1 or 2 channels at 48 kHz: 32 kbit/s tuned for speech, or 64 kbit/s stereo.
///
/// # Errors
///
/// [`CodecError`] when Opus was not compiled in or the number of channels is neither 1 nor 2.
pub fn audio_encoder(channels: u16) -> Result<Box<dyn AudioEncoder>, CodecError> {
    #[cfg(feature = "opus")]
    return Ok(Box::new(opus::OpusEncoder::new(channels)?));
    #[cfg(not(feature = "opus"))]
    return Err(no_opus(channels));
}

/// Makes an Opus decoder that delivers 1 or 2 channels at 48 kHz, whatever the packets carry.
///
/// # Errors
///
/// [`CodecError`] when Opus was not compiled in or the number of channels is neither 1 nor 2.
pub fn audio_decoder(channels: u16) -> Result<Box<dyn AudioDecoder>, CodecError> {
    #[cfg(feature = "opus")]
    return Ok(Box::new(opus::OpusDecoder::new(channels)?));
    #[cfg(not(feature = "opus"))]
    return Err(no_opus(channels));
}

#[cfg(not(feature = "opus"))]
fn no_opus(channels: u16) -> CodecError {
    error(Codec::Opus, format!("not compiled into this build ({channels} channels wanted)"))
}

fn unavailable(codec: Codec, wanted: &str) -> CodecError {
    let reason = if is_available(codec) {
        format!("carries no {wanted}")
    } else {
        "not compiled into this build".to_owned()
    };
    error(codec, reason)
}

fn error(codec: Codec, reason: impl Into<String>) -> CodecError {
    CodecError { codec, reason: reason.into() }
}

#[cfg(test)]
mod tests;
