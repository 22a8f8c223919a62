//! What the operator does and sees: sending from outside, throwing out, expiry, lifecycle, questions.

use std::time::Duration;

use parlor_hub::{AppId, Input, KeyId, Usage};
use protocol::ServerFrame;
use serde_json::json;
use units::Time;

use crate::world::{Credential, Event, World, ack, message, presence};

const APP: AppId = AppId::new(1);

fn kick(peer: &str) -> Input {
    Input::Kick { app: APP, peer: peer.to_owned() }
}

#[test]
fn what_is_published_from_outside_reaches_every_member() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect(2, "bob");
    world.subscribe_with(2, "demo", true);
    world.settle(2);
    world.take(1);
    let metadata = json!({"role": "bot"}).as_object().cloned();
    let (channel, from) = ("demo".to_owned(), "news".to_owned());
    let (data, from_metadata) = (json!({"n": 1}), metadata.clone());
    world.input(Input::Publish {
        app: APP,
        channel: channel.clone(),
        from,
        from_metadata,
        data: data.clone(),
    });
    assert_eq!(world.take(1), [message("demo", "news", data.clone())]);
    let from = "news".to_owned();
    let rich = ServerFrame::Message { channel, from, data, from_metadata: metadata };
    assert_eq!(world.take(2), [Event::Frame(rich)]);
}

#[test]
fn a_kicked_peer_is_closed_and_gone_at_once() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.take(1);
    world.input(kick("bob"));
    assert_eq!(world.take(2), [Event::Close(4020)]);
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"])]);
    assert!(!world.has_timers());
    world.input(kick("bob"));
    assert_eq!(world.take(1), []);
}

#[test]
fn a_kick_ends_the_grace_of_a_broken_peer() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.take(1);
    world.close(2, false);
    world.input(kick("bob"));
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"])]);
    assert!(!world.has_timers());
}

#[test]
fn a_revoked_key_ends_what_it_admitted_and_nothing_else() {
    let mut world = World::new();
    let credential = |key, app| Credential { key, app, ..Credential::default() };
    for (connection, peer, key, app) in [
        (1, "ann", "sk_id_a", 1),
        (2, "bob", "sk_id_b", 1),
        (3, "cat", "sk_id_a", 1),
        (4, "ann", "sk_id_a", 2),
    ] {
        world.connect_as(connection, peer, credential(key, app));
        world.subscribe(connection, "demo");
        world.settle(connection);
    }
    world.take(2);
    world.input(Input::Revoke { app: APP, key: KeyId::new("sk_id_a") });
    assert_eq!(
        (world.take(1).last(), world.take(3).last()),
        (Some(&Event::Close(4001)), Some(&Event::Close(4001)))
    );
    assert_eq!(world.take(4), []);
    let request = world.publish(2, "demo", json!(1));
    let gone = [presence("demo", &[], &["ann"]), presence("demo", &[], &["cat"]), ack(&request)];
    assert_eq!(world.take(2), gone);
}

#[test]
fn a_connection_is_closed_a_moment_before_its_credential_expires() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    let expires_at = Some(Time::from_millis(10_000));
    world.connect_as(2, "bob", Credential { expires_at, ..Credential::default() });
    world.subscribe(2, "demo");
    world.settle(2);
    world.take(1);
    world.advance(Duration::from_millis(9_749));
    assert_eq!(world.take(2), []);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.take(2), [Event::Close(4002)]);
    assert_eq!(world.take(1), [], "the client will be back with a fresh token");
    world.join(3, "bob", "demo");
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"]), presence("demo", &["bob"], &[])]);
    assert!(!world.has_timers());
}

#[test]
fn a_connection_that_ends_earlier_leaves_no_expiry_behind() {
    let mut world = World::new();
    let expires_at = Some(Time::from_millis(10_000));
    world.connect_as(1, "ann", Credential { expires_at, ..Credential::default() });
    assert!(world.has_timers());
    world.close(1, true);
    assert!(!world.has_timers());
}

#[test]
fn the_chronicle_tells_who_came_and_went_but_not_who_blinked() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.close(2, false);
    world.join(3, "bob", "demo");
    world.close(3, false);
    world.advance(Duration::from_secs(3));
    world.unsubscribe(1, "demo");
    world.join(4, "cat", "demo");
    world.close(4, false);
    world.join(5, "cat", "demo");
    world.input(Input::ShutDown { retry_after_ms: 1 });
    let expected = [
        "demo opened",
        "ann joined demo",
        "bob joined demo",
        "bob left demo",
        "ann left demo",
        "demo closed",
        "demo opened",
        "cat joined demo",
        "cat left demo",
        "demo closed",
    ];
    assert_eq!(world.chronicle, expected);
}

#[test]
fn the_hub_answers_who_is_where_and_how_much_was_used() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.subscribe(1, "other");
    world.join(2, "bob", "demo");
    world.connect(3, "cat");
    world.publish(1, "demo", json!(1));
    world.send(1, "nobody", json!(2));
    world.close(2, false);
    let channels: Vec<_> = world.hub.channels(APP).map(|(name, live)| (name.to_string(), live)).collect();
    assert_eq!(channels, [("demo".to_owned(), 1), ("other".to_owned(), 1)]);
    let members: Vec<_> = world.hub.members(APP, "demo").into_iter().map(|member| member.peer_id).collect();
    assert_eq!(members, ["ann"]);
    assert_eq!(world.hub.members(APP, "nowhere"), []);
    let peers = world.hub.peers(APP);
    let in_short: Vec<_> =
        peers.iter().map(|(member, channels)| (member.peer_id.as_str(), channels.len())).collect();
    assert_eq!(in_short, [("ann", 2), ("cat", 0)]);
    assert!(world.hub.connection_of(APP, "ann").is_some() && world.hub.connection_of(APP, "bob").is_none());
    assert_eq!(world.hub.usage(APP), Usage { connections: 2, peak_connections: 3, messages: 2 });
    assert_eq!(world.hub.usage(AppId::new(2)), Usage::default());
    assert_eq!(world.hub.totals(), (2, 2));
}
