//! Where sent media comes from.

use std::path::Path;
use std::sync::Arc;

use engine::api::{self, BitRate, Status};

use crate::config::Codec;
use crate::encoded::{self, EncodedInfo};
use crate::error::{CallbackError, ParlorError, Result, failed, log_thrown};
use crate::frame::{VideoFrame, copy_in, time};
use crate::guard::guard;
use crate::{jvm, memory};

/// How a media file is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum FileMode {
    /// Decoded, stamped with frame number and send time, and encoded again at the call's rate.
    Decode,
    /// The file's own frames, as they are.
    Passthrough,
}

/// Tells the app that feeds encoded frames what the receivers need, on threads of the engine: it must not block. What
/// it throws is logged.
#[uniffi::export(foreign)]
pub trait EncodedSourceObserver: Send + Sync {
    /// Called when the next frame should be a keyframe: a receiver joined or lost too much.
    fn on_keyframe_request(&self) -> std::result::Result<(), CallbackError>;

    /// Called when the rate to aim at changes.
    fn on_target_bitrate(&self, bits_per_second: u64) -> std::result::Result<(), CallbackError>;
}

struct ObserverBridge(Arc<dyn EncodedSourceObserver>);

impl api::EncodedSourceObserver for ObserverBridge {
    fn on_keyframe_request(&self) {
        jvm::attach();
        log_thrown("on_keyframe_request", self.0.on_keyframe_request());
    }

    fn on_target_bitrate(&self, rate: BitRate) {
        jvm::attach();
        log_thrown("on_target_bitrate", self.0.on_target_bitrate(rate.bps()));
    }
}

/// A source of pictures. Each is encoded once per codec, however many peers receive it.
#[derive(uniffi::Object)]
pub struct VideoSource(pub(crate) api::VideoSource);

#[uniffi::export]
impl VideoSource {
    /// Makes a source that the app feeds with `push` or `push_planes`.
    #[uniffi::constructor]
    pub fn new() -> Result<Arc<Self>> {
        guard(|| Ok::<_, ParlorError>(Arc::new(Self(api::VideoSource::new()))))
    }

    /// Makes a source that the app feeds with `push_encoded` frames of one codec.
    ///
    /// Errors: `UnsupportedCodec` when the codec is not one for pictures.
    #[uniffi::constructor]
    pub fn encoded(codec: Codec, observer: Arc<dyn EncodedSourceObserver>) -> Result<Arc<Self>> {
        guard(|| {
            let bridge = Arc::new(ObserverBridge(observer));
            api::VideoSource::encoded(codec.into(), bridge).map(|source| Arc::new(Self(source)))
        })
    }

    /// Makes a moving test pattern, stamped with frame number and send time.
    ///
    /// Errors: `InvalidArgument` when size or rate is out of range.
    #[uniffi::constructor]
    pub fn test_pattern(width: u32, height: u32, frames_per_second: u32) -> Result<Arc<Self>> {
        guard(|| {
            let source = api::VideoSource::test_pattern(width, height, frames_per_second);
            source.map(|source| Arc::new(Self(source)))
        })
    }

    /// Plays a VP8 file in IVF, over and over.
    ///
    /// Errors: `MediaFile` when the file cannot be read or is something else.
    #[uniffi::constructor]
    pub fn from_file(path: &str, mode: FileMode) -> Result<Arc<Self>> {
        guard(|| {
            let source = api::VideoSource::from_file(Path::new(path), mode.into());
            source.map(|source| Arc::new(Self(source)))
        })
    }

    /// Gives a picture to the encoders; returns at once. A picture that comes before the one before it was encoded
    /// takes its place. The picture stays its owner's to release.
    ///
    /// Errors: `InvalidState` when this source is fed otherwise, `Closed` when the picture was released.
    pub fn push(&self, frame: Arc<VideoFrame>) -> Result<()> {
        guard(|| Ok::<_, ParlorError>(self.0.push(frame.picture()?)?))
    }

    /// Copies a picture from the app's memory and gives it to the encoders; otherwise as `push`. `layout` is the address
    /// of 13 numbers of 64 bits, as `VideoFrame.layout` answers.
    ///
    /// Errors: `InvalidFrame` when size, format or planes do not fit, `NullPointer`; as `push`.
    pub fn push_planes(&self, layout: u64) -> Result<()> {
        guard(|| Ok::<_, ParlorError>(self.0.push(copy_in(layout)?)?))
    }

    /// Sends an encoded frame, whose bytes are copied; returns at once.
    ///
    /// Errors: `InvalidState` when this source is fed otherwise, `InvalidFrame` when the frame is empty or of another
    /// codec.
    pub fn push_encoded(&self, info: EncodedInfo, bytes: &[u8]) -> Result<()> {
        guard(|| self.0.push_encoded(encoded::copy_in(&info, bytes)))
    }

    /// Returns how many pictures this source was given so far.
    pub fn frames(&self) -> Result<u64> {
        guard(|| Ok::<_, ParlorError>(self.0.frames()))
    }
}

/// A source of sound.
#[derive(uniffi::Object)]
pub struct AudioSource(pub(crate) api::AudioSource);

#[uniffi::export]
impl AudioSource {
    /// Makes a source that the app feeds with `push_i16` or `push_f32`, encoded with 1 or 2 channels.
    ///
    /// Errors: `InvalidArgument` for another number of channels.
    #[uniffi::constructor]
    pub fn new(channels: u32) -> Result<Arc<Self>> {
        guard(|| Ok::<_, ParlorError>(Arc::new(Self(api::AudioSource::new(channel_count(channels)?)?))))
    }

    /// Makes a source that the app feeds with Opus packets by `push_encoded`.
    #[uniffi::constructor]
    pub fn encoded() -> Result<Arc<Self>> {
        guard(|| Ok::<_, ParlorError>(Arc::new(Self(api::AudioSource::encoded()))))
    }

    /// Makes a sine tone at -12 dBFS; `frequency` is in hertz, 20 to 20000.
    ///
    /// Errors: `InvalidArgument` when the frequency is out of range.
    #[uniffi::constructor]
    pub fn tone(frequency: f32) -> Result<Arc<Self>> {
        guard(|| api::AudioSource::tone(frequency).map(|source| Arc::new(Self(source))))
    }

    /// Plays an Ogg Opus or WAV (48 kHz) file, over and over.
    ///
    /// Errors: `MediaFile` when the file cannot be read or is something else.
    #[uniffi::constructor]
    pub fn from_file(path: &str, mode: FileMode) -> Result<Arc<Self>> {
        guard(|| {
            let source = api::AudioSource::from_file(Path::new(path), mode.into());
            source.map(|source| Arc::new(Self(source)))
        })
    }

    /// Gives interleaved signed 16-bit sound at `address` to the encoder, 48 kHz, any length; it is copied, and this
    /// returns at once. `sample_count` counts the samples of all channels together; `captured_us` is when the first one
    /// was captured, by `time_us`, and 0 means now.
    ///
    /// Errors: `InvalidFrame` when the sound is not 48 kHz, 1 or 2 channels, in whole samples; `InvalidState` when this
    /// source is fed otherwise; `Busy` when more than a second waits for the encoder; `NullPointer`.
    pub fn push_i16(
        &self,
        address: u64,
        sample_count: u64,
        sample_rate: u32,
        channels: u32,
        captured_us: u64,
    ) -> Result<()> {
        guard(|| {
            // SAFETY: this crate's rules ask the app for readable memory.
            let samples = unsafe { memory::read::<i16>(address, sample_count, "address") }?;
            let channels = channel_count(channels)?;
            Ok::<_, ParlorError>(self.0.push_i16(samples, sample_rate, channels, time(captured_us))?)
        })
    }

    /// Gives interleaved sound of ±1.0 at `address` to the encoder; otherwise as `push_i16`.
    pub fn push_f32(
        &self,
        address: u64,
        sample_count: u64,
        sample_rate: u32,
        channels: u32,
        captured_us: u64,
    ) -> Result<()> {
        guard(|| {
            // SAFETY: this crate's rules ask the app for readable memory.
            let samples = unsafe { memory::read::<f32>(address, sample_count, "address") }?;
            let channels = channel_count(channels)?;
            Ok::<_, ParlorError>(self.0.push_f32(samples, sample_rate, channels, time(captured_us))?)
        })
    }

    /// Sends an Opus packet, whose bytes are copied; returns at once.
    ///
    /// Errors: `InvalidState` when this source is fed otherwise, `InvalidFrame` when the packet is empty or not Opus.
    pub fn push_encoded(&self, info: EncodedInfo, bytes: &[u8]) -> Result<()> {
        guard(|| self.0.push_encoded(encoded::copy_in(&info, bytes)))
    }
}

fn channel_count(channels: u32) -> Result<u16> {
    let refused = |_| failed(Status::InvalidArgument, "sound has 1 or 2 channels");
    u16::try_from(channels).map_err(refused)
}

impl From<FileMode> for api::FileMode {
    fn from(mode: FileMode) -> Self {
        match mode {
            FileMode::Decode => Self::Decode,
            FileMode::Passthrough => Self::Passthrough,
        }
    }
}
