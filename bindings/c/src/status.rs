//! Statuses, number for number those of the facade.

use std::ffi::{CStr, c_char};

use engine::api::Status;

macro_rules! statuses {
    ($($variant:ident = $name:literal)*) => {
        impl From<Status> for parlor_status {
            // Exhaustive, so that a new status breaks this build until it is translated.
            fn from(status: Status) -> Self {
                match status { $(Status::$variant => Self::$variant,)* }
            }
        }

        const fn name(status: i32) -> &'static CStr {
            $(if status == parlor_status::$variant as i32 { return $name; })*
            c"unknown"
        }
    };
}

/// How a call or a request ended: 0 is success, failures are negative. Numbers are never reused.
///
/// Bands: arguments from -1, state from -100, network from -200, media from -300, server from -400, internal
/// from -900. Newer libraries may answer with numbers that this header does not have; treat them as failures.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_status {
    /// It worked.
    Ok = 0,
    /// An argument has a value that is not allowed.
    InvalidArgument = -1,
    /// A pointer that must not be NULL is NULL.
    NullPointer = -2,
    /// A string is not UTF-8.
    InvalidUtf8 = -3,
    /// A struct has a size that no version has, or uses fields that this library does not know.
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

statuses! {
    Ok = c"ok"
    InvalidArgument = c"invalid-argument"
    NullPointer = c"null-pointer"
    InvalidUtf8 = c"invalid-utf8"
    UnsupportedField = c"unsupported-field"
    BufferTooSmall = c"buffer-too-small"
    UnknownId = c"unknown-id"
    InvalidState = c"invalid-state"
    Closed = c"closed"
    Cancelled = c"cancelled"
    Busy = c"busy"
    ConnectionFailed = c"connection-failed"
    ConnectionLost = c"connection-lost"
    TimedOut = c"timed-out"
    NegotiationFailed = c"negotiation-failed"
    UnsupportedCodec = c"unsupported-codec"
    InvalidFrame = c"invalid-frame"
    CodecFailed = c"codec-failed"
    MediaFile = c"media-file"
    InvalidCredential = c"invalid-credential"
    CredentialExpired = c"credential-expired"
    ChannelNotAuthorized = c"channel-not-authorized"
    ActionNotPermitted = c"action-not-permitted"
    PeerNotFound = c"peer-not-found"
    PayloadTooLarge = c"payload-too-large"
    Disconnected = c"disconnected"
    LimitExceeded = c"limit-exceeded"
    ServerRefused = c"server-refused"
    Internal = c"internal"
}

/// Returns the name of a status, such as `invalid-argument`; `unknown` for a number that is none.
///
/// - Ownership: the text is static.
/// - Threads: any, also media callbacks.
/// - Errors: none, never NULL.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn parlor_status_name(status: i32) -> *const c_char {
    name(status).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_keeps_its_number_and_has_a_name_of_its_own() {
        let mut names: Vec<_> = Status::ALL.iter().map(|status| name(status.number())).collect();
        for status in Status::ALL {
            assert_eq!(parlor_status::from(status) as i32, status.number());
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Status::ALL.len());
        assert!(!names.contains(&c"unknown"));
        assert_eq!(name(-12345), c"unknown");
    }
}
