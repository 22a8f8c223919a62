//! What a link measures and reports about its path.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use common::*;
use parlor_transport::LinkState;
use units::ChannelOptions;

#[test]
fn statistics_count_what_passes() {
    let mut pair = Pair::connected(Duration::from_millis(25));
    for _ in 0..20 {
        pair.expect_media(A, CAMERA);
    }
    pair.run(Duration::from_secs(3));
    let (ours, theirs) = (pair.links[A].stats(), pair.links[B].stats());
    assert_eq!(ours.state, LinkState::Connected);
    assert_eq!(ours.round_trip, Some(Duration::from_millis(50)));
    assert_eq!(ours.datagrams_sent, theirs.datagrams_received);
    assert_eq!(ours.bytes_sent, theirs.bytes_received);
    assert!(ours.bytes_sent > 20 * 20 && theirs.bytes_sent > 0);
    assert_eq!(ours.path.map(|(local, remote)| (local.as_str(), remote.as_str())), Some(("host", "host")));
    assert_eq!((ours.senders.len(), ours.receivers.len()), (2, 2));
    assert_eq!((ours.senders[1].track, ours.senders[1].packets), (CAMERA, 20));
    assert_eq!(theirs.receivers[1].packets, 20);
    assert_eq!(theirs.receivers[1].bytes, ours.senders[1].bytes);
    assert_eq!(theirs.receivers[1].packets_lost, 0);
    assert_eq!(ours.senders[0].packets, 0);
}

/// Returns the transport-wide sequence number of an RTP packet, whose header is not encrypted.
fn transport_sequence(datagram: &[u8]) -> Option<u16> {
    let rtp = datagram[0] >> 6 == 2 && (datagram[1] & 0x7f < 64 || datagram[1] & 0x7f > 95);
    let mut extensions =
        datagram.get(12..).filter(|_| rtp && datagram[0] & 0x10 != 0)?.strip_prefix(&[0xbe, 0xde])?;
    extensions = extensions.get(2..)?;
    while let [first, rest @ ..] = extensions {
        let (id, length) = (first >> 4, usize::from(first & 15) + 1);
        if id == 12 {
            return Some(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?));
        }
        extensions = rest.get(if *first == 0 { 0 } else { length }..)?;
    }
    None
}

#[test]
fn every_packet_carries_a_transport_wide_number_and_they_are_reported_back() {
    let mut pair = Pair::connected(Duration::from_millis(10));
    let (numbers, reports) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(0)));
    let (seen, reported) = (numbers.clone(), reports.clone());
    pair.lose = Box::new(move |side, datagram| {
        if side == A {
            seen.borrow_mut().extend(transport_sequence(&datagram.data));
        } else if (192..224).contains(&datagram.data[1]) && datagram.data[0] >> 6 == 2 {
            *reported.borrow_mut() += 1;
        }
        false
    });
    for _ in 0..50 {
        pair.send(A, MICROPHONE, b"sound");
        pair.send(A, CAMERA, b"picture");
        pair.run(Duration::from_millis(20));
    }
    let numbers = numbers.borrow();
    assert_eq!(numbers.len(), 100);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{numbers:?}");
    assert!(*reports.borrow() >= 9, "ten reports a second, not {}", reports.borrow());
}

/// Returns how many datagrams a second each side sends while nobody has anything to say.
fn idle_rates(pair: &mut Pair) -> [f64; 2] {
    pair.run(Duration::from_secs(5));
    let (before, start) = (pair.sent, pair.now);
    pair.run(Duration::from_secs(60));
    [A, B].map(|side| (pair.sent[side] - before[side]) as f64 / (pair.now - start).as_secs_f64())
}

#[test]
fn an_idle_link_is_quiet() {
    let mut pair = Pair::new(Duration::from_millis(10));
    pair.links[A].open_channel("idle", ChannelOptions::default()).unwrap();
    pair.negotiate(A);
    pair.run_until_connected();
    let rates = idle_rates(&mut pair);
    assert!(rates.iter().all(|rate| *rate < 2.0), "{rates:?} datagrams a second to keep a path open");
}

#[test]
fn silent_tracks_cost_little_more() {
    let rates = idle_rates(&mut Pair::connected(Duration::from_millis(10)));
    assert!(rates.iter().all(|rate| *rate < 5.0), "{rates:?} datagrams a second to notice a loss soon");
}
