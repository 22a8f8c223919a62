//! Data through the server, and what comes with requests.

use crate::support::{Client, role};
use protocol::{ClientFrame, ServerFrame};
use serde_json::{Value, json};
use session::{Event, SessionState};
use units::PeerId;

fn with_ada() -> (Client, PeerId) {
    let mut client = Client::joined("me", &[]);
    let taken = client.presence(&["ada"], &[]);
    let Event::PeerJoined { peer, .. } = &taken.events[0] else { panic!("nobody joined") };
    (client, *peer)
}

#[test]
fn data_goes_to_everyone_or_to_one() {
    let (mut client, ada) = with_ada();
    let (request, taken) = client.send(None, json!({"chat": "hi"}));
    assert!(
        matches!(&taken.frames[..], [ClientFrame::Publish { channel, data, .. }]
            if channel == "room" && *data == json!({"chat": "hi"})),
        "{:?}",
        taken.frames
    );
    assert_eq!(client.ack().result(request), Some(&Ok(())));
    let (request, taken) = client.send(Some(ada), Value::Null);
    assert!(matches!(&taken.frames[..], [ClientFrame::Send { to, data: Value::Null, .. }] if to == "ada"));
    assert_eq!(client.refuse("peer_not_found").failure(request), Some("peer_not_found"));
}

#[test]
fn every_send_ends_once_when_the_server_is_silent_or_gone() {
    let (mut client, _) = with_ada();
    let (first, _) = client.send(None, json!(1));
    client.advance_ms(5_000);
    let (second, _) = client.send(None, json!(2));
    assert!(client.advance_ms(9_999).result(first).is_none());
    let taken = client.advance_ms(1);
    assert_eq!(taken.failure(first), Some("ack_timeout"));
    assert_eq!(taken.result(second), None);
    let taken = client.closed(1006);
    assert_eq!(taken.failure(second), Some("disconnected"));
    assert_eq!(taken.result(first), None);
}

#[test]
fn sends_are_refused_outside_a_channel() {
    let mut client = Client::new();
    let (request, taken) = client.send(None, json!(1));
    assert_eq!(taken.failure(request), Some("not_joined"));
    client.enter("me", &[]);
    client.closed(1006);
    assert_eq!(client.session.state(), SessionState::Reconnecting);
    let (request, taken) = client.send(None, json!(1));
    assert_eq!(taken.failure(request), Some("not_joined"));
    assert!(taken.frames.is_empty());
}

#[test]
fn a_payload_over_the_servers_cap_is_refused_and_one_at_the_cap_is_sent() {
    let (mut client, ada) = with_ada();
    let (request, taken) = client.send(Some(ada), json!("x".repeat(998)));
    assert_eq!((taken.result(request), taken.frames.len()), (None, 1));
    let (request, taken) = client.send(Some(ada), json!("x".repeat(999)));
    assert_eq!(taken.failure(request), Some("payload_too_large"));
    assert!(taken.frames.is_empty());
    assert_eq!(client.session.state(), SessionState::Joined);
}

#[test]
fn an_unknown_peer_cannot_be_sent_to() {
    let (mut client, ada) = with_ada();
    let (request, taken) = client.send(Some(PeerId::new(ada.get() + 1)), json!(1));
    assert_eq!(taken.failure(request), Some("peer_not_found"));
}

#[test]
fn data_comes_with_its_sender_and_metadata() {
    let (mut client, ada) = with_ada();
    let message = |channel: &str, from: &str| ServerFrame::Message {
        channel: channel.to_owned(),
        from: from.to_owned(),
        data: json!([1]),
        from_metadata: Some(role("host")),
    };
    let expected = |direct, metadata| [Event::Data { peer: ada, data: json!([1]), direct, metadata }];
    assert_eq!(client.frame(&message("room", "ada")).events, expected(false, Some(role("host"))));
    assert_eq!(client.direct("ada", json!([1])).events, expected(true, None));

    assert!(client.frame(&message("room", "me")).events.is_empty(), "an own broadcast is no news");
    assert!(client.frame(&message("elsewhere", "ada")).events.is_empty());
    assert!(client.direct("stranger", json!([1])).events.is_empty());
}

#[test]
fn messages_of_the_engine_are_not_data_even_when_they_are_broken() {
    let (mut client, _) = with_ada();
    for data in [
        json!({"type": "rtc-description"}),
        json!({"type": "rtc-description", "description": {"type": "offer", "sdp": 5}}),
        json!({"type": "rtc-ice", "candidate": 7}),
        json!({"type": "rtc-ice", "candidate": null}),
        json!({"__meteredTrackMeta": []}),
        json!({"__meteredTrackMeta": {"trackId": "t", "metadata": {}}}),
    ] {
        assert!(client.direct("ada", data.clone()).events.is_empty(), "{data}");
    }
}

#[test]
fn errors_that_no_request_caused_reach_the_app_when_they_concern_it() {
    let (mut client, _) = with_ada();
    let error = |code: &str| ServerFrame::Error {
        code: code.to_owned(),
        request_id: None,
        message: Some("m".to_owned()),
    };
    let taken = client.frame(&error("action_not_permitted"));
    let expected = Event::Error { code: "action_not_permitted".to_owned(), message: "m".to_owned() };
    assert_eq!(taken.events, [expected]);
    assert!(client.frame(&error("unknown_type")).events.is_empty());
}

#[test]
fn no_more_peers_are_tracked_than_a_channel_may_have() {
    let mut client = Client::joined("me", &[]);
    let names: Vec<String> = (0..300).map(|number| format!("peer-{number:03}")).collect();
    let ids: Vec<&str> = names.iter().map(String::as_str).collect();
    let joined = client.presence(&ids, &[]);
    let count =
        |events: &[Event]| events.iter().filter(|event| matches!(event, Event::PeerJoined { .. })).count();
    assert_eq!(count(&joined.events), 256);
    assert_eq!(count(&client.presence(&["late"], &[]).events), 0);
}
