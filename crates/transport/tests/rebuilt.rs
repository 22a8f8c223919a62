//! The other side threw its connection away and comes with a new one.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::{Certificate, Link, LinkConfig, LinkError, LinkEvent, LocalCandidate};

/// Replaces the link of a side by a fresh one with the same tracks.
fn rebuild(pair: &mut Pair, side: usize, config: &LinkConfig) {
    let mut link = Link::new(pair.now, config).unwrap();
    link.add_local_candidate(LocalCandidate::Host { addr: addr(side) }).unwrap();
    pair.links[side] = link;
    pair.events[side].clear();
    for track in [MICROPHONE, CAMERA] {
        pair.add(side, track);
    }
}

#[test]
fn an_offer_of_a_rebuilt_connection_starts_over() {
    let other = LinkConfig { certificate: Certificate::generate().unwrap(), ..config(9) };
    for config in [config(9), other] {
        let mut pair = Pair::connected(Duration::from_millis(10));
        pair.add(B, SCREEN);
        pair.negotiate(B);
        let channel = pair.links[B].open_channel("chat", Default::default()).unwrap();
        pair.negotiate(B);
        pair.run(Duration::from_millis(500));
        let ufrag = pair.links[B].ufrag().to_owned();
        rebuild(&mut pair, A, &config);
        pair.negotiate(A);
        assert_ne!(pair.links[B].ufrag(), ufrag);
        assert_eq!(pair.count(B, |e| *e == LinkEvent::ChannelClosed { channel }), 1);
        pair.run_until_connected();
        if pair.links[B].needs_negotiation() {
            pair.negotiate(B);
        }
        for track in [MICROPHONE, CAMERA] {
            pair.expect_media(A, track);
            pair.expect_media(B, track);
        }
        pair.expect_media(B, SCREEN);
        assert_eq!(pair.remote_tracks(B).len(), 2);
    }
}

#[test]
fn a_channel_that_still_waits_opens_on_the_new_connection() {
    let mut pair = Pair::connected(Duration::from_millis(10));
    let channel = pair.links[B].open_channel("chat", Default::default()).unwrap();
    rebuild(&mut pair, A, &config(9));
    pair.negotiate(A);
    pair.negotiate(B);
    pair.run_until_connected();
    pair.run(Duration::from_millis(500));
    let opened = LinkEvent::ChannelOpened { channel, label: "chat".to_owned(), incoming: false };
    assert_eq!(pair.count(B, |e| *e == opened), 1);
    assert_eq!(pair.count(B, |e| matches!(e, LinkEvent::ChannelClosed { .. })), 0);
}

#[test]
fn an_answer_of_a_rebuilt_connection_is_refused_and_its_offer_heals() {
    let mut pair = Pair::connected(Duration::ZERO);
    rebuild(&mut pair, A, &config(9));
    let offer = pair.links[B].create_offer(pair.now, false).unwrap();
    let answer = pair.links[A].accept_offer(pair.now, &offer).unwrap();
    assert_eq!(pair.links[B].accept_answer(pair.now, &answer), Err(LinkError::RemoteRebuilt));
    rebuild(&mut pair, A, &config(10));
    pair.negotiate(A);
    pair.run_until_connected();
    pair.expect_media(B, CAMERA);
    pair.expect_media(A, CAMERA);
}

#[test]
fn a_new_session_id_alone_is_no_rebuilt_connection() {
    let mut pair = Pair::connected(Duration::ZERO);
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    let origin = offer.lines().find(|line| line.starts_with("o=")).unwrap();
    let offer = offer.replace(origin, "o=- 4711 2 IN IP4 0.0.0.0");
    let ufrag = pair.links[B].ufrag().to_owned();
    pair.answer(B, &offer);
    assert_eq!(pair.links[B].ufrag(), ufrag);
    pair.expect_media(A, CAMERA);
}
