//! Pictures over simulated networks: which frames come out, when, and what is asked for.

#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::time::Duration;

use bytes::Bytes;
use parlor_media::frame::EncodedFrame;
use parlor_media::packetize::Packetizer;
use parlor_media::rtp::RtpPacket;
use parlor_media::video_receiver::{VideoOutput, VideoReceiver, VideoReceiverConfig, VideoReceiverStats};
use proptest::prelude::*;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use units::{Codec, Time};

const MS: fn(u64) -> Time = Time::from_millis;
const PAYLOAD: usize = 200;

/// Makes frames that carry their number, and numbers their packets.
struct Sender {
    codec: Codec,
    packetizer: Packetizer,
    sequence: u16,
    frames: u32,
}

impl Sender {
    fn new(codec: Codec) -> Self {
        // Sequence numbers, time stamps and picture ids wrap soon.
        Self { codec, packetizer: Packetizer::new(codec, 0xffff_f000_0000_7ff0), sequence: 65_500, frames: 0 }
    }

    fn data(&self, keyframe: bool, size: usize) -> Bytes {
        let number = self.frames.to_be_bytes();
        let body = |header: &[u8]| {
            let filler = std::iter::repeat_n(0x77, size);
            // The number as 0x10..=0x1f a half byte, so that it cannot look like a start code.
            let digits = number.iter().flat_map(|byte| [0x10 | byte >> 4, 0x10 | byte & 0xf]);
            header.iter().copied().chain(digits).chain(filler).collect::<Vec<u8>>()
        };
        match (self.codec, keyframe) {
            (Codec::Vp8, _) => body(&[u8::from(!keyframe)]).into(),
            (_, true) => {
                [&[0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2][..], &body(&[0, 0, 0, 1, 0x65])].concat().into()
            }
            (_, false) => body(&[0, 0, 0, 1, 0x41]).into(),
        }
    }

    /// Returns the packets of the next frame, of about `size` bytes.
    fn frame(&mut self, captured: Time, keyframe: bool, size: usize) -> Vec<RtpPacket> {
        let data = self.data(keyframe, size);
        self.frames += 1;
        let frame =
            EncodedFrame { codec: self.codec, timestamp: captured, duration: Duration::ZERO, keyframe, data };
        let payloads = self.packetizer.packetize(&frame, PAYLOAD);
        let to_packet = |payload: parlor_media::rtp::RtpPayload| {
            let sequence = self.sequence;
            self.sequence = self.sequence.wrapping_add(1);
            RtpPacket {
                codec: self.codec,
                sequence,
                timestamp: payload.timestamp,
                marker: payload.marker,
                payload: payload.payload,
                received: captured,
            }
        };
        payloads.into_iter().map(to_packet).collect()
    }

    fn padding(&mut self, timestamp: u32, received: Time) -> RtpPacket {
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        RtpPacket { codec: self.codec, sequence, timestamp, marker: false, payload: Bytes::new(), received }
    }
}

fn number_of(frame: &EncodedFrame) -> u32 {
    let header = match (frame.codec, frame.keyframe) {
        (Codec::Vp8, _) => 1,
        (_, true) => 17,
        (_, false) => 5,
    };
    frame.data[header..header + 8].iter().fold(0, |number, digit| number << 4 | u32::from(digit & 0xf))
}

/// What came out of a receiver, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Out {
    Frame(u32),
    Request,
}

struct Viewer {
    receiver: VideoReceiver,
    out: Vec<(Time, Out)>,
    frames: Vec<EncodedFrame>,
}

impl Viewer {
    fn new() -> Self {
        let receiver = VideoReceiver::new(VideoReceiverConfig::default());
        Self { receiver, out: Vec::new(), frames: Vec::new() }
    }

    /// Takes a packet after all that was due before it.
    fn take(&mut self, packet: &RtpPacket) {
        self.wait_until(packet.received);
        self.receiver.handle(packet.received, packet.clone());
        self.drain(packet.received);
    }

    fn take_all(&mut self, packets: &[RtpPacket]) {
        packets.iter().for_each(|packet| self.take(packet));
    }

    fn wait_until(&mut self, now: Time) {
        while let Some(due) = self.receiver.poll_timeout().filter(|&due| due <= now) {
            self.receiver.handle_timeout(due);
            self.drain(due);
            assert!(self.receiver.poll_timeout().is_none_or(|next| next > due), "a timeout must be handled");
        }
    }

    fn drain(&mut self, now: Time) {
        while let Some(output) = self.receiver.poll() {
            match output {
                VideoOutput::KeyframeNeeded => self.out.push((now, Out::Request)),
                VideoOutput::Frame(frame) => {
                    self.out.push((now, Out::Frame(number_of(&frame))));
                    self.frames.push(frame);
                }
            }
        }
    }

    fn requests(&self) -> Vec<u64> {
        self.out.iter().filter(|(_, out)| *out == Out::Request).map(|(at, _)| at.as_millis()).collect()
    }

    fn numbers(&self) -> Vec<u32> {
        self.frames.iter().map(number_of).collect()
    }

    /// Checks that every frame but a keyframe follows the one that it refers to.
    fn assert_decodable(&self) {
        assert!(self.frames.first().is_none_or(|frame| frame.keyframe));
        for pair in self.frames.windows(2) {
            assert!(number_of(&pair[1]) > number_of(&pair[0]));
            assert!(pair[1].keyframe || number_of(&pair[1]) == number_of(&pair[0]) + 1, "{pair:?}");
            assert!(pair[1].timestamp >= pair[0].timestamp);
        }
    }

    fn stats(&self) -> VideoReceiverStats {
        self.receiver.stats()
    }
}

/// Returns an IDR frame of one packet, without parameter sets.
fn bare(sender: &mut Sender, ms: u64) -> Vec<RtpPacket> {
    let mut packets = sender.frame(MS(ms), false, 50);
    assert_eq!(packets.len(), 1);
    let mut payload = packets[0].payload.to_vec();
    payload[0] = 0x65;
    packets[0].payload = payload.into();
    packets
}

fn at(mut packets: Vec<RtpPacket>, received: Time) -> Vec<RtpPacket> {
    packets.iter_mut().for_each(|packet| packet.received = received);
    packets
}

#[test]
fn frames_go_out_whole_at_the_moment_their_last_packet_comes() {
    for codec in [Codec::Vp8, Codec::H264] {
        let (mut sender, mut viewer) = (Sender::new(codec), Viewer::new());
        for n in 0..100_u32 {
            let captured = Time::from_micros(u64::from(n) * 33_333);
            let expected = sender.data(n == 0, 900);
            let mut packets = sender.frame(captured, n == 0, 900);
            let mut received = captured + Duration::from_millis(20);
            for packet in &mut packets {
                packet.received = received;
                received += Duration::from_micros(500);
            }
            let last = packets.last().unwrap().received;
            viewer.take_all(&packets);
            assert_eq!(viewer.out.last(), Some(&(last, Out::Frame(n))), "{codec:?}");
            let frame = viewer.frames.last().unwrap();
            assert_eq!(frame.data, expected);
            let due = (captured + Duration::from_millis(20)).as_micros();
            assert!(frame.timestamp.as_micros().abs_diff(due) <= 12, "within a tick of the first arrival");
        }
        let stats = viewer.stats();
        assert_eq!((stats.frames, stats.keyframes, stats.lost, stats.frames_dropped), (100, 1, 0, 0));
        assert!(viewer.requests().is_empty() && viewer.receiver.poll_timeout().is_none());
    }
}

#[test]
fn who_comes_in_the_middle_asks_at_once_and_again_with_growing_pauses() {
    for codec in [Codec::Vp8, Codec::H264] {
        let (mut sender, mut viewer) = (Sender::new(codec), Viewer::new());
        for n in 0..100 {
            viewer.take_all(&sender.frame(MS(n * 33), n == 90, 500));
        }
        assert_eq!(viewer.requests(), [0, 200, 600, 1400, 2400], "{codec:?}");
        assert_eq!(viewer.numbers(), (90..100).collect::<Vec<_>>());
    }
}

#[test]
fn nobody_is_asked_while_the_first_keyframe_is_arriving() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    let mut packets = sender.frame(MS(0), true, 5000);
    for (n, packet) in packets.iter_mut().enumerate() {
        packet.received = MS(n as u64 * 5);
    }
    assert!(packets.last().unwrap().received > MS(100));
    viewer.take_all(&packets);
    assert_eq!((viewer.numbers(), viewer.requests()), (vec![0], vec![]));
}

#[test]
fn packets_that_overtake_each_other_lose_nothing() {
    for (seed, codec) in (0..20).flat_map(|seed| [(seed, Codec::Vp8), (seed, Codec::H264)]) {
        let mut rng = Pcg32::new(seed, 1);
        let (mut sender, mut viewer) = (Sender::new(codec), Viewer::new());
        let mut packets = Vec::new();
        for n in 0..300_u64 {
            for mut packet in sender.frame(MS(n * 33), n % 100 == 0, 900) {
                let delay = 20_000 + u64::from(rng.next_u32() % 30_000);
                packet.received += Duration::from_micros(delay);
                packets.push(packet);
            }
        }
        packets.sort_by_key(|packet| packet.received);
        viewer.take_all(&packets);
        viewer.assert_decodable();
        // A frame that a later keyframe overtakes is not shown any more.
        assert!(viewer.frames.len() >= 298, "seed {seed}: {}", viewer.frames.len());
        assert_eq!(viewer.frames.len() as u64 + viewer.stats().frames_dropped, 300);
    }
}

/// Runs 30 frames a second for ten seconds over a link that loses `loss` percent of the packets, answers a
/// gap with a retransmission 40 ms after it shows, which is lost as often, and a request with a keyframe.
fn lossy_run(seed: u64, loss: u32, retransmits: bool) -> Viewer {
    const ROUND_TRIP: Duration = Duration::from_millis(40);
    let mut rng = Pcg32::new(seed, 2);
    let mut lost = move || rng.next_u32() % 100 < loss;
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    viewer.receiver.set_round_trip(ROUND_TRIP);
    let mut coming: Vec<RtpPacket> = Vec::new();
    let mut answered = 0;
    for n in 0..300_u64 {
        let now = MS(n * 33);
        coming.sort_by_key(|packet| packet.received);
        let later = coming.split_off(coming.partition_point(|packet| packet.received <= now));
        viewer.take_all(&std::mem::replace(&mut coming, later));
        viewer.wait_until(now);
        let requests = viewer.requests().len();
        let keyframe = n == 0 || requests > answered;
        answered = requests;
        for mut packet in sender.frame(now, keyframe, if keyframe { 4000 } else { 900 }) {
            let first = n == 0;
            let mut tries = 0;
            packet.received += ROUND_TRIP / 2;
            while !first && lost() {
                tries += 1;
                packet.received += ROUND_TRIP + Duration::from_millis(5);
            }
            if tries == 0 || retransmits {
                coming.push(packet);
            }
        }
    }
    viewer.assert_decodable();
    viewer
}

#[test]
fn losses_that_are_retransmitted_in_time_cost_no_frame() {
    for seed in 0..20 {
        let viewer = lossy_run(seed, 5, true);
        let stats = viewer.stats();
        assert_eq!(stats.keyframe_requests, 0, "seed {seed}: {stats:?}");
        assert!(stats.frames >= 298 && stats.lost == 0, "seed {seed}: {stats:?}");
    }
}

#[test]
fn losses_that_are_not_retransmitted_are_answered_by_keyframes() {
    for seed in 0..20 {
        let viewer = lossy_run(seed, 1, false);
        let stats = viewer.stats();
        assert!(stats.keyframe_requests >= 5, "seed {seed}: {stats:?}");
        assert!(stats.frames > 100, "seed {seed}: {stats:?}");
        let recovered = viewer.frames.iter().filter(|frame| frame.keyframe).count() as u64;
        assert!(recovered + 3 >= stats.keyframe_requests / 2, "seed {seed}: {stats:?}");
        assert!(stats.lost > 0 && stats.frames_dropped > 0);
    }
}

#[test]
fn a_gap_is_waited_for_then_given_up() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    viewer.receiver.set_round_trip(Duration::from_millis(60));
    viewer.take_all(&sender.frame(MS(0), true, 500));
    let late = sender.frame(MS(33), false, 100);
    for n in 2..10 {
        viewer.take_all(&sender.frame(MS(n * 33), false, 100));
    }
    // The gap showed at 66 ms, and three round trips are 180 ms.
    assert_eq!(viewer.receiver.stats().frames, 1);
    assert_eq!(viewer.requests(), [246]);
    viewer.take_all(&at(late, MS(300)));
    assert_eq!((viewer.stats().late, viewer.stats().lost), (1, 1));
    viewer.take_all(&sender.frame(MS(330), true, 500));
    viewer.take_all(&sender.frame(MS(363), false, 500));
    assert_eq!(viewer.numbers(), [0, 10, 11]);
    assert_eq!(viewer.stats().frames_dropped, 8);
}

#[test]
fn a_gap_that_is_half_filled_is_not_waited_for_longer() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    viewer.receiver.set_round_trip(Duration::from_millis(60));
    viewer.take_all(&sender.frame(MS(0), true, 500));
    let mut packets = sender.frame(MS(33), false, 500);
    viewer.take_all(&packets.split_off(2));
    viewer.take_all(&sender.frame(MS(66), false, 500));
    viewer.take_all(&at(vec![packets.remove(0)], MS(100)));
    viewer.wait_until(MS(1000));
    assert_eq!(viewer.requests()[0], 33 + 180);
}

#[test]
fn frames_without_marker_end_where_the_next_one_begins() {
    for codec in [Codec::Vp8, Codec::H264] {
        let (mut sender, mut viewer) = (Sender::new(codec), Viewer::new());
        for n in 0..5 {
            let mut packets = sender.frame(MS(n * 33), n == 0, 500);
            packets.iter_mut().for_each(|packet| packet.marker = false);
            viewer.take_all(&packets);
        }
        assert_eq!(viewer.numbers(), [0, 1, 2, 3], "{codec:?}");
        assert_eq!(viewer.out[0], (MS(33), Out::Frame(0)));
    }
}

#[test]
fn a_packet_that_fills_a_gap_releases_all_that_waited_at_once() {
    let (mut sender, mut viewer) = (Sender::new(Codec::H264), Viewer::new());
    viewer.take_all(&sender.frame(MS(0), true, 500));
    let mut held = sender.frame(MS(33), false, 900);
    let missing = held.remove(2);
    viewer.take_all(&held);
    for n in 2..5 {
        viewer.take_all(&sender.frame(MS(n * 33), false, 900));
    }
    assert_eq!(viewer.numbers(), [0]);
    viewer.take_all(&at(vec![missing], MS(150)));
    assert_eq!(viewer.numbers(), [0, 1, 2, 3, 4]);
    assert!(viewer.out[1..].iter().all(|(at, _)| *at == MS(150)));
    assert_eq!(viewer.receiver.poll_timeout(), None);
}

#[test]
fn a_whole_keyframe_behind_a_gap_is_taken_at_once() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    viewer.take_all(&sender.frame(MS(0), true, 500));
    sender.frame(MS(33), false, 500);
    viewer.take_all(&sender.frame(MS(66), true, 900));
    viewer.take_all(&sender.frame(MS(99), false, 500));
    assert_eq!((viewer.numbers(), viewer.requests()), (vec![0, 2, 3], vec![]));
}

#[test]
fn lost_padding_holds_nothing_back() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    for n in 0..20 {
        let packets = sender.frame(MS(n * 33), n == 0, 500);
        let timestamp = packets[0].timestamp;
        viewer.take_all(&packets);
        let padding = [sender.padding(timestamp, MS(n * 33 + 1)), sender.padding(timestamp, MS(n * 33 + 1))];
        // Some padding arrives, some does not.
        viewer.take_all(&padding[n as usize % 3..]);
    }
    assert_eq!(viewer.numbers(), (0..20).collect::<Vec<_>>());
    assert!(viewer.requests().is_empty());
}

#[test]
fn padding_between_the_packets_of_a_frame_is_skipped() {
    for codec in [Codec::Vp8, Codec::H264] {
        let (mut sender, mut viewer) = (Sender::new(codec), Viewer::new());
        for n in 0..6_u64 {
            let mut packets = sender.frame(MS(n * 33), n % 3 == 0, 900);
            // One of the numbers in the middle becomes padding, the rest moves up.
            let padding = sender.padding(packets[0].timestamp, MS(n * 33));
            packets.insert(2, padding);
            let first = packets[0].sequence;
            for (index, packet) in packets.iter_mut().enumerate() {
                packet.sequence = first.wrapping_add(index as u16);
            }
            viewer.take_all(&packets);
        }
        assert_eq!(viewer.numbers(), (0..6).collect::<Vec<_>>(), "{codec:?}");
    }
}

#[test]
fn probes_that_repeat_old_packets_are_counted_and_ignored() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    for n in 0..50 {
        let packets = sender.frame(MS(n * 33), n == 0, 500);
        viewer.take_all(&packets);
        viewer.take_all(&packets);
    }
    let stats = viewer.stats();
    assert_eq!((stats.packets, stats.duplicates), (stats.duplicates, stats.packets));
    assert_eq!((stats.frames, stats.late), (50, 0));
}

#[test]
fn a_change_of_codec_starts_anew_with_a_keyframe() {
    let (mut vp8, mut h264, mut viewer) = (Sender::new(Codec::Vp8), Sender::new(Codec::H264), Viewer::new());
    viewer.take_all(&vp8.frame(MS(0), true, 500));
    let straggler = vp8.frame(MS(33), false, 100);
    h264.sequence = vp8.sequence;
    h264.frames = 10;
    viewer.take_all(&h264.frame(MS(66), false, 500));
    assert_eq!(viewer.requests(), [66]);
    viewer.take_all(&at(straggler, MS(70)));
    viewer.take_all(&h264.frame(MS(99), true, 500));
    viewer.take_all(&h264.frame(MS(132), false, 500));
    assert_eq!(viewer.numbers(), [0, 11, 12]);
    assert_eq!(viewer.frames[1].codec, Codec::H264);
}

#[test]
fn an_h264_keyframe_without_parameter_sets_is_no_beginning_but_a_later_one_is() {
    let (mut sender, mut viewer) = (Sender::new(Codec::H264), Viewer::new());
    viewer.take_all(&sender.frame(MS(0), false, 50));
    viewer.take_all(&bare(&mut sender, 33));
    assert!(viewer.frames.is_empty());
    viewer.take_all(&sender.frame(MS(66), true, 50));
    viewer.receiver.handle_decoder_failure(MS(70));
    viewer.take_all(&bare(&mut sender, 99));
    assert_eq!(viewer.frames.len(), 2);
}

#[test]
fn an_h264_keyframe_without_parameter_sets_begins_where_the_frame_before_ends() {
    let (mut sender, mut viewer) = (Sender::new(Codec::H264), Viewer::new());
    viewer.take_all(&sender.frame(MS(0), true, 50));
    viewer.receiver.handle_decoder_failure(MS(10));
    viewer.take_all(&sender.frame(MS(33), false, 50));
    viewer.take_all(&bare(&mut sender, 66));
    assert_eq!(viewer.frames.len(), 2);
    viewer.receiver.handle_decoder_failure(MS(70));
    let before = sender.frame(MS(99), false, 50);
    viewer.take_all(&bare(&mut sender, 132));
    assert_eq!(viewer.frames.len(), 2, "it may have begun in the packet that is missing");
    viewer.take_all(&at(before, MS(140)));
    assert_eq!(viewer.frames.len(), 3);
}

#[test]
fn a_decoder_that_fails_gets_nothing_but_a_keyframe() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    viewer.take_all(&sender.frame(MS(0), true, 500));
    viewer.receiver.handle_decoder_failure(MS(10));
    viewer.drain(MS(10));
    viewer.take_all(&sender.frame(MS(33), false, 500));
    viewer.take_all(&sender.frame(MS(66), true, 500));
    assert_eq!((viewer.numbers(), viewer.requests()), (vec![0, 2], vec![10]));
}

#[test]
fn a_stream_that_jumps_far_ahead_is_taken_up_at_its_next_keyframe() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    viewer.take_all(&sender.frame(MS(0), true, 500));
    sender.sequence = sender.sequence.wrapping_add(20_000);
    viewer.take_all(&sender.frame(MS(5000), false, 500));
    viewer.take_all(&sender.frame(MS(5033), true, 500));
    assert_eq!((viewer.numbers(), viewer.requests()), (vec![0, 2], vec![5000]));
    assert!(viewer.stats().lost >= 19_990);
}

#[test]
fn a_sender_that_starts_over_is_taken_up_after_a_short_run() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    for n in 0..100 {
        viewer.take_all(&sender.frame(MS(n * 33), n == 0, 500));
    }
    sender.sequence = sender.sequence.wrapping_sub(10_000);
    for n in 100..200 {
        viewer.take_all(&sender.frame(MS(n * 33), n == 150, 500));
    }
    assert_eq!(viewer.numbers().last(), Some(&199));
    viewer.assert_decodable();
}

#[test]
fn an_owner_that_never_polls_loses_frames_but_no_memory() {
    let mut sender = Sender::new(Codec::Vp8);
    let mut receiver = VideoReceiver::new(VideoReceiverConfig::default());
    for n in 0..230 {
        for packet in sender.frame(MS(n * 33), n % 50 == 0, 100) {
            receiver.handle(packet.received, packet);
        }
    }
    let mut viewer = Viewer { receiver, out: Vec::new(), frames: Vec::new() };
    viewer.drain(MS(8000));
    viewer.assert_decodable();
    assert!(viewer.frames.len() <= 64);
    assert_eq!(viewer.frames.len() as u64 + viewer.stats().frames_dropped, 230);
}

#[test]
fn a_pause_of_the_network_is_one_freeze() {
    let (mut sender, mut viewer) = (Sender::new(Codec::Vp8), Viewer::new());
    for n in 0..120_u64 {
        let received = if (60..75).contains(&n) { 75 * 33 } else { n * 33 };
        viewer.take_all(&at(sender.frame(MS(n * 33), n == 0, 500), MS(received)));
    }
    let stats = viewer.stats();
    assert_eq!((stats.freezes, stats.frozen, stats.frames), (1, Duration::from_millis(16 * 33), 120));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_comes_the_decoder_gets_an_unbroken_chain(
        seed in any::<u64>(),
        shape in proptest::collection::vec((0u8..12, 1usize..700, 0u64..80), 1..150),
    ) {
        let mut rng = Pcg32::new(seed, 3);
        let mut sender = Sender::new(if seed % 2 == 0 { Codec::Vp8 } else { Codec::H264 });
        let mut viewer = Viewer::new();
        let (mut now, mut held) = (0, Vec::new());
        for (kind, size, pause) in shape {
            now += pause;
            for mut packet in sender.frame(MS(now), kind == 0, size) {
                packet.received = MS(now);
                match rng.next_u32() % 20 {
                    0 => {}
                    1 => held.push(packet),
                    2 => viewer.take_all(&[packet.clone(), packet]),
                    _ => viewer.take(&packet),
                }
            }
            if kind == 1 {
                viewer.take_all(&at(std::mem::take(&mut held), MS(now)));
            }
        }
        viewer.assert_decodable();
    }

    #[test]
    fn garbage_never_panics(
        packets in proptest::collection::vec(
            (any::<u16>(), any::<u32>(), any::<bool>(), 0u8..6,
             proptest::collection::vec(any::<u8>(), 0..24), 0u64..300), 1..300),
    ) {
        let mut receiver = VideoReceiver::new(VideoReceiverConfig::default());
        let (mut now, mut sequence, mut timestamp) = (0, 0_u16, 0_u32);
        for (random, random_timestamp, marker, kind, payload, pause) in packets {
            now += pause;
            sequence = if kind == 0 { random } else { sequence.wrapping_add(random % 3) };
            timestamp = if marker { timestamp.wrapping_add(random_timestamp) } else { timestamp };
            let codec = match kind {
                1 => Codec::H264,
                2 => Codec::Opus,
                _ => Codec::Vp8,
            };
            let received = MS(now);
            receiver.handle_timeout(received);
            let payload = payload.into();
            receiver.handle(received, RtpPacket { codec, sequence, timestamp, marker, payload, received });
            while receiver.poll().is_some() {}
        }
    }
}
