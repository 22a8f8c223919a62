//! What may be a channel name, a peer id or a request id.

/// Longest channel name, in bytes of UTF-8.
pub const MAX_CHANNEL_BYTES: usize = 256;

/// Longest peer id, in characters (which are ASCII, so also bytes).
pub const MAX_PEER_ID_CHARS: usize = 128;

/// Longest request id, in Unicode scalar values.
pub const MAX_REQUEST_ID_CHARS: usize = 128;

/// Channel prefixes that no client may use, in any letter case.
pub const RESERVED_CHANNEL_PREFIXES: [&str; 3] = ["_metered/", "_internal/", "_system/"];

/// Says why a name was refused. The name itself is not repeated, so that it cannot reach a log this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no characters.
    #[error("the name is empty")]
    Empty,
    /// The name is longer than its kind allows.
    #[error("the name is longer than {limit}")]
    TooLong {
        /// The limit, in the unit of the name's kind.
        limit: usize,
    },
    /// The name contains a control character (U+0000–001F, U+007F–009F) or, for a peer id, one outside
    /// printable ASCII.
    #[error("the name contains a character that is not allowed")]
    ForbiddenCharacter,
}

/// Checks a channel name: 1 to 256 bytes of UTF-8 without control characters.
///
/// A reserved name passes; see [`is_reserved_channel`].
///
/// # Errors
/// Says which rule the name breaks.
pub fn validate_channel(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_CHANNEL_BYTES {
        return Err(NameError::TooLong { limit: MAX_CHANNEL_BYTES });
    }
    without_controls(name)
}

/// Checks a peer id: 1 to 128 characters of printable ASCII (U+0020–007E).
///
/// ASCII only, because clients order ids to settle glare, and languages disagree on the order of the rest.
///
/// # Errors
/// Says which rule the id breaks.
pub fn validate_peer_id(id: &str) -> Result<(), NameError> {
    if id.is_empty() {
        return Err(NameError::Empty);
    }
    if id.chars().count() > MAX_PEER_ID_CHARS {
        return Err(NameError::TooLong { limit: MAX_PEER_ID_CHARS });
    }
    if id.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        Ok(())
    } else {
        Err(NameError::ForbiddenCharacter)
    }
}

/// Checks a request id: at most 128 characters without control characters. The empty string is allowed.
///
/// # Errors
/// Says which rule the id breaks.
pub fn validate_request_id(id: &str) -> Result<(), NameError> {
    if id.chars().count() > MAX_REQUEST_ID_CHARS {
        return Err(NameError::TooLong { limit: MAX_REQUEST_ID_CHARS });
    }
    without_controls(id)
}

/// Returns whether a channel name starts with a reserved prefix, in any letter case.
pub fn is_reserved_channel(name: &str) -> bool {
    RESERVED_CHANNEL_PREFIXES.iter().any(|prefix| {
        name.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

fn without_controls(name: &str) -> Result<(), NameError> {
    if name.chars().any(char::is_control) { Err(NameError::ForbiddenCharacter) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_measured_in_bytes() {
        assert_eq!(validate_channel(&"é".repeat(128)), Ok(()));
        assert_eq!(validate_channel(&"é".repeat(129)), Err(NameError::TooLong { limit: 256 }));
        assert_eq!(validate_channel(""), Err(NameError::Empty));
    }

    #[test]
    fn control_characters_are_refused_up_to_u009f() {
        for control in ['\0', '\u{1f}', '\u{7f}', '\u{9f}'] {
            let name = format!("a{control}b");
            assert_eq!(validate_channel(&name), Err(NameError::ForbiddenCharacter), "{control:?}");
            assert_eq!(validate_request_id(&name), Err(NameError::ForbiddenCharacter), "{control:?}");
        }
        assert_eq!(validate_channel("a\u{a0}b"), Ok(()));
    }

    #[test]
    fn a_peer_id_is_printable_ascii() {
        assert_eq!(validate_peer_id("user 7~"), Ok(()));
        assert_eq!(validate_peer_id("Zoë"), Err(NameError::ForbiddenCharacter));
        assert_eq!(validate_peer_id(&"a".repeat(128)), Ok(()));
        assert_eq!(validate_peer_id(&"a".repeat(129)), Err(NameError::TooLong { limit: 128 }));
        assert_eq!(validate_peer_id(""), Err(NameError::Empty));
    }

    #[test]
    fn reserved_prefixes_ignore_letter_case_and_need_the_slash() {
        assert!(is_reserved_channel("_metered/x"));
        assert!(is_reserved_channel("_Internal/"));
        assert!(is_reserved_channel("_SYSTEM/é"));
        assert!(!is_reserved_channel("_system"));
        assert!(!is_reserved_channel("x_system/"));
        assert!(!is_reserved_channel("é"));
    }
}
