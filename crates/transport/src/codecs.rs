//! The codecs and header extensions that a link offers, and how the other side's are recognised.

use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MediaEngine,
};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use rtc::sdp::extmap::{SDES_MID_URI, TRANSPORT_CC_URI};
use units::{Codec, MediaKind};

use crate::error::LinkError;

const OPUS_PAYLOAD_TYPE: u8 = 111;
const VP8_PAYLOAD_TYPE: u8 = 96;
const H264_PAYLOAD_TYPE: u8 = 102;

/// What we decode: constrained baseline, level 3.1, single NAL and fragmentation units (RFC 6184 section 8.1).
const H264_FORMAT: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
const OPUS_FORMAT: &str = "minptime=10;useinbandfec=1";

/// Returns the stack's description of a codec under our own payload type.
pub(crate) fn parameters(codec: Codec) -> RTCRtpCodecParameters {
    let (payload_type, mime_type, channels, format) = match codec {
        Codec::Opus => (OPUS_PAYLOAD_TYPE, MIME_TYPE_OPUS, 2, OPUS_FORMAT),
        Codec::Vp8 => (VP8_PAYLOAD_TYPE, MIME_TYPE_VP8, 0, ""),
        Codec::H264 => (H264_PAYLOAD_TYPE, MIME_TYPE_H264, 0, H264_FORMAT),
    };
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate: codec.clock_rate(),
            channels,
            sdp_fmtp_line: format.to_owned(),
            rtcp_feedback: feedback(codec.kind())
                .iter()
                .map(|mechanism| mechanism.split_once(' ').unwrap_or((mechanism, "")))
                .map(|(typ, parameter)| RTCPFeedback { typ: typ.to_owned(), parameter: parameter.to_owned() })
                .collect(),
        },
        payload_type,
    }
}

/// Returns the RTCP feedback mechanisms that we speak (RFC 4585, RFC 5104), as descriptions write them.
pub(crate) fn feedback(kind: MediaKind) -> &'static [&'static str] {
    match kind {
        MediaKind::Audio => &["transport-cc"],
        MediaKind::Video => &["transport-cc", "ccm fir", "nack", "nack pli"],
    }
}

/// Returns the retransmission format that goes with a video codec (RFC 4588), under the next payload type.
fn retransmission(codec: &RTCRtpCodecParameters) -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: MIME_TYPE_RTX.to_owned(),
            clock_rate: codec.rtp_codec.clock_rate,
            channels: 0,
            sdp_fmtp_line: format!("apt={}", codec.payload_type),
            rtcp_feedback: Vec::new(),
        },
        payload_type: codec.payload_type + 1,
    }
}

/// Returns the codecs of a kind, most wanted first, without repetitions and without those of another kind.
pub(crate) fn wanted(kind: MediaKind, video: &[Codec]) -> Vec<Codec> {
    match kind {
        MediaKind::Audio => vec![Codec::Opus],
        MediaKind::Video => {
            let mut codecs = Vec::new();
            for &codec in video {
                if codec.kind() == MediaKind::Video && !codecs.contains(&codec) {
                    codecs.push(codec);
                }
            }
            codecs
        }
    }
}

/// The header extensions (RFC 8285) that we speak, with the ids under which we offer them.
///
/// All sections of a bundle must give an id the same meaning, or the whole description is refused. Chromium
/// numbers its extensions anew for every kind of media that it happens to offer first, and keeps those numbers
/// when it rolls its offer back for ours; what it then offers beside our sections must not clash with them.
/// These are the ids that never do: 9 is what it gives the same extension, or nothing, and 12 is the only one
/// of one byte that it never gives away.
const EXTENSIONS: [(u8, &str); 2] = [(9, SDES_MID_URI), (12, TRANSPORT_CC_URI)];

/// Returns the header extension of this name if we speak it.
pub(crate) fn extension(uri: &str) -> Option<&'static str> {
    EXTENSIONS.iter().find(|(_, ours)| *ours == uri).map(|(_, ours)| *ours)
}

/// Makes the stack's registry of codecs and header extensions.
pub(crate) fn media_engine(video: &[Codec]) -> Result<MediaEngine, LinkError> {
    let mut engine = MediaEngine::default();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        for codec in wanted(kind, video) {
            let parameters = parameters(codec);
            let rtx = (kind == MediaKind::Video).then(|| retransmission(&parameters));
            for format in std::iter::once(parameters).chain(rtx) {
                engine.register_codec(format, stack_kind(kind)).map_err(LinkError::stack)?;
            }
        }
    }
    // The registry counts ids up from one and takes one even for an extension that no kind of media offers.
    for id in 1..=EXTENSIONS.map(|(id, _)| id).into_iter().max().unwrap_or_default() {
        let ours = EXTENSIONS.iter().find(|(ours, _)| *ours == id);
        let uri = ours.map_or_else(|| format!("urn:parlor:unused:{id}"), |(_, uri)| (*uri).to_owned());
        let kinds: &[RtpCodecKind] = match ours {
            Some(_) => &[RtpCodecKind::Audio, RtpCodecKind::Video],
            None => &[RtpCodecKind::Application],
        };
        for &kind in kinds {
            let extension = RTCRtpHeaderExtensionCapability { uri: uri.clone() };
            engine.register_header_extension(extension, kind, None).map_err(LinkError::stack)?;
        }
    }
    Ok(engine)
}

/// Returns the stack's word for a kind.
pub(crate) fn stack_kind(kind: MediaKind) -> RtpCodecKind {
    match kind {
        MediaKind::Audio => RtpCodecKind::Audio,
        MediaKind::Video => RtpCodecKind::Video,
    }
}

/// Returns which of our codecs a format of the other side is, and its parameters in our own words.
///
/// H.264 counts when it can be decoded by and made for a baseline decoder: profile 66 in packetization mode 1.
/// Its profile and level are kept as the other side has them (RFC 6184 section 8.2.2).
pub(crate) fn recognise(encoding: &str, clock_rate: u32, format: &str) -> Option<(Codec, String)> {
    let codec = [Codec::Opus, Codec::Vp8, Codec::H264]
        .into_iter()
        .find(|codec| codec.name().eq_ignore_ascii_case(encoding) && codec.clock_rate() == clock_rate)?;
    if codec != Codec::H264 {
        return Some((codec, parameters(codec).rtp_codec.sdp_fmtp_line));
    }
    let parameter = |name: &str| {
        format
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let profile = parameter("profile-level-id").filter(|id| {
        id.len() == 6 && id.starts_with("42") && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    })?;
    (parameter("packetization-mode") == Some("1")).then(|| {
        (codec, format!("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h264_counts_only_as_baseline_in_packetization_mode_one() {
        let profile = |format| {
            recognise("h264", 90_000, format)
                .map(|(_, parameters)| parameters[parameters.len() - 6..].to_owned())
        };
        assert_eq!(profile(H264_FORMAT).as_deref(), Some("42e01f"));
        assert_eq!(profile("profile-level-id=42001f; packetization-mode=1;x=y").as_deref(), Some("42001f"));
        assert_eq!(profile("packetization-mode=0;profile-level-id=42e01f"), None);
        assert_eq!(profile("packetization-mode=1;profile-level-id=640c1f"), None);
        assert_eq!(profile("packetization-mode=1;profile-level-id=42e01f0"), None);
        assert_eq!(profile(""), None);
    }

    #[test]
    fn a_codec_counts_only_at_its_own_clock_rate() {
        let codec = |name, rate| recognise(name, rate, "stereo=1").map(|(codec, _)| codec);
        assert_eq!(codec("opus", 48_000), Some(Codec::Opus));
        assert_eq!(codec("opus", 16_000), None);
        assert_eq!(codec("AV1", 90_000), None);
    }

    #[test]
    fn wanted_video_codecs_keep_their_order_and_lose_repetitions() {
        let wanted = wanted(MediaKind::Video, &[Codec::H264, Codec::Opus, Codec::Vp8, Codec::H264]);
        assert_eq!(wanted, [Codec::H264, Codec::Vp8]);
    }
}
