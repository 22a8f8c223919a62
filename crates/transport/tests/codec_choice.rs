//! Which codec is sent, and what the descriptions say of it.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::{LinkConfig, LocalTrack};
use units::Codec;

fn pair(a: &[Codec], b: &[Codec]) -> Pair {
    let configs =
        [(1, a), (2, b)].map(|(seed, codecs)| LinkConfig { video_codecs: codecs.to_vec(), ..config(seed) });
    let mut pair = Pair::with_configs(Duration::ZERO, configs);
    for side in [A, B] {
        pair.add(side, MICROPHONE);
        pair.add(side, CAMERA);
    }
    pair
}

#[test]
fn the_offerers_first_codec_wins_and_is_repaired() {
    for (a, b, expected) in [
        (vec![Codec::Vp8, Codec::H264], vec![Codec::H264, Codec::Vp8], Codec::Vp8),
        (vec![Codec::H264, Codec::Vp8], vec![Codec::Vp8, Codec::H264], Codec::H264),
        (vec![Codec::Vp8, Codec::H264], vec![Codec::H264], Codec::H264),
        (vec![Codec::H264], vec![Codec::Vp8, Codec::H264], Codec::H264),
    ] {
        let mut pair = pair(&a, &b);
        pair.negotiate(A);
        pair.run_until_connected();
        for side in [A, B] {
            assert_eq!(pair.codec(side, CAMERA), Some(expected));
            assert_eq!(pair.expect_media(side, CAMERA).codec, expected);
            // A packet is lost between two others and comes back by the format for that.
            pair.lose = Box::new(|_, _| true);
            pair.send(side, CAMERA, b"lost");
            pair.lose = Box::new(|_, _| false);
            pair.send(side, CAMERA, b"next");
            let came = |pair: &Pair| {
                pair.count(1 - side, |event| {
                    matches!(event, parlor_transport::LinkEvent::Rtp { packet, .. }
                        if packet.payload == "lost" && packet.codec == expected)
                })
            };
            pair.run_until(Duration::from_secs(1), |pair| came(pair) == 1);
        }
        // A track that comes later has the same choice.
        pair.add(B, SCREEN);
        pair.negotiate(B);
        assert_eq!(pair.expect_media(B, SCREEN).codec, expected);
    }
}

#[test]
fn without_a_common_video_codec_sound_works() {
    for offerer in [A, B] {
        let mut pair = pair(&[Codec::Vp8], &[Codec::H264]);
        pair.negotiate(offerer);
        pair.run_until_connected();
        for side in [A, B] {
            assert_eq!(pair.codec(side, CAMERA), None);
            pair.expect_media(side, MICROPHONE);
        }
        // The answerer's camera found no section; offering it leads to the same, once.
        if pair.links[1 - offerer].needs_negotiation() {
            pair.negotiate(1 - offerer);
        }
        assert!(!pair.links[1 - offerer].needs_negotiation());
        for side in [A, B] {
            pair.expect_media(side, MICROPHONE);
        }
    }
}

#[test]
fn a_link_without_video_codecs_turns_pictures_down() {
    for offerer in [A, B] {
        let configs = [config(1), LinkConfig { video_codecs: Vec::new(), ..config(2) }];
        let mut pair = Pair::with_configs(Duration::ZERO, configs);
        pair.add(A, MICROPHONE);
        pair.add(A, CAMERA);
        pair.add(B, MICROPHONE);
        assert!(pair.links[B].add_track(track(B, CAMERA)).is_err());
        pair.negotiate(offerer);
        if pair.links[A].needs_negotiation() {
            pair.negotiate(A);
        }
        pair.run_until_connected();
        assert_eq!(pair.codec(A, CAMERA), None);
        pair.expect_media(A, MICROPHONE);
        pair.expect_media(B, MICROPHONE);
    }
}

#[test]
fn the_offer_says_what_it_must() {
    let mut pair = pair(&[Codec::Vp8, Codec::H264], &[Codec::Vp8]);
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    for line in [
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtpmap:102 H264/90000",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=rtpmap:103 rtx/90000",
        "a=fmtp:103 apt=102",
        "a=rtcp-fb:111 transport-cc",
        "a=rtcp-fb:96 transport-cc",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 ccm fir",
        "a=ice-options:trickle",
        "a=setup:actpass",
        "a=msid:camera-0 mic-0",
        "a=msid:camera-0 cam-0",
        "a=extmap:12 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid",
    ] {
        assert!(offer.lines().any(|found| found == line), "{line} is missing in\n{offer}");
    }
    assert!(!offer.contains("application"), "no data section without a channel");
    let video = offer.find("m=video").unwrap();
    assert!(offer[video..].find("VP8").unwrap() < offer[video..].find("H264").unwrap());
}

/// Returns the header extension lines of a description, sorted.
fn extensions(sdp: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        sdp.lines().filter(|line| line.starts_with("a=extmap:")).map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn header_extensions_keep_their_ids_for_ever() {
    let mut pair = pair(&[Codec::Vp8], &[Codec::Vp8]);
    let first = pair.links[A].create_offer(pair.now, false).unwrap();
    let answer = pair.links[B].accept_offer(pair.now, &first).unwrap();
    pair.links[A].accept_answer(pair.now, &answer).unwrap();
    assert_eq!(extensions(&first), extensions(&answer));
    for side in [A, B] {
        pair.add(side, SCREEN);
        let again = pair.links[side].create_offer(pair.now, false).unwrap();
        assert_eq!(extensions(&first), extensions(&again));
        pair.answer(1 - side, &again);
    }
}

#[test]
fn the_answer_keeps_the_offerers_extension_ids_and_payload_types() {
    let mut pair = pair(&[Codec::Vp8], &[Codec::Vp8]);
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    let renumbered = offer
        .replace("a=extmap:9 ", "a=extmap:3 ")
        .replace("a=extmap:12 ", "a=extmap:9 ")
        .replace(":96 ", ":120 ")
        .replace(":97 ", ":121 ")
        .replace("apt=96", "apt=120")
        .replace("SAVPF 96 97", "SAVPF 120 121");
    let answer = pair.links[B].accept_offer(pair.now, &renumbered).unwrap();
    assert_eq!(extensions(&renumbered), extensions(&answer));
    assert!(answer.contains("a=rtpmap:120 VP8/90000") && answer.contains("a=fmtp:121 apt=120"), "{answer}");
    let behind = pair.links[B].create_offer(pair.now, false).unwrap();
    assert_eq!(extensions(&renumbered), extensions(&behind));
}

#[test]
fn a_track_that_exists_in_one_codec_only_is_sent_in_that_one() {
    let codecs = [Codec::Vp8, Codec::H264];
    let configs = [1, 2].map(|seed| LinkConfig { video_codecs: codecs.to_vec(), ..config(seed) });
    let mut pair = Pair::with_configs(Duration::ZERO, configs);
    let camera = LocalTrack { codec: Some(Codec::H264), ..track(A, CAMERA) };
    pair.links[A].add_track(camera).unwrap();
    pair.add(B, CAMERA);
    pair.negotiate(A);
    pair.run_until_connected();
    assert_eq!(pair.codec(A, CAMERA), Some(Codec::H264));
    assert_eq!(pair.expect_media(A, CAMERA).codec, Codec::H264);
    assert_eq!(pair.codec(B, CAMERA), Some(Codec::Vp8), "the other track still has the choice");
}
