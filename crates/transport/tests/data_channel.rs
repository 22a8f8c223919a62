//! Data channels.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::{LinkError, LinkEvent, LinkState, MAX_BUFFERED};
use units::{ChannelOptions, LinkChannelId};

fn opened(pair: &Pair, side: usize) -> Vec<(LinkChannelId, String, bool)> {
    pair.events[side]
        .iter()
        .filter_map(|event| match event {
            LinkEvent::ChannelOpened { channel, label, incoming } => {
                Some((*channel, label.clone(), *incoming))
            }
            _ => None,
        })
        .collect()
}

fn messages(pair: &Pair, side: usize) -> Vec<(bool, Vec<u8>)> {
    pair.events[side]
        .iter()
        .filter_map(|event| match event {
            LinkEvent::ChannelMessage { binary, data, .. } => Some((*binary, data.to_vec())),
            _ => None,
        })
        .collect()
}

/// A pair with one open channel; returns its id on both sides.
fn with_channel(delay: Duration, options: ChannelOptions) -> (Pair, [LinkChannelId; 2]) {
    let mut pair = Pair::new(delay);
    let ours = pair.links[A].open_channel("chat", options).unwrap();
    pair.negotiate(A);
    pair.run_until(Duration::from_secs(5), |pair| [A, B].iter().all(|&side| !opened(pair, side).is_empty()));
    let theirs = opened(&pair, B)[0].0;
    (pair, [ours, theirs])
}

#[test]
fn a_peer_that_closes_its_link_closes_no_channel() {
    let (mut pair, _) = with_channel(Duration::from_millis(10), ChannelOptions::default());
    let now = pair.now;
    pair.links[A].close(now);
    let is_closed = |event: &LinkEvent| matches!(event, LinkEvent::StateChanged(LinkState::Closed));
    pair.run_until(Duration::from_secs(1), |pair| pair.events[B].iter().any(is_closed));
    let closes = pair.events[B].iter().filter(|event| matches!(event, LinkEvent::ChannelClosed { .. }));
    assert_eq!(closes.count(), 0, "{:?}", pair.events[B]);
}

#[test]
fn channels_open_after_the_answers_to_the_first_calls_of_sctp_were_lost() {
    // More than one, because the stack's choice of a wrong association is a matter of chance.
    for lost in [1, 1, 1, 1, 2, 2, 2, 2] {
        let mut pair = Pair::new(Duration::from_millis(10));
        pair.add(A, MICROPHONE);
        let mut left = lost;
        // Encrypted application data. The side that answers is the one that SCTP calls.
        pair.lose = Box::new(move |side, datagram| {
            let loses = side == B && datagram.data[0] == 23 && left > 0;
            left -= usize::from(loses);
            loses
        });
        pair.negotiate(A);
        pair.run_until_connected();
        pair.run(Duration::from_secs(10));
        pair.links[B].open_channel("chat", ChannelOptions::default()).unwrap();
        pair.negotiate(B);
        pair.run_until(Duration::from_secs(1), |pair| {
            [A, B].iter().all(|&side| !opened(pair, side).is_empty())
        });
    }
}

#[test]
fn a_data_section_has_the_number_that_a_browser_would_give_it() {
    for tracks in [0, 2] {
        let mut pair = Pair::new(Duration::ZERO);
        for id in [MICROPHONE, CAMERA].into_iter().take(tracks) {
            pair.links[A].add_track(track(A, id)).unwrap();
        }
        pair.links[A].open_channel("chat", ChannelOptions::default()).unwrap();
        let offer = pair.links[A].create_offer(pair.now, false).unwrap();
        let mids: Vec<String> = sections(&offer).into_iter().map(|(_, mid, _)| mid).collect();
        assert_eq!(mids, (0..=tracks).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn a_channel_alone_makes_a_link_and_carries_text_and_bytes_both_ways() {
    let (mut pair, [ours, theirs]) = with_channel(Duration::from_millis(10), ChannelOptions::default());
    assert_eq!(opened(&pair, A), [(ours, "chat".to_owned(), false)]);
    assert_eq!(opened(&pair, B), [(theirs, "chat".to_owned(), true)]);
    let now = pair.now;
    for (side, channel) in [(A, ours), (B, theirs)] {
        pair.links[side].send_channel(now, channel, false, "grüß dich".as_bytes()).unwrap();
        pair.links[side].send_channel(now, channel, true, &[0, 255, 1]).unwrap();
        pair.links[side].send_channel(now, channel, false, b"").unwrap();
        pair.links[side].send_channel(now, channel, true, b"").unwrap();
    }
    pair.run(Duration::from_millis(200));
    for side in [A, B] {
        let expected: [(bool, &[u8]); 4] =
            [(false, "grüß dich".as_bytes()), (true, &[0, 255, 1]), (false, b""), (true, b"")];
        let expected = expected.map(|(binary, data)| (binary, data.to_vec()));
        assert_eq!(messages(&pair, side), expected);
    }
}

#[test]
fn how_long_it_takes_from_the_offer_to_an_open_channel() {
    for delay in [Duration::ZERO, Duration::from_millis(10)] {
        let mut pair = Pair::new(delay);
        pair.links[A].open_channel("chat", ChannelOptions::default()).unwrap();
        let (start, real) = (pair.now, std::time::Instant::now());
        pair.negotiate(A);
        pair.run_until(Duration::from_secs(5), |pair| {
            [A, B].iter().all(|&side| !opened(pair, side).is_empty())
        });
        let taken = pair.now - start;
        println!("a wire of {delay:?}: {taken:?} of virtual time, {:?} of work", real.elapsed());
        assert!(taken < Duration::from_millis(50) + delay * 20, "{taken:?}");
    }
}

#[test]
fn the_first_channel_in_a_call_needs_one_negotiation_and_the_second_none() {
    for side in [A, B] {
        let mut pair = Pair::connected(Duration::from_millis(10));
        assert!(
            !sections(&pair.links[side].create_offer(pair.now, false).unwrap())
                .iter()
                .any(|(kind, ..)| kind == "application")
        );
        let offer = pair.links[side].create_offer(pair.now, false).unwrap();
        pair.answer(1 - side, &offer);
        pair.links[side].open_channel("one", ChannelOptions::default()).unwrap();
        pair.settle();
        assert!(pair.links[side].needs_negotiation());
        pair.negotiate(side);
        pair.run(Duration::from_millis(500));
        assert_eq!(opened(&pair, 1 - side).len(), 1);
        pair.links[1 - side].open_channel("two", ChannelOptions::default()).unwrap();
        assert!(!pair.links[1 - side].needs_negotiation());
        pair.run(Duration::from_millis(500));
        let mut labels: Vec<String> = opened(&pair, side).into_iter().map(|(_, label, _)| label).collect();
        labels.sort();
        assert_eq!(labels, ["one", "two"]);
        pair.expect_media(A, CAMERA);
        pair.expect_media(B, CAMERA);
    }
}

#[test]
fn a_closed_channel_closes_on_both_sides() {
    let (mut pair, [ours, theirs]) = with_channel(Duration::from_millis(10), ChannelOptions::default());
    pair.links[A].close_channel(ours);
    pair.run(Duration::from_millis(200));
    assert_eq!(pair.count(A, |e| *e == LinkEvent::ChannelClosed { channel: ours }), 1);
    assert_eq!(pair.count(B, |e| *e == LinkEvent::ChannelClosed { channel: theirs }), 1);
    let now = pair.now;
    assert_eq!(pair.links[A].send_channel(now, ours, true, b"x"), Err(LinkError::UnknownChannel(ours)));
    pair.links[A].close_channel(ours);
    pair.settle();
    assert_eq!(pair.count(A, |e| matches!(e, LinkEvent::ChannelClosed { .. })), 1);
}

#[test]
fn a_channel_opens_after_what_closed_another_was_lost() {
    for (closer, loser, lost) in [(A, A, 1), (A, B, 1), (A, B, 2), (B, B, 1), (B, A, 1), (B, A, 2), (B, A, 3)]
    {
        let (mut pair, ids) = with_channel(Duration::from_millis(10), ChannelOptions::default());
        let now = pair.now;
        pair.links[A].send_channel(now, ids[A], true, b"first").unwrap();
        pair.run(Duration::from_secs(1));
        let mut left = lost;
        pair.lose = Box::new(move |side, datagram| {
            let loses = side == loser && datagram.data[0] == 23 && left > 0;
            left -= usize::from(loses);
            loses
        });
        pair.links[closer].close_channel(ids[closer]);
        pair.run(Duration::from_secs(10));
        let what = format!("{closer} closed, {loser} lost {lost}");
        for side in [A, B] {
            let closed = LinkEvent::ChannelClosed { channel: ids[side] };
            assert_eq!(pair.count(side, |event| *event == closed), 1, "{what}");
        }
        let ours = pair.links[A].open_channel("again", ChannelOptions::default()).unwrap();
        pair.run(Duration::from_secs(5));
        assert_eq!(opened(&pair, A).last(), Some(&(ours, "again".to_owned(), false)), "{what}");
        assert_eq!(opened(&pair, B).last().map(|(_, label, _)| label.as_str()), Some("again"), "{what}");
        let now = pair.now;
        pair.links[A].send_channel(now, ours, true, b"second").unwrap();
        pair.run(Duration::from_secs(1));
        assert_eq!(messages(&pair, B).last(), Some(&(true, b"second".to_vec())), "{what}");
    }
}

#[test]
fn channels_open_and_close_without_end() {
    let (mut pair, _) = with_channel(Duration::ZERO, ChannelOptions::default());
    for turn in 0..600 {
        let channel = pair.links[A].open_channel("file", ChannelOptions::default()).unwrap();
        pair.run_until(Duration::from_secs(1), |pair| {
            opened(pair, A).last().is_some_and(|last| last.0 == channel)
        });
        let closer = turn % 2;
        let theirs = opened(&pair, B).last().unwrap().0;
        pair.links[closer].close_channel([channel, theirs][closer]);
        let ends = [channel, theirs].map(|channel| LinkEvent::ChannelClosed { channel });
        pair.run_until(Duration::from_secs(1), |pair| {
            [A, B].iter().all(|&side| pair.events[side].contains(&ends[side]))
        });
    }
}

#[test]
fn a_channel_that_is_closed_while_it_opens_ends_on_both_sides() {
    let (mut pair, _) = with_channel(Duration::from_millis(10), ChannelOptions::default());
    let channel = pair.links[A].open_channel("brief", ChannelOptions::default()).unwrap();
    pair.links[A].close_channel(channel);
    pair.run(Duration::from_millis(200));
    assert_eq!(pair.count(A, |event| *event == LinkEvent::ChannelClosed { channel }), 1);
    assert!(opened(&pair, A).iter().all(|(_, label, _)| label == "chat"), "it was closed before");
    let (theirs, label, _) = opened(&pair, B).pop().unwrap();
    assert_eq!(label, "brief");
    assert_eq!(pair.count(B, |event| *event == LinkEvent::ChannelClosed { channel: theirs }), 1);
}

#[test]
fn a_channel_that_never_opened_can_be_closed() {
    let mut pair = Pair::new(Duration::ZERO);
    let channel = pair.links[A].open_channel("chat", ChannelOptions::default()).unwrap();
    pair.links[A].close_channel(channel);
    pair.settle();
    assert_eq!(pair.count(A, |e| *e == LinkEvent::ChannelClosed { channel }), 1);
}

#[test]
fn a_full_buffer_refuses_and_says_when_to_go_on() {
    let (mut pair, [ours, _]) = with_channel(Duration::from_millis(10), ChannelOptions::default());
    let (message, now) = (vec![7; 60_000], pair.now);
    let mut sent = 0;
    let refused = loop {
        match pair.links[A].send_channel(now, ours, true, &message) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    let buffered = pair.links[A].buffered_amount(ours);
    assert_eq!(refused, LinkError::Backpressure { buffered });
    assert!(buffered <= MAX_BUFFERED && buffered > MAX_BUFFERED - 2 * message.len(), "{buffered}");
    pair.run_until(Duration::from_secs(20), |pair| {
        pair.count(A, |e| *e == LinkEvent::ChannelWritable { channel: ours }) == 1
    });
    assert!(pair.links[A].buffered_amount(ours) < MAX_BUFFERED / 2);
    let now = pair.now;
    pair.links[A].send_channel(now, ours, true, &message).unwrap();
    pair.run_until(Duration::from_secs(20), |pair| messages(pair, B).len() == sent + 1);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.links[A].buffered_amount(ours), 0);
}

#[test]
fn messages_sent_together_share_packets_and_packets_received_together_one_acknowledgement() {
    let (mut pair, [ours, _]) = with_channel(Duration::from_millis(10), ChannelOptions::default());
    pair.run(Duration::from_secs(1));
    let now = pair.now;
    for number in 0..20 {
        pair.links[A].send_channel(now, ours, true, &[number; 50]).unwrap();
    }
    let packets: Vec<_> = std::iter::from_fn(|| pair.links[A].poll_transmit()).collect();
    // 20 chunks of 16 and 50 bytes, padded, in packets of some 1,200.
    assert_eq!(packets.len(), 2);

    pair.links[A].send_channel(now, ours, true, &[20; 10_000]).unwrap();
    let more = std::iter::from_fn(|| pair.links[A].poll_transmit());
    let packets: Vec<_> = packets.into_iter().chain(more).collect();
    assert!(packets.len() >= 4, "{}", packets.len());
    for packet in &packets {
        pair.links[B].handle_datagram(now, addr(B), packet.local, &packet.data);
    }
    let answers: Vec<_> = std::iter::from_fn(|| pair.links[B].poll_transmit()).collect();
    assert_eq!(answers.len(), 1);
    pair.links[A].handle_datagram(now, addr(A), answers[0].local, &answers[0].data);
    pair.run_until(Duration::from_secs(5), |pair| messages(pair, B).len() == 21);
    let numbers: Vec<u8> = messages(&pair, B).iter().map(|(_, data)| data[0]).collect();
    assert_eq!(numbers, (0..=20).collect::<Vec<u8>>());
}

#[test]
fn messages_survive_loss_in_order() {
    let (mut pair, [ours, _]) = with_channel(Duration::from_millis(10), ChannelOptions::default());
    let mut datagrams = 0;
    pair.lose = Box::new(move |_, _| {
        datagrams += 1;
        datagrams % 7 == 0
    });
    for number in 0..100u8 {
        let now = pair.now;
        pair.links[A].send_channel(now, ours, true, &[number; 500]).unwrap();
    }
    pair.run_until(Duration::from_secs(30), |pair| messages(pair, B).len() == 100);
    let numbers: Vec<u8> = messages(&pair, B).iter().map(|(_, data)| data[0]).collect();
    assert_eq!(numbers, (0..100).collect::<Vec<u8>>());
}

#[test]
fn an_unreliable_channel_gives_lost_messages_up() {
    let options = ChannelOptions { ordered: false, max_retransmits: Some(0), max_lifetime_ms: None };
    let (mut pair, [ours, _]) = with_channel(Duration::from_millis(10), options);
    pair.lose = Box::new(|side, datagram| side == A && datagram.data.len() > 400);
    let now = pair.now;
    pair.links[A].send_channel(now, ours, true, &[1; 500]).unwrap();
    pair.run(Duration::from_secs(5));
    pair.lose = Box::new(|_, _| false);
    let now = pair.now;
    pair.links[A].send_channel(now, ours, true, &[2; 500]).unwrap();
    pair.run(Duration::from_secs(10));
    let got: Vec<u8> = messages(&pair, B).iter().map(|(_, data)| data[0]).collect();
    assert_eq!(got, [2]);
}

#[test]
fn a_peer_that_takes_more_is_sent_no_more_than_the_stack_can() {
    let mut pair = Pair::new(Duration::ZERO);
    let ours = pair.links[A].open_channel("chat", ChannelOptions::default()).unwrap();
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    let answer = pair.links[B].accept_offer(pair.now, &offer).unwrap();
    let generous = answer.replace("a=max-message-size:131072", "a=max-message-size:1073741823");
    assert_ne!(answer, generous);
    pair.links[A].accept_answer(pair.now, &generous).unwrap();
    pair.run_until(Duration::from_secs(5), |pair| !opened(pair, A).is_empty());
    assert_eq!(pair.links[A].max_message_size(), 131_072);
    let now = pair.now;
    let too_large = pair.links[A].send_channel(now, ours, true, &vec![0; 131_073]);
    assert_eq!(too_large, Err(LinkError::MessageTooLarge));
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let (mut pair, [ours, _]) = with_channel(Duration::ZERO, ChannelOptions::default());
    let now = pair.now;
    let link = &mut pair.links[A];
    assert_eq!(link.send_channel(now, ours, true, &vec![0; 131_073]), Err(LinkError::MessageTooLarge));
    assert!(matches!(link.send_channel(now, ours, false, &[0xff]), Err(LinkError::ChannelOptions(_))));
    let unknown = LinkChannelId::new(99);
    assert_eq!(link.send_channel(now, unknown, true, b"x"), Err(LinkError::UnknownChannel(unknown)));
    let both = ChannelOptions { ordered: true, max_retransmits: Some(1), max_lifetime_ms: Some(1) };
    assert!(matches!(link.open_channel("x", both), Err(LinkError::ChannelOptions(_))));
    assert!(matches!(
        link.open_channel(&"x".repeat(70_000), ChannelOptions::default()),
        Err(LinkError::ChannelOptions(_))
    ));
    link.send_channel(now, ours, true, &vec![1; 131_072]).unwrap();
    let early = Pair::new(Duration::ZERO).links[B].open_channel("x", ChannelOptions::default());
    assert!(early.is_ok());
    pair.run(Duration::from_secs(2));
    assert_eq!(messages(&pair, B).len(), 1);
    assert_eq!(messages(&pair, B)[0].1.len(), 131_072);
}
