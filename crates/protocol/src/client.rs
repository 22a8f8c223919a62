//! Frames from a client to the server.

use serde::Serialize;
use serde_json::Value;

use crate::fields::Fields;
use crate::{ErrorCode, FrameError, limits, names};

/// A frame from a client to the server.
///
/// A request id, when there is one, comes back in exactly one `ack` or `error`; only a `ping` is answered by a
/// bare `pong`. Without one a success is not acknowledged and an error comes uncorrelated.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ClientFrame {
    /// Joins a channel, or asks for a fresh snapshot of one already joined.
    Subscribe {
        /// The channel's name, valid by [`names::validate_channel`]; it may be a reserved one.
        channel: String,
        /// The request's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        /// Asks that broadcasts of this channel carry their sender's metadata.
        #[serde(skip_serializing_if = "is_false")]
        include_sender_metadata: bool,
    },
    /// Leaves a channel; harmless when the connection is not in it.
    Unsubscribe {
        /// The channel's name.
        channel: String,
        /// The request's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// Sends to every other subscriber of a channel.
    Publish {
        /// The channel's name.
        channel: String,
        /// The payload; any JSON value.
        data: Value,
        /// The request's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// Sends to one peer.
    Send {
        /// The receiving peer's id, valid by [`names::validate_peer_id`].
        to: String,
        /// The payload; any JSON value.
        data: Value,
        /// The request's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// Asks for a `pong`, to keep the connection alive.
    Ping {
        /// The request's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        /// The highest cursor that the client has read in a direct, zero for none. Says that the client can
        /// resume (see [`Welcome::resume`](crate::Welcome::resume)).
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<u64>,
    },
}

impl ClientFrame {
    /// Reads one text frame.
    ///
    /// # Errors
    /// `malformed_message` for bad JSON and missing or mistyped fields, `unknown_type`, `missing_data` for a
    /// payload that is absent, `message_too_large` for one over [`limits::MAX_MESSAGE_SIZE`], `invalid_channel`
    /// and `invalid_peer_id` for names that break the rules. The error carries the request id whenever the
    /// frame had a valid one.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let mut fields = Fields::parse(text)?;
        match fields.kind() {
            "subscribe" => Ok(Self::Subscribe {
                channel: channel(&mut fields)?,
                include_sender_metadata: fields.flag("includeSenderMetadata")?,
                request_id: fields.take_request_id(),
            }),
            "unsubscribe" => {
                Ok(Self::Unsubscribe { channel: channel(&mut fields)?, request_id: fields.take_request_id() })
            }
            "publish" => Ok(Self::Publish {
                channel: channel(&mut fields)?,
                data: data(&mut fields, text.len())?,
                request_id: fields.take_request_id(),
            }),
            "send" => Ok(Self::Send {
                to: peer_id(&mut fields)?,
                data: data(&mut fields, text.len())?,
                request_id: fields.take_request_id(),
            }),
            "ping" => Ok(Self::Ping {
                cursor: fields.optional_number("cursor")?,
                request_id: fields.take_request_id(),
            }),
            _ => Err(fields.error(ErrorCode::UnknownType, "the server does not know this `type`")),
        }
    }

    /// Writes the frame as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a frame has string keys only and nothing that fails to serialise")
    }

    /// Returns the request's id.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Subscribe { request_id, .. }
            | Self::Unsubscribe { request_id, .. }
            | Self::Publish { request_id, .. }
            | Self::Send { request_id, .. }
            | Self::Ping { request_id, .. } => request_id.as_deref(),
        }
    }

    /// Returns the payload of a `publish` or `send`.
    pub fn data(&self) -> Option<&Value> {
        match self {
            Self::Publish { data, .. } | Self::Send { data, .. } => Some(data),
            Self::Subscribe { .. } | Self::Unsubscribe { .. } | Self::Ping { .. } => None,
        }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn channel(fields: &mut Fields) -> Result<String, FrameError> {
    let channel = fields.string("channel")?;
    match names::validate_channel(&channel) {
        Ok(()) => Ok(channel),
        Err(reason) => Err(fields.error(ErrorCode::InvalidChannel, format!("`channel`: {reason}"))),
    }
}

fn peer_id(fields: &mut Fields) -> Result<String, FrameError> {
    let peer = fields.string("to")?;
    match names::validate_peer_id(&peer) {
        Ok(()) => Ok(peer),
        Err(reason) => Err(fields.error(ErrorCode::InvalidPeerId, format!("`to`: {reason}"))),
    }
}

fn data(fields: &mut Fields, frame_size: usize) -> Result<Value, FrameError> {
    let data =
        fields.value("data").ok_or_else(|| fields.error(ErrorCode::MissingData, "`data` is missing"))?;
    // Measured only when it can be too large. Written anew, because escapes on the wire do not count.
    if frame_size > limits::MAX_MESSAGE_SIZE && data.to_string().len() > limits::MAX_MESSAGE_SIZE {
        return Err(fields.error(ErrorCode::MessageTooLarge, "`data` is larger than `maxMessageSize`"));
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_measured_without_its_envelope_and_its_escapes() {
        let frame = |data: &str| {
            let text = format!(r#"{{"type":"send","to":"c0de","requestId":"r","data":"{data}"}}"#);
            ClientFrame::parse(&text).map_err(|error| (error.code, error.request_id))
        };
        let too_large = (ErrorCode::MessageTooLarge, Some("r".to_owned()));
        assert!(frame(&"x".repeat(65_534)).is_ok());
        assert_eq!(frame(&"x".repeat(65_535)), Err(too_large));
        assert!(frame(&"\\u0041".repeat(20_000)).is_ok());
    }
}
