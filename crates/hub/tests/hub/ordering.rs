//! One test for each ordering rule that real clients depend on.

use std::time::Duration;

use serde_json::json;

use crate::world::{Event, World, ack, direct, message, ping_in, presence};

const LINGER: Duration = Duration::from_secs(3);

#[test]
fn a_snapshot_follows_its_ack_only_after_the_pong() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect(2, "bob");
    let request = world.subscribe(2, "demo");
    let events = world.take(2);
    let payload = ping_in(&events);
    assert_eq!(events, [ack(&request), Event::Ping(payload)]);
    world.advance(Duration::from_millis(1_999));
    assert_eq!(world.take(2), []);
    world.pong(2, payload);
    assert_eq!(world.take(2), [presence("demo", &["ann"], &[])]);
    assert!(!world.has_timers());
}

#[test]
fn a_snapshot_goes_out_after_two_seconds_without_a_pong() {
    let mut world = World::new();
    world.connect(1, "ann");
    world.subscribe(1, "demo");
    let payload = ping_in(&world.take(1));
    world.advance(Duration::from_secs(2));
    assert_eq!(world.take(1), [presence("demo", &[], &[])]);
    world.pong(1, payload);
    assert_eq!(world.take(1), [], "the late pong must not send it again");
}

#[test]
fn every_ping_has_a_fresh_payload_and_an_old_pong_opens_nothing_new() {
    let mut world = World::new();
    world.connect(1, "ann");
    world.subscribe(1, "one");
    let first = ping_in(&world.take(1));
    world.subscribe(1, "two");
    let second = ping_in(&world.take(1));
    assert_ne!(first, second);
    world.pong(1, first);
    assert_eq!(world.take(1), [presence("one", &[], &[])]);
    world.pong(1, first);
    assert_eq!(world.take(1), []);
    world.pong(1, second);
    assert_eq!(world.take(1), [presence("two", &[], &[])]);
}

#[test]
fn a_client_may_answer_only_the_last_of_several_pings() {
    let mut world = World::new();
    world.connect(1, "ann");
    world.subscribe(1, "one");
    world.take(1);
    world.subscribe(1, "two");
    let last = ping_in(&world.take(1));
    world.pong(1, last);
    assert_eq!(world.take(1), [presence("one", &[], &[]), presence("two", &[], &[])]);
}

#[test]
fn members_read_that_a_peer_joined_before_they_read_its_directs() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect(2, "bob");
    world.subscribe(2, "demo");
    world.send(2, "ann", json!("offer"));
    assert_eq!(world.take(1), [presence("demo", &["bob"], &[]), direct("bob", json!("offer"))]);
}

#[test]
fn a_peer_reads_its_snapshot_before_directs_from_members() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect(2, "bob");
    world.subscribe(2, "demo");
    let payload = ping_in(&world.take(2));
    let request = world.send(1, "bob", json!("offer"));
    assert!(world.take(1).contains(&ack(&request)), "the sender must not wait for the receiver");
    assert_eq!(world.take(2), []);
    world.pong(2, payload);
    assert_eq!(world.take(2), [presence("demo", &["ann"], &[]), direct("ann", json!("offer"))]);
}

#[test]
fn two_peers_that_join_at_once_read_presence_before_directs_both_ways() {
    let mut world = World::new();
    world.connect(1, "ann");
    world.connect(2, "bob");
    world.subscribe(1, "demo");
    world.subscribe(2, "demo");
    world.send(2, "ann", json!("from bob"));
    world.send(1, "bob", json!("from ann"));
    let to_ann: Vec<_> = world.settle(1);
    let to_bob: Vec<_> = world.settle(2);
    let expected_by_ann =
        [presence("demo", &[], &[]), presence("demo", &["bob"], &[]), direct("bob", json!("from bob"))];
    assert_eq!(to_ann[2..], expected_by_ann);
    assert_eq!(to_bob[2..], [presence("demo", &["ann"], &[]), direct("ann", json!("from ann"))]);
}

#[test]
fn frames_of_one_pair_keep_their_order_across_the_snapshot() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect(2, "bob");
    world.subscribe(2, "demo");
    let payload = ping_in(&world.take(2));
    world.send(1, "bob", json!(1));
    world.publish(1, "demo", json!(2));
    world.send(1, "bob", json!(3));
    world.pong(2, payload);
    world.send(1, "bob", json!(4));
    let expected = [
        direct("ann", json!(1)),
        message("demo", "ann", json!(2)),
        direct("ann", json!(3)),
        direct("ann", json!(4)),
    ];
    assert_eq!(world.take(2)[1..], expected);
}

#[test]
fn the_first_presence_is_the_full_roster_even_while_others_come_and_go() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.connect(3, "cat");
    world.subscribe(3, "demo");
    let payload = ping_in(&world.take(3));
    world.join(4, "dan", "demo");
    world.close(1, true);
    assert_eq!(world.take(3), []);
    world.pong(3, payload);
    let expected = [
        presence("demo", &["ann", "bob"], &[]),
        presence("demo", &["dan"], &[]),
        presence("demo", &[], &["ann"]),
    ];
    assert_eq!(world.take(3), expected);
}

#[test]
fn a_peer_that_returns_in_time_is_announced_by_left_and_joined_in_two_frames() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.take(1);
    world.close(2, false);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.take(1), [], "a broken socket is not announced at once");
    world.connect(3, "bob");
    world.subscribe(3, "demo");
    world.send(3, "ann", json!("offer"));
    let expected =
        [presence("demo", &[], &["bob"]), presence("demo", &["bob"], &[]), direct("bob", json!("offer"))];
    assert_eq!(world.take(1), expected);
    world.advance(LINGER);
    assert_eq!(world.take(1), [], "the old absence is settled");
}

#[test]
fn a_broken_peer_that_stays_away_is_announced_after_the_grace() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.take(1);
    world.close(2, false);
    world.advance(LINGER - Duration::from_millis(1));
    assert_eq!(world.take(1), []);
    world.advance(Duration::from_millis(1));
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"])]);
    assert!(!world.has_timers());
}

#[test]
fn a_peer_that_says_goodbye_is_announced_at_once() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.take(1);
    world.close(2, true);
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"])]);
}

#[test]
fn a_broken_peer_is_in_no_snapshot_and_its_end_is_no_news_to_those_who_came_later() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.close(2, false);
    world.connect(3, "cat");
    world.subscribe(3, "demo");
    assert!(world.settle(3).contains(&presence("demo", &["ann"], &[])));
    world.take(1);
    world.advance(LINGER);
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"])]);
    assert_eq!(world.take(3), []);
}

#[test]
fn a_late_close_of_a_replaced_socket_is_not_announced() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.connect(3, "bob");
    assert_eq!(world.take(2), [Event::Close(4020)], "the newest socket owns the id");
    world.subscribe(3, "demo");
    world.take(1);
    world.close(2, false);
    world.close(2, true);
    world.advance(LINGER * 2);
    assert_eq!(world.take(1), []);
    world.send(1, "bob", json!("still there"));
    assert!(world.settle(3).contains(&direct("ann", json!("still there"))));
}

#[test]
fn a_replaced_socket_whose_successor_stays_out_is_announced_after_the_grace() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "demo");
    world.connect(3, "bob");
    world.take(1);
    let request = world.send(1, "bob", json!("anyone?"));
    assert_eq!(crate::world::only_error(&world.take(1), &request), "peer_not_found");
    world.advance(LINGER);
    assert_eq!(world.take(1), [presence("demo", &[], &["bob"])]);
}

#[test]
fn leaving_while_the_snapshot_waits_voids_what_was_to_come_from_that_channel() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "other");
    world.connect(3, "cat");
    world.subscribe(3, "other");
    world.settle(3);
    world.subscribe(3, "demo");
    let payload = ping_in(&world.take(3));
    world.send(1, "cat", json!("from ann"));
    world.publish(1, "demo", json!("to demo"));
    world.send(2, "cat", json!("from bob"));
    let request = world.unsubscribe(3, "demo");
    assert_eq!(world.take(3), [direct("bob", json!("from bob")), ack(&request)]);
    world.pong(3, payload);
    assert_eq!(world.take(3), []);
    assert!(!world.has_timers());
}

#[test]
fn a_direct_is_void_when_its_sender_is_known_only_through_a_channel_joined_later() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.join(2, "bob", "later");
    world.connect(3, "cat");
    world.subscribe(3, "later");
    world.settle(3);
    world.subscribe(3, "demo");
    world.take(3);
    world.send(1, "cat", json!("from ann"));
    world.subscribe(1, "later");
    let request = world.unsubscribe(3, "demo");
    assert_eq!(world.take(3), [presence("later", &["ann"], &[]), ack(&request)]);
    world.send(1, "cat", json!("again"));
    assert_eq!(world.take(3), [direct("ann", json!("again"))]);
}

#[test]
fn when_too_much_waits_for_a_pong_the_log_flows_without_it_and_nothing_is_lost() {
    let mut world = World::new();
    world.join(1, "ann", "demo");
    world.connect(2, "bob");
    world.subscribe(2, "demo");
    world.take(2);
    let large = json!("x".repeat(60_000));
    for _ in 0..34 {
        world.send(1, "bob", large.clone());
    }
    assert_eq!(world.take(2), []);
    for _ in 0..6 {
        world.send(1, "bob", large.clone());
    }
    let events = world.take(2);
    assert_eq!(events[0], presence("demo", &["ann"], &[]));
    assert_eq!(events.len(), 41);
    assert!(!world.has_timers());
}
