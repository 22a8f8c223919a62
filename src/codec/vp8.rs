//! VP8 on libvpx, through the C shim beside this file.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong};
use std::ptr::{self, NonNull};
use std::slice;

use bytes::Bytes;
use media::codec::{CodecError, VideoDecoder, VideoEncoder};
use media::frame::{EncodedFrame, PixelFormat, VideoFrame};
use units::{BitRate, Codec, Time};

use super::picture::append_rows;
use super::{EncoderSettings, MAX_DECODED_PIXELS, convert, error};

#[repr(C)]
struct Picture {
    planes: [*const u8; 3],
    strides: [c_int; 3],
    width: c_uint,
    height: c_uint,
}

#[repr(C)]
struct Packet {
    data: *const u8,
    length: usize,
    keyframe: c_int,
}

#[repr(C)]
struct RawEncoder {
    _opaque: [u8; 0],
}

#[repr(C)]
struct RawDecoder {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn parlor_vp8_encoder_new(
        width: c_uint,
        height: c_uint,
        kilobits: c_uint,
        frames_per_second: c_uint,
        out: *mut *mut RawEncoder,
    ) -> *const c_char;
    fn parlor_vp8_encoder_free(encoder: *mut RawEncoder);
    fn parlor_vp8_encoder_set_target(
        encoder: *mut RawEncoder,
        kilobits: c_uint,
        frames_per_second: c_uint,
    ) -> *const c_char;
    fn parlor_vp8_encoder_encode(
        encoder: *mut RawEncoder,
        picture: *const Picture,
        timestamp: i64,
        duration: c_ulong,
        keyframe: c_int,
        out: *mut Packet,
    ) -> *const c_char;
    fn parlor_vp8_decoder_new(out: *mut *mut RawDecoder) -> *const c_char;
    fn parlor_vp8_decoder_free(decoder: *mut RawDecoder);
    fn parlor_vp8_decoder_decode(
        decoder: *mut RawDecoder,
        data: *const u8,
        length: usize,
        out: *mut Picture,
    ) -> *const c_char;
}

/// Turns the shim's answer into a result.
///
/// # Safety
///
/// `answer` must be NULL or a string that lives until the next call with the same object.
unsafe fn check(answer: *const c_char) -> Result<(), CodecError> {
    if answer.is_null() {
        return Ok(());
    }
    // SAFETY: the caller says that it is a string.
    let reason = unsafe { CStr::from_ptr(answer) };
    Err(error(Codec::Vp8, reason.to_string_lossy()))
}

/// A VP8 encoder.
pub(super) struct Vp8Encoder {
    raw: NonNull<RawEncoder>,
    settings: EncoderSettings,
    /// libvpx wants time stamps that only grow; in ticks of 90 kHz from the first picture.
    first: Option<Time>,
    last_ticks: i64,
}

// SAFETY: libvpx encoders are not tied to the thread that made them, and `&mut self` keeps users apart.
unsafe impl Send for Vp8Encoder {}

impl Vp8Encoder {
    pub(super) fn new(settings: EncoderSettings) -> Result<Self, CodecError> {
        let mut raw = ptr::null_mut();
        let kilobits = kilobits(settings.rate);
        // SAFETY: `raw` outlives the call; the answer is NULL or a static text.
        unsafe {
            check(parlor_vp8_encoder_new(
                settings.width,
                settings.height,
                kilobits,
                settings.frames_per_second,
                &raw mut raw,
            ))?;
        }
        let raw = NonNull::new(raw).ok_or_else(|| error(Codec::Vp8, "libvpx made no encoder"))?;
        Ok(Self { raw, settings, first: None, last_ticks: -1 })
    }

    fn ticks(&mut self, timestamp: Time) -> i64 {
        let first = *self.first.get_or_insert(timestamp);
        let ticks = (timestamp - first).as_micros() * 9 / 100;
        self.last_ticks = i64::try_from(ticks).unwrap_or(i64::MAX).max(self.last_ticks + 1);
        self.last_ticks
    }
}

impl VideoEncoder for Vp8Encoder {
    fn encode(&mut self, frame: &VideoFrame, keyframe: bool) -> Result<Option<EncodedFrame>, CodecError> {
        if (frame.width(), frame.height()) != (self.settings.width, self.settings.height) {
            // Growing by reconfiguration fails in libvpx; a new encoder starts with a keyframe.
            let settings = EncoderSettings { width: frame.width(), height: frame.height(), ..self.settings };
            *self = Self::new(settings)?;
        }
        let frame = convert::to(frame, PixelFormat::I420).map_err(|e| error(Codec::Vp8, e.to_string()))?;
        let mut picture = Picture {
            planes: [ptr::null(); 3],
            strides: [0; 3],
            width: frame.width(),
            height: frame.height(),
        };
        for (index, plane) in frame.planes().iter().enumerate() {
            picture.planes[index] = plane.data.as_ptr();
            picture.strides[index] =
                c_int::try_from(plane.stride).map_err(|_| error(Codec::Vp8, "a stride is above 2 GiB"))?;
        }
        let timestamp = self.ticks(frame.timestamp());
        let duration = c_ulong::from(90_000 / self.settings.frames_per_second.clamp(1, 90_000));
        let mut packet = Packet { data: ptr::null(), length: 0, keyframe: 0 };
        // SAFETY: the planes were checked for their size when the frame was made and live through the call; the
        // packet points into the encoder until the next call and is copied below.
        let data = unsafe {
            check(parlor_vp8_encoder_encode(
                self.raw.as_ptr(),
                &raw const picture,
                timestamp,
                duration,
                c_int::from(keyframe),
                &raw mut packet,
            ))?;
            if packet.data.is_null() || packet.length == 0 {
                return Ok(None);
            }
            Bytes::copy_from_slice(slice::from_raw_parts(packet.data, packet.length))
        };
        Ok(Some(EncodedFrame {
            codec: Codec::Vp8,
            timestamp: frame.timestamp(),
            duration: std::time::Duration::ZERO,
            keyframe: packet.keyframe != 0,
            data,
        }))
    }

    fn set_target(&mut self, rate: BitRate, frames_per_second: u32) -> Result<(), CodecError> {
        if frames_per_second == 0 {
            return Err(error(Codec::Vp8, "the frame rate is zero"));
        }
        // SAFETY: the encoder lives; the text of a failure is read before the next call.
        unsafe {
            check(parlor_vp8_encoder_set_target(self.raw.as_ptr(), kilobits(rate), frames_per_second))?;
        }
        self.settings = EncoderSettings { rate, frames_per_second, ..self.settings };
        Ok(())
    }
}

impl Drop for Vp8Encoder {
    fn drop(&mut self) {
        // SAFETY: made by the shim and freed once.
        unsafe { parlor_vp8_encoder_free(self.raw.as_ptr()) }
    }
}

fn kilobits(rate: BitRate) -> c_uint {
    c_uint::try_from(rate.kbps().max(1)).unwrap_or(c_uint::MAX)
}

/// A VP8 decoder.
pub(super) struct Vp8Decoder {
    raw: NonNull<RawDecoder>,
}

// SAFETY: libvpx decoders are not tied to the thread that made them, and `&mut self` keeps users apart.
unsafe impl Send for Vp8Decoder {}

impl Vp8Decoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` outlives the call; the answer is NULL or a static text.
        unsafe { check(parlor_vp8_decoder_new(&raw mut raw))? };
        let raw = NonNull::new(raw).ok_or_else(|| error(Codec::Vp8, "libvpx made no decoder"))?;
        Ok(Self { raw })
    }
}

impl VideoDecoder for Vp8Decoder {
    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CodecError> {
        if let Some((width, height)) = keyframe_size(&frame.data)
            && u64::from(width) * u64::from(height) > MAX_DECODED_PIXELS
        {
            return Err(error(Codec::Vp8, "the picture is larger than 4096x2304"));
        }
        let mut picture = Picture { planes: [ptr::null(); 3], strides: [0; 3], width: 0, height: 0 };
        // SAFETY: the data live through the call; the text of a failure is read before the next one.
        unsafe {
            check(parlor_vp8_decoder_decode(
                self.raw.as_ptr(),
                frame.data.as_ptr(),
                frame.data.len(),
                &raw mut picture,
            ))?;
        }
        if picture.width == 0 {
            return Ok(None);
        }
        let mut data = Vec::new();
        for index in 0..PixelFormat::I420.planes() {
            let (row, rows) = PixelFormat::I420.plane_size(index, picture.width, picture.height);
            let stride = usize::try_from(picture.strides[index])
                .ok()
                .filter(|stride| *stride >= row)
                .ok_or_else(|| error(Codec::Vp8, "libvpx delivered a picture upside down"))?;
            // SAFETY: libvpx gives `rows` rows, `stride` apart, valid until the next call.
            let plane = unsafe { slice::from_raw_parts(picture.planes[index], stride * (rows - 1) + row) };
            append_rows(&mut data, plane, stride, row, rows);
        }
        VideoFrame::packed(PixelFormat::I420, picture.width, picture.height, data.into(), frame.timestamp)
            .map(Some)
            .map_err(|e| error(Codec::Vp8, e.to_string()))
    }
}

impl Drop for Vp8Decoder {
    fn drop(&mut self) {
        // SAFETY: made by the shim and freed once.
        unsafe { parlor_vp8_decoder_free(self.raw.as_ptr()) }
    }
}

/// Returns the size that a keyframe claims (RFC 6386 section 9.1); none for other frames.
fn keyframe_size(frame: &[u8]) -> Option<(u32, u32)> {
    let &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = frame else { return None };
    // The upper two bits of each side ask the player to scale.
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    (tag & 1 == 0).then(|| (side(w0, w1), side(h0, h1)))
}
