//! H.264 on OpenH264: constrained baseline, Annex B.

use std::ffi::c_void;
use std::time::Duration;

use media::codec::{CodecError, VideoDecoder, VideoEncoder};
use media::frame::{EncodedFrame, PixelFormat, VideoFrame};
use openh264::encoder::{
    BitRate as RawRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile,
    RateControlMode, SpsPpsStrategy, UsageType, VuiConfig,
};
use openh264::formats::{YUVSlices, YUVSource};
use openh264::{OpenH264API, Timestamp, decoder::Decoder};
use openh264_sys2::{
    ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_MAX_BITRATE, SBitrateInfo,
    SPATIAL_LAYER_0, SPATIAL_LAYER_ALL,
};
use units::{BitRate, Codec};

use super::picture::append_rows;
use super::{EncoderSettings, MAX_DECODED_PIXELS, convert, error};

/// An H.264 encoder.
pub(super) struct H264Encoder {
    raw: Encoder,
    settings: EncoderSettings,
    /// OpenH264 makes its encoder with the first picture; targets can be changed from then on.
    started: bool,
}

impl H264Encoder {
    pub(super) fn new(settings: EncoderSettings) -> Result<Self, CodecError> {
        if settings.width < 16 || settings.height < 16 {
            return Err(error(Codec::H264, "pictures must be at least 16x16"));
        }
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .profile(Profile::Baseline)
            .complexity(Complexity::Low)
            .rate_control_mode(RateControlMode::Bitrate)
            .skip_frames(true)
            .bitrate(RawRate::from_bps(bits(settings.rate)))
            .max_frame_rate(FrameRate::from_hz(settings.frames_per_second as f32))
            // Keyframes cost much and are asked for by receivers that need one.
            .intra_frame_period(IntraFramePeriod::auto())
            .scene_change_detect(false)
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .num_threads(1)
            .vui(VuiConfig::bt601());
        let raw = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(refused)?;
        Ok(Self { raw, settings, started: false })
    }
}

impl VideoEncoder for H264Encoder {
    fn encode(&mut self, frame: &VideoFrame, keyframe: bool) -> Result<Option<EncodedFrame>, CodecError> {
        // Chroma is halved, so a last odd column or row cannot be coded: it is left out.
        let (width, height) = (frame.width() & !1, frame.height() & !1);
        if (width, height) != (self.settings.width & !1, self.settings.height & !1) {
            *self = Self::new(EncoderSettings { width, height, ..self.settings })?;
        }
        let frame = convert::to(frame, PixelFormat::I420).map_err(|e| error(Codec::H264, e.to_string()))?;
        let [y, u, v] = frame.planes() else { unreachable!("I420 has three planes") };
        let rows = (height as usize, height as usize / 2);
        let slices = YUVSlices::new(
            (
                &y.data[..y.stride * (rows.0 - 1) + width as usize],
                &u.data[..u.stride * (rows.1 - 1) + width as usize / 2],
                &v.data[..v.stride * (rows.1 - 1) + width as usize / 2],
            ),
            (width as usize, height as usize),
            (y.stride, u.stride, v.stride),
        );
        if keyframe {
            self.raw.force_intra_frame();
        }
        let timestamp = Timestamp::from_millis(frame.timestamp().as_millis());
        let encoded = self.raw.encode_at(&slices, timestamp).map_err(refused)?;
        self.started = true;
        let keyframe = matches!(encoded.frame_type(), FrameType::IDR);
        let data = encoded.to_vec();
        if data.is_empty() {
            return Ok(None);
        }
        Ok(Some(EncodedFrame {
            codec: Codec::H264,
            timestamp: frame.timestamp(),
            duration: Duration::ZERO,
            keyframe,
            data: data.into(),
        }))
    }

    fn set_target(&mut self, rate: BitRate, frames_per_second: u32) -> Result<(), CodecError> {
        if frames_per_second == 0 {
            return Err(error(Codec::H264, "the frame rate is zero"));
        }
        let settings = EncoderSettings { rate, frames_per_second, ..self.settings };
        if !self.started {
            *self = Self::new(settings)?;
            return Ok(());
        }
        let bitrate = i32::try_from(rate.bps()).unwrap_or(i32::MAX);
        let mut bitrate = SBitrateInfo { iLayer: SPATIAL_LAYER_ALL, iBitrate: bitrate };
        let mut ceiling = SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: i32::MAX };
        let mut frame_rate = frames_per_second as f32;
        // SAFETY: the encoder was initialised by its first picture; each option gets a pointer to the type that
        // OpenH264 documents for it, and copies it.
        let answers = unsafe {
            let raw = self.raw.raw_api();
            [
                // A target above the only layer's ceiling would be refused; this one becomes that of its level.
                raw.set_option(ENCODER_OPTION_MAX_BITRATE, (&raw mut ceiling).cast::<c_void>()),
                raw.set_option(ENCODER_OPTION_FRAME_RATE, (&raw mut frame_rate).cast::<c_void>()),
                raw.set_option(ENCODER_OPTION_BITRATE, (&raw mut bitrate).cast::<c_void>()),
            ]
        };
        if answers != [0; 3] {
            return Err(error(Codec::H264, "OpenH264 refused the target rate"));
        }
        self.settings = settings;
        Ok(())
    }
}

/// An H.264 decoder.
pub(super) struct H264Decoder {
    raw: Decoder,
}

impl H264Decoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        Decoder::new().map(|raw| Self { raw }).map_err(refused)
    }
}

impl VideoDecoder for H264Decoder {
    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CodecError> {
        let Some(picture) = self.raw.decode(&frame.data).map_err(refused)? else { return Ok(None) };
        let (width, height) = picture.dimensions();
        let (width, height) = (width as u32, height as u32);
        if u64::from(width) * u64::from(height) > MAX_DECODED_PIXELS {
            return Err(error(Codec::H264, "the picture is larger than 4096x2304"));
        }
        let strides = picture.strides();
        let planes = [(picture.y(), strides.0), (picture.u(), strides.1), (picture.v(), strides.2)];
        let mut data = Vec::new();
        for (index, (plane, stride)) in planes.into_iter().enumerate() {
            let (row, rows) = PixelFormat::I420.plane_size(index, width, height);
            append_rows(&mut data, plane, stride, row, rows);
        }
        VideoFrame::packed(PixelFormat::I420, width, height, data.into(), frame.timestamp)
            .map(Some)
            .map_err(|e| error(Codec::H264, e.to_string()))
    }
}

fn bits(rate: BitRate) -> u32 {
    u32::try_from(rate.bps()).unwrap_or(u32::MAX)
}

fn refused(reason: openh264::Error) -> CodecError {
    error(Codec::H264, reason.to_string())
}
