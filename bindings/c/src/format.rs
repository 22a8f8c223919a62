//! Codecs and pixel formats as numbers.

use engine::api::{Codec, Error, MediaKind, PixelFormat, Result, Status};

/// A codec; 0 is none.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_codec {
    /// Opus at 48 kHz.
    Opus = 1,
    /// VP8.
    Vp8 = 2,
    /// H.264 constrained baseline.
    H264 = 3,
}

/// What a video frame holds. Newer libraries may have more kinds; planes can be had of this one alone.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_frame_kind {
    /// Pixels in memory.
    Planes = 1,
}

/// How the pixels of a picture lie in memory.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_pixel_format {
    /// Three planes, Y then U then V, chroma halved both ways, odd sizes rounded up (BT.601, limited range).
    I420 = 1,
    /// Two planes, Y then interleaved UV, chroma halved both ways (BT.601, limited range).
    Nv12 = 2,
    /// One plane, four bytes a pixel: red, green, blue, alpha.
    Rgba = 3,
}

/// Reads a codec.
pub(crate) fn codec(number: i32) -> Result<Codec> {
    [Codec::Opus, Codec::Vp8, Codec::H264]
        .into_iter()
        .find(|codec| codec_number(*codec) == number)
        .ok_or_else(|| Error::new(Status::UnsupportedCodec, format!("{number} is no codec")))
}

/// Reads a codec for pictures.
pub(crate) fn video_codec(number: i32) -> Result<Codec> {
    codec(number).and_then(|codec| match codec.kind() {
        MediaKind::Video => Ok(codec),
        MediaKind::Audio => Err(Error::new(Status::UnsupportedCodec, "the codec is not one for pictures")),
    })
}

pub(crate) fn codec_number(codec: Codec) -> i32 {
    let codec = match codec {
        Codec::Opus => parlor_codec::Opus,
        Codec::Vp8 => parlor_codec::Vp8,
        Codec::H264 => parlor_codec::H264,
    };
    codec as i32
}

/// Reads a pixel format.
pub(crate) fn pixel_format(number: i32) -> Result<PixelFormat> {
    [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Rgba]
        .into_iter()
        .find(|format| pixel_format_number(*format) == number)
        .ok_or_else(|| Error::new(Status::InvalidArgument, format!("{number} is no pixel format")))
}

pub(crate) fn pixel_format_number(format: PixelFormat) -> i32 {
    let format = match format {
        PixelFormat::I420 => parlor_pixel_format::I420,
        PixelFormat::Nv12 => parlor_pixel_format::Nv12,
        PixelFormat::Rgba => parlor_pixel_format::Rgba,
    };
    format as i32
}
