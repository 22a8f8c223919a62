//! What each request is answered with, and the limits.

use std::time::Duration;

use parlor_hub::{Action, Config, ConnectionId, Input, Rate};
use protocol::{ClientFrame, ErrorCode, FrameError, Map, ServerFrame};
use serde_json::{Value, json};

use crate::world::{
    Credential, Event, World, ack, direct, message, only_error, ping_in, presence, rtc_candidate,
};

fn only(actions: &[Action]) -> Credential {
    Credential { actions: actions.iter().copied().collect(), ..Credential::default() }
}

fn object(value: Value) -> Option<Map> {
    value.as_object().cloned()
}

#[test]
fn the_welcome_is_the_first_frame() {
    let mut world = World::new();
    world.connect_as(1, "ann", Credential::default());
    match &world.take(1)[..] {
        [Event::Frame(ServerFrame::Welcome(welcome))] => assert_eq!(welcome.peer_id, "ann"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn subscribing_again_gives_a_fresh_snapshot_and_tells_nobody() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.take(1);
    let request = world.subscribe(2, "demo");
    assert_eq!(world.settle(2), [ack(&request), presence("demo", &["ann"], &[])]);
    assert_eq!(world.take(1), []);
}

#[test]
fn unsubscribing_is_acknowledged_whether_subscribed_or_not() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.take(1);
    let request = world.unsubscribe(2, "demo");
    assert_eq!(world.take(2), [ack(&request)]);
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"])]);
    let request = world.unsubscribe(2, "demo");
    assert_eq!(world.take(2), [ack(&request)]);
    let request = world.unsubscribe(2, "_system/never");
    assert_eq!(world.take(2), [ack(&request)]);
    assert_eq!(world.take(1), []);
}

#[test]
fn without_a_request_id_success_is_silent_and_failure_is_not() {
    let mut world = World::new();
    world.connect(1, "ann");
    let (channel, request_id) = ("demo".to_owned(), None);
    world.frame(1, ClientFrame::Subscribe { channel, request_id, include_sender_metadata: false });
    assert!(matches!(world.take(1)[..], [Event::Ping(_)]));
    world.frame(1, ClientFrame::Send { to: "bob".to_owned(), data: json!(1), request_id: None });
    match &world.take(1)[..] {
        [Event::Frame(ServerFrame::Error { code, request_id: None, .. })] => {
            assert_eq!(code, "peer_not_found");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broadcast_reaches_the_other_subscribers_and_not_its_publisher() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.join(3, "cat", "other");
    world.take(1);
    let request = world.publish(1, "demo", json!({"chat": "hi"}));
    assert_eq!(world.take(1), [ack(&request)]);
    assert_eq!(world.take(2), [message("demo", "ann", json!({"chat": "hi"}))]);
    assert_eq!(world.take(3), []);
    let request = world.publish(3, "nobody here", json!(null));
    assert_eq!(world.take(3), [ack(&request)]);
}

#[test]
fn metadata_is_in_presence_and_directs_always_and_in_broadcasts_on_request() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect(2, "bob");
    world.subscribe_with(2, "demo", true);
    world.settle(2);
    let metadata = object(json!({"name": "Cat"}));
    world.connect_as(3, "cat", Credential { metadata: metadata.clone(), ..Credential::default() });
    world.subscribe(3, "demo");
    world.publish(3, "demo", json!(1));
    world.send(3, "ann", json!(2));
    let to_bob = world.take(2);
    let (channel, from) = ("demo".to_owned(), "cat".to_owned());
    let rich = ServerFrame::Message { channel, from, data: json!(1), from_metadata: metadata.clone() };
    assert_eq!(to_bob[1], Event::Frame(rich));
    match &to_bob[0] {
        Event::Frame(ServerFrame::Presence { joined, .. }) => assert_eq!(joined[0].metadata, metadata),
        other => panic!("{other:?}"),
    }
    let to_ann = world.take(1);
    assert!(to_ann.contains(&message("demo", "cat", json!(1))));
    let direct =
        ServerFrame::Direct { from: "cat".to_owned(), data: json!(2), from_metadata: metadata, cursor: None };
    assert_eq!(to_ann.last(), Some(&Event::Frame(direct)));
    // The last wish wins.
    world.subscribe_with(2, "demo", false);
    world.settle(2);
    world.publish(3, "demo", json!(3));
    assert_eq!(world.take(2), [message("demo", "cat", json!(3))]);
}

#[test]
fn a_direct_needs_a_live_peer_in_a_shared_channel() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "other");
    for to in ["bob", "nobody"] {
        let request = world.send(1, to, json!(1));
        assert_eq!(only_error(&world.take(1), &request), "peer_not_found");
    }
    let request = world.send(1, "ann", json!(1));
    assert_eq!(only_error(&world.take(1), &request), "invalid_peer_id");
    world.join(3, "cat", "demo");
    world.close(3, false);
    world.take(1);
    let request = world.send(1, "cat", json!(1));
    assert_eq!(only_error(&world.take(1), &request), "peer_not_found");
}

#[test]
fn directs_across_channels_can_be_allowed() {
    let mut world = World::with(Config { directs_need_shared_channel: false, ..Config::default() });
    world.join(1, "ann", "demo");
    world.connect(2, "bob");
    let request = world.send(1, "bob", json!(1));
    assert_eq!(world.take(1), [ack(&request)]);
    assert_eq!(world.take(2), [direct("ann", json!(1))]);
}

#[test]
fn apps_never_meet() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect_as(2, "ann", Credential { app: 2, ..Credential::default() });
    world.connect_as(3, "bob", Credential { app: 2, ..Credential::default() });
    world.subscribe(3, "demo");
    let to_bob = world.settle(3);
    assert_eq!(to_bob.last(), Some(&presence("demo", &[], &[])));
    assert_eq!(world.take(1), [], "no event and no replacement from another app");
    let request = world.send(3, "ann", json!(1));
    assert_eq!(only_error(&world.take(3), &request), "peer_not_found");
}

#[test]
fn reserved_names_are_refused_in_any_letter_case() {
    let mut world = World::new();
    world.connect(1, "ann");
    for channel in ["_metered/x", "_Internal/x", "_SYSTEM/x"] {
        let request = world.subscribe(1, channel);
        assert_eq!(only_error(&world.take(1), &request), "channel_reserved");
        let request = world.publish(1, channel, json!(1));
        assert_eq!(only_error(&world.take(1), &request), "channel_reserved");
    }
}

#[test]
fn a_refused_channel_leaves_the_connection_open_for_an_allowed_one() {
    let mut world = World::new();
    world.connect_as(1, "ann", Credential { channels: "demo/*", ..Credential::default() });
    world.take(1);
    let request = world.subscribe(1, "other");
    assert_eq!(only_error(&world.take(1), &request), "channel_not_authorized");
    let request = world.publish(1, "other", json!(1));
    assert_eq!(only_error(&world.take(1), &request), "channel_not_authorized");
    let request = world.subscribe(1, "demo/1");
    assert_eq!(world.settle(1), [ack(&request), presence("demo/1", &[], &[])]);
}

#[test]
fn each_action_needs_its_permission() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect_as(2, "bob", only(&[Action::Subscribe, Action::Presence]));
    world.subscribe(2, "demo");
    world.settle(2);
    let request = world.publish(2, "demo", json!(1));
    assert_eq!(only_error(&world.take(2), &request), "action_not_permitted");
    let request = world.send(2, "ann", json!(1));
    assert_eq!(only_error(&world.take(2), &request), "action_not_permitted");
    world.connect_as(3, "cat", only(&[Action::Publish]));
    world.take(3);
    let request = world.subscribe(3, "demo");
    assert_eq!(only_error(&world.take(3), &request), "action_not_permitted");
}

#[test]
fn without_the_presence_action_a_member_is_seen_but_does_not_see() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect_as(2, "bob", only(&[Action::Subscribe]));
    world.take(2);
    let request = world.subscribe(2, "demo");
    assert_eq!(world.take(2), [ack(&request)]);
    assert_eq!(world.take(1), [presence("demo", &["bob"], &[])]);
    world.join(3, "cat", "demo");
    world.close(3, true);
    assert_eq!(world.take(2), []);
}

#[test]
fn subscriptions_are_limited_and_a_known_channel_never_counts_again() {
    let mut world = World::with(Config { max_subscriptions: 2, ..Config::default() });
    world.connect(1, "ann");
    world.subscribe(1, "one");
    world.subscribe(1, "two");
    world.settle(1);
    let request = world.subscribe(1, "three");
    assert_eq!(only_error(&world.take(1), &request), "channel_limit_exceeded");
    let request = world.subscribe(1, "two");
    assert_eq!(world.settle(1)[0], ack(&request));
    world.unsubscribe(1, "one");
    world.settle(1);
    let request = world.subscribe(1, "three");
    assert_eq!(world.settle(1)[0], ack(&request));
}

#[test]
fn members_are_limited_and_lingering_ones_do_not_count() {
    let mut world = World::with(Config { max_members: 2, ..Config::default() });
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.connect(3, "cat");
    let request = world.subscribe(3, "demo");
    assert_eq!(only_error(&world.take(3), &request), "channel_full");
    world.close(2, false);
    let request = world.subscribe(3, "demo");
    assert_eq!(world.settle(3), [ack(&request), presence("demo", &["ann"], &[])]);
}

#[test]
fn a_roster_never_outgrows_the_largest_frame_that_clients_accept() {
    let mut world = World::new();
    let metadata = object(json!({"about": "x".repeat(8_000)}));
    let mut members = 0;
    let refused = (1..=256).find_map(|number| {
        let credential = Credential { metadata: metadata.clone(), ..Credential::default() };
        world.connect_as(number, &format!("peer {number}"), credential);
        world.take(number);
        let request = world.subscribe(number, "demo");
        let events = world.take(number);
        if events.contains(&ack(&request)) {
            members += 1;
            return None;
        }
        Some(only_error(&events, &request))
    });
    assert_eq!(refused.as_deref(), Some("channel_full"));
    assert!(members > 120, "{members}");
    // The refused connection sees the roster's size from the outside: a member asks again.
    world.subscribe(1, "demo");
    let events = world.settle(1);
    let largest = events.iter().map(|event| match event {
        Event::Frame(frame) => frame.to_json().len(),
        _ => 0,
    });
    let largest = largest.max().unwrap();
    assert!((1_000_000..=1_048_576).contains(&largest), "{largest}");
}

#[test]
fn a_ping_is_answered_by_a_pong() {
    let mut world = World::new();
    world.connect(1, "ann");
    world.frame(1, ClientFrame::Ping { request_id: None, cursor: None });
    assert_eq!(world.take(1), [Event::Frame(ServerFrame::Pong)]);
}

#[test]
fn a_bad_frame_is_answered_with_what_is_wrong() {
    let mut world = World::new();
    world.connect(1, "ann");
    let connection = ConnectionId::new(1);
    let (code, request_id) = (ErrorCode::UnknownType, Some("r".to_owned()));
    world.input(Input::BadFrame {
        connection,
        error: FrameError { code, request_id, message: String::new() },
    });
    assert_eq!(only_error(&world.take(1), "r"), "unknown_type");
}

#[test]
fn too_many_messages_close_the_connection_and_peer_messages_are_counted_apart() {
    let slow = Rate { per_second: 1, burst: 3 };
    let mut world = World::with(Config { message_rate: slow, peer_message_rate: slow, ..Config::default() });
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.take(1);
    // The subscribe has taken one of three.
    for _ in 0..2 {
        world.send(1, "bob", json!("chat"));
    }
    for _ in 0..3 {
        world.send(1, "bob", rtc_candidate());
    }
    assert!(!world.take(1).contains(&Event::Close(4011)));
    world.send(1, "bob", rtc_candidate());
    assert_eq!(world.take(1), [Event::Close(4011)]);
    world.send(1, "bob", json!("gone"));
    assert_eq!(world.take(1), []);
    for _ in 0..2 {
        world.frame(2, ClientFrame::Ping { request_id: None, cursor: None });
    }
    world.take(2);
    let (code, request_id) = (ErrorCode::MalformedMessage, None);
    let error = FrameError { code, request_id, message: String::new() };
    world.input(Input::BadFrame { connection: ConnectionId::new(2), error: error.clone() });
    assert_eq!(world.take(2), [Event::Close(4011)], "garbage counts, too");
}

#[test]
fn the_default_rates_carry_the_join_of_a_full_mesh() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    for number in 2..=256 {
        world.join(number, &format!("peer {number}"), "demo");
    }
    world.take(1);
    for number in 2..=256 {
        for _ in 0..20 {
            world.send(1, &format!("peer {number}"), rtc_candidate());
        }
    }
    assert!(!world.take(1).contains(&Event::Close(4011)));
}

#[test]
fn shutting_down_tells_everyone_and_closes() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect(2, "bob");
    world.subscribe(2, "demo");
    world.take(1);
    world.take(2);
    world.input(Input::ShutDown { retry_after_ms: 1500 });
    let farewell = ServerFrame::GoingAway { retry_after_ms: Some(1500) };
    for connection in [1, 2] {
        assert_eq!(world.take(connection), [Event::Frame(farewell.clone()), Event::Close(1001)]);
    }
    world.advance(Duration::from_secs(10));
    world.close(1, false);
    assert_eq!(world.take(2), []);
}

#[test]
fn inputs_about_unknown_connections_are_ignored() {
    let mut world = World::new();
    world.connect(1, "ann");
    world.subscribe(1, "demo");
    let payload = ping_in(&world.take(1));
    world.close(1, false);
    world.pong(1, payload);
    world.subscribe(1, "demo");
    world.unsubscribe(1, "demo");
    world.publish(1, "demo", json!(1));
    world.send(1, "bob", rtc_candidate());
    world.close(1, true);
    world.advance(Duration::from_secs(10));
    assert_eq!(world.take(1), []);
    assert!(!world.has_timers());
}
