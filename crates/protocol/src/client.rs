//! Frames from a client to the server.

use serde::Serialize;
use serde_json::Value;

use crate::fields::Fields;
use crate::{ErrorCode, FrameError, names};

/// A frame from a client to the server.
///
/// A request id, when there is one, comes back in exactly one `ack` or `error`. Without one a success is not
/// acknowledged and an error comes uncorrelated.
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
    },
}

impl ClientFrame {
    /// Reads one text frame.
    ///
    /// # Errors
    /// `malformed_message` for bad JSON and missing or mistyped fields, `unknown_type`, `missing_data` for a
    /// payload that is absent, `invalid_channel` and `invalid_peer_id` for names that break the rules. The
    /// error carries the request id whenever the frame had a valid one.
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
                data: data(&mut fields)?,
                request_id: fields.take_request_id(),
            }),
            "send" => Ok(Self::Send {
                to: peer_id(&mut fields)?,
                data: data(&mut fields)?,
                request_id: fields.take_request_id(),
            }),
            "ping" => Ok(Self::Ping { request_id: fields.take_request_id() }),
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
            | Self::Ping { request_id } => request_id.as_deref(),
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

fn data(fields: &mut Fields) -> Result<Value, FrameError> {
    fields.value("data").ok_or_else(|| fields.error(ErrorCode::MissingData, "`data` is missing"))
}
