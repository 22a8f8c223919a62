//! Tracks come and go in a call.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::LinkEvent;

/// Offers as often as a side wants to, as a session would.
fn negotiate_if_needed(pair: &mut Pair, side: usize) {
    for _ in 0..4 {
        if !pair.links[side].needs_negotiation() {
            return;
        }
        pair.negotiate(side);
    }
    panic!("negotiation is needed for ever");
}

#[test]
fn a_track_is_added_and_removed_twice_on_one_section() {
    for side in [A, B] {
        let mut pair = Pair::connected(Duration::from_millis(10));
        let mut seen = Vec::new();
        for _ in 0..2 {
            pair.add(side, SCREEN);
            negotiate_if_needed(&mut pair, side);
            let packet = pair.expect_media(side, SCREEN);
            assert_eq!(packet.codec, units::Codec::Vp8);
            seen.push(pair.receivers(1 - side).last().unwrap().0);
            for track in [MICROPHONE, CAMERA] {
                pair.expect_media(side, track);
                pair.expect_media(1 - side, track);
            }
            pair.remove(side, SCREEN);
            negotiate_if_needed(&mut pair, side);
            assert_eq!(pair.remote_tracks(1 - side).len(), 2);
        }
        assert_ne!(seen[0], seen[1], "a new track is a new receiver");
        pair.add(side, SCREEN);
        let offer = pair.links[side].create_offer(pair.now, false).unwrap();
        assert_eq!(sections(&offer).len(), 3, "the section is used again:\n{offer}");
    }
}

#[test]
fn both_sides_share_their_screens_over_one_section() {
    let mut pair = Pair::connected(Duration::ZERO);
    pair.add(A, SCREEN);
    negotiate_if_needed(&mut pair, A);
    pair.add(B, SCREEN);
    negotiate_if_needed(&mut pair, B);
    pair.expect_media(A, SCREEN);
    pair.expect_media(B, SCREEN);
    pair.remove(A, SCREEN);
    negotiate_if_needed(&mut pair, A);
    pair.expect_media(B, SCREEN);
    assert_eq!((pair.remote_tracks(A).len(), pair.remote_tracks(B).len()), (3, 2));
    pair.remove(B, SCREEN);
    negotiate_if_needed(&mut pair, B);
    assert_eq!((pair.remote_tracks(A).len(), pair.remote_tracks(B).len()), (2, 2));
    pair.add(A, SCREEN);
    negotiate_if_needed(&mut pair, A);
    pair.expect_media(A, SCREEN);
    let offer = pair.links[B].create_offer(pair.now, false).unwrap();
    assert_eq!(sections(&offer).len(), 3, "{offer}");
}

#[test]
fn the_other_side_may_offer_while_a_section_is_idle() {
    let mut pair = Pair::connected(Duration::ZERO);
    pair.add(A, SCREEN);
    negotiate_if_needed(&mut pair, A);
    pair.remove(A, SCREEN);
    negotiate_if_needed(&mut pair, A);
    // B offers with the section of the screen idle on both sides, twice; A must be able to use it again.
    pair.remove(B, CAMERA);
    negotiate_if_needed(&mut pair, B);
    pair.add(B, CAMERA);
    negotiate_if_needed(&mut pair, B);
    pair.add(A, SCREEN);
    negotiate_if_needed(&mut pair, A);
    pair.expect_media(A, SCREEN);
    pair.expect_media(B, CAMERA);
}

#[test]
fn a_track_waiting_for_its_offer_survives_an_offer_of_the_other_side() {
    let mut pair = Pair::connected(Duration::ZERO);
    pair.add(A, SCREEN);
    negotiate_if_needed(&mut pair, A);
    pair.remove(A, SCREEN);
    negotiate_if_needed(&mut pair, A);
    pair.add(A, SCREEN);
    pair.add(B, SCREEN);
    negotiate_if_needed(&mut pair, B);
    negotiate_if_needed(&mut pair, A);
    pair.expect_media(A, SCREEN);
    pair.expect_media(B, SCREEN);
}

#[test]
fn a_track_replaced_between_two_offers_is_another_track() {
    let mut pair = Pair::connected(Duration::ZERO);
    pair.remove(A, CAMERA);
    pair.add(A, SCREEN);
    negotiate_if_needed(&mut pair, A);
    assert_eq!(pair.remote_tracks(B), ["mic-0", "scr-0"]);
    pair.expect_media(A, SCREEN);
}

#[test]
fn negotiation_is_asked_for_once_and_not_while_an_offer_is_open() {
    let mut pair = Pair::new(Duration::ZERO);
    assert!(!pair.links[A].needs_negotiation(), "an empty link has nothing to say");
    pair.add(A, MICROPHONE);
    pair.add(A, CAMERA);
    assert_eq!(pair.needs_negotiation_events(A), 1);
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    pair.add(A, SCREEN);
    assert_eq!(pair.needs_negotiation_events(A), 1, "an offer is open");
    pair.answer(B, &offer);
    assert_eq!(pair.needs_negotiation_events(A), 2, "the screen came too late for the offer");
    pair.negotiate(A);
    assert_eq!(pair.needs_negotiation_events(A), 2);
    assert_eq!(pair.needs_negotiation_events(B), 0, "the answerer is content");
}

#[test]
fn the_first_offer_carries_every_track_added_before_it() {
    let mut pair = Pair::new(Duration::ZERO);
    for track in [MICROPHONE, CAMERA, SCREEN] {
        pair.add(A, track);
    }
    pair.negotiate(A);
    let mut names = pair.remote_tracks(B);
    names.sort();
    assert_eq!(names, ["cam-0", "mic-0", "scr-0"]);
}

#[test]
fn an_offer_behind_an_answer_and_two_offers_in_a_row_are_fine() {
    let mut pair = Pair::new(Duration::from_millis(10));
    for side in [A, B] {
        pair.add(side, MICROPHONE);
    }
    let first = pair.links[A].create_offer(pair.now, false).unwrap();
    pair.add(B, CAMERA);
    let answer = pair.links[B].accept_offer(pair.now, &first).unwrap();
    let behind = pair.links[B].create_offer(pair.now, false).unwrap();
    pair.links[A].accept_answer(pair.now, &answer).unwrap();
    pair.answer(A, &behind);
    // The same side offers twice; the other one answers both, of which only the second answer counts.
    pair.add(A, SCREEN);
    let lost = pair.links[A].create_offer(pair.now, false).unwrap();
    pair.links[B].accept_offer(pair.now, &lost).unwrap();
    let again = pair.links[A].create_offer(pair.now, false).unwrap();
    pair.answer(B, &again);
    pair.run_until_connected();
    pair.expect_media(A, SCREEN);
    pair.expect_media(B, CAMERA);
}

#[test]
fn sending_stops_when_the_other_side_no_longer_takes_the_track() {
    let mut pair = Pair::connected(Duration::ZERO);
    let offer = pair.links[B].create_offer(pair.now, false).unwrap();
    let refused = offer.replacen("a=sendrecv", "a=sendonly", 1);
    pair.answer(A, &refused);
    assert_eq!(pair.codec(A, MICROPHONE), None);
    assert_eq!(pair.send(A, MICROPHONE, b"x"), 0);
    pair.expect_media(A, CAMERA);
    pair.expect_media(B, MICROPHONE);
    pair.negotiate(B);
    assert_eq!(pair.codec(A, MICROPHONE), Some(units::Codec::Opus));
    pair.expect_media(A, MICROPHONE);
}

#[test]
fn a_section_turned_down_stays_down_and_the_rest_works() {
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(A, MICROPHONE);
    pair.add(A, CAMERA);
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    let answer = pair.links[B].accept_offer(pair.now, &offer).unwrap();
    let down = answer.replacen("m=video 9", "m=video 0", 1);
    assert_ne!(answer, down);
    pair.links[A].accept_answer(pair.now, &down).unwrap();
    pair.settle();
    pair.run_until_connected();
    assert_eq!(pair.codec(A, CAMERA), None);
    assert!(!pair.links[A].needs_negotiation());
    pair.expect_media(A, MICROPHONE);
    // Another picture may still be offered, and be taken.
    pair.add(A, SCREEN);
    pair.negotiate(A);
    pair.expect_media(A, SCREEN);
}

#[test]
fn events_of_removal_precede_those_of_addition() {
    let mut pair = Pair::connected(Duration::ZERO);
    let before = pair.events[B].len();
    pair.remove(A, CAMERA);
    pair.add(A, SCREEN);
    pair.negotiate(A);
    let kinds: Vec<bool> = pair.events[B][before..]
        .iter()
        .filter_map(|event| match event {
            LinkEvent::TrackRemoved { .. } => Some(false),
            LinkEvent::TrackAdded { .. } => Some(true),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, [false, true]);
}
