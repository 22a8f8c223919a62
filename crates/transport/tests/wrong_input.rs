//! Nonsense from outside is refused or ignored, and the link works on.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::{Link, LinkError, LinkState, LocalTrack};
use proptest::prelude::*;
use units::{MediaKind, TrackId};

fn offer() -> String {
    let mut pair = Pair::new(Duration::ZERO);
    for track in [MICROPHONE, CAMERA, SCREEN] {
        pair.add(A, track);
    }
    pair.links[A].open_channel("chat", Default::default()).unwrap();
    pair.links[A].create_offer(pair.now, false).unwrap()
}

#[test]
fn unusable_offers_are_refused_and_leave_the_link_as_it_was() {
    let good = offer();
    let without = |what: &str| {
        good.lines()
            .filter(|line| !line.starts_with(what))
            .map(|line| format!("{line}\r\n"))
            .collect::<String>()
    };
    let bad = [
        String::new(),
        "nonsense".to_owned(),
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned(),
        without("a=mid:"),
        without("a=ice-ufrag:"),
        without("a=ice-pwd:"),
        without("a=fingerprint:"),
        good.replace("a=mid:1", "a=mid:0"),
        good.replace("m=audio", "m=smell"),
        good.replace("a=fingerprint:sha-256 ", "a=fingerprint:"),
        good.replace("v=0", "v=0\0"),
        format!("{good}{}", "a=x:y\r\n".repeat(60_000)),
        format!("{good}{}", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:x\r\n".repeat(200)),
    ];
    let mut pair = Pair::connected(Duration::ZERO);
    let mut fresh = Pair::new(Duration::ZERO);
    for (number, sdp) in bad.iter().enumerate() {
        for link in [&mut pair.links[B], &mut fresh.links[B]] {
            let refused = link.accept_offer(pair.now, sdp);
            assert!(refused.is_err(), "number {number} was taken:\n{sdp}");
        }
    }
    pair.expect_media(A, CAMERA);
    pair.expect_media(B, CAMERA);
    pair.add(B, SCREEN);
    pair.negotiate(B);
    pair.expect_media(B, SCREEN);
    fresh.add(A, CAMERA);
    fresh.negotiate(A);
    fresh.run_until_connected();
}

#[test]
fn unusable_answers_are_refused_and_the_right_one_still_works() {
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(A, MICROPHONE);
    pair.add(A, CAMERA);
    assert_eq!(pair.links[A].accept_answer(pair.now, "x"), Err(LinkError::UnexpectedAnswer));
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    let answer = pair.links[B].accept_offer(pair.now, &offer).unwrap();
    let one_section = answer[..answer.rfind("m=").unwrap()].to_owned();
    for bad in [
        "",
        "v=0",
        &one_section,
        &answer.replace("a=mid:1", "a=mid:7"),
        &answer.replace("m=video", "m=audio"),
    ] {
        assert!(
            matches!(pair.links[A].accept_answer(pair.now, bad), Err(LinkError::Description(_))),
            "{bad}"
        );
    }
    pair.links[A].accept_answer(pair.now, &answer).unwrap();
    pair.settle();
    pair.run_until_connected();
    pair.expect_media(A, CAMERA);
}

#[test]
fn names_that_would_break_a_description_are_refused() {
    let mut pair = Pair::new(Duration::ZERO);
    for (stream, track) in [("", "x"), ("x", ""), ("a b", "x"), ("x", "a\r\nm=audio"), ("ü", "x")] {
        let track = LocalTrack {
            id: MICROPHONE,
            kind: MediaKind::Audio,
            msid_stream: stream.to_owned(),
            msid_track: track.to_owned(),
            codec: None,
        };
        assert_eq!(pair.links[A].add_track(track), Err(LinkError::TrackName));
    }
    pair.add(A, MICROPHONE);
    assert_eq!(pair.links[A].add_track(track(A, MICROPHONE)), Err(LinkError::DuplicateTrack(MICROPHONE)));
    let unknown = TrackId::new(99);
    assert_eq!(pair.links[A].remove_track(unknown), Err(LinkError::UnknownTrack(unknown)));
    assert_eq!(pair.send(A, unknown, b"x"), 0);
}

#[test]
fn an_empty_link_has_nothing_to_offer() {
    let mut pair = Pair::new(Duration::ZERO);
    assert_eq!(pair.links[A].create_offer(pair.now, false), Err(LinkError::NothingToOffer));
}

#[test]
fn a_closed_link_says_goodbye_and_refuses_everything() {
    let mut pair = Pair::connected(Duration::ZERO);
    let now = pair.now;
    let before = pair.sent[A];
    pair.links[A].close(now);
    pair.links[A].close(now);
    pair.settle();
    assert!(pair.sent[A] > before, "the other side is told");
    assert_eq!(pair.links[B].state(), LinkState::Closed);
    let link: &mut Link = &mut pair.links[A];
    assert_eq!(link.state(), LinkState::Closed);
    assert_eq!(link.create_offer(now, false), Err(LinkError::Closed));
    assert_eq!(link.accept_offer(now, ""), Err(LinkError::Closed));
    assert_eq!(link.accept_answer(now, ""), Err(LinkError::Closed));
    assert_eq!(link.add_track(track(A, SCREEN)), Err(LinkError::Closed));
    assert_eq!(link.remove_track(CAMERA), Err(LinkError::Closed));
    assert_eq!(link.add_remote_candidate("", None, None, None), Err(LinkError::Closed));
    assert_eq!(link.open_channel("x", Default::default()), Err(LinkError::Closed));
    assert_eq!(pair.send(A, CAMERA, b"x"), 0);
    let link = &mut pair.links[A];
    link.handle_datagram(now, addr(A), addr(B), b"late");
    link.handle_timeout(now);
    assert_eq!((link.poll_timeout(), link.poll_event(), link.poll_transmit()), (None, None, None));
}

#[test]
fn time_that_goes_backwards_is_no_trouble() {
    let mut pair = Pair::connected(Duration::ZERO);
    for side in [A, B] {
        pair.links[side].handle_timeout(units::Time::ZERO);
        pair.links[side].handle_datagram(units::Time::ZERO, addr(side), addr(1 - side), &[1, 2, 3]);
    }
    pair.expect_media(A, CAMERA);
}

/// Bytes that look like the start of what a link reads.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let stun = [0x00, 0x01, 0x00, 0x08, 0x21, 0x12, 0xa4, 0x42];
    let dtls = [0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32];
    let prefix = prop_oneof![
        Just(Vec::new()),
        Just(stun.to_vec()),
        Just([0x01, 0x01].into_iter().chain(stun.into_iter().skip(2)).collect()),
        Just(dtls.to_vec()),
        Just([0x15].into_iter().chain(dtls.into_iter().skip(1)).collect()),
        Just(vec![0x80, 96, 0, 1]),
        Just(vec![0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde]),
        Just(vec![0x81, 201]),
    ];
    (prefix, proptest::collection::vec(any::<u8>(), 0..300)).prop_map(|(mut start, rest)| {
        start.extend(rest);
        start
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn datagrams_of_nonsense_do_no_harm(datagrams in proptest::collection::vec((datagram(), any::<bool>()), 1..40)) {
        let mut pair = Pair::new(Duration::ZERO);
        pair.add(A, CAMERA);
        pair.add(B, CAMERA);
        let offer = pair.links[A].create_offer(pair.now, false).unwrap();
        for phase in 0..3 {
            for (data, from_peer) in &datagrams {
                let from = if *from_peer { addr(A) } else { "192.0.2.9:9".parse().unwrap() };
                let now = pair.now;
                pair.links[B].handle_datagram(now, addr(B), from, data);
                pair.settle();
            }
            match phase {
                0 => pair.answer(B, &offer),
                1 => drop(pair.run_until_connected()),
                _ => drop(pair.expect_media(A, CAMERA)),
            }
        }
    }

    #[test]
    fn mutilated_datagrams_of_a_real_call_do_no_harm(seed in any::<u64>()) {
        let mut pair = Pair::new(Duration::ZERO);
        for side in [A, B] {
            pair.add(side, CAMERA);
        }
        pair.links[A].open_channel("chat", Default::default()).unwrap();
        let copies = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let (kept, mut state) = (copies.clone(), seed | 1);
        pair.lose = Box::new(move |side, datagram| {
            let mut data = datagram.data.to_vec();
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % data.len();
            data[at] ^= (state >> 20) as u8;
            data.truncate(data.len() - (state >> 40) as usize % 8 % data.len());
            kept.borrow_mut().push((1 - side, data));
            false
        });
        pair.negotiate(A);
        for _ in 0..50 {
            pair.run(Duration::from_millis(5));
            let now = pair.now;
            for (side, data) in copies.take() {
                pair.links[side].handle_datagram(now, addr(side), addr(1 - side), &data);
            }
        }
    }

    #[test]
    fn mutilated_offers_and_answers_do_no_harm(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), ".{0,12}"), 1..6),
    ) {
        let mangle = |sdp: &str| {
            let mut lines: Vec<String> = sdp.lines().map(str::to_owned).collect();
            for (index, kind, text) in &cuts {
                let at = index.index(lines.len());
                match kind % 6 {
                    0 => drop(lines.remove(at)),
                    1 => lines.insert(at, text.clone()),
                    2 => lines.insert(at, format!("a={text}")),
                    3 => {
                        let copy = lines[index.index(lines.len())].clone();
                        lines.insert(at / 2, copy);
                    }
                    4 => lines[at].push_str(text),
                    _ => {
                        let line = &mut lines[at];
                        let middle = (0..=line.len() / 2).rev().find(|&i| line.is_char_boundary(i)).unwrap();
                        line.replace_range(middle.., text);
                    }
                }
                if lines.is_empty() {
                    lines.push(String::new());
                }
            }
            lines.join("\r\n") + "\r\n"
        };
        let mut pair = Pair::new(Duration::ZERO);
        for side in [A, B] {
            pair.add(side, MICROPHONE);
            pair.add(side, CAMERA);
        }
        pair.links[A].open_channel("chat", Default::default()).unwrap();
        let offer = pair.links[A].create_offer(pair.now, false).unwrap();
        let now = pair.now;
        let _ = pair.links[B].accept_offer(now, &mangle(&offer));
        // Whatever was taken of it, the next good offer must be answered, if need be on a new connection.
        let answer = pair.links[B].accept_offer(now, &offer).unwrap();
        let _ = pair.links[A].accept_answer(now, &mangle(&answer));
        let again = pair.links[A].create_offer(now, false).unwrap();
        let answer = pair.links[B].accept_offer(now, &again).unwrap();
        let _ = pair.links[A].accept_answer(now, &answer);
        pair.settle();
    }
}
