//! Lost packets are asked for again and come back.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::*;
use parlor_transport::LinkEvent;
use units::TrackId;

const DELAY: Duration = Duration::from_millis(20);

/// Loses every `every`th RTP packet from `A`, once connected.
fn lossy(every: u64) -> (Pair, Rc<Cell<u64>>) {
    let mut pair = Pair::connected(DELAY);
    let lost = Rc::new(Cell::new(0));
    let (count, mut packets) = (lost.clone(), 0);
    pair.lose = Box::new(move |side, datagram| {
        // RTCP has packet types from 192 on (RFC 5761), and so would RTP with the marker bit.
        let rtp = datagram.data[0] >> 6 == 2 && datagram.data[1] < 128;
        packets += u64::from(side == A && rtp);
        let lose = side == A && rtp && packets % every == 0;
        count.set(count.get() + u64::from(lose));
        lose
    });
    (pair, lost)
}

fn stream(pair: &mut Pair, track: TrackId, packets: u16) {
    for number in 0..packets {
        let payload = parlor_transport::RtpPayload {
            timestamp: u32::from(number) * 900,
            marker: false,
            payload: bytes::Bytes::copy_from_slice(&number.to_be_bytes()),
        };
        assert_eq!(pair.links[A].send_rtp(pair.now, track, &[payload]), 1);
        pair.run(Duration::from_millis(10));
    }
}

fn numbers(pair: &Pair) -> Vec<u16> {
    pair.events[B]
        .iter()
        .filter_map(|event| match event {
            LinkEvent::Rtp { packet, .. } => Some(u16::from_be_bytes([packet.payload[0], packet.payload[1]])),
            _ => None,
        })
        .collect()
}

#[test]
fn lost_video_is_repaired_and_nothing_comes_twice() {
    let (mut pair, lost) = lossy(10);
    stream(&mut pair, CAMERA, 300);
    pair.lose = Box::new(|_, _| false);
    stream(&mut pair, CAMERA, 1);
    pair.run(Duration::from_millis(1_500));
    let mut got = numbers(&pair);
    assert_eq!(got.len(), 301, "every packet, each once");
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len(), 300);
    assert!(lost.get() >= 30, "{}", lost.get());
    let (sender, receiver) = (&pair.links[A].stats().senders[1], &pair.links[B].stats().receivers[1]);
    assert_eq!(receiver.packets_lost, 0);
    assert!(receiver.requested_again >= lost.get() && receiver.requested_again < lost.get() * 2);
    assert_eq!(sender.requested_again, receiver.requested_again);
}

#[test]
fn lost_sound_is_not_asked_for() {
    let (mut pair, lost) = lossy(10);
    stream(&mut pair, MICROPHONE, 100);
    pair.run(Duration::from_millis(1_500));
    assert_eq!(numbers(&pair).len() as u64, 100 - lost.get());
    let stats = pair.links[B].stats();
    assert_eq!(stats.receivers[0].requested_again, 0);
}

#[test]
fn the_sender_learns_of_loss_that_stays() {
    let (mut pair, lost) = lossy(5);
    stream(&mut pair, MICROPHONE, 299);
    pair.run(Duration::from_millis(1_500));
    let sender = &pair.links[A].stats().senders[0];
    assert_eq!(u64::from(sender.packets_lost), lost.get());
    let receiver = &pair.links[B].stats().receivers[0];
    assert_eq!((receiver.packets, receiver.packets_lost), (299 - lost.get(), lost.get()));
}
