//! Frames from the server to a client.

use serde::{Serialize, Serializer};
use serde_json::Value;
use units::Secret;

use crate::fields::Fields;
use crate::{ErrorCode, FrameError, Map};

/// A frame from the server to a client.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// The first frame of a connection, sent once.
    Welcome(Welcome),
    /// A request succeeded.
    Ack {
        /// The request's id.
        request_id: String,
    },
    /// A request failed, or something did that no request caused.
    Error {
        /// Why, as [`ErrorCode`] spells it; other servers may say codes that Parlor does not know. Not empty.
        code: String,
        /// The request's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        /// One sentence for the developer.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A broadcast to a channel.
    Message {
        /// The channel's name.
        channel: String,
        /// The publishing peer's id.
        from: String,
        /// The payload.
        data: Value,
        /// The publisher's metadata, when the receiver subscribed with it.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_metadata: Option<Map>,
    },
    /// A payload for this connection alone.
    Direct {
        /// The sending peer's id.
        from: String,
        /// The payload.
        data: Value,
        /// The sender's metadata.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_metadata: Option<Map>,
        /// Where the direct stands in the session; rises with every direct. Only for clients that said that
        /// they can resume (see [`Welcome::resume`]).
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<u64>,
    },
    /// Directs are lost: some of those after the client's own cursor and up to this one. Only after a resume.
    Gap {
        /// The client's cursor from now on.
        cursor: u64,
    },
    /// Who is in a channel (the first one after a subscribe) or who came and went since.
    Presence {
        /// The channel's name.
        channel: String,
        /// Members that are new to the receiver.
        joined: Vec<Member>,
        /// Members that are gone. No id is in both lists.
        left: Vec<Member>,
    },
    /// The server will close the connection soon.
    GoingAway {
        /// After how many milliseconds coming back makes sense; more than zero.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// Answers a `ping`.
    Pong,
}

/// What the server tells a new connection.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// The connection's own peer id.
    pub peer_id: String,
    /// When the credential expires, in seconds since the Unix epoch. Always on the wire, `null` for never.
    pub expires_at: Option<u64>,
    /// The server's clock, in seconds since the Unix epoch.
    pub server_time: u64,
    /// The largest `data` that the server accepts, in bytes of JSON text; more than zero.
    pub max_message_size: u64,
    /// Private extras, among them the ICE servers (see [`ice`](crate::ice)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map>,
    /// Names this run of the server; another name means another run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// What the client shows when it connects again, to keep its peer id and to get the directs that it missed.
    /// Opaque, in URL-safe characters.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose")]
    pub resume: Option<Secret>,
    /// Whether the session that the client showed goes on.
    #[serde(skip_serializing_if = "is_false")]
    pub resumed: bool,
}

fn expose<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// One entry of a presence frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The member's peer id.
    pub peer_id: String,
    /// The member's public metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map>,
}

impl ServerFrame {
    /// Reads one text frame.
    ///
    /// # Errors
    /// `unknown_type` for a type of a later version, `malformed_message` for everything else. A client logs
    /// either and keeps the connection.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let mut fields = Fields::parse(text)?;
        match fields.kind() {
            "welcome" => Ok(Self::Welcome(Welcome {
                peer_id: fields.string("peerId")?,
                expires_at: fields.number_or_null("expiresAt")?,
                server_time: fields.number("serverTime")?,
                max_message_size: match fields.number("maxMessageSize")? {
                    0 => return Err(fields.wrong("maxMessageSize", "more than zero")),
                    size => size,
                },
                metadata: fields.optional_object("metadata")?,
                epoch: fields.optional_string("epoch")?,
                resume: fields.optional_string("resume")?.map(Secret::new),
                resumed: fields.flag("resumed")?,
            })),
            "ack" => Ok(Self::Ack {
                request_id: fields
                    .take_request_id()
                    .ok_or_else(|| fields.error(ErrorCode::MalformedMessage, "`requestId` is missing"))?,
            }),
            "error" => Ok(Self::Error {
                code: match fields.string("code")? {
                    code if code.is_empty() => return Err(fields.wrong("code", "a word")),
                    code => code,
                },
                message: fields.optional_string("message")?,
                request_id: fields.take_request_id(),
            }),
            "message" => Ok(Self::Message {
                channel: fields.string("channel")?,
                from: fields.string("from")?,
                data: data(&mut fields)?,
                from_metadata: fields.optional_object("fromMetadata")?,
            }),
            "direct" => Ok(Self::Direct {
                from: fields.string("from")?,
                data: data(&mut fields)?,
                from_metadata: fields.optional_object("fromMetadata")?,
                cursor: fields.optional_number("cursor")?,
            }),
            "gap" => Ok(Self::Gap { cursor: fields.number("cursor")? }),
            "presence" => Ok(Self::Presence {
                channel: fields.string("channel")?,
                joined: members(&mut fields, "joined")?,
                left: members(&mut fields, "left")?,
            }),
            "going_away" => Ok(Self::GoingAway {
                retry_after_ms: match fields.optional_number("retryAfterMs")? {
                    Some(0) => return Err(fields.wrong("retryAfterMs", "more than zero")),
                    delay => delay,
                },
            }),
            "pong" => Ok(Self::Pong),
            _ => Err(fields.error(ErrorCode::UnknownType, "the client does not know this `type`")),
        }
    }

    /// Writes the frame as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a frame has string keys only and nothing that fails to serialise")
    }

    /// Returns whether a text that [`ServerFrame::to_json`] has written is a presence frame, without reading it all.
    pub fn is_presence(text: &str) -> bool {
        text.starts_with(r#"{"type":"presence","#)
    }

    /// Makes an `error` frame in Parlor's own words.
    pub fn error(code: ErrorCode, request_id: Option<String>, message: impl Into<String>) -> Self {
        Self::Error { code: code.as_str().to_owned(), request_id, message: Some(message.into()) }
    }
}

impl From<FrameError> for ServerFrame {
    /// Makes the `error` frame that answers an unreadable frame.
    fn from(error: FrameError) -> Self {
        Self::error(error.code, error.request_id, error.message)
    }
}

fn data(fields: &mut Fields) -> Result<Value, FrameError> {
    fields.value("data").ok_or_else(|| fields.error(ErrorCode::MalformedMessage, "`data` is missing"))
}

/// Reads the entries of a presence list; one bad entry voids the frame.
fn members(fields: &mut Fields, key: &'static str) -> Result<Vec<Member>, FrameError> {
    fields
        .array(key)?
        .into_iter()
        .map(|entry| member(entry).ok_or_else(|| fields.wrong(key, "an array of `{peerId, metadata?}`")))
        .collect()
}

fn member(entry: Value) -> Option<Member> {
    let Value::Object(mut entry) = entry else { return None };
    let Some(Value::String(peer_id)) = entry.remove("peerId") else { return None };
    let metadata = match entry.remove("metadata") {
        None | Some(Value::Null) => None,
        Some(Value::Object(metadata)) => Some(metadata),
        Some(_) => return None,
    };
    Some(Member { peer_id, metadata })
}
