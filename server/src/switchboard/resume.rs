//! Resume tokens: what a client shows to go on with its session on a new socket.
//!
//! A token is the hexadecimal text of
//!
//! ```text
//! version (1) · expiry (8, Unix seconds) · generation (8) · epoch (16) · peer id · HMAC-SHA256 (32)
//! ```
//!
//! with numbers in network byte order. The MAC is over everything before it, the app and the id of the key that
//! admitted the client: a token of one key is worth nothing with another. Whether a genuine token is still good
//! is for the hub to say.

use hub::{AppId, Claim, ConnectionId, KeyId};
use ring::hmac;
use units::Secret;
use uuid::Uuid;

const VERSION: u8 = 1;
const MAC_LENGTH: usize = 32;
/// Everything before the peer id.
const HEAD_LENGTH: usize = 1 + 8 + 8 + 16;

/// How long a token is good, in seconds. A connection that lives longer comes back under a new id.
const LIFETIME: u64 = 7 * 24 * 3600;

/// What a client shows beside its credential.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct ResumeQuery {
    resume: Option<TokenText>,
    cursor: Option<u64>,
}

/// A token as it came.
#[derive(serde::Deserialize)]
struct TokenText(String);

impl std::fmt::Debug for TokenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Makes and reads the tokens of one run of the server.
#[derive(Debug)]
pub(super) struct ResumeTokens {
    key: hmac::Key,
    epoch: Uuid,
}

impl ResumeTokens {
    /// Begins a new epoch. All nodes and runs of a deployment share the key.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), epoch: Uuid::new_v4() }
    }

    /// Returns the name of this run.
    pub(super) fn epoch(&self) -> String {
        self.epoch.simple().to_string()
    }

    /// Makes the token of a socket.
    pub(super) fn make(
        &self,
        app: AppId,
        key: &KeyId,
        peer: &str,
        generation: ConnectionId,
        now: u64,
    ) -> Secret {
        let mut token = Vec::with_capacity(HEAD_LENGTH + peer.len() + MAC_LENGTH);
        token.push(VERSION);
        token.extend((now + LIFETIME).to_be_bytes());
        token.extend(generation.get().to_be_bytes());
        token.extend(self.epoch.as_bytes());
        token.extend(peer.as_bytes());
        let mac = hmac::sign(&self.key, &signed(&token, app, key));
        token.extend(mac.as_ref());
        Secret::new(hex::encode(token))
    }

    /// Reads what a client shows; `None` when it shows nothing that is genuine and not expired.
    pub(super) fn read(&self, shown: &ResumeQuery, app: AppId, key: &KeyId, now: u64) -> Option<Claim> {
        let token = hex::decode(&shown.resume.as_ref()?.0).ok()?;
        let (content, mac) = token.split_at_checked(token.len().checked_sub(MAC_LENGTH)?)?;
        hmac::verify(&self.key, &signed(content, app, key), mac).ok()?;
        let (head, peer) = content.split_at_checked(HEAD_LENGTH)?;
        let number = |at: usize| head.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
        if head[0] != VERSION || number(1)? <= now {
            return None;
        }
        Some(Claim {
            epoch: Uuid::from_slice(&head[17..]).ok()?.simple().to_string(),
            generation: ConnectionId::new(number(9)?),
            peer: String::from_utf8(peer.to_vec()).ok()?,
            cursor: shown.cursor.unwrap_or(0),
        })
    }
}

/// What the MAC is over. Neither a peer id nor a key id has a zero byte.
fn signed(content: &[u8], app: AppId, key: &KeyId) -> Vec<u8> {
    [content, &[0], key.as_str().as_bytes(), &[0], &app.get().to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: AppId = AppId::new(1);
    const NOW: u64 = 1_800_000_000;

    fn shown(token: &str) -> ResumeQuery {
        ResumeQuery { resume: Some(TokenText(token.to_owned())), cursor: Some(42) }
    }

    #[test]
    fn a_token_says_what_was_put_in_and_only_to_its_own_key_app_and_deployment() {
        let tokens = ResumeTokens::new(&[7; 32]);
        let (key, generation) = (KeyId::new("pk_test"), ConnectionId::new(9));
        let token = tokens.make(APP, &key, "c0de", generation, NOW);
        assert!(token.expose().len() <= 512);
        let read = |tokens: &ResumeTokens, app, key: &str, now| {
            tokens.read(&shown(token.expose()), app, &KeyId::new(key), now)
        };
        let claim = Claim { epoch: tokens.epoch(), generation, peer: "c0de".to_owned(), cursor: 42 };
        assert_eq!(read(&tokens, APP, "pk_test", NOW), Some(claim.clone()));
        let later = ResumeTokens::new(&[7; 32]);
        assert_ne!(later.epoch(), tokens.epoch());
        assert_eq!(read(&later, APP, "pk_test", NOW + LIFETIME - 1), Some(claim), "an earlier run's");
        assert_eq!(read(&tokens, APP, "pk_test", NOW + LIFETIME), None, "expired");
        assert_eq!(read(&tokens, APP, "pk_other", NOW), None);
        assert_eq!(read(&tokens, AppId::new(2), "pk_test", NOW), None);
        assert_eq!(read(&ResumeTokens::new(&[8; 32]), APP, "pk_test", NOW), None);
    }

    #[test]
    fn the_longest_peer_id_fits() {
        let tokens = ResumeTokens::new(&[7; 32]);
        let token = tokens.make(APP, &KeyId::new("k"), &"x".repeat(128), ConnectionId::new(1), NOW);
        assert!(token.expose().len() <= 512);
    }

    #[test]
    fn no_changed_or_cut_token_is_read() {
        let tokens = ResumeTokens::new(&[7; 32]);
        let key = KeyId::new("pk_test");
        let token = tokens.make(APP, &key, "c0de", ConnectionId::new(9), NOW);
        let text = token.expose();
        for index in 0..text.len() {
            let mut changed = text.to_owned();
            let other = if &text[index..=index] == "0" { "1" } else { "0" };
            changed.replace_range(index..=index, other);
            assert_eq!(tokens.read(&shown(&changed), APP, &key, NOW), None, "{index}");
            assert_eq!(tokens.read(&shown(&text[..index]), APP, &key, NOW), None, "{index}");
        }
        assert_eq!(tokens.read(&ResumeQuery::default(), APP, &key, NOW), None);
        assert_eq!(tokens.read(&shown("not hexadecimal"), APP, &key, NOW), None);
    }

    #[test]
    fn debug_shows_no_token() {
        assert!(!format!("{:?}", shown("c0ffee")).contains("c0ffee"));
    }
}
