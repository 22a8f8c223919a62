//! Two links connect at once and exchange media both ways.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::{LinkEvent, LinkState};
use units::Codec;

#[test]
fn media_flows_both_ways_within_100_ms_of_the_answer() {
    for delay in [Duration::ZERO, Duration::from_millis(10)] {
        let mut pair = Pair::new(delay);
        for side in [A, B] {
            pair.add(side, MICROPHONE);
            pair.add(side, CAMERA);
        }
        pair.negotiate(A);
        let taken = pair.run_until_connected();
        println!("a wire of {delay:?}: connected {taken:?} after the answer");
        assert!(taken < Duration::from_millis(100) + delay * 6, "{taken:?}");
        for side in [A, B] {
            let sound = pair.expect_media(side, MICROPHONE);
            let picture = pair.expect_media(side, CAMERA);
            assert_eq!((sound.codec, picture.codec), (Codec::Opus, Codec::Vp8));
            assert_eq!(picture.received, pair.now);
        }
    }
}

#[test]
fn a_link_without_tracks_receives() {
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(A, CAMERA);
    pair.negotiate(A);
    pair.run_until_connected();
    pair.expect_media(A, CAMERA);
    assert!(pair.remote_tracks(A).is_empty());
}

#[test]
fn sequence_numbers_follow_each_other_and_time_stamps_keep_their_distance() {
    let mut pair = Pair::connected(Duration::ZERO);
    let first = pair.expect_media(A, CAMERA);
    let second = pair.expect_media(A, CAMERA);
    assert_eq!(second.sequence, first.sequence.wrapping_add(1));
    assert_eq!(second.timestamp, first.timestamp);
    assert_ne!(first.timestamp, 1_000, "the offset must hide the source's own clock");
}

#[test]
fn nothing_is_taken_before_there_is_a_path() {
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(A, CAMERA);
    assert_eq!(pair.send(A, CAMERA, b"early"), 0);
    pair.links[A].create_offer(pair.now, false).unwrap();
    assert_eq!(pair.send(A, CAMERA, b"early"), 0);
}

#[test]
fn every_sender_is_told_its_codec_and_asked_for_a_keyframe_when_the_path_is_there() {
    let pair = Pair::connected(Duration::ZERO);
    for side in [A, B] {
        assert_eq!(pair.codec(side, MICROPHONE), Some(Codec::Opus));
        assert_eq!(pair.codec(side, CAMERA), Some(Codec::Vp8));
        let position =
            |wanted: &dyn Fn(&LinkEvent) -> bool| pair.events[side].iter().position(wanted).unwrap();
        let connected = position(&|e| matches!(e, LinkEvent::StateChanged(LinkState::Connected)));
        let keyframe = position(&|e| matches!(e, LinkEvent::KeyframeRequested { track } if *track == CAMERA));
        assert!(keyframe > connected);
    }
}

#[test]
fn states_are_told_in_order() {
    let pair = Pair::connected(Duration::from_millis(10));
    for side in [A, B] {
        let states: Vec<LinkState> = pair.events[side]
            .iter()
            .filter_map(|event| if let LinkEvent::StateChanged(state) = event { Some(*state) } else { None })
            .collect();
        assert_eq!(states, [LinkState::Connecting, LinkState::Connected]);
    }
}

#[test]
fn a_lossy_path_connects_soon() {
    for seed in 1..=30u64 {
        let mut pair = Pair::new(Duration::from_millis(30));
        for side in [A, B] {
            pair.add(side, CAMERA);
        }
        let mut state = seed * 7_919;
        pair.lose = Box::new(move |_, _| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % 100 < 20
        });
        pair.negotiate(A);
        let connected = |pair: &Pair| pair.links.iter().all(|link| link.state() == LinkState::Connected);
        let taken = pair.run_until(Duration::from_secs(2), connected);
        println!("seed {seed}: connected {taken:?} after the answer");
        pair.lose = Box::new(|_, _| false);
        pair.expect_media(A, CAMERA);
    }
}

#[test]
fn losing_any_one_datagram_costs_little() {
    for side in [A, B] {
        for lost in 0..30 {
            let mut pair = Pair::new(Duration::from_millis(10));
            for side in [A, B] {
                pair.add(side, CAMERA);
            }
            let mut sent = 0;
            pair.lose = Box::new(move |from, _| {
                sent += usize::from(from == side);
                from == side && sent == lost + 1
            });
            pair.negotiate(A);
            let taken = pair.run_until_connected();
            assert!(taken < Duration::from_millis(400), "{lost} of {side}: {taken:?}");
        }
    }
}

#[test]
fn a_handshake_that_never_ends_closes_the_link() {
    let mut pair = Pair::new(Duration::from_millis(10));
    pair.add(A, CAMERA);
    pair.lose = Box::new(|_, datagram| (20..64).contains(&datagram.data[0]));
    pair.negotiate(A);
    let taken = pair.run_until(Duration::from_secs(60), |pair| pair.links[A].state() == LinkState::Closed);
    assert!(taken >= Duration::from_secs(30), "{taken:?}");
}
