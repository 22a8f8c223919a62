//! One error, with the statuses of every surface.

use engine::api;

/// What went wrong. The number is the same in every language and never reused.
///
/// Failures are in bands: arguments from -1, state from -100, network from -200, media from -300, server from -400,
/// internal from -900.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
#[repr(i32)]
pub enum Status {
    /// It worked.
    Ok = 0,
    /// An argument has a value that is not allowed.
    InvalidArgument = -1,
    /// An address that must not be 0 is 0.
    NullPointer = -2,
    /// A string is not UTF-8.
    InvalidUtf8 = -3,
    /// A struct carries fields that this library does not know.
    UnsupportedField = -4,
    /// The caller's buffer is too short.
    BufferTooSmall = -5,
    /// No peer, stream, track or channel has this id.
    UnknownId = -6,
    /// The call is not allowed in the present state.
    InvalidState = -100,
    /// The object was released or its session has ended.
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

impl From<api::Status> for Status {
    fn from(status: api::Status) -> Self {
        match status {
            api::Status::Ok => Self::Ok,
            api::Status::InvalidArgument => Self::InvalidArgument,
            api::Status::NullPointer => Self::NullPointer,
            api::Status::InvalidUtf8 => Self::InvalidUtf8,
            api::Status::UnsupportedField => Self::UnsupportedField,
            api::Status::BufferTooSmall => Self::BufferTooSmall,
            api::Status::UnknownId => Self::UnknownId,
            api::Status::InvalidState => Self::InvalidState,
            api::Status::Closed => Self::Closed,
            api::Status::Cancelled => Self::Cancelled,
            api::Status::Busy => Self::Busy,
            api::Status::ConnectionFailed => Self::ConnectionFailed,
            api::Status::ConnectionLost => Self::ConnectionLost,
            api::Status::TimedOut => Self::TimedOut,
            api::Status::NegotiationFailed => Self::NegotiationFailed,
            api::Status::UnsupportedCodec => Self::UnsupportedCodec,
            api::Status::InvalidFrame => Self::InvalidFrame,
            api::Status::CodecFailed => Self::CodecFailed,
            api::Status::MediaFile => Self::MediaFile,
            api::Status::InvalidCredential => Self::InvalidCredential,
            api::Status::CredentialExpired => Self::CredentialExpired,
            api::Status::ChannelNotAuthorized => Self::ChannelNotAuthorized,
            api::Status::ActionNotPermitted => Self::ActionNotPermitted,
            api::Status::PeerNotFound => Self::PeerNotFound,
            api::Status::PayloadTooLarge => Self::PayloadTooLarge,
            api::Status::Disconnected => Self::Disconnected,
            api::Status::LimitExceeded => Self::LimitExceeded,
            api::Status::ServerRefused => Self::ServerRefused,
            api::Status::Internal => Self::Internal,
        }
    }
}

/// A failure: what went wrong, and one sentence for people that holds no secret and no address.
#[derive(Debug, Clone, thiserror::Error, uniffi::Error)]
pub enum ParlorError {
    /// The call failed.
    #[error("{reason}")]
    Failed {
        /// What went wrong.
        status: Status,
        /// One sentence for people.
        reason: String,
    },
}

/// What every entry returns.
pub(crate) type Result<T> = std::result::Result<T, ParlorError>;

impl From<api::Error> for ParlorError {
    fn from(error: api::Error) -> Self {
        Self::Failed { status: error.status().into(), reason: error.message().to_owned() }
    }
}

/// Makes an error of this crate's own.
pub(crate) fn failed(status: api::Status, reason: impl Into<String>) -> ParlorError {
    api::Error::new(status, reason).into()
}

/// What a callback of the app may throw; it is logged, and the engine goes on.
#[derive(Debug, Clone, thiserror::Error, uniffi::Error)]
pub enum CallbackError {
    /// The app's code failed.
    #[error("{reason}")]
    Failed {
        /// One sentence for people.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CallbackError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { reason: error.reason }
    }
}

/// Logs what a callback of the app threw. What it says is the app's own and may hold anything.
pub(crate) fn log_thrown(callback: &'static str, outcome: std::result::Result<(), CallbackError>) {
    if let Err(error) = outcome {
        tracing::error!(callback, "a callback of the app threw");
        tracing::debug!(callback, %error, "what it threw");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_the_numbers_of_every_surface() {
        for status in api::Status::ALL {
            assert_eq!(Status::from(status) as i32, status.number());
        }
    }
}
