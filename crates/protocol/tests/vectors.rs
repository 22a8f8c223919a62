//! Reads the golden vectors of `spec/vectors`, which the other languages read, too.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use parlor_protocol::peer::PeerMessage;
use parlor_protocol::url::{Credential, Resume, build_connect_url};
use parlor_protocol::{ClientFrame, FrameError, ServerFrame, ice};
use serde_json::Value;
use units::Secret;

fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/../../spec/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Checks a frame vector against a parser and its inverse.
fn check_frame<F: PartialEq + std::fmt::Debug>(
    vector: &Value,
    parse: impl Fn(&str) -> Result<F, FrameError>,
    to_json: impl Fn(&F) -> String,
) {
    let name = vector["name"].as_str().unwrap();
    let text = vector["text"].as_str().map_or_else(|| vector["frame"].to_string(), str::to_owned);
    match (parse(&text), vector.get("error")) {
        (Ok(frame), None) => {
            let written = to_json(&frame);
            assert_eq!(&json(&written), vector.get("canonical").unwrap_or(&vector["frame"]), "{name}");
            assert_eq!(parse(&written).as_ref(), Ok(&frame), "{name}");
        }
        (Err(error), Some(expected)) => {
            assert_eq!(error.code.as_str(), expected["code"], "{name}");
            let request_id = expected.get("requestId").and_then(Value::as_str);
            assert_eq!(error.request_id.as_deref(), request_id, "{name}");
            assert!(!error.message.is_empty(), "{name}");
        }
        (outcome, expected) => panic!("{name}: got {outcome:?}, expected error {expected:?}"),
    }
}

#[test]
fn client_frames() {
    for vector in vectors("client-frames.json") {
        check_frame(&vector, ClientFrame::parse, ClientFrame::to_json);
    }
}

#[test]
fn server_frames() {
    for vector in vectors("server-frames.json") {
        check_frame(&vector, ServerFrame::parse, ServerFrame::to_json);
    }
}

#[test]
fn peer_messages() {
    for vector in vectors("peer-messages.json") {
        let name = vector["name"].as_str().unwrap();
        let data = &vector["data"];
        let message = PeerMessage::from_value(data);
        assert_eq!(PeerMessage::is_claimed(data), message.is_some(), "{name}");
        match message {
            None => assert_eq!(vector["app"], true, "{name}"),
            Some(Err(reason)) => {
                assert_eq!(vector["invalid"], true, "{name}: {reason}");
                assert!(!reason.is_empty(), "{name}");
            }
            Some(Ok(message)) => {
                let written = message.to_value();
                assert_eq!(&written, vector.get("canonical").unwrap_or(data), "{name}");
                assert_eq!(PeerMessage::from_value(&written), Some(Ok(message)), "{name}");
            }
        }
    }
}

#[test]
fn ice_servers() {
    for vector in vectors("ice-servers.json") {
        let servers = ice::from_metadata(vector["metadata"].as_object().unwrap());
        let written = servers.map(|servers| servers.iter().map(ice::IceServer::to_value).collect::<Vec<_>>());
        assert_eq!(serde_json::to_value(written).unwrap(), vector["servers"], "{}", vector["name"]);
    }
}

#[test]
fn connect_urls() {
    for vector in vectors("connect-urls.json") {
        let base = vector["base"].as_str().unwrap();
        let secret = |key: &str| vector.get(key).map(|secret| Secret::new(secret.as_str().unwrap()));
        let (token, key) = (secret("token"), secret("key").unwrap_or_else(|| Secret::new("pk_1")));
        let credential = token.as_ref().map_or(Credential::Key(&key), Credential::Token);
        let resume = vector.get("resume").map(|resume| {
            let token = Secret::new(resume["token"].as_str().unwrap());
            (token, resume["cursor"].as_u64().unwrap())
        });
        let resume = resume.as_ref().map(|(token, cursor)| Resume { token, cursor: *cursor });
        match build_connect_url(base, credential, resume) {
            Ok(url) => assert_eq!(url, vector["url"], "{base}"),
            Err(error) => assert_eq!(format!("{error:?}"), vector["error"], "{base}"),
        }
    }
}
