//! Offers as other implementations write them.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::time::Duration;

use common::*;
use parlor_transport::{LinkEvent, MAX_REMOTE_CANDIDATES};
use units::Codec;

const FINGERPRINT: &str =
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99";

/// What a browser offers for a microphone and a camera: dozens of formats and extensions, one transport.
fn browser() -> String {
    let transport = format!(
        "c=IN IP4 0.0.0.0\na=rtcp:9 IN IP4 0.0.0.0\na=ice-ufrag:4ZcD\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlmm\n\
         a=ice-options:trickle\na=fingerprint:sha-256 {FINGERPRINT}\na=setup:actpass"
    );
    let audio_formats = [
        (111, "opus/48000/2", "minptime=10;useinbandfec=1"),
        (63, "red/48000/2", "111/111"),
        (9, "G722/8000", ""),
        (0, "PCMU/8000", ""),
        (8, "PCMA/8000", ""),
        (13, "CN/8000", ""),
        (110, "telephone-event/48000", ""),
    ];
    let video_formats = [
        (98, "VP9/90000", "profile-id=0"),
        (99, "rtx/90000", "apt=98"),
        (103, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
        (104, "rtx/90000", "apt=103"),
        (107, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f"),
        (109, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
        (114, "rtx/90000", "apt=109"),
        (39, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"),
        (45, "AV1/90000", "level-idx=5;profile=0;tier=0"),
        (96, "VP8/90000", ""),
        (97, "rtx/90000", "apt=96"),
        (116, "red/90000", ""),
        (118, "ulpfec/90000", ""),
    ];
    let lines = |formats: &[(u8, &str, &str)], feedback: &[&str]| {
        let mut lines = String::new();
        for (number, map, format) in formats {
            lines += &format!("a=rtpmap:{number} {map}\n");
            for mechanism in feedback.iter().filter(|_| !map.starts_with("rtx")) {
                lines += &format!("a=rtcp-fb:{number} {mechanism}\n");
            }
            if !format.is_empty() {
                lines += &format!("a=fmtp:{number} {format}\n");
            }
        }
        lines
    };
    let numbers = |formats: &[(u8, &str, &str)]| {
        formats.iter().map(|(number, ..)| number.to_string()).collect::<Vec<_>>().join(" ")
    };
    let sdp = format!(
        "v=0\no=- 6189451623456789 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\na=extmap-allow-mixed\n\
         a=msid-semantic: WMS theirs\n\
         m=audio 9 UDP/TLS/RTP/SAVPF {}\n{transport}\na=mid:0\n\
         a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\n\
         a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\n\
         a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\n\
         a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n\
         a=sendrecv\na=msid:theirs their-mic\na=rtcp-mux\na=rtcp-rsize\n{}\
         a=ssrc:3000 cname:x\na=ssrc:3000 msid:theirs their-mic\n\
         m=video 9 UDP/TLS/RTP/SAVPF {}\n{transport}\na=mid:1\n\
         a=extmap:14 urn:ietf:params:rtp-hdrext:toffset\n\
         a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\n\
         a=extmap:13 urn:3gpp:video-orientation\n\
         a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\n\
         a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\n\
         a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n\
         a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n\
         a=sendrecv\na=msid:theirs their-cam\na=rtcp-mux\na=rtcp-rsize\n{}\
         a=ssrc-group:FID 1000 2000\na=ssrc:1000 cname:x\na=ssrc:1000 msid:theirs their-cam\n\
         a=ssrc:2000 cname:x\na=ssrc:2000 msid:theirs their-cam\n",
        numbers(&audio_formats),
        lines(&audio_formats, &["transport-cc"]),
        numbers(&video_formats),
        lines(&video_formats, &["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]),
    );
    sdp.lines().map(|line| format!("{}\r\n", line.trim_start())).collect()
}

#[test]
fn a_browsers_offer_is_answered_with_what_we_speak() {
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(B, MICROPHONE);
    pair.add(B, CAMERA);
    let answer = pair.links[B].accept_offer(pair.now, &browser()).unwrap();
    pair.settle();
    assert_eq!(
        sections(&answer).into_iter().map(|(_, mid, way)| (mid, way)).collect::<Vec<_>>(),
        [("0".to_owned(), "sendrecv".to_owned()), ("1".to_owned(), "sendrecv".to_owned())]
    );
    let maps: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("a=rtpmap:")).collect();
    assert_eq!(
        maps,
        ["111 opus/48000/2", "109 H264/90000", "96 VP8/90000", "114 rtx/90000", "97 rtx/90000"],
        "in the offer's order, and only the H.264 that matches"
    );
    let mut extensions: Vec<&str> =
        answer.lines().filter_map(|line| line.strip_prefix("a=extmap:")?.split(' ').next()).collect();
    extensions.sort_unstable();
    assert_eq!(extensions, ["3", "3", "4", "4"]);
    assert!(answer.contains("a=setup:passive") && !answer.contains("actpass"), "{answer}");
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"));
    assert!(!answer.contains("application"));
    assert_eq!(pair.codec(B, CAMERA), Some(Codec::H264));
    assert_eq!(pair.remote_tracks(B), ["their-cam", "their-mic"]);
    assert!(!pair.links[B].needs_negotiation());
}

#[test]
fn a_stopped_section_and_one_for_data_are_answered_in_place() {
    let stopped =
        browser().replace("m=audio 9", "m=audio 0").replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 1 2")
            + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n\
           a=sctp-port:5000\r\na=max-message-size:1000\r\n";
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(B, MICROPHONE);
    let answer = pair.links[B].accept_offer(pair.now, &stopped).unwrap();
    pair.settle();
    let lines: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert!(lines[0].starts_with("m=audio 0 ") && lines[1].starts_with("m=video 9 "), "{lines:?}");
    assert_eq!(lines[2], "m=application 9 UDP/DTLS/SCTP webrtc-datachannel");
    assert!(answer.contains("a=group:BUNDLE 1 2\r\n"), "{answer}");
    assert_eq!(pair.codec(B, MICROPHONE), None);
    assert!(pair.links[B].needs_negotiation(), "the microphone wants a section that is not stopped");
    assert_eq!(pair.remote_tracks(B), ["their-cam"]);
}

#[test]
fn a_peer_with_one_transport_per_section_is_answered_on_the_first() {
    // Until it is answered such a peer describes every section with credentials of its own.
    let offer = browser();
    let video = offer.find("m=video").unwrap();
    let (audio, video) = offer.split_at(video);
    let video = video
        .replace("4ZcD", "other")
        .replace("2/1muCWoOi3uLifh0NuRHlmm", "anotherPasswordOfEnoughLength")
        .replace("a=setup:actpass", "a=setup:actpass\r\na=candidate:9 1 udp 1 10.0.0.99 9 typ host");
    let audio = audio.replace(
        "a=fingerprint:",
        "a=candidate:1 1 udp 2130706431 10.0.0.1 5000 typ host\r\na=end-of-candidates\r\n\
         a=fingerprint:sha-512 00:11\r\na=fingerprint:",
    );
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(B, CAMERA);
    let answer = pair.links[B].accept_offer(pair.now, &(audio + &video)).unwrap();
    assert!(answer.contains("a=group:BUNDLE 0 1"));
    let mut asked = Vec::new();
    let now = pair.now + Duration::from_millis(1);
    pair.links[B].handle_timeout(now);
    while let Some(datagram) = pair.links[B].poll_transmit() {
        asked.push((datagram.remote, String::from_utf8_lossy(&datagram.data).contains("4ZcD:")));
    }
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|check| *check == (addr(A), true)), "{asked:?}");
}

#[test]
fn sections_outside_the_bundle_are_turned_down() {
    let mut pair = Pair::new(Duration::ZERO);
    let answer = pair.links[B]
        .accept_offer(pair.now, &browser().replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 1"))
        .unwrap();
    let lines: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert!(lines[0].starts_with("m=audio 0 ") && lines[1].starts_with("m=video 9 "), "{lines:?}");
}

#[test]
fn more_candidates_than_allowed_in_a_description_are_cut() {
    let many: String = (0..400)
        .map(|n| format!("a=candidate:{n} 1 udp 1 10.{}.{}.1 9 typ host\r\n", n / 200, n % 200))
        .collect();
    let offer = browser().replacen("a=mid:0\r\n", &format!("a=mid:0\r\n{many}"), 1);
    let mut pair = Pair::new(Duration::ZERO);
    pair.links[B].accept_offer(pair.now, &offer).unwrap();
    pair.links[B].handle_timeout(pair.now + Duration::from_millis(1));
    let mut checked = 0;
    while pair.links[B].poll_transmit().is_some() {
        checked += 1;
    }
    assert!(checked <= MAX_REMOTE_CANDIDATES, "{checked}");
}

#[test]
fn our_part_in_the_handshake_stays_what_it_was() {
    for first in [A, B] {
        let mut pair = Pair::new(Duration::ZERO);
        for side in [A, B] {
            pair.add(side, CAMERA);
        }
        pair.negotiate(first);
        pair.run_until_connected();
        for offerer in [first, 1 - first, first] {
            let offer = pair.links[offerer].create_offer(pair.now, false).unwrap();
            let answer = pair.links[1 - offerer].accept_offer(pair.now, &offer).unwrap();
            let expected = if offerer == first { "a=setup:passive" } else { "a=setup:active" };
            assert!(offer.contains("a=setup:actpass") && answer.contains(expected), "{answer}");
            pair.links[offerer].accept_answer(pair.now, &answer).unwrap();
        }
        pair.expect_media(A, CAMERA);
    }
}

#[test]
fn an_offer_that_wants_us_to_start_the_handshake_gets_its_way() {
    let mut pair = Pair::new(Duration::ZERO);
    pair.add(A, CAMERA);
    let offer = pair.links[A].create_offer(pair.now, false).unwrap();
    for (says, answered) in [("passive", "active"), ("active", "passive")] {
        let mut other = Pair::new(Duration::ZERO);
        let offer = offer.replace("a=setup:actpass", &format!("a=setup:{says}"));
        let answer = other.links[B].accept_offer(other.now, &offer).unwrap();
        assert!(answer.contains(&format!("a=setup:{answered}")), "{answer}");
    }
}

#[test]
fn a_track_without_names_is_still_a_track() {
    let nameless: String = browser()
        .lines()
        .filter(|line| !line.starts_with("a=msid:") && !line.contains(" msid:"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let mut pair = Pair::new(Duration::ZERO);
    pair.links[B].accept_offer(pair.now, &nameless).unwrap();
    pair.settle();
    let unnamed = |event: &LinkEvent| {
        matches!(event, LinkEvent::TrackAdded { msid_stream, msid_track, .. }
            if msid_stream.is_empty() && msid_track.is_empty())
    };
    assert_eq!(pair.count(B, unnamed), 2);
}
