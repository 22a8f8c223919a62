//! Clients that go on with their session on a new socket.

use std::time::Duration;

use parlor_hub::{AppId, Claim, Config, ConnectionId, Hub, Input, Resume};
use protocol::{ClientFrame, ServerFrame};
use serde_json::json;
use units::Time;

use crate::world::{Credential, Event, World, ack, direct, only_error, presence};

const APP: AppId = AppId::new(1);
const LINGER: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(900);

fn claim(peer: &str, generation: u64, cursor: u64) -> Claim {
    let (epoch, generation) = ("this".to_owned(), ConnectionId::new(generation));
    Claim { epoch, generation, peer: peer.to_owned(), cursor }
}

fn numbered(from: &str, data: serde_json::Value, cursor: u64) -> Event {
    let from = from.to_owned();
    Event::Frame(ServerFrame::Direct { from, data, from_metadata: None, cursor: Some(cursor) })
}

fn gap(cursor: u64) -> Event {
    Event::Frame(ServerFrame::Gap { cursor })
}

/// Says that it can resume, or what it has read.
fn confirm(world: &mut World, connection: u64, cursor: u64) {
    world.frame(connection, ClientFrame::Ping { request_id: None, cursor: Some(cursor) });
    let events = world.take(connection);
    assert_eq!(events, [Event::Frame(ServerFrame::Pong)]);
}

/// Connects with a claim that must be good.
fn resume(world: &mut World, connection: u64, claim: &Claim) {
    let resume = world.resumption(APP, claim);
    assert!(resume.is_some(), "{claim:?} must be good");
    world.connect_as(connection, &claim.peer, Credential { resume, ..Credential::default() });
    let events = world.take(connection);
    assert!(matches!(events[0], Event::Frame(ServerFrame::Welcome(_))));
    world.put_back(connection, events[1..].to_vec());
}

/// Ann (1) and bob (2), who can resume, are in `demo`, and everything is read.
fn ann_and_resumable_bob() -> World {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    confirm(&mut world, 2, 0);
    world.take(1);
    world
}

#[test]
fn a_session_that_goes_on_within_the_grace_is_seen_by_nobody() {
    let mut world = ann_and_resumable_bob();
    world.close(2, false);
    world.advance(Duration::from_secs(1));
    resume(&mut world, 3, &claim("bob", 2, 0));
    let request = world.subscribe(3, "demo");
    assert_eq!(world.settle(3), [ack(&request), presence("demo", &["ann"], &[])]);
    world.advance(LINGER * 2);
    assert_eq!(world.take(1), []);
    assert!(!world.has_timers());
    let lives = ["demo opened", "ann joined demo", "bob joined demo"];
    assert_eq!(world.chronicle, lives);
}

#[test]
fn a_half_open_socket_is_replaced_and_its_session_goes_on() {
    let mut world = ann_and_resumable_bob();
    world.send(1, "bob", json!("into the void"));
    resume(&mut world, 3, &claim("bob", 2, 0));
    assert_eq!(world.take(2).last(), Some(&Event::Close(4020)));
    world.subscribe(3, "demo");
    let events = world.settle(3);
    assert_eq!(events[1..], [presence("demo", &["ann"], &[]), numbered("ann", json!("into the void"), 2)]);
    world.take(1);
    world.advance(LINGER);
    assert_eq!(world.take(1), []);
}

#[test]
fn directs_are_replayed_exactly_once_and_in_order() {
    let mut world = ann_and_resumable_bob();
    for number in 1..=3 {
        world.send(1, "bob", json!(number));
    }
    let sent = [numbered("ann", json!(1), 1), numbered("ann", json!(2), 2), numbered("ann", json!(3), 3)];
    assert_eq!(world.take(2), sent);
    // Bob reads one of them. The socket breaks, and ann does not know it.
    world.close(2, false);
    world.take(1);
    let request = world.send(1, "bob", json!(4));
    assert_eq!(world.take(1), [ack(&request)]);
    resume(&mut world, 3, &claim("bob", 2, 1));
    let request = world.send(1, "bob", json!(5));
    assert_eq!(world.take(1), [ack(&request)]);
    assert_eq!(world.take(3), [], "directs follow the snapshot");
    world.subscribe(3, "demo");
    world.send(1, "bob", json!(6));
    let expected = [
        presence("demo", &["ann"], &[]),
        numbered("ann", json!(2), 4),
        numbered("ann", json!(3), 5),
        numbered("ann", json!(4), 6),
        numbered("ann", json!(5), 7),
        numbered("ann", json!(6), 8),
    ];
    assert_eq!(world.settle(3)[1..], expected);
    world.close(3, false);
    resume(&mut world, 4, &claim("bob", 3, 8));
    world.subscribe(4, "demo");
    assert_eq!(world.settle(4)[1..], [presence("demo", &["ann"], &[])]);
}

#[test]
fn a_direct_from_a_peer_that_came_meanwhile_waits_for_the_snapshot_that_names_it() {
    let mut world = ann_and_resumable_bob();
    // Bob's socket is dead, but the server has not noticed.
    world.join(4, "cat", "demo");
    world.send(4, "bob", json!("offer"));
    resume(&mut world, 5, &claim("bob", 2, 0));
    assert_eq!(world.take(5), []);
    world.subscribe(5, "demo");
    let expected = [presence("demo", &["ann", "cat"], &[]), numbered("cat", json!("offer"), 2)];
    assert_eq!(world.settle(5)[1..], expected);
}

#[test]
fn a_direct_whose_sender_is_gone_is_gone_with_it() {
    let mut world = ann_and_resumable_bob();
    world.close(2, false);
    world.send(1, "bob", json!("offer"));
    world.close(1, true);
    resume(&mut world, 3, &claim("bob", 2, 0));
    world.subscribe(3, "demo");
    assert_eq!(world.settle(3)[1..], [presence("demo", &[], &[])]);
}

#[test]
fn those_who_joined_meanwhile_are_told_and_those_who_left_are_missing() {
    let mut world = ann_and_resumable_bob();
    world.join(3, "cat", "demo");
    world.close(2, false);
    world.join(4, "dan", "demo");
    world.close(3, true);
    let request = world.send(4, "bob", json!("dan cannot know bob"));
    assert_eq!(only_error(&world.take(4)[1..], &request), "peer_not_found");
    world.take(1);
    resume(&mut world, 5, &claim("bob", 2, 0));
    world.subscribe(5, "demo");
    assert_eq!(world.settle(5)[1..], [presence("demo", &["ann", "dan"], &[])]);
    assert_eq!(world.take(4), [presence("demo", &["bob"], &[])]);
    assert_eq!(world.take(1), []);
}

#[test]
fn when_all_sockets_break_at_once_nobody_notices_anyone() {
    let mut world = ann_and_resumable_bob();
    confirm(&mut world, 1, 0);
    world.close(1, false);
    world.close(2, false);
    resume(&mut world, 3, &claim("bob", 2, 0));
    world.subscribe(3, "demo");
    assert_eq!(world.settle(3)[1..], [presence("demo", &["ann"], &[])]);
    let request = world.send(3, "ann", json!("still here?"));
    assert_eq!(world.take(3), [ack(&request)]);
    resume(&mut world, 4, &claim("ann", 1, 0));
    world.subscribe(4, "demo");
    let expected = [presence("demo", &["bob"], &[]), numbered("bob", json!("still here?"), 1)];
    assert_eq!(world.settle(4)[1..], expected);
    world.advance(LINGER);
    assert_eq!(world.take(3), []);
}

#[test]
fn a_peer_that_stays_away_longer_than_the_grace_keeps_its_id_and_is_told_of_the_gap() {
    let mut world = ann_and_resumable_bob();
    world.close(2, false);
    world.send(1, "bob", json!("lost"));
    world.take(1);
    world.advance(LINGER);
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"])]);
    let request = world.send(1, "bob", json!("not even kept"));
    assert_eq!(only_error(&world.take(1), &request), "peer_not_found");
    resume(&mut world, 3, &claim("bob", 2, 0));
    assert_eq!(world.take(3), [gap(1)]);
    world.subscribe(3, "demo");
    assert_eq!(world.settle(3)[1..], [presence("demo", &["ann"], &[])]);
    assert_eq!(world.take(1), [presence("demo", &["bob"], &[])]);
    // A gap that was not read is told again, one that was read is not.
    world.close(3, false);
    resume(&mut world, 4, &claim("bob", 3, 0));
    assert_eq!(world.take(4), [gap(2)]);
    world.close(4, false);
    resume(&mut world, 5, &claim("bob", 4, 2));
    assert_eq!(world.take(5), []);
}

#[test]
fn more_than_is_kept_makes_a_gap_and_what_was_read_does_not() {
    for (read, expects_gap) in [(0, true), (43, true), (44, false), (300, false)] {
        let mut world = ann_and_resumable_bob();
        for number in 1..=300 {
            world.send(1, "bob", json!(number));
        }
        world.take(2);
        world.close(2, false);
        resume(&mut world, 3, &claim("bob", 2, read));
        world.subscribe(3, "demo");
        let events = world.settle(3);
        assert_eq!(events.contains(&gap(301)), expects_gap, "{read}");
        let directs = events.iter().filter(|event| matches!(event, Event::Frame(ServerFrame::Direct { .. })));
        assert_eq!(directs.count(), usize::try_from(300 - read).unwrap().min(256), "{read}");
    }
}

#[test]
fn what_is_never_confirmed_is_kept_for_a_minute() {
    let mut world = ann_and_resumable_bob();
    world.send(1, "bob", json!(1));
    world.take(2);
    world.advance(Duration::from_secs(59));
    assert!(world.has_timers());
    world.advance(Duration::from_secs(1));
    assert!(!world.has_timers());
    world.close(2, false);
    resume(&mut world, 3, &claim("bob", 2, 0));
    assert_eq!(world.take(3), [gap(2)]);
}

#[test]
fn what_is_confirmed_is_forgotten() {
    let mut world = ann_and_resumable_bob();
    world.send(1, "bob", json!(1));
    world.take(2);
    confirm(&mut world, 2, 1);
    assert!(!world.has_timers());
    world.close(2, false);
    resume(&mut world, 3, &claim("bob", 2, 1));
    world.subscribe(3, "demo");
    assert_eq!(world.settle(3)[1..], [presence("demo", &["ann"], &[])]);
}

#[test]
fn leaving_a_channel_drops_what_was_said_through_it_without_a_gap() {
    let mut world = ann_and_resumable_bob();
    world.send(1, "bob", json!(1));
    world.unsubscribe(2, "demo");
    world.take(2);
    world.close(2, false);
    resume(&mut world, 3, &claim("bob", 2, 0));
    assert_eq!(world.take(3), []);
}

#[test]
fn a_returned_peer_can_leave_a_channel_that_it_did_not_join_again() {
    let mut world = ann_and_resumable_bob();
    world.close(2, false);
    resume(&mut world, 3, &claim("bob", 2, 0));
    let request = world.unsubscribe(3, "demo");
    assert_eq!(world.take(3), [ack(&request)]);
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"])]);
}

#[test]
fn other_metadata_is_told_in_two_frames() {
    let mut world = ann_and_resumable_bob();
    world.close(2, false);
    let resume = world.resumption(APP, &claim("bob", 2, 0));
    let metadata = json!({"name": "Bob"}).as_object().cloned();
    world.connect_as(3, "bob", Credential { resume, metadata, ..Credential::default() });
    world.subscribe(3, "demo");
    let events = world.take(1);
    assert_eq!(events[0], presence("demo", &[], &["bob"]));
    assert!(matches!(&events[1], Event::Frame(ServerFrame::Presence { joined, .. }) if joined.len() == 1));
}

#[test]
fn old_clients_see_nothing_of_all_this() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.take(1);
    world.send(1, "bob", json!(1));
    assert_eq!(world.take(2), [direct("ann", json!(1))]);
    world.close(2, false);
    world.take(1);
    let request = world.send(1, "bob", json!(2));
    assert_eq!(only_error(&world.take(1), &request), "peer_not_found");
    world.join(3, "bob", "demo");
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"]), presence("demo", &["bob"], &[])]);
}

#[test]
fn a_token_is_good_once_and_only_the_newest_is() {
    let mut world = ann_and_resumable_bob();
    let good = claim("bob", 2, 0);
    assert_eq!(world.resumption(APP, &good), Some(Resume::Session { cursor: 0 }), "half-open sockets exist");
    world.close(2, false);
    for bad in [claim("bob", 1, 0), claim("bob", 3, 0), claim("ann", 2, 0), claim("cat", 2, 0)] {
        assert_eq!(world.resumption(APP, &bad), None, "{bad:?}");
    }
    assert_eq!(world.resumption(AppId::new(2), &good), None, "another tenant");
    resume(&mut world, 3, &good);
    assert_eq!(world.resumption(APP, &good), None, "used up");
    world.close(3, false);
    world.advance(WINDOW - Duration::from_millis(1));
    assert!(world.resumption(APP, &claim("bob", 3, 0)).is_some());
    world.advance(Duration::from_millis(1));
    assert_eq!(world.resumption(APP, &claim("bob", 3, 0)), None, "too late");
    assert!(!world.has_timers());
}

#[test]
fn nobody_goes_on_after_a_goodbye_a_kick_or_a_successor_without_a_token() {
    type End = fn(&mut World);
    let ends: [End; 3] = [
        |world| world.close(2, true),
        |world| world.input(Input::Kick { app: APP, peer: "bob".to_owned() }),
        |world| world.connect(3, "bob"),
    ];
    for end in ends {
        let mut world = ann_and_resumable_bob();
        end(&mut world);
        assert_eq!(world.resumption(APP, &claim("bob", 2, 0)), None);
    }
    let mut world = ann_and_resumable_bob();
    world.close(2, false);
    world.input(Input::Kick { app: APP, peer: "bob".to_owned() });
    assert_eq!(world.resumption(APP, &claim("bob", 2, 0)), None);
    assert!(!world.has_timers());
}

#[test]
fn after_a_restart_a_peer_keeps_its_id_once() {
    let mut world = World::new();
    let earlier = |peer: &str| Claim { epoch: "earlier".to_owned(), ..claim(peer, 77, 12) };
    world.advance(Duration::from_secs(5));
    resume(&mut world, 1, &earlier("bob"));
    assert_eq!(world.take(1), [gap(1)], "whether anything is lost is unknown");
    assert_eq!(world.resumption(APP, &earlier("bob")), None, "its owner is back");
    assert_eq!(world.resumption(APP, &claim("bob", 1, 1)), Some(Resume::Session { cursor: 1 }));
    world.close(1, true);
    assert_eq!(world.resumption(APP, &earlier("bob")), None, "used up");
    world.connect(2, "ann");
    assert_eq!(world.resumption(APP, &earlier("ann")), None, "somebody has that id");
    world.advance(WINDOW);
    assert_eq!(world.resumption(APP, &earlier("cat")), None, "too late");
}

#[test]
fn too_many_absent_sessions_are_not_waited_for() {
    let mut hub = World::new();
    for connection in 1..=10_001 {
        hub.connect(connection, &format!("p{connection}"));
        confirm(&mut hub, connection, 0);
        hub.close(connection, false);
    }
    assert!(hub.resumption(APP, &claim("p10000", 10_000, 0)).is_some());
    assert_eq!(hub.resumption(APP, &claim("p10001", 10_001, 0)), None);
    hub.advance(WINDOW);
    assert!(!hub.has_timers());
}

#[test]
fn an_untouched_hub_believes_tokens_of_earlier_runs() {
    let hub = Hub::new(Config::default(), "this");
    let claim = Claim { epoch: "earlier".to_owned(), ..claim("bob", 1, 0) };
    assert_eq!(hub.resumption(Time::from_millis(5), APP, &claim), Some(Resume::PeerId));
}
