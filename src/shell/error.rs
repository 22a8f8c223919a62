//! One taxonomy of failures for every surface.

use std::fmt;

/// What went wrong, as a number that is the same in every language and never reused.
///
/// Zero is success; failures are negative, in bands: arguments from −1, state from −100, network from −200,
/// media from −300, server from −400, internal from −900.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum Status {
    /// It worked.
    Ok = 0,
    /// An argument has a value that is not allowed.
    InvalidArgument = -1,
    /// A pointer that must not be NULL is NULL.
    NullPointer = -2,
    /// A string is not UTF-8.
    InvalidUtf8 = -3,
    /// A struct's size is below its first version's, or carries fields that this library does not know.
    UnsupportedField = -4,
    /// The caller's buffer is too short; the needed length was written.
    BufferTooSmall = -5,
    /// No peer, stream, track or channel has this id.
    UnknownId = -6,
    /// The call is not allowed in the present state.
    InvalidState = -100,
    /// The object was destroyed or its session has ended.
    Closed = -101,
    /// A request was overtaken by another, such as a join by a leave.
    Cancelled = -102,
    /// A queue is full; nothing was taken, try again later.
    Busy = -103,
    /// No connection to the server could be made.
    ConnectionFailed = -200,
    /// The connection to the server was lost before the answer came.
    ConnectionLost = -201,
    /// An answer did not come in time.
    TimedOut = -202,
    /// Offer and answer could not be agreed upon with a peer.
    NegotiationFailed = -203,
    /// The codec is not compiled in or not known.
    UnsupportedCodec = -300,
    /// A frame's size, format, planes or time stamp is wrong.
    InvalidFrame = -301,
    /// An encoder or decoder failed.
    CodecFailed = -302,
    /// A media file could not be read or written.
    MediaFile = -303,
    /// The key or token is not valid.
    InvalidCredential = -400,
    /// The token has expired.
    CredentialExpired = -401,
    /// The credential does not cover this channel.
    ChannelNotAuthorized = -402,
    /// The credential does not allow this action.
    ActionNotPermitted = -403,
    /// The peer is not online.
    PeerNotFound = -404,
    /// The message is larger than the server or the peer allows.
    PayloadTooLarge = -405,
    /// The server ended the session on purpose, such as by a kick.
    Disconnected = -406,
    /// The server refused because of a limit.
    LimitExceeded = -407,
    /// The server refused for another reason; the message names it.
    ServerRefused = -408,
    /// A bug in the engine; it may be unusable from here on.
    Internal = -900,
}

impl Status {
    /// Every status, for tests that walk the table.
    pub const ALL: [Self; 29] = [
        Self::Ok,
        Self::InvalidArgument,
        Self::NullPointer,
        Self::InvalidUtf8,
        Self::UnsupportedField,
        Self::BufferTooSmall,
        Self::UnknownId,
        Self::InvalidState,
        Self::Closed,
        Self::Cancelled,
        Self::Busy,
        Self::ConnectionFailed,
        Self::ConnectionLost,
        Self::TimedOut,
        Self::NegotiationFailed,
        Self::UnsupportedCodec,
        Self::InvalidFrame,
        Self::CodecFailed,
        Self::MediaFile,
        Self::InvalidCredential,
        Self::CredentialExpired,
        Self::ChannelNotAuthorized,
        Self::ActionNotPermitted,
        Self::PeerNotFound,
        Self::PayloadTooLarge,
        Self::Disconnected,
        Self::LimitExceeded,
        Self::ServerRefused,
        Self::Internal,
    ];

    /// Returns the number.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// Maps an error code of the protocol, such as `peer_not_found`, to a status.
    pub fn from_code(code: &str) -> Self {
        match code {
            "invalid_token" => Self::InvalidCredential,
            "token_expired" => Self::CredentialExpired,
            "channel_not_authorized" | "channel_reserved" | "reserved_channel" => Self::ChannelNotAuthorized,
            "invalid_channel" | "invalid_peer_id" | "missing_data" | "malformed_message" | "invalid_args" => {
                Self::InvalidArgument
            }
            "action_not_permitted" => Self::ActionNotPermitted,
            "peer_not_found" => Self::PeerNotFound,
            "payload_too_large" => Self::PayloadTooLarge,
            "channel_limit_exceeded"
            | "over_message_quota"
            | "over_concurrent_limit"
            | "over_message_rate" => Self::LimitExceeded,
            "admin_disconnect" | "account_suspended" => Self::Disconnected,
            "not_joined" | "invalid_state" => Self::InvalidState,
            "cancelled" => Self::Cancelled,
            "connect_failed" => Self::ConnectionFailed,
            "disconnected" => Self::ConnectionLost,
            "timeout" => Self::TimedOut,
            "closed" => Self::Closed,
            _ => Self::ServerRefused,
        }
    }
}

/// A failure: a status and one sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    status: Status,
    message: String,
}

impl Error {
    /// Makes an error.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// Returns what went wrong.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns the sentence for people; it never holds a secret or an address.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<media::frame::FrameError> for Error {
    fn from(error: media::frame::FrameError) -> Self {
        Self::new(Status::InvalidFrame, error.to_string())
    }
}

/// What fallible functions of the facade return.
pub type Result<T> = std::result::Result<T, Error>;
