//! What a call survives: the loss of the server, for a moment and for longer than the server waits.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use parlor::api::{Event, PeerState, SessionState};
use support::proxy::Proxy;
use support::{Caller, Seen, TestServer, config, small_stream};

/// Two sessions in a call, each behind a proxy of its own.
fn call(server: &TestServer) -> ([Caller; 2], [Proxy; 2]) {
    let proxies = [Proxy::start(&server.url), Proxy::start(&server.url)];
    let callers = [0, 1].map(|side| Caller::new(config(&proxies[side].url, "pk_dev")));
    for caller in &callers {
        caller.session.add_stream(&small_stream(), None).unwrap();
        caller.session.join("test/survival").unwrap();
    }
    callers.iter().for_each(|caller| caller.wait("pictures", |seen| seen.tracks_with_pictures(15) == 1));
    (callers, proxies)
}

fn states(seen: &Seen) -> Vec<SessionState> {
    let states = seen.events.iter().filter_map(|event| match event {
        Event::StateChange { to, .. } => Some(*to),
        _ => None,
    });
    states.collect()
}

fn pictures(caller: &Caller) -> usize {
    caller.seen().pictures.values().map(Vec::len).sum()
}

/// Checks that the call went on as if nothing had happened: the same link and track, every packet, and no pause of the
/// pictures. A machine under load makes the source skip single ones, which nobody has lost.
fn assert_untouched(caller: &Caller) {
    let seen = caller.seen();
    let names = seen.event_names();
    for event in ["peer-left", "connection-reset", "track-removed", "negotiation-error"] {
        assert!(!names.contains(&event), "{names:?}");
    }
    assert_eq!(names.iter().filter(|name| **name == "track-added").count(), 2, "{names:?}");
    let lost = |event: &Event| matches!(event, Event::PeerStateChange { to: PeerState::Reconnecting, .. });
    assert!(!seen.events.iter().any(lost), "{:?}", seen.events);
    let (track, numbers) = seen.pictures.iter().next().unwrap();
    let gaps: Vec<_> = numbers.windows(2).filter(|pair| pair[1] >= pair[0] + 15).collect();
    assert!(gaps.is_empty(), "pictures stood still for a second or more: {gaps:?}");
    assert_eq!(caller.session.track_stats(*track).unwrap().packets_lost, 0);
}

#[test]
fn media_goes_on_without_a_gap_while_the_server_is_out_of_reach() {
    let server = TestServer::start();
    let (callers, proxies) = call(&server);
    proxies.iter().for_each(Proxy::cut);
    for caller in &callers {
        caller.wait("the loss", |seen| states(seen).last() == Some(&SessionState::Reconnecting));
        // Four seconds of pictures, longer than the server waits for a peer to come back.
        let before = pictures(caller);
        caller.wait("pictures meanwhile", |seen| seen.tracks_with_pictures(before + 60) == 1);
    }
    proxies.iter().for_each(Proxy::restore);
    for caller in &callers {
        caller.wait("the return", |seen| states(seen).last() == Some(&SessionState::Joined));
        let before = pictures(caller);
        caller.wait("pictures afterwards", |seen| seen.tracks_with_pictures(before + 30) == 1);
        assert_untouched(caller);
    }
}

#[test]
fn a_session_that_loses_the_server_for_a_moment_is_not_missed_and_misses_nothing() {
    let server = TestServer::start();
    let (callers, proxies) = call(&server);
    let [away, stays] = &callers;
    proxies[0].cut();
    away.wait("the loss", |seen| states(seen).last() == Some(&SessionState::Reconnecting));
    let peer = *stays.seen().names.keys().next().unwrap();
    stays.session.send(Some(peer), r#""while you were away""#).unwrap();
    proxies[0].restore();
    away.wait("the return", |seen| states(seen).last() == Some(&SessionState::Joined));
    away.wait("the message", |seen| {
        let message = |event: &Event| matches!(event, Event::Data { data, .. } if data.contains("away"));
        seen.events.iter().filter(|event| message(event)).count() == 1
    });
    for caller in &callers {
        let before = pictures(caller);
        caller.wait("pictures afterwards", |seen| seen.tracks_with_pictures(before + 15) == 1);
        assert_untouched(caller);
    }
    let own_ids = away.seen().event_names().iter().filter(|name| **name == "peer-joined").count();
    assert_eq!(
        (own_ids, states(&stays.seen()).len()),
        (1, 2),
        "nobody came anew, and the other noticed nothing"
    );
}
