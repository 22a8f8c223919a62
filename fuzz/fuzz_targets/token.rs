//! Tokens from strangers, and tokens that somebody with the secret has signed without care.
//!
//! The input is a token as it came, or two lines: a header and claims, which are signed here.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hub::{Action, Actions, Grants, Pattern};
use libfuzzer_sys::fuzz_target;
use ring::hmac;
use token::{Claims, MAX_LIFETIME, MAX_METADATA, MAX_PEER_METADATA, SignatureError, signing_key};
use units::Secret;

const NOW: u64 = 1_800_000_000;
const OLD: &str = "sk_secret_old";
const NEW: &str = "sk_secret_new";

fuzz_target!(|text: &str| {
    // Nobody signs without a secret.
    let _ = signing_key(text);
    assert!(verify(text).is_err());
    let Some((header, claims)) = text.split_once('\n') else { return };
    let token = sign(header, claims, OLD);
    match verify(&token) {
        Ok((claims, signer)) => {
            assert_eq!(signer, OLD);
            hold_to_the_key(&claims);
        }
        Err(SignatureError::Unparsable | SignatureError::Signature | SignatureError::Claims) => {}
    }
    // Nor has anyone who has another secret.
    let forged = sign(header, claims, "another secret");
    assert!(verify(&forged).is_err());
});

fn verify(token: &str) -> Result<(Claims, &'static str), SignatureError> {
    Claims::verify(token, [NEW, OLD].map(|secret| (secret, Secret::new(secret))).into_iter())
}

/// What is granted is no more than the key has, and what is signed again is read again.
fn hold_to_the_key(claims: &Claims) {
    let channels = ["room/*", "lobby"].map(|text| Pattern::parse(text).unwrap()).to_vec();
    let key =
        Grants { channels, actions: [Action::Subscribe, Action::Send].into_iter().collect::<Actions>() };
    let Ok(grants) = claims.check(&key, NOW) else { return };
    assert!(claims.exp > NOW && claims.exp <= NOW + MAX_LIFETIME + 60);
    assert!(claims.sub.len() <= 128 && claims.sub.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
    let size =
        |map: &Option<protocol::Map>| map.as_ref().map_or(0, |map| serde_json::to_string(map).unwrap().len());
    assert!(size(&claims.metadata) <= MAX_METADATA && size(&claims.peer_metadata) <= MAX_PEER_METADATA);
    for action in Action::ALL {
        assert!(key.actions.contains(action) || !grants.actions.contains(action));
    }
    for channel in ["room/1", "room/1/2", "room/", "lobby", "Lobby", "other", "_internal/x", ""] {
        assert!(key.covers(channel) || !grants.covers(channel), "{channel}");
    }
    let again = claims.sign("sk_id_test", &Secret::new(NEW));
    assert_eq!(signing_key(again.expose()).as_deref(), Some("sk_id_test"));
    let (read, signer) = verify(again.expose()).unwrap();
    assert_eq!((&read, signer), (claims, NEW));
}

/// Signs a header and claims as they are (RFC 7515 §5.1).
fn sign(header: &str, claims: &str, secret: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let code = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(code))
}
