//! Keyframe requests reach the sender of the track.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::LinkEvent;

#[test]
fn a_request_reaches_the_track_it_is_for() {
    let mut pair = Pair::connected(Duration::from_millis(10));
    pair.add(A, SCREEN);
    pair.negotiate(A);
    let (camera, _) = pair.pass(A, CAMERA);
    let (screen, _) = pair.pass(A, SCREEN);
    for (receiver, track) in [(screen, SCREEN), (camera, CAMERA)] {
        let before = pair.events[A].len();
        let now = pair.now;
        pair.links[B].request_keyframe(now, receiver);
        pair.run(Duration::from_millis(10));
        let requests: Vec<&LinkEvent> = pair.events[A][before..]
            .iter()
            .filter(|event| matches!(event, LinkEvent::KeyframeRequested { .. }))
            .collect();
        assert_eq!(requests, [&LinkEvent::KeyframeRequested { track }]);
    }
    assert_eq!(pair.links[A].stats().senders[1].keyframe_requests, 1);
    assert_eq!(pair.links[B].stats().receivers[1].keyframe_requests, 1);
}

#[test]
fn a_request_before_the_first_packet_and_one_for_a_track_that_is_gone_do_nothing() {
    let mut pair = Pair::connected(Duration::ZERO);
    let before = pair.count(A, |event| matches!(event, LinkEvent::KeyframeRequested { .. }));
    let receiver = pair.receivers(B)[1].0;
    let now = pair.now;
    pair.links[B].request_keyframe(now, receiver);
    pair.links[B].request_keyframe(now, units::ReceiverId::new(99));
    pair.run(Duration::from_millis(100));
    let after = pair.count(A, |event| matches!(event, LinkEvent::KeyframeRequested { .. }));
    assert_eq!(before, after);
}
