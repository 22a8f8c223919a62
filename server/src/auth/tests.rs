//! Who comes in and who does not.

use hub::{Action, Actions, Pattern};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};
use units::Secret;

use super::key_ring::{derive_secret, digest_of, publishable_id};
use super::*;
use crate::config::Key;
use crate::store::{KeyKind, KeyRecord};

const NOW: u64 = 1_800_000_000;
const PUBLISHABLE: &str = "pk_live_test";

fn master_key() -> MasterKey {
    MasterKey::from_text(&Secret::new("5a".repeat(32))).unwrap()
}

fn record(id: &str, kind: KeyKind) -> KeyRecord {
    KeyRecord {
        id: id.to_owned(),
        kind,
        digest: None,
        name: String::new(),
        channels: vec!["room/*".to_owned(), "lobby".to_owned()],
        actions: vec!["subscribe".to_owned(), "presence".to_owned(), "send".to_owned()],
        origins: Vec::new(),
        turn: true,
        max_connections: None,
        generation: 2,
        oldest_generation: 1,
        created_at: NOW,
        revoked_at: None,
    }
}

fn secret_key() -> KeyRecord {
    record("sk_id_test", KeyKind::Secret)
}

fn publishable_key() -> KeyRecord {
    let digest = digest_of(PUBLISHABLE);
    let base = record(&publishable_id(&digest), KeyKind::Publishable);
    KeyRecord { digest: Some(digest), generation: 0, oldest_generation: 0, ..base }
}

fn doorkeeper(records: &[KeyRecord]) -> Doorkeeper {
    let doorkeeper = Doorkeeper::new(&[Key::open_to_all("pk_a")], master_key()).unwrap();
    doorkeeper.replace(records).unwrap();
    doorkeeper
}

fn secret(generation: u32) -> Secret {
    derive_secret(&master_key(), "sk_id_test", generation)
}

/// Signs claims as a backend would, with a library of its own choice.
fn token_with(header: Header, claims: &Value, secret: &Secret) -> String {
    token::install_hs256();
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret.expose().as_bytes())).unwrap()
}

fn header(kid: Option<&str>) -> Header {
    Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::HS256) }
}

fn token(claims: &Value) -> String {
    token_with(header(Some("sk_id_test")), claims, &secret(2))
}

fn admit(
    doorkeeper: &Doorkeeper,
    key: Option<&str>,
    token: Option<&str>,
    origin: Option<&str>,
) -> Result<Admission, Refusal> {
    let query = ConnectQuery { key: key.map(str::to_owned), token: token.map(str::to_owned) };
    doorkeeper.admit(&query, origin, NOW)
}

fn verdict(outcome: Result<Admission, Refusal>) -> String {
    match outcome {
        Ok(_) => "welcome".to_owned(),
        Err(Refusal::Close { code, reason }) => format!("{code} {reason}"),
        Err(Refusal::BeforeUpgrade { status, error }) => format!("{} {error}", status.as_u16()),
    }
}

fn verdict_of_token(token: &str) -> String {
    verdict(admit(&doorkeeper(&[secret_key()]), None, Some(token), None))
}

#[test]
fn a_key_is_admitted_and_everything_else_is_turned_away() {
    let doorkeeper = doorkeeper(&[publishable_key(), secret_key()]);
    let verdict = |key, token| verdict(admit(&doorkeeper, key, token, Some("https://any.example")));
    assert_eq!(verdict(Some("pk_a"), None), "welcome");
    assert_eq!(verdict(Some(PUBLISHABLE), None), "welcome");
    assert_eq!(verdict(Some("pk_b"), None), "4001 unknown key");
    assert_eq!(verdict(Some(""), None), "4001 unknown key");
    // An id is public and opens nothing.
    let id = publishable_key().id;
    assert_eq!(verdict(Some(&id), None), "4001 unknown key");
    assert_eq!(verdict(Some("sk_id_test"), None), "4001 unknown key");
    assert_eq!(verdict(Some("pk_a"), Some("e.y.J")), "4001 key and token");
    assert_eq!(verdict(None, None), "4001 no key");
}

#[test]
fn a_key_with_origins_works_from_those_only() {
    let origins = vec!["https://app.example".to_owned()];
    let doorkeeper = doorkeeper(&[KeyRecord { origins, ..publishable_key() }]);
    let verdict = |origin| verdict(admit(&doorkeeper, Some(PUBLISHABLE), None, origin));
    assert_eq!(verdict(Some("https://app.example")), "welcome");
    for origin in [None, Some("http://app.example"), Some("https://app.example.evil")] {
        assert_eq!(verdict(origin), "401 origin_not_allowed", "{origin:?}");
    }
}

#[test]
fn one_id_cannot_be_two_keys() {
    let keys = [Key::open_to_all("pk_a"), Key::open_to_all("pk_a")];
    assert!(Doorkeeper::new(&keys, master_key()).is_err());
}

#[test]
fn a_publishable_key_gives_what_its_record_says() {
    let doorkeeper = doorkeeper(&[KeyRecord { turn: false, ..publishable_key() }]);
    let admission = admit(&doorkeeper, Some(PUBLISHABLE), None, None).unwrap();
    assert!(admission.grants.covers("room/1") && !admission.grants.covers("room/1/2"));
    assert!(!admission.grants.actions.contains(Action::Publish));
    assert!(!admission.turn && admission.peer_id.is_none() && admission.expires_at.is_none());
}

#[test]
fn a_token_gives_what_it_says() {
    let claims = json!({
        "sub": "user 7", "exp": NOW + 60, "iat": NOW, "iss": "backend", "aud": "anyone",
        "channels": ["room/7", "room/8*"], "permissions": ["subscribe"],
        "metadata": {"iceServers": []}, "peerMetadata": {"name": "Ann"},
    });
    let admission = admit(&doorkeeper(&[secret_key()]), None, Some(&token(&claims)), None).unwrap();
    assert_eq!(admission.peer_id.as_deref(), Some("user 7"));
    assert_eq!(admission.expires_at, Some(NOW + 60));
    assert!(admission.grants.covers("room/7") && admission.grants.covers("room/81"));
    assert!(!admission.grants.covers("room/9") && !admission.grants.covers("lobby"));
    assert_eq!(admission.grants.actions, [Action::Subscribe].into_iter().collect::<Actions>());
    assert_eq!(Value::from(admission.metadata.unwrap()), claims["metadata"]);
    assert_eq!(Value::from(admission.peer_metadata.unwrap()), claims["peerMetadata"]);
}

#[test]
fn a_token_without_more_gives_what_its_key_does() {
    let claims = json!({"sub": "u", "exp": NOW as f64 + 60.5});
    let admission = admit(&doorkeeper(&[secret_key()]), None, Some(&token(&claims)), None).unwrap();
    assert!(admission.grants.covers("lobby") && admission.grants.actions.contains(Action::Send));
    assert_eq!(admission.expires_at, Some(NOW + 60));
}

#[test]
fn tokens_that_break_the_rules_are_closed_or_refused_as_the_protocol_says() {
    let with = |extra: Value| {
        let mut claims = json!({"sub": "u", "exp": NOW + 60});
        claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        token(&claims)
    };
    let name = "x".repeat(128);
    let of_json = |bytes: usize| json!({"a": "x".repeat(bytes - 8)});
    for (token, expected) in [
        (with(json!({})), "welcome"),
        (with(json!({"sub": name})), "welcome"),
        (with(json!({"exp": NOW + 86_400})), "welcome"),
        (with(json!({"exp": NOW + 86_400, "iat": NOW + 5})), "welcome"),
        (with(json!({"metadata": of_json(8_192), "peerMetadata": of_json(4_096)})), "welcome"),
        (with(json!({"channels": vec!["room/1"; 100], "permissions": vec!["send"; 16]})), "welcome"),
        (with(json!({"channels": []})), "welcome"),
        (with(json!({"exp": NOW})), "4002 token expired"),
        (with(json!({"exp": 0})), "4002 token expired"),
        (with(json!({"exp": NOW + 86_401})), "4001 bad claims"),
        (with(json!({"iat": NOW - 86_400})), "4001 bad claims"),
        (with(json!({"exp": NOW + 90_000, "iat": NOW + 80_000})), "4001 bad claims"),
        (with(json!({"exp": 1e300})), "4001 bad claims"),
        (with(json!({"exp": -1})), "4001 bad claims"),
        (with(json!({"exp": "soon"})), "4001 bad claims"),
        (with(json!({"exp": null})), "4001 bad claims"),
        (with(json!({"nbf": NOW + 61})), "4001 bad claims"),
        (with(json!({"sub": ""})), "4001 bad claims"),
        (with(json!({"sub": "Zoë"})), "4001 bad claims"),
        (with(json!({"sub": "x".repeat(129)})), "4001 bad claims"),
        (with(json!({"sub": 7})), "4001 bad claims"),
        (with(json!({"channels": ["other"]})), "4001 channel not within the key's"),
        (with(json!({"channels": ["**"]})), "4001 channel not within the key's"),
        (with(json!({"channels": ["room/**"]})), "4001 channel not within the key's"),
        (with(json!({"channels": "room/1"})), "4001 bad claims"),
        (with(json!({"channels": ["room/\\"]})), "4001 bad claims"),
        (with(json!({"channels": ["_System/x"]})), "4001 bad claims"),
        (with(json!({"channels": vec!["room/1"; 101]})), "4001 bad claims"),
        (with(json!({"permissions": ["publish"]})), "4001 permission not one of the key's"),
        (with(json!({"permissions": ["shout"]})), "4001 bad claims"),
        (with(json!({"permissions": vec!["send"; 17]})), "4001 bad claims"),
        (with(json!({"metadata": of_json(8_193)})), "4001 bad claims"),
        (with(json!({"peerMetadata": of_json(4_097)})), "4001 bad claims"),
        (with(json!({"peerMetadata": []})), "4001 bad claims"),
        (token(&json!({"sub": "u"})), "4001 bad claims"),
        (token(&json!({"exp": NOW + 60})), "4001 bad claims"),
        (token(&json!(["u"])), "4001 bad claims"),
    ] {
        assert_eq!(verdict_of_token(&token), expected, "{token:.200}");
    }
}

#[test]
fn only_hs256_by_a_live_secret_of_a_known_key_counts() {
    let claims = json!({"sub": "u", "exp": NOW + 60});
    let by = |kid, generation| token_with(header(kid), &claims, &secret(generation));
    let kid = Some("sk_id_test");
    assert_eq!(verdict_of_token(&by(kid, 2)), "welcome");
    assert_eq!(verdict_of_token(&by(kid, 1)), "welcome");
    assert_eq!(verdict_of_token(&by(kid, 0)), "4001 bad signature");
    assert_eq!(verdict_of_token(&by(kid, 3)), "4001 bad signature");
    assert_eq!(verdict_of_token(&by(Some("sk_id_other"), 2)), "4001 unknown key");
    assert_eq!(verdict_of_token(&by(None, 2)), "401 invalid_token");
    let part = |value: Value| {
        let encoded = token(&value);
        encoded.split('.').nth(1).unwrap().to_owned()
    };
    let signed = token(&claims);
    let [head, payload, tag] = signed.split('.').collect::<Vec<_>>()[..] else { panic!("{signed}") };
    for alg in ["none", "hs256"] {
        let head = part(json!({"alg": alg, "typ": "JWT", "kid": "sk_id_test"}));
        assert_eq!(verdict_of_token(&format!("{head}.{payload}.")), "401 invalid_token", "{alg}");
    }
    for alg in ["HS384", "HS512", "RS256"] {
        let head = part(json!({"alg": alg, "typ": "JWT", "kid": "sk_id_test"}));
        assert_eq!(verdict_of_token(&format!("{head}.{payload}.{tag}")), "4001 bad signature", "{alg}");
    }
    for text in ["", ".", "..", "hush", &format!("{payload}.{payload}.{tag}"), &format!("{head}.{payload}")] {
        assert_eq!(verdict_of_token(text), "401 invalid_token", "{text}");
    }
    assert_eq!(verdict_of_token(&format!("{head}.{payload}.")), "4001 bad signature");
}

#[test]
fn a_revoked_key_and_a_retired_secret_end_what_they_admitted() {
    let doorkeeper = doorkeeper(&[secret_key(), publishable_key()]);
    let admitted = |credential: Option<&str>, token: Option<&str>| {
        admit(&doorkeeper, credential, token, None).unwrap().key
    };
    let claims = json!({"sub": "u", "exp": NOW + 60});
    let by_key = admitted(Some(PUBLISHABLE), None);
    let by_new = admitted(None, Some(&token(&claims)));
    let old = token_with(header(Some("sk_id_test")), &claims, &secret(1));
    let by_old = admitted(None, Some(&old));
    assert!([&by_key, &by_new, &by_old].into_iter().all(|key| doorkeeper.is_live(key)));

    let finished = KeyRecord { oldest_generation: 2, ..secret_key() };
    assert_eq!(doorkeeper.replace(&[finished.clone(), publishable_key()]), Ok([by_old.clone()].into()));
    assert!(!doorkeeper.is_live(&by_old) && doorkeeper.is_live(&by_new));
    assert_eq!(verdict(admit(&doorkeeper, None, Some(&old), None)), "4001 bad signature");

    let revoked = KeyRecord { revoked_at: Some(NOW), ..publishable_key() };
    assert_eq!(doorkeeper.replace(&[finished, revoked]), Ok([by_key.clone()].into()));
    assert_eq!(verdict(admit(&doorkeeper, Some(PUBLISHABLE), None, None)), "4001 unknown key");
    assert_eq!(doorkeeper.replace(&[]), Ok([by_new].into()));
    // The configuration's keys stay.
    assert_eq!(verdict(admit(&doorkeeper, Some("pk_a"), None, None)), "welcome");
}

#[test]
fn a_record_that_cannot_be_read_changes_nothing() {
    let doorkeeper = doorkeeper(&[publishable_key()]);
    let bad = KeyRecord { channels: vec!["a\\".to_owned()], ..secret_key() };
    assert!(doorkeeper.replace(&[bad]).unwrap_err().contains("sk_id_test"));
    assert_eq!(verdict(admit(&doorkeeper, Some(PUBLISHABLE), None, None)), "welcome");
}

#[test]
fn rest_takes_a_live_secret_and_nothing_else() {
    let doorkeeper = doorkeeper(&[secret_key(), publishable_key()]);
    for generation in [1, 2] {
        assert!(doorkeeper.secret_key("sk_id_test", secret(generation).expose()).is_some());
    }
    for wrong in [secret(0).expose(), secret(3).expose(), "", "sk_secret_", &secret(2).expose()[1..]] {
        assert!(doorkeeper.secret_key("sk_id_test", wrong).is_none());
    }
    assert!(doorkeeper.secret_key("sk_id_other", secret(2).expose()).is_none());
    // The secret of anonymous tokens opens no REST either.
    let key = doorkeeper.publishable_key(PUBLISHABLE).unwrap();
    let (_, anonymous) = key.secrets(&master_key()).next().unwrap();
    assert!(doorkeeper.secret_key(&key.id, anonymous.expose()).is_none());
}

#[test]
fn an_anonymous_token_is_as_good_as_its_key() {
    let records = |origins: &[&str], revoked_at| {
        let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
        [KeyRecord { origins, revoked_at, ..publishable_key() }]
    };
    let doorkeeper = doorkeeper(&records(&["https://app.example"], None));
    let key = doorkeeper.publishable_key(PUBLISHABLE).unwrap();
    let claims: token::Claims = serde_json::from_value(json!({"sub": "anon-1", "exp": NOW + 60})).unwrap();
    let token = doorkeeper.sign(&key, &claims);
    let admitted = |origin| admit(&doorkeeper, None, Some(token.expose()), origin);
    let admission = admitted(Some("https://app.example")).unwrap();
    assert_eq!(admission.peer_id.as_deref(), Some("anon-1"));
    assert_eq!(admission.key, key.key_id(0));
    assert_eq!(verdict(admitted(None)), "401 origin_not_allowed");
    assert_eq!(doorkeeper.signed_peer_id(&key, token.expose(), NOW).as_deref(), Some("anon-1"));
    assert_eq!(doorkeeper.signed_peer_id(&key, token.expose(), NOW + 60), None);
    doorkeeper.replace(&records(&[], Some(NOW))).unwrap();
    assert_eq!(verdict(admitted(None)), "4001 unknown key");
}

#[test]
fn nothing_shows_a_credential() {
    let doorkeeper = doorkeeper(&[secret_key(), publishable_key()]);
    let query = ConnectQuery { key: Some(PUBLISHABLE.to_owned()), token: None };
    let admission = doorkeeper.admit(&query, None, NOW).unwrap();
    let shown = format!("{doorkeeper:?} {admission:?} {:?}", Key::open_to_all("pk_a"));
    for credential in [PUBLISHABLE, "pk_a\"", secret(1).expose(), secret(2).expose(), &"5a".repeat(8)] {
        assert!(!shown.contains(credential), "{credential} in {shown}");
    }
}

proptest! {
    #[test]
    fn a_token_that_was_touched_opens_nothing(position in 0_usize..1_000, replacement in "[A-Za-z0-9._-]") {
        let original = token(&json!({"sub": "u", "exp": NOW + 60}));
        let position = position % original.len();
        let mut touched = original.clone();
        touched.replace_range(position..=position, &replacement);
        // The last character of a part may hold bits that mean nothing.
        let decoded = |text: &str| {
            let parts: Option<Vec<Vec<u8>>> = text.split('.').map(decode_base64).collect();
            parts
        };
        if decoded(&touched) != decoded(&original) {
            prop_assert_ne!(verdict_of_token(&touched), "welcome");
        }
    }

    #[test]
    fn any_text_is_a_refusal_and_no_panic(text in "\\PC{0,200}") {
        prop_assert_eq!(verdict_of_token(&text), "401 invalid_token");
    }

    #[test]
    fn a_token_never_covers_what_its_key_does_not(
        key in "[ab/*]{1,6}", claimed in "[ab/*]{1,6}", channel in "[ab/]{1,8}",
    ) {
        let records = [KeyRecord { channels: vec![key.clone()], ..secret_key() }];
        let token = token(&json!({"sub": "u", "exp": NOW + 60, "channels": [claimed]}));
        if let Ok(admission) = admit(&doorkeeper(&records), None, Some(&token), None)
            && admission.grants.covers(&channel)
        {
            prop_assert!(Pattern::parse(&key).unwrap().matches(&channel), "{} {}", key, channel);
        }
    }
}

/// Reads base64url without padding (RFC 4648 §5), whatever its unused bits.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = Vec::with_capacity(text.len() * 6);
    for character in text.bytes() {
        let value = alphabet.iter().position(|known| *known == character)?;
        bits.extend((0..6).rev().map(|bit| value >> bit & 1));
    }
    Some(bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | *bit as u8)).collect())
}
