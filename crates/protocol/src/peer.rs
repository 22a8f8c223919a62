//! What two peers say to each other inside the `data` of a `send` and a `direct`.
//!
//! The server never reads these. Anything that does not have one of the shapes below is the app's own data.

use serde_json::{Value, json};

use crate::Map;

/// The key that marks track metadata.
pub const TRACK_METADATA_KEY: &str = "__meteredTrackMeta";

/// Longest ICE candidate line that is accepted, in characters; a longer one is an error and is dropped.
pub const MAX_CANDIDATE_CHARS: usize = 1000;

/// Most candidates of one negotiation that a receiver keeps; it drops the rest.
pub const MAX_CANDIDATES_PER_NEGOTIATION: usize = 200;

/// Most track metadata entries per peer that a receiver keeps; the oldest goes first.
pub const MAX_TRACK_METADATA_PER_PEER: usize = 512;

const DESCRIPTION_TYPE: &str = "rtc-description";
const CANDIDATE_TYPE: &str = "rtc-ice";

/// A message between two peers about their link.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerMessage {
    /// A full session description (RFC 8866 text).
    Description {
        /// Offer or answer.
        kind: SdpKind,
        /// The SDP text.
        sdp: String,
        /// What the sender can do beyond the published SDKs; absent from those.
        parlor: Option<Parlor>,
    },
    /// A trickled candidate (RFC 8838), or `None` for the end of candidates. An empty candidate line on the
    /// wire means the end, too.
    Candidate(Option<IceCandidate>),
    /// Sets or clears the metadata of one of the sender's tracks.
    TrackMetadata {
        /// The track's id as in the sender's SDP (the second half of `msid`).
        track_id: String,
        /// The stream's id as in the sender's SDP (the first half of `msid`).
        stream_id: Option<String>,
        /// `audio` or `video`.
        kind: Option<String>,
        /// The metadata; `None` clears it.
        metadata: Option<Map>,
    },
}

/// Which half of an offer/answer exchange (RFC 3264) a description is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SdpKind {
    /// The offer.
    Offer,
    /// The answer.
    Answer,
}

impl SdpKind {
    /// Returns the word that the wire uses: `offer` or `answer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
        }
    }
}

/// What a Parlor engine announces to another in its descriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parlor {
    /// The version of the announcement.
    pub v: u32,
    /// Named capabilities; unknown ones are ignored.
    pub caps: Vec<String>,
    /// The sender's number of an offer, or the number of the offer that an answer is for.
    pub offer: Option<u64>,
}

/// An ICE candidate (the `RTCIceCandidateInit` of W3C WebRTC §4.8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceCandidate {
    /// The candidate line (RFC 8839 §5.1), not empty.
    pub candidate: String,
    /// The m-section's `mid`.
    pub sdp_mid: Option<String>,
    /// The m-section's index, from zero.
    pub sdp_mline_index: Option<u16>,
    /// The ICE user name fragment that the candidate belongs to.
    pub username_fragment: Option<String>,
}

impl PeerMessage {
    /// Reads a payload.
    ///
    /// Returns `None` when it is not one of these messages but the app's own data, and an error that says
    /// what is wrong when it claims to be one and is not valid.
    pub fn from_value(value: &Value) -> Option<Result<Self, String>> {
        let object = value.as_object()?;
        match object.get("type").and_then(Value::as_str) {
            Some(DESCRIPTION_TYPE) => Some(description(object)),
            Some(CANDIDATE_TYPE) => Some(candidate(object)),
            _ => object.get(TRACK_METADATA_KEY).map(track_metadata),
        }
    }

    /// Returns whether a payload claims to be one of these messages, without reading it.
    pub fn is_claimed(value: &Value) -> bool {
        value.as_object().is_some_and(|object| {
            matches!(object.get("type").and_then(Value::as_str), Some(DESCRIPTION_TYPE | CANDIDATE_TYPE))
                || object.contains_key(TRACK_METADATA_KEY)
        })
    }

    /// Writes the payload.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Description { kind, sdp, parlor } => {
                let mut message =
                    json!({"type": DESCRIPTION_TYPE, "description": {"type": kind.as_str(), "sdp": sdp}});
                if let Some(Parlor { v, caps, offer }) = parlor {
                    message["parlor"] = json!({"v": v, "caps": caps});
                    if let Some(offer) = offer {
                        message["parlor"]["offer"] = json!(offer);
                    }
                }
                message
            }
            Self::Candidate(candidate) => json!({
                "type": CANDIDATE_TYPE,
                "candidate": candidate.as_ref().map(|candidate| json!({
                    "candidate": candidate.candidate,
                    "sdpMid": candidate.sdp_mid,
                    "sdpMLineIndex": candidate.sdp_mline_index,
                    "usernameFragment": candidate.username_fragment,
                })),
            }),
            Self::TrackMetadata { track_id, stream_id, kind, metadata } => {
                let mut body = json!({"trackId": track_id});
                if let Some(stream_id) = stream_id {
                    body["streamId"] = json!(stream_id);
                }
                if let Some(kind) = kind {
                    body["kind"] = json!(kind);
                }
                if let Some(metadata) = metadata {
                    body["metadata"] = Value::Object(metadata.clone());
                }
                json!({TRACK_METADATA_KEY: body})
            }
        }
    }
}

fn description(message: &Map) -> Result<PeerMessage, String> {
    let description =
        message.get("description").and_then(Value::as_object).ok_or("`description` must be an object")?;
    let kind = match description.get("type").and_then(Value::as_str) {
        Some("offer") => SdpKind::Offer,
        Some("answer") => SdpKind::Answer,
        _ => return Err("`description.type` must be offer or answer".to_owned()),
    };
    let sdp = required_string(description, "sdp")?;
    Ok(PeerMessage::Description { kind, sdp, parlor: message.get("parlor").and_then(parlor) })
}

/// Reads the announcement. One that this version cannot read counts as absent: the call must not depend on it.
fn parlor(value: &Value) -> Option<Parlor> {
    let v = value.get("v")?.as_u64()?.try_into().ok()?;
    let caps = value.get("caps")?.as_array()?;
    let caps = caps.iter().map(|cap| cap.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    Some(Parlor { v, caps, offer: value.get("offer").and_then(Value::as_u64) })
}

fn candidate(message: &Map) -> Result<PeerMessage, String> {
    let init = match message.get("candidate") {
        Some(Value::Null) => return Ok(PeerMessage::Candidate(None)),
        Some(Value::Object(init)) => init,
        _ => return Err("`candidate` must be an object or null".to_owned()),
    };
    let candidate = required_string(init, "candidate")?;
    if candidate.is_empty() {
        return Ok(PeerMessage::Candidate(None));
    }
    if candidate.chars().count() > MAX_CANDIDATE_CHARS {
        return Err("`candidate.candidate` is too long".to_owned());
    }
    let sdp_mline_index = match init.get("sdpMLineIndex") {
        None | Some(Value::Null) => None,
        Some(index) => Some(
            index
                .as_u64()
                .and_then(|index| index.try_into().ok())
                .ok_or("`candidate.sdpMLineIndex` must be a small number")?,
        ),
    };
    Ok(PeerMessage::Candidate(Some(IceCandidate {
        candidate,
        sdp_mid: optional_string(init, "sdpMid")?,
        sdp_mline_index,
        username_fragment: optional_string(init, "usernameFragment")?,
    })))
}

fn track_metadata(body: &Value) -> Result<PeerMessage, String> {
    let body = body.as_object().ok_or("the track metadata must be an object")?;
    Ok(PeerMessage::TrackMetadata {
        track_id: required_string(body, "trackId")?,
        stream_id: optional_string(body, "streamId")?,
        kind: optional_string(body, "kind")?,
        metadata: match body.get("metadata") {
            None | Some(Value::Null) => None,
            Some(Value::Object(metadata)) => Some(metadata.clone()),
            Some(_) => return Err("`metadata` must be an object".to_owned()),
        },
    })
}

fn required_string(object: &Map, key: &str) -> Result<String, String> {
    object
        .get(key)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| format!("`{key}` must be a string"))
}

fn optional_string(object: &Map, key: &str) -> Result<Option<String>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{key}` must be a string")),
    }
}
