//! Candidates in any order.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::{Link, LinkError, LinkEvent, LocalCandidate, MAX_REMOTE_CANDIDATES};

/// Two links without candidates of their own, both with a camera.
fn silent() -> Pair {
    let mut pair = Pair::new(Duration::from_millis(10));
    for side in [A, B] {
        pair.links[side] = Link::new(pair.now, &config(side as u64 + 1)).unwrap();
        pair.add(side, CAMERA);
    }
    pair
}

fn candidates(pair: &Pair, side: usize) -> Vec<parlor_transport::IceCandidate> {
    pair.events[side]
        .iter()
        .filter_map(|event| match event {
            LinkEvent::LocalCandidate(Some(candidate)) => Some(candidate.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn candidates_after_the_answer_connect() {
    let mut pair = silent();
    pair.negotiate(A);
    pair.run(Duration::from_secs(3));
    for side in [A, B] {
        pair.links[side].add_local_candidate(LocalCandidate::Host { addr: addr(side) }).unwrap();
        pair.links[side].end_of_local_candidates();
        pair.settle();
    }
    let taken = pair.run_until_connected();
    assert!(taken < Duration::from_millis(300), "{taken:?}");
    pair.expect_media(A, CAMERA);
    let told = &candidates(&pair, A)[0];
    assert_eq!((told.mid.as_deref(), told.mline), (Some("0"), Some(0)));
    assert_eq!(told.ufrag.as_deref(), Some(pair.links[A].ufrag()));
    assert_eq!(pair.count(A, |event| *event == LinkEvent::LocalCandidate(None)), 1);
}

#[test]
fn candidates_before_the_first_description_go_into_it() {
    let mut pair = silent();
    pair.links[A].add_local_candidate(LocalCandidate::Host { addr: addr(A) }).unwrap();
    pair.links[A].end_of_local_candidates();
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    assert!(offer.contains("a=candidate:1 1 udp 2130706431 10.0.0.1 5000 typ host"), "{offer}");
    assert!(offer.contains("a=end-of-candidates"));
    pair.settle();
    assert_eq!(candidates(&pair, A).len(), 0, "what a description carries is not trickled, too");
}

#[test]
fn remote_candidates_before_their_description_wait_for_it() {
    let mut pair = silent();
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    // The harness hands what A finds to B, which has no offer yet.
    pair.links[A].add_local_candidate(LocalCandidate::Host { addr: addr(A) }).unwrap();
    pair.settle();
    pair.links[B].add_local_candidate(LocalCandidate::Host { addr: addr(B) }).unwrap();
    pair.answer(B, &offer);
    pair.run_until_connected();
    pair.expect_media(A, CAMERA);
}

#[test]
fn candidates_of_another_description_are_not_used_for_this_one() {
    let mut pair = silent();
    let candidate = "candidate:1 1 udp 2130706431 10.0.0.77 5000 typ host";
    pair.links[B].add_remote_candidate(candidate, Some("0"), Some(0), Some("another")).unwrap();
    pair.links[B].add_local_candidate(LocalCandidate::Host { addr: addr(B) }).unwrap();
    pair.links[A].add_local_candidate(LocalCandidate::Host { addr: addr(A) }).unwrap();
    let seen = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = seen.clone();
    pair.lose = Box::new(move |_, datagram| {
        count.set(count.get() + usize::from(datagram.remote.ip().to_string() == "10.0.0.77"));
        false
    });
    pair.negotiate(A);
    pair.run_until_connected();
    assert_eq!(seen.get(), 0);
}

#[test]
fn end_marks_of_every_style_are_fine() {
    let mut pair = silent();
    for mark in ["", "  ", "candidate:", "a=end-of-candidates", "end-of-candidates"] {
        pair.links[A].add_remote_candidate(mark, None, None, None).unwrap();
    }
    pair.negotiate(A);
    pair.links[A].add_remote_candidate("", Some("0"), Some(0), None).unwrap();
}

#[test]
fn too_many_and_too_long_candidates_are_refused() {
    let mut pair = silent();
    for negotiated in [false, true] {
        if negotiated {
            pair.negotiate(A);
        }
        let link = &mut pair.links[A];
        let results: Vec<_> = (0..300)
            .map(|number| {
                let text = format!("candidate:1 1 udp 1 10.1.{}.1 5000 typ host", number % 256);
                link.add_remote_candidate(&text, None, None, None)
            })
            .collect();
        let taken = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(taken, if negotiated { 0 } else { MAX_REMOTE_CANDIDATES });
        assert_eq!(results[299], Err(LinkError::TooManyCandidates));
        let long = format!("candidate:1 1 udp 1 10.1.1.1 5000 typ host {}", "x ".repeat(500));
        assert!(matches!(link.add_remote_candidate(&long, None, None, None), Err(LinkError::Candidate(_))));
    }
}

#[test]
fn a_multicast_dns_name_is_handed_out_and_its_address_used() {
    let mut pair = silent();
    let name = "0f1e2d3c-aaaa-bbbb-cccc-000000000001.local";
    pair.negotiate(A);
    let text = format!("candidate:1 1 udp 2113937151 {name} 5000 typ host");
    pair.links[A].add_remote_candidate(&text, Some("0"), Some(0), None).unwrap();
    pair.settle();
    let tokens: Vec<_> = pair.events[A]
        .iter()
        .filter_map(|event| match event {
            LinkEvent::ResolveName { name: asked, token } => Some((asked.clone(), *token)),
            _ => None,
        })
        .collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].0, name);
    for side in [A, B] {
        // Not told to the other side: only A can find B, by the name.
        pair.links[side].add_local_candidate(LocalCandidate::Host { addr: addr(side) }).unwrap();
        while pair.links[side].poll_event().is_some() {}
    }
    pair.links[A].resolved(tokens[0].1, addr(B).ip()).unwrap();
    pair.links[A].resolved(tokens[0].1, addr(B).ip()).unwrap();
    pair.run_until_connected();
    pair.settle();
}

#[test]
fn a_reflexive_candidate_is_signalled_and_checked_from_its_base() {
    let mut pair = silent();
    pair.negotiate(A);
    let reflexive = "203.0.113.5:40000".parse().unwrap();
    pair.links[A].add_local_candidate(LocalCandidate::Host { addr: addr(A) }).unwrap();
    pair.links[A]
        .add_local_candidate(LocalCandidate::ServerReflexive { addr: reflexive, base: addr(A) })
        .unwrap();
    pair.links[B].add_local_candidate(LocalCandidate::Host { addr: addr(B) }).unwrap();
    let sources = std::rc::Rc::new(std::cell::RefCell::new(std::collections::BTreeSet::new()));
    let seen = sources.clone();
    pair.lose = Box::new(move |side, datagram| {
        if side == A {
            seen.borrow_mut().insert(datagram.local);
        }
        false
    });
    pair.run_until_connected();
    assert_eq!(candidates(&pair, A).len(), 2);
    assert_eq!(sources.borrow().iter().copied().collect::<Vec<_>>(), [addr(A)]);
}

#[test]
fn a_relayed_path_sends_through_the_relay() {
    let mut pair = silent();
    pair.negotiate(A);
    let relay = addr(A);
    let base = "10.9.9.9:1234".parse().unwrap();
    pair.links[A].add_local_candidate(LocalCandidate::Relayed { addr: relay, base }).unwrap();
    pair.links[B].add_local_candidate(LocalCandidate::Host { addr: addr(B) }).unwrap();
    let taken = pair.run_until_connected();
    assert!(taken > Duration::from_millis(300), "a relay waits for something better: {taken:?}");
    pair.expect_media(A, CAMERA);
    let path = pair.links[A].stats().path.unwrap();
    assert_eq!((path.0.as_str(), path.1.as_str()), ("relay", "host"));
    assert_eq!(pair.links[B].stats().path.unwrap().1.as_str(), "relay");
}
