//! Opus on libopus, 48 kHz.

use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};
use std::time::Duration;

use bytes::Bytes;
use media::codec::{AudioDecoder, AudioEncoder, CodecError};
use media::frame::{AudioFrame, EncodedFrame};
use opusic_sys as sys;
use units::Codec;

use super::error;

const SAMPLE_RATE: u32 = 48_000;
/// Samples per channel of the frames that are encoded, 20 ms.
const FRAME_SAMPLES: usize = 960;
/// Samples per channel of the longest packet, 120 ms (RFC 6716 section 2.1.4).
const MAX_PACKET_SAMPLES: usize = 5760;
/// The longest packet that an encoder makes (RFC 6716 section 3.4).
const MAX_PACKET_BYTES: usize = 1275;
/// The loss that is protected against before receivers have reported theirs, in percent.
const ASSUMED_LOSS: c_int = 5;
/// 10 is the most; the last step costs much and brings little.
const COMPLEXITY: c_int = 9;

fn check(answer: c_int) -> Result<c_int, CodecError> {
    if answer >= 0 {
        return Ok(answer);
    }
    // SAFETY: libopus returns a static string for every number.
    let reason = unsafe { CStr::from_ptr(sys::opus_strerror(answer)) };
    Err(error(Codec::Opus, reason.to_string_lossy()))
}

fn raw_channels(channels: u16) -> Result<c_int, CodecError> {
    match channels {
        1 | 2 => Ok(c_int::from(channels)),
        _ => Err(error(Codec::Opus, format!("1 or 2 channels, not {channels}"))),
    }
}

/// An Opus encoder.
pub(super) struct OpusEncoder {
    raw: NonNull<sys::OpusEncoder>,
    channels: u16,
}

// SAFETY: libopus keeps all state in the object, and `&mut self` keeps users apart.
unsafe impl Send for OpusEncoder {}

impl OpusEncoder {
    pub(super) fn new(channels: u16) -> Result<Self, CodecError> {
        let raw_channels = raw_channels(channels)?;
        let (application, bitrate) = match channels {
            1 => (sys::OPUS_APPLICATION_VOIP, 32_000),
            _ => (sys::OPUS_APPLICATION_AUDIO, 64_000),
        };
        let mut answer = 0;
        // SAFETY: `answer` outlives the call.
        let raw = unsafe {
            sys::opus_encoder_create(SAMPLE_RATE as i32, raw_channels, application, &raw mut answer)
        };
        check(answer)?;
        let raw = NonNull::new(raw).ok_or_else(|| error(Codec::Opus, "libopus made no encoder"))?;
        let mut encoder = Self { raw, channels };
        encoder.set(sys::OPUS_SET_BITRATE_REQUEST, bitrate)?;
        encoder.set(sys::OPUS_SET_COMPLEXITY_REQUEST, COMPLEXITY)?;
        encoder.set(sys::OPUS_SET_INBAND_FEC_REQUEST, 1)?;
        encoder.set(sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, ASSUMED_LOSS)?;
        Ok(encoder)
    }

    fn set(&mut self, request: c_int, value: c_int) -> Result<(), CodecError> {
        // SAFETY: all requests of this file take one int.
        check(unsafe { sys::opus_encoder_ctl(self.raw.as_ptr(), request, value) }).map(drop)
    }
}

impl AudioEncoder for OpusEncoder {
    fn encode(&mut self, frame: &AudioFrame) -> Result<EncodedFrame, CodecError> {
        let fits = frame.sample_rate == SAMPLE_RATE
            && frame.channels == self.channels
            && frame.samples.len() == FRAME_SAMPLES * usize::from(self.channels);
        if !fits {
            let reason = format!("20 ms of {} channels at 48 kHz were expected", self.channels);
            return Err(error(Codec::Opus, reason));
        }
        let mut packet = [0; MAX_PACKET_BYTES];
        // SAFETY: the samples are as many as said, the packet as long as said.
        let length = check(unsafe {
            sys::opus_encode(
                self.raw.as_ptr(),
                frame.samples.as_ptr(),
                FRAME_SAMPLES as c_int,
                packet.as_mut_ptr(),
                MAX_PACKET_BYTES as i32,
            )
        })?;
        Ok(EncodedFrame {
            codec: Codec::Opus,
            timestamp: frame.timestamp,
            duration: Duration::from_millis(20),
            keyframe: true,
            data: Bytes::copy_from_slice(&packet[..length as usize]),
        })
    }

    fn set_expected_loss(&mut self, percent: u8) -> Result<(), CodecError> {
        if percent > 100 {
            return Err(error(Codec::Opus, "loss is 0 to 100 percent"));
        }
        self.set(sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, c_int::from(percent))
    }
}

impl Drop for OpusEncoder {
    fn drop(&mut self) {
        // SAFETY: made by libopus and freed once.
        unsafe { sys::opus_encoder_destroy(self.raw.as_ptr()) }
    }
}

/// An Opus decoder.
pub(super) struct OpusDecoder {
    raw: NonNull<sys::OpusDecoder>,
    channels: u16,
}

// SAFETY: libopus keeps all state in the object, and `&mut self` keeps users apart.
unsafe impl Send for OpusDecoder {}

impl OpusDecoder {
    pub(super) fn new(channels: u16) -> Result<Self, CodecError> {
        let raw_channels = raw_channels(channels)?;
        let mut answer = 0;
        // SAFETY: `answer` outlives the call.
        let raw = unsafe { sys::opus_decoder_create(SAMPLE_RATE as i32, raw_channels, &raw mut answer) };
        check(answer)?;
        let raw = NonNull::new(raw).ok_or_else(|| error(Codec::Opus, "libopus made no decoder"))?;
        Ok(Self { raw, channels })
    }

    /// Decodes a packet, or what its forward error correction tells of the one before, or nothing but what
    /// hides a loss; `samples` per channel at most, or exactly where there is no packet of its own.
    fn run(
        &mut self,
        packet: Option<&[u8]>,
        samples: usize,
        fec: bool,
        out: &mut Vec<i16>,
    ) -> Result<(), CodecError> {
        let channels = usize::from(self.channels);
        let start = out.len();
        out.resize(start + samples * channels, 0);
        let (data, length) = match packet {
            Some(packet) => {
                let length = i32::try_from(packet.len())
                    .map_err(|_| error(Codec::Opus, "a packet is longer than 2 GiB"))?;
                (packet.as_ptr(), length)
            }
            None => (ptr::null(), 0),
        };
        // SAFETY: `data` is NULL with length 0 or a packet of that length; the output has room for `samples` per
        // channel.
        let answer = check(unsafe {
            sys::opus_decode(
                self.raw.as_ptr(),
                data,
                length,
                out[start..].as_mut_ptr(),
                samples as c_int,
                c_int::from(fec),
            )
        });
        out.truncate(start + answer.as_ref().map_or(0, |decoded| *decoded as usize) * channels);
        answer.map(drop)
    }
}

impl AudioDecoder for OpusDecoder {
    fn channels(&self) -> u16 {
        self.channels
    }

    fn decode(&mut self, packet: &[u8], out: &mut Vec<i16>) -> Result<(), CodecError> {
        if packet.is_empty() {
            return Err(error(Codec::Opus, "the packet is empty"));
        }
        self.run(Some(packet), MAX_PACKET_SAMPLES, false, out)
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> Result<(), CodecError> {
        if next.is_empty() {
            return Err(error(Codec::Opus, "the packet is empty"));
        }
        self.run(Some(next), samples.min(MAX_PACKET_SAMPLES), true, out)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) -> Result<(), CodecError> {
        self.run(None, samples.min(MAX_PACKET_SAMPLES), false, out)
    }
}

impl Drop for OpusDecoder {
    fn drop(&mut self) {
        // SAFETY: made by libopus and freed once.
        unsafe { sys::opus_decoder_destroy(self.raw.as_ptr()) }
    }
}
