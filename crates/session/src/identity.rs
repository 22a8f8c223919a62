//! Telling a peer's new connection from a change of its old one.
//!
//! A peer that threw its connection away (the published SDKs do so at every signalling reconnect) sends a
//! description that our link could take for a renegotiation, although nothing behind it is the same. What
//! betrays it: another certificate, or at once another ICE user name and another SDP session id. One of the
//! latter alone is harmless: an ICE restart changes the name, and some implementations draw a session id per
//! description.

/// Who sent a description, as far as SDP tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    session_id: Option<String>,
    fingerprint: Option<String>,
    ufrag: Option<String>,
}

impl Identity {
    /// Reads the first of each line that matters (RFC 8866 §5.2, RFC 8122 §5, RFC 8839 §5.4).
    pub(crate) fn of(sdp: &str) -> Self {
        let value = |prefix: &str| {
            sdp.lines().find_map(|line| line.trim_end().strip_prefix(prefix)).map(str::to_owned)
        };
        Self {
            session_id: value("o=").and_then(|origin| origin.split(' ').nth(1).map(str::to_owned)),
            fingerprint: value("a=fingerprint:").map(|value| value.to_ascii_lowercase()),
            ufrag: value("a=ice-ufrag:"),
        }
    }

    /// Returns whether `newer` comes from another connection than this.
    pub(crate) fn is_replaced_by(&self, newer: &Self) -> bool {
        let differ =
            |old: &Option<String>, new: &Option<String>| old.is_some() && new.is_some() && old != new;
        differ(&self.fingerprint, &newer.fingerprint)
            || (self.restarts_into(newer) && differ(&self.session_id, &newer.session_id))
    }

    /// Returns whether `newer` comes from the same connection for sure.
    pub(crate) fn is(&self, newer: &Self) -> bool {
        self.session_id.is_some()
            && self.session_id == newer.session_id
            && self.fingerprint == newer.fingerprint
    }

    /// Returns whether `newer` has other ICE credentials.
    pub(crate) fn restarts_into(&self, newer: &Self) -> bool {
        self.ufrag != newer.ufrag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(session: &str, fingerprint: &str, ufrag: &str) -> Identity {
        Identity::of(&format!(
            "v=0\r\no=- {session} 2 IN IP4 127.0.0.1\r\ns=-\r\nm=audio 9 RTP/AVP 0\r\n\
             a=ice-ufrag:{ufrag}\r\na=fingerprint:sha-256 {fingerprint}\r\n"
        ))
    }

    #[test]
    fn a_new_certificate_is_a_new_connection() {
        assert!(identity("1", "AA", "u").is_replaced_by(&identity("1", "BB", "u")));
        assert!(!identity("1", "AA", "u").is_replaced_by(&identity("1", "aa", "u")));
    }

    #[test]
    fn an_ice_restart_or_a_new_session_id_alone_is_not() {
        let first = identity("1", "AA", "u");
        assert!(!first.is_replaced_by(&identity("1", "AA", "w")));
        assert!(!first.is_replaced_by(&identity("2", "AA", "u")));
        assert!(first.is_replaced_by(&identity("2", "AA", "w")));
        assert!(first.is(&identity("1", "AA", "w")) && !first.is(&identity("2", "AA", "u")));
    }

    #[test]
    fn what_is_not_there_says_nothing() {
        let nothing = Identity::of("not an SDP");
        assert!(!nothing.is_replaced_by(&identity("1", "AA", "u")));
        assert!(!identity("1", "AA", "u").is_replaced_by(&nothing));
    }
}
