//! Error codes of the wire, and why a frame could not be read.

use std::fmt;

/// A code of an `error` frame.
///
/// The set on the wire is open: a client passes codes that it does not know through as text, so
/// [`ServerFrame::Error`](crate::ServerFrame::Error) carries a string and this enum is what Parlor itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The frame is not JSON, not an object, or a field is missing or of the wrong type.
    MalformedMessage,
    /// The frame's `type` is not known.
    UnknownType,
    /// The channel name breaks the rules of [`names`](crate::names).
    InvalidChannel,
    /// The peer id breaks the rules of [`names`](crate::names), or names the sender itself.
    InvalidPeerId,
    /// The credential does not cover the channel.
    ChannelNotAuthorized,
    /// The channel name starts with a reserved prefix.
    ChannelReserved,
    /// The connection has as many subscriptions as it may have.
    ChannelLimitExceeded,
    /// The channel has as many members as it may have. Parlor's own code.
    ChannelFull,
    /// No such peer is online, or none that shares a channel with the sender.
    PeerNotFound,
    /// A `publish` or `send` has no `data`.
    MissingData,
    /// The `data` is larger than the announced `maxMessageSize`. Parlor's own code.
    MessageTooLarge,
    /// The credential does not allow the action.
    ActionNotPermitted,
    /// The plan's message quota is used up.
    OverMessageQuota,
    /// A service behind the server failed.
    BackendError,
    /// The server failed.
    InternalError,
}

impl ErrorCode {
    /// Every code, in the order of declaration.
    pub const ALL: [Self; 15] = [
        Self::MalformedMessage,
        Self::UnknownType,
        Self::InvalidChannel,
        Self::InvalidPeerId,
        Self::ChannelNotAuthorized,
        Self::ChannelReserved,
        Self::ChannelLimitExceeded,
        Self::ChannelFull,
        Self::PeerNotFound,
        Self::MissingData,
        Self::MessageTooLarge,
        Self::ActionNotPermitted,
        Self::OverMessageQuota,
        Self::BackendError,
        Self::InternalError,
    ];

    /// Returns the code as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedMessage => "malformed_message",
            Self::UnknownType => "unknown_type",
            Self::InvalidChannel => "invalid_channel",
            Self::InvalidPeerId => "invalid_peer_id",
            Self::ChannelNotAuthorized => "channel_not_authorized",
            Self::ChannelReserved => "channel_reserved",
            Self::ChannelLimitExceeded => "channel_limit_exceeded",
            Self::ChannelFull => "channel_full",
            Self::PeerNotFound => "peer_not_found",
            Self::MissingData => "missing_data",
            Self::MessageTooLarge => "message_too_large",
            Self::ActionNotPermitted => "action_not_permitted",
            Self::OverMessageQuota => "over_message_quota",
            Self::BackendError => "backend_error",
            Self::InternalError => "internal_error",
        }
    }

    /// Finds the code that the wire spells like this; `None` for one that Parlor does not know.
    pub fn from_wire(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == code)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a frame could not be read, ready to be answered with an `error` frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct FrameError {
    /// The code to answer with.
    pub code: ErrorCode,
    /// The frame's request id, when it had a valid one.
    pub request_id: Option<String>,
    /// One sentence for the developer of the other side. It repeats nothing of the frame's content.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_spelling() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_wire(code.as_str()), Some(code));
        }
        assert_eq!(ErrorCode::from_wire("of_tomorrow"), None);
    }
}
