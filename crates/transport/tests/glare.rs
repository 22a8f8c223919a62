//! Both sides offer at the same time: the polite one rolls back, answers, and offers what is left.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use units::{Codec, TrackId};

/// Has both sides offer; `polite` yields. Returns whether it still has something to offer.
fn collide(pair: &mut Pair, polite: usize, restart: [bool; 2]) -> bool {
    let offers = [A, B].map(|side| pair.links[side].create_offer(pair.now, restart[side]).unwrap());
    pair.answer(polite, &offers[1 - polite]);
    pair.links[polite].needs_negotiation()
}

fn expect_all(pair: &mut Pair, tracks: [&[TrackId]; 2]) {
    for side in [A, B] {
        for &track in tracks[side] {
            pair.expect_media(side, track);
        }
        assert_eq!(pair.remote_tracks(1 - side).len(), tracks[side].len());
    }
}

#[test]
fn equal_tracks_share_the_sections_of_the_offer_that_won() {
    for polite in [A, B] {
        let mut pair = Pair::new(Duration::from_millis(10));
        for side in [A, B] {
            pair.add(side, MICROPHONE);
            pair.add(side, CAMERA);
        }
        assert!(!collide(&mut pair, polite, [false, false]), "everything found a section");
        pair.run_until_connected();
        expect_all(&mut pair, [&[MICROPHONE, CAMERA], &[MICROPHONE, CAMERA]]);
    }
}

#[test]
fn tracks_of_other_kinds_are_offered_after_the_roll_back() {
    for polite in [A, B] {
        let mut pair = Pair::new(Duration::from_millis(10));
        pair.add(polite, CAMERA);
        pair.add(1 - polite, MICROPHONE);
        assert!(collide(&mut pair, polite, [false, false]));
        assert_eq!(pair.needs_negotiation_events(polite), 2, "once for the track, once after the roll-back");
        pair.negotiate(polite);
        assert!(!pair.links[polite].needs_negotiation());
        pair.run_until_connected();
        let mut tracks: [&[TrackId]; 2] = [&[MICROPHONE], &[MICROPHONE]];
        tracks[polite] = &[CAMERA];
        expect_all(&mut pair, tracks);
        assert_eq!(pair.codec(polite, CAMERA), Some(Codec::Vp8));
    }
}

#[test]
fn more_tracks_than_sections_are_offered_after_the_roll_back() {
    let mut pair = Pair::new(Duration::ZERO);
    for track in [MICROPHONE, CAMERA, SCREEN] {
        pair.add(A, track);
    }
    pair.add(B, CAMERA);
    assert!(collide(&mut pair, A, [false, false]));
    pair.negotiate(A);
    pair.run_until_connected();
    expect_all(&mut pair, [&[MICROPHONE, CAMERA, SCREEN], &[CAMERA]]);
}

#[test]
fn a_collision_in_a_call_keeps_what_flows() {
    for polite in [A, B] {
        let mut pair = Pair::connected(Duration::from_millis(10));
        for side in [A, B] {
            pair.add(side, SCREEN);
        }
        collide(&mut pair, polite, [false, false]);
        if pair.links[polite].needs_negotiation() {
            pair.negotiate(polite);
        }
        let all: &[TrackId] = &[MICROPHONE, CAMERA, SCREEN];
        expect_all(&mut pair, [all, all]);
    }
}

#[test]
fn a_rolled_back_ice_restart_is_offered_again_and_media_goes_on() {
    for polite in [A, B] {
        let mut pair = Pair::connected(Duration::from_millis(10));
        let mut restart = [false, false];
        restart[polite] = true;
        assert!(collide(&mut pair, polite, restart));
        pair.negotiate(polite);
        assert!(!pair.links[polite].needs_negotiation());
        pair.run_until_connected();
        expect_all(&mut pair, [&[MICROPHONE, CAMERA], &[MICROPHONE, CAMERA]]);
    }
}

#[test]
fn a_late_answer_to_a_rolled_back_offer_is_refused_and_harmless() {
    let mut pair = Pair::new(Duration::ZERO);
    for side in [A, B] {
        pair.add(side, CAMERA);
    }
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    let mut bystander = Pair::new(Duration::ZERO);
    let late = bystander.links[B].accept_offer(bystander.now, &offer).unwrap();
    pair.negotiate(B);
    assert_eq!(
        pair.links[A].accept_answer(pair.now, &late),
        Err(parlor_transport::LinkError::UnexpectedAnswer)
    );
    pair.run_until_connected();
    expect_all(&mut pair, [&[CAMERA], &[CAMERA]]);
}

#[test]
fn a_data_channel_opened_amid_a_collision_gets_a_section_of_its_own() {
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(A, MICROPHONE);
    pair.add(A, CAMERA);
    pair.add(B, MICROPHONE);
    pair.links[A].open_channel("chat", Default::default()).unwrap();
    assert!(collide(&mut pair, A, [false, false]));
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    let mut mids: Vec<String> = sections(&offer).into_iter().map(|(_, mid, _)| mid).collect();
    let all = mids.len();
    mids.sort();
    mids.dedup();
    assert_eq!((all, mids.len()), (3, 3), "{offer}");
    pair.answer(B, &offer);
    pair.run_until_connected();
    pair.run(Duration::from_millis(100));
    for side in [A, B] {
        assert_eq!(pair.count(side, |e| matches!(e, parlor_transport::LinkEvent::ChannelOpened { .. })), 1);
    }
    expect_all(&mut pair, [&[MICROPHONE, CAMERA], &[MICROPHONE]]);
}
