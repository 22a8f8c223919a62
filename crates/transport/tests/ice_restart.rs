//! ICE restarts, and what happens when nothing comes through any more.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::{LinkEvent, LinkState, LocalCandidate};

#[test]
fn a_restart_changes_the_credentials_of_both_sides_and_media_goes_on() {
    for offerer in [A, B] {
        let mut pair = Pair::connected(Duration::from_millis(10));
        let before = [A, B].map(|side| pair.links[side].ufrag().to_owned());
        let changes = pair.count(A, |e| *e == LinkEvent::UfragChanged);
        let offer = pair.links[offerer].create_offer(pair.now, true).unwrap();
        pair.answer(1 - offerer, &offer);
        for side in [A, B] {
            assert_ne!(pair.links[side].ufrag(), before[side]);
        }
        assert_eq!(pair.count(A, |e| *e == LinkEvent::UfragChanged), changes + 1);
        let taken = pair.run_until_connected();
        assert!(taken < Duration::from_millis(100), "{taken:?}");
        for side in [A, B] {
            pair.expect_media(side, CAMERA);
            assert_eq!(pair.remote_tracks(side).len(), 2);
        }
    }
}

/// Waits until both sides have lost each other; returns how long that took.
fn lose_each_other(pair: &mut Pair) -> Duration {
    pair.lose = Box::new(|_, _| true);
    pair.run_until(Duration::from_secs(20), |pair| {
        pair.links.iter().all(|link| link.state() == LinkState::Disconnected)
    })
}

#[test]
fn a_loss_is_known_within_a_second_and_is_never_final() {
    let mut pair = Pair::connected(Duration::from_millis(10));
    pair.run(Duration::from_secs(1));
    let taken = lose_each_other(&mut pair);
    assert!(taken <= Duration::from_millis(1_050), "{taken:?}");
    let sent = pair.sent[A];
    pair.run(Duration::from_secs(600));
    assert!(pair.sent[A] >= sent + 1_200, "checks went on at least every 500 ms: {}", pair.sent[A] - sent);
    assert_eq!(pair.links[A].state(), LinkState::Disconnected);
    pair.lose = Box::new(|_, _| false);
    let taken = pair.run_until_connected();
    assert!(taken <= Duration::from_millis(600), "{taken:?}");
    pair.expect_media(A, CAMERA);
}

#[test]
fn a_restart_heals_a_lost_path_too() {
    let mut pair = Pair::connected(Duration::from_millis(10));
    lose_each_other(&mut pair);
    pair.lose = Box::new(|_, _| false);
    let offer = pair.links[A].create_offer(pair.now, true).unwrap();
    pair.answer(B, &offer);
    pair.run_until_connected();
    for side in [A, B] {
        pair.expect_media(side, MICROPHONE);
    }
}

#[test]
fn a_restart_that_finds_no_path_goes_on_looking_after_it_has_failed() {
    let mut pair = Pair::connected(Duration::from_millis(10));
    lose_each_other(&mut pair);
    let offer = pair.links[A].create_offer(pair.now, true).unwrap();
    pair.answer(B, &offer);
    let state = |pair: &Pair| pair.links.iter().all(|link| link.state() == LinkState::Failed);
    let failed = pair.run_until(Duration::from_secs(40), state);
    assert!(failed.as_millis().abs_diff(15_000) < 100, "{failed:?}");
    pair.run(Duration::from_secs(600));
    pair.lose = Box::new(|_, _| false);
    let taken = pair.run_until_connected();
    assert!(taken <= Duration::from_millis(1_100), "{taken:?}");
    pair.expect_media(B, MICROPHONE);
}

#[test]
fn a_link_on_which_nobody_speaks_is_not_lost() {
    let mut pair = Pair::connected(Duration::from_millis(10));
    let changes = |pair: &Pair, side| pair.count(side, |event| matches!(event, LinkEvent::StateChanged(_)));
    let before = [changes(&pair, A), changes(&pair, B)];
    pair.run(Duration::from_secs(60));
    assert_eq!([changes(&pair, A), changes(&pair, B)], before);
}

#[test]
fn checks_go_on_for_ten_seconds() {
    let mut pair = Pair::new(Duration::from_millis(10));
    pair.add(A, CAMERA);
    pair.lose = Box::new(|_, _| true);
    pair.negotiate(A);
    pair.run(Duration::from_secs(10));
    pair.lose = Box::new(|_, _| false);
    pair.run_until_connected();
    pair.expect_media(A, CAMERA);
}

#[test]
fn checks_are_paced() {
    let mut pair = Pair::new(Duration::from_millis(10));
    pair.add(A, CAMERA);
    pair.lose = Box::new(|_, _| true);
    pair.negotiate(A);
    pair.run(Duration::from_millis(500));
    assert!((40..=60).contains(&pair.sent[A]), "{}", pair.sent[A]);
    pair.run(Duration::from_secs(5));
    assert!((130..=170).contains(&pair.sent[A]), "{}", pair.sent[A]);
}

#[test]
fn without_a_path_the_link_fails_in_the_end() {
    let mut pair = Pair::new(Duration::from_millis(10));
    pair.add(A, CAMERA);
    pair.lose = Box::new(|_, _| true);
    pair.negotiate(A);
    let taken = pair.run_until(Duration::from_secs(60), |pair| pair.links[A].state() == LinkState::Failed);
    assert!(taken >= Duration::from_secs(10), "{taken:?}");
}

#[test]
fn a_restart_before_the_first_answer_is_a_plain_offer() {
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(A, CAMERA);
    let offer = pair.links[A].create_offer(pair.now, true).unwrap();
    pair.answer(B, &offer);
    pair.run_until_connected();
    pair.expect_media(A, CAMERA);
}

#[test]
fn a_repeated_restart_offer_replaces_the_lost_one() {
    let mut pair = Pair::connected(Duration::ZERO);
    pair.links[A].create_offer(pair.now, true).unwrap();
    pair.run(Duration::from_secs(15));
    let offer = pair.links[A].create_offer(pair.now, true).unwrap();
    pair.answer(B, &offer);
    pair.run_until_connected();
    pair.expect_media(A, CAMERA);
    pair.expect_media(B, CAMERA);
}

#[test]
fn a_restart_over_new_sockets_keeps_the_call() {
    let mut pair = Pair::connected(Duration::ZERO);
    pair.links[A]
        .add_local_candidate(LocalCandidate::Host { addr: "10.0.0.9:7000".parse().unwrap() })
        .unwrap();
    let offer = pair.links[A].create_offer(pair.now, true).unwrap();
    assert!(offer.contains("10.0.0.9 7000") && offer.contains("10.0.0.1 5000"));
    pair.answer(B, &offer);
    pair.run_until_connected();
    pair.expect_media(A, CAMERA);
}
