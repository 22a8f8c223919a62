//! Where sent media comes from.

use std::path::Path;
use std::sync::Arc;

use media::frame::{EncodedFrame, VideoFrame};
use units::{Codec, Time};

use super::{EncodedSourceObserver, FileMode, Result};
use crate::shell;

/// A source of pictures: pushed by the app, or made by the engine from a file or a test pattern.
///
/// Each picture is encoded once per codec, however many peers receive it. Clones share the source; it ends
/// when the last clone and the last stream that holds it are gone.
#[derive(Debug, Clone)]
pub struct VideoSource(pub(crate) Arc<shell::VideoSource>);

impl VideoSource {
    /// Makes a source that the app feeds with [`VideoSource::push`].
    pub fn new() -> Self {
        Self(shell::VideoSource::raw())
    }

    /// Makes a source that the app feeds with [`VideoSource::push_encoded`] frames of one codec.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnsupportedCodec`] when the codec is not one for pictures.
    pub fn encoded(codec: Codec, observer: Arc<dyn EncodedSourceObserver>) -> Result<Self> {
        shell::VideoSource::encoded(codec, observer).map(Self)
    }

    /// Makes a moving test pattern, stamped with frame number and send time.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidArgument`] when size or rate is out of range.
    pub fn test_pattern(width: u32, height: u32, frames_per_second: u32) -> Result<Self> {
        shell::VideoSource::test_pattern(width, height, frames_per_second).map(Self)
    }

    /// Plays a VP8 file in IVF, over and over.
    ///
    /// # Errors
    ///
    /// [`super::Status::MediaFile`] when the file cannot be read or is not VP8 in IVF.
    pub fn from_file(path: &Path, mode: FileMode) -> Result<Self> {
        shell::VideoSource::from_file(path, mode).map(Self)
    }

    /// Gives a picture to the encoders; returns at once. A picture that comes before the one before it was
    /// encoded takes its place.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidState`] when this source is fed otherwise.
    pub fn push(&self, frame: VideoFrame) -> Result<()> {
        self.0.check_app()?;
        self.0.push(frame)
    }

    /// Sends an encoded frame; returns at once.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidState`] when this source is fed otherwise, [`super::Status::InvalidFrame`] when
    /// the frame is empty or of another codec.
    pub fn push_encoded(&self, frame: EncodedFrame) -> Result<()> {
        self.0.check_app()?;
        self.0.push_encoded(frame)
    }

    /// Returns how many pictures this source was given so far.
    pub fn frames(&self) -> u64 {
        self.0.frames()
    }
}

impl Default for VideoSource {
    fn default() -> Self {
        Self::new()
    }
}

/// A source of sound: pushed by the app, or made by the engine from a file or a tone.
///
/// Clones share the source; it ends when the last clone and the last stream that holds it are gone.
#[derive(Debug, Clone)]
pub struct AudioSource(pub(crate) Arc<shell::AudioSource>);

impl AudioSource {
    /// Makes a source that the app feeds with [`AudioSource::push_i16`] or [`AudioSource::push_f32`], encoded
    /// with 1 or 2 channels.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidArgument`] when `channels` is not 1 or 2.
    pub fn new(channels: u16) -> Result<Self> {
        shell::AudioSource::raw(channels).map(Self)
    }

    /// Makes a source that the app feeds with Opus packets by [`AudioSource::push_encoded`].
    pub fn encoded() -> Self {
        Self(shell::AudioSource::encoded())
    }

    /// Makes a sine tone of `frequency` hertz at −12 dBFS.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidArgument`] when the frequency is outside 20..=20000.
    pub fn tone(frequency: f32) -> Result<Self> {
        shell::AudioSource::tone(frequency).map(Self)
    }

    /// Plays an Ogg Opus or WAV (48 kHz) file, over and over.
    ///
    /// # Errors
    ///
    /// [`super::Status::MediaFile`] when the file cannot be read or holds something else.
    pub fn from_file(path: &Path, mode: FileMode) -> Result<Self> {
        shell::AudioSource::from_file(path, mode).map(Self)
    }

    /// Gives interleaved 16-bit sound to the encoder; any length, returns at once.
    ///
    /// `captured` is when the first sample was captured, by [`super::time_us`].
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidFrame`] when the sound is not 48 kHz, 1 or 2 channels, in whole samples;
    /// [`super::Status::InvalidState`] when this source is fed otherwise; [`super::Status::Busy`] when more
    /// than a second waits for the encoder.
    pub fn push_i16(&self, samples: &[i16], sample_rate: u32, channels: u16, captured: Time) -> Result<()> {
        self.0.check_app()?;
        self.0.push_i16(samples, sample_rate, channels, captured)
    }

    /// Gives interleaved sound of ±1.0 to the encoder; otherwise as [`AudioSource::push_i16`].
    ///
    /// # Errors
    ///
    /// As [`AudioSource::push_i16`].
    pub fn push_f32(&self, samples: &[f32], sample_rate: u32, channels: u16, captured: Time) -> Result<()> {
        self.0.check_app()?;
        self.0.push_f32(samples, sample_rate, channels, captured)
    }

    /// Sends an Opus packet; returns at once.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidState`] when this source is fed otherwise, [`super::Status::InvalidFrame`] when
    /// the packet is empty or not Opus.
    pub fn push_encoded(&self, frame: EncodedFrame) -> Result<()> {
        self.0.check_app()?;
        self.0.push_encoded(frame)
    }
}
