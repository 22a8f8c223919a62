//! Sound over simulated networks and playout clocks: what is heard, and what is counted.

#![allow(clippy::unwrap_used)] // A helper that fails is a test that fails.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use parlor_media::audio_receiver::{AudioReceiver, AudioReceiverConfig, AudioReceiverStats, Playout};
use parlor_media::codec::{AudioDecoder, CodecError};
use parlor_media::opus::OpusPacket;
use parlor_media::rtp::RtpPacket;
use proptest::prelude::*;
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use units::{Codec, Time};

const FRAME: u64 = 960;
/// SILK wideband, 20 ms, mono.
const TOC: u8 = 9 << 3;
const WITH_RECOVERY: u8 = 0x40;

/// A packet of sound number `index`, with or without a copy of the one before.
fn payload(index: u64, recovers: bool) -> Bytes {
    let flags = if recovers { WITH_RECOVERY } else { 0 };
    [&[TOC, flags][..], &index.to_be_bytes()].concat().into()
}

/// Packet number `index` of a stream whose numbers and time stamps wrap early on.
fn packet(index: u64, received: Time, recovers: bool) -> RtpPacket {
    RtpPacket {
        codec: Codec::Opus,
        sequence: 65_500_u16.wrapping_add(index as u16),
        timestamp: (u32::MAX - 20_000).wrapping_add((index * FRAME) as u32),
        marker: false,
        payload: payload(index, recovers),
        received,
    }
}

/// Plays a tone of even samples whose phase tells which packet they come from; concealment is the sample -1.
#[derive(Default)]
struct Decoder {
    decoded: Vec<u64>,
}

const MADE_UP: i16 = -1;

fn tone(position: u64) -> i16 {
    // 440 Hz, which begins anew after 1200 samples.
    static TONE: LazyLock<Vec<i16>> = LazyLock::new(|| {
        let angle = |n: u32| f64::from(n) * 440.0 * std::f64::consts::TAU / 48_000.0;
        (0..1200).map(|n| (angle(n).sin() * 8_000.0) as i16 & !1).collect()
    });
    TONE[(position % 1200) as usize]
}

fn index_of(packet: &[u8]) -> u64 {
    u64::from_be_bytes(packet[2..10].try_into().unwrap())
}

impl AudioDecoder for Decoder {
    fn channels(&self) -> u16 {
        1
    }

    fn decode(&mut self, packet: &[u8], out: &mut Vec<i16>) -> Result<(), CodecError> {
        if packet.len() <= 2 {
            out.extend([0; FRAME as usize]);
            return Ok(());
        }
        if packet.len() < 10 {
            return Err(CodecError { codec: Codec::Opus, reason: "short".into() });
        }
        let index = index_of(packet);
        self.decoded.push(index);
        let first = index.wrapping_mul(FRAME);
        out.extend((0..FRAME).map(|n| tone(first.wrapping_add(n))));
        Ok(())
    }

    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> Result<(), CodecError> {
        assert!(OpusPacket::parse(next).unwrap().recovers);
        if next.len() < 10 {
            return Err(CodecError { codec: Codec::Opus, reason: "short".into() });
        }
        let first = index_of(next).wrapping_mul(FRAME).wrapping_sub(samples as u64);
        out.extend((0..samples as u64).map(|n| tone(first.wrapping_add(n))));
        Ok(())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) -> Result<(), CodecError> {
        out.extend(std::iter::repeat_n(MADE_UP, samples));
        Ok(())
    }
}

/// A receiver, what it plays, and when it is pulled.
struct Playback {
    receiver: AudioReceiver,
    decoder: Decoder,
    out: Vec<i16>,
    kinds: Vec<Playout>,
}

impl Playback {
    fn new() -> Self {
        Self {
            receiver: AudioReceiver::new(AudioReceiverConfig::default()),
            decoder: Decoder::default(),
            out: Vec::new(),
            kinds: Vec::new(),
        }
    }

    fn pull(&mut self, now: Time, samples: usize) -> Playout {
        let before = self.out.len();
        let kind = self.receiver.pull(now, &mut self.decoder, samples, &mut self.out);
        assert_eq!(self.out.len() - before, samples);
        self.kinds.push(kind);
        kind
    }

    /// Plays events in their order: packets at their arrival, pulls at theirs.
    fn run(&mut self, mut packets: Vec<RtpPacket>, pulls: impl Iterator<Item = Time>, samples: usize) {
        packets.sort_by_key(|packet| packet.received);
        let mut packets = packets.into_iter().peekable();
        for now in pulls {
            while let Some(packet) = packets.next_if(|packet| packet.received <= now) {
                self.receiver.handle(packet);
            }
            self.pull(now, samples);
        }
    }

    fn stats(&self) -> AudioReceiverStats {
        self.receiver.stats()
    }
}

fn micros(micros: u64) -> Time {
    Time::from_micros(micros)
}

/// Packets every 20 ms from second 1 on, `delay(n)` microseconds on their way.
fn stream(count: u64, mut delay: impl FnMut(u64) -> u64) -> Vec<RtpPacket> {
    (0..count).map(|n| packet(n, micros(1_000_000 + n * 20_000 + delay(n)), true)).collect()
}

/// Pulls of `step` microseconds while `seconds` of sound arrive, `delay(n)` microseconds late, none before an
/// earlier one.
fn pulls(seconds: u64, step: u64, mut delay: impl FnMut(u64) -> u64) -> impl Iterator<Item = Time> {
    let mut last = 0;
    (0..seconds * 1_000_000 / step).map(move |n| {
        last = last.max(1_003_000 + n * step + delay(n));
        micros(last)
    })
}

fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut rng = Pcg32::new(seed, 7);
    move |below| u64::from(rng.next_u32()) % below.max(1)
}

#[test]
fn clean_arrivals_are_played_exactly_as_they_were_sent() {
    for step in [10, 20] {
        let mut playback = Playback::new();
        playback.run(stream(3100, |_| 0), pulls(60, step * 1000, |_| 0), step as usize * 48);
        let stats = playback.stats();
        assert_eq!((stats.concealed_samples, stats.lost, stats.late), (0, 0, 0));
        let start = playback.kinds.iter().position(|&kind| kind == Playout::Normal).unwrap();
        assert!(playback.kinds[start..].iter().all(|&kind| kind == Playout::Normal));
        // Held back by the first delay, then once made shorter where that is more than needed.
        let until_stretched = start * step as usize * 48 + 48_000 * 10;
        assert_eq!(start as u64 * step, 80);
        let played = &playback.out[start * step as usize * 48..until_stretched];
        assert!(played.iter().enumerate().all(|(n, &sample)| sample == tone(n as u64)));
    }
}

#[test]
fn the_delay_sinks_to_the_shortest_on_a_smooth_path() {
    let mut playback = Playback::new();
    playback.run(stream(6000, |_| 0), pulls(115, 10_000, |_| 0), 480);
    let stats = playback.stats();
    assert_eq!(stats.target_delay, Duration::from_millis(40));
    assert!(stats.removed_samples < 48 * 20, "{stats:?}");
    assert_eq!(stats.concealed_samples, 0);
    assert!(stats.mean_delay() > Duration::from_millis(30) && stats.mean_delay() < Duration::from_millis(80));
}

#[test]
fn clocks_that_drift_apart_are_followed_without_concealment() {
    for parts_per_million in [-200_i64, -50, 50, 200] {
        let step = |n: u64| (n * 20_000).saturating_add_signed(n as i64 * parts_per_million / 50);
        let mut playback = Playback::new();
        let pulls = (0..30_000).map(|n| micros(1_003_000 + step(n)));
        playback.run(stream(30_000, |_| 0), pulls.take(29_900), 960);
        let stats = playback.stats();
        assert_eq!(stats.concealed_samples, 0, "{parts_per_million} ppm");
        assert_eq!(stats.discarded, 0, "{parts_per_million} ppm");
        // Ten minutes drift by 30 or 120 ms; after the way down from the first delay some of it is made up.
        let drift = parts_per_million * 600 * 48 / 1000;
        let stretched = stats.removed_samples as i64 - stats.inserted_samples as i64;
        assert!((stretched - drift).abs() < 48 * 60, "{parts_per_million} ppm: {stretched} for {drift}");
    }
}

#[test]
fn scheduling_jitter_of_both_sides_is_absorbed() {
    for seed in 0..10 {
        let (mut arrival, mut pull) = (random(seed), random(seed + 100));
        let mut playback = Playback::new();
        playback.run(stream(6100, |_| arrival(10_000)), pulls(120, 20_000, |_| pull(10_000)), 960);
        assert_eq!(playback.stats().concealed_samples, 0, "seed {seed}");
    }
}

#[test]
fn a_playout_thread_that_comes_late_and_catches_up_in_bursts_loses_nothing() {
    for seed in 0..10 {
        let mut late = random(seed);
        let mut playback = Playback::new();
        // One of twenty pulls is 50 ms late; those due meanwhile follow it at once.
        let pulls = pulls(120, 10_000, |_| if late(20) == 0 { 50_000 } else { 0 });
        playback.run(stream(6100, |_| 0), pulls, 480);
        let stats = playback.stats();
        assert_eq!((stats.concealed_samples, stats.discarded), (0, 0), "seed {seed}");
        // At most what a late first pull makes up for.
        assert!(stats.inserted_samples < 48 * 60 && stats.removed_samples < 48 * 60, "{stats:?}");
    }
}

#[test]
fn stalls_of_60_ms_on_a_loaded_machine_lose_nothing() {
    for seed in 0..20 {
        let mut dice = random(seed);
        let (mut stalled_until, mut pull) = (0, random(seed + 100));
        let arrivals = stream(6100, |n| {
            let sent = n * 20_000 + dice(4_000);
            if dice(150) == 0 && sent > stalled_until + 200_000 {
                stalled_until = sent + 60_000;
            }
            sent.max(stalled_until) - n * 20_000
        });
        let pulls = pulls(120, 10_000, |_| if pull(50) == 0 { 50_000 } else { pull(5_000) });
        let mut playback = Playback::new();
        playback.run(arrivals, pulls, 480);
        let stats = playback.stats();
        assert_eq!(stats.concealed_samples, 0, "seed {seed}: {stats:?}");
        assert_eq!((stats.lost, stats.discarded), (0, 0), "seed {seed}");
    }
}

#[test]
fn longer_stalls_are_learned_from_the_first_one() {
    let mut playback = Playback::new();
    // Every three seconds everything stands still for 150 ms.
    let arrivals = stream(3000, |n| 150_000_u64.saturating_sub(n % 150 * 20_000) * u64::from(n >= 150));
    playback.run(arrivals, pulls(58, 10_000, |_| 0), 480);
    let stats = playback.stats();
    assert!(stats.concealed() <= Duration::from_millis(100), "{stats:?}");
    assert_eq!((stats.concealment_events, stats.lost), (1, 0));
    assert_eq!(stats.target_delay, Duration::from_millis(160));
}

#[test]
fn forward_error_correction_recovers_all_but_the_losses_in_a_row() {
    for seed in 0..5 {
        let mut dice = random(seed);
        let kept: Vec<bool> = (0..6000).map(|n| n == 0 || n > 5900 || dice(20) != 0).collect();
        let lost = kept.iter().filter(|kept| !**kept).count() as u64;
        let in_a_row = kept.windows(2).filter(|pair| !pair[0] && !pair[1]).count() as u64;
        let mut packets = stream(6000, |_| 0);
        let mut index = 0;
        packets.retain(|_| {
            index += 1;
            kept[index - 1]
        });
        let mut playback = Playback::new();
        playback.run(packets, pulls(119, 20_000, |_| 0), 960);
        let stats = playback.stats();
        assert_eq!(stats.lost, lost, "seed {seed}");
        assert_eq!(stats.recovered_samples / FRAME, lost - in_a_row, "seed {seed}");
        assert_eq!(stats.concealed_samples / FRAME, in_a_row, "seed {seed}");
        assert!(stats.concealed_samples * 100 < stats.total_samples, "5 % loss, less than 1 % concealed");
    }
}

#[test]
fn without_forward_error_correction_each_lost_packet_is_concealed_once() {
    let mut packets = stream(1000, |_| 0);
    packets.iter_mut().enumerate().for_each(|(n, packet)| packet.payload = payload(n as u64, false));
    let mut index = 0;
    packets.retain(|_| {
        index += 1;
        index % 20 != 0
    });
    let mut playback = Playback::new();
    playback.run(packets, pulls(19, 10_000, |_| 0), 480);
    let stats = playback.stats();
    assert_eq!(stats.concealed_samples, stats.lost * FRAME);
    assert_eq!((stats.concealment_events, stats.recovered_samples), (stats.lost, 0));
    assert!((45..=47).contains(&stats.lost), "{stats:?}");
}

#[test]
fn packets_that_overtake_each_other_are_put_in_order() {
    let mut dice = random(3);
    let mut playback = Playback::new();
    playback.run(stream(3000, |_| dice(30_000)), pulls(59, 20_000, |_| 0), 960);
    assert_eq!(playback.stats().concealed_samples, 0);
    let decoded = &playback.decoder.decoded;
    assert!(decoded.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn duplicates_and_late_packets_are_counted_and_not_played() {
    let mut packets = stream(200, |_| 0);
    packets.push(packet(100, micros(1_000_000 + 100 * 20_000 + 1), true));
    let late = packets.remove(150);
    packets.push(RtpPacket { received: late.received + Duration::from_millis(500), ..late });
    let mut playback = Playback::new();
    playback.run(packets, pulls(4, 20_000, |_| 0), 960);
    let stats = playback.stats();
    assert_eq!((stats.duplicates, stats.late, stats.lost), (1, 1, 1));
    assert_eq!(playback.decoder.decoded.iter().filter(|&&index| index == 100).count(), 1);
    assert!(!playback.decoder.decoded.contains(&150));
}

#[test]
fn noise_that_the_sender_announced_is_not_concealment() {
    let mut packets = Vec::new();
    // Half a second of speech, then a packet of noise every 400 ms, numbered without a gap.
    for n in 0..60_u64 {
        let index = if n < 25 { n } else { 25 + (n - 25) * 20 };
        let mut packet = packet(index, micros(1_000_000 + index * 20_000), true);
        packet.sequence = 65_500_u16.wrapping_add(n as u16);
        if n >= 25 {
            packet.payload = Bytes::from_static(&[TOC]);
        }
        packets.push(packet);
    }
    let mut playback = Playback::new();
    playback.run(packets, pulls(13, 20_000, |_| 0), 960);
    let stats = playback.stats();
    assert_eq!((stats.concealed_samples, stats.lost), (0, 0));
    // 35 packets of noise of 20 ms each stand for 400 ms.
    let filled = stats.comfort_samples / 48;
    assert!((11_000..=12_200).contains(&filled), "{filled} ms");
    assert!(stats.mean_delay() < Duration::from_millis(100) && stats.discarded == 0, "{stats:?}");
    assert!(playback.kinds[200..].iter().all(|&kind| kind <= Playout::ComfortNoise));
}

#[test]
fn a_sender_that_stops_and_comes_back_lost_nothing() {
    let mut packets = stream(100, |_| 0);
    for n in 100..200_u64 {
        // Five seconds later, numbered without a gap.
        let mut packet = packet(n + 250, micros(1_000_000 + (n + 250) * 20_000), true);
        packet.sequence = 65_500_u16.wrapping_add(n as u16);
        packets.push(packet);
    }
    let mut playback = Playback::new();
    playback.run(packets, pulls(8, 20_000, |_| 0), 960);
    let stats = playback.stats();
    assert_eq!((stats.concealed_samples, stats.lost, stats.discarded), (0, 0, 0));
    assert_eq!(playback.kinds[200], Playout::Silence);
    assert_eq!(playback.kinds[390], Playout::Normal);
    assert!(playback.decoder.decoded.contains(&350));
}

#[test]
fn a_clock_that_stood_still_during_a_pause_teaches_no_delay() {
    let packets = stream(300, |n| if n < 100 { 0 } else { 1_500_000 });
    let mut playback = Playback::new();
    playback.run(packets, pulls(8, 20_000, |_| 0), 960);
    let stats = playback.stats();
    assert_eq!(stats.target_delay, Duration::from_millis(80));
    assert_eq!(playback.decoder.decoded, (0..300).collect::<Vec<_>>());
}

#[test]
fn an_outage_is_counted_in_full_once_the_stream_is_back() {
    let mut packets = stream(300, |_| 0);
    packets.drain(100..200);
    let mut playback = Playback::new();
    playback.run(packets, pulls(5, 20_000, |_| 0), 960);
    let stats = playback.stats();
    assert_eq!(stats.lost, 100);
    assert_eq!(stats.concealment_events, 1);
    let concealed = stats.concealed().as_millis();
    assert!((1950..=2060).contains(&concealed), "{concealed} ms");
}

#[test]
fn long_concealment_fades_to_silence() {
    let mut playback = Playback::new();
    playback.run(stream(50, |_| 0), pulls(2, 20_000, |_| 0), 960);
    let end = playback.out.iter().rposition(|&sample| ![0, MADE_UP].contains(&sample)).unwrap();
    // The decoder's concealment is -1, which becomes zero as soon as it is scaled.
    assert!(playback.out[end + 1..end + 4000].iter().all(|&sample| sample == MADE_UP));
    assert!(playback.out[end + 10_000..].iter().all(|&sample| sample == 0));
}

#[test]
fn playout_that_begins_long_after_the_stream_starts_at_the_target() {
    let mut playback = Playback::new();
    let pulls = (0..500).map(|n| micros(4_000_000 + n * 20_000));
    playback.run(stream(1000, |_| 0), pulls, 960);
    let stats = playback.stats();
    assert!(stats.discarded > 140, "{stats:?}");
    assert_eq!((stats.concealed_samples, stats.lost), (0, 0));
    assert!(stats.mean_delay() < Duration::from_millis(120));
}

#[test]
fn a_sender_that_starts_over_with_other_numbers_is_followed() {
    let mut packets = stream(100, |_| 0);
    for n in 100..400_u64 {
        let mut packet = packet(n, micros(1_000_000 + n * 20_000), true);
        packet.sequence = 30_000_u16.wrapping_add(n as u16);
        packet.timestamp = 77_000_000 + (n * FRAME) as u32;
        packets.push(packet);
    }
    let mut playback = Playback::new();
    playback.run(packets, pulls(7, 20_000, |_| 0), 960);
    assert!(playback.kinds[200..340].iter().all(|&kind| kind == Playout::Normal));
}

#[test]
fn a_decoder_that_refuses_a_packet_costs_that_packet_only() {
    let mut packets = stream(100, |_| 0);
    packets[50].payload = Bytes::from_static(&[TOC, 0, 9]);
    packets[60].payload = Bytes::from_static(&[TOC | 3, 0]);
    let mut playback = Playback::new();
    playback.run(packets, pulls(2, 20_000, |_| 0), 960);
    let stats = playback.stats();
    assert_eq!(stats.malformed, 2);
    // The second is no packet at all, and its neighbour carries its sound.
    assert_eq!((stats.concealed_samples, stats.recovered_samples), (FRAME, FRAME));
}

#[test]
fn padding_fills_its_number_and_nothing_else() {
    let mut packets = Vec::new();
    for n in 0..200_u64 {
        let mut packet = packet(n / 2, micros(1_000_000 + n / 2 * 20_000), false);
        packet.sequence = n as u16;
        if n % 2 == 1 {
            packet.payload = Bytes::new();
        }
        packets.push(packet);
    }
    let mut playback = Playback::new();
    playback.run(packets, pulls(2, 20_000, |_| 0).take(95), 960);
    let stats = playback.stats();
    assert_eq!((stats.concealed_samples, stats.lost, stats.comfort_samples), (0, 0, 0));
    assert_eq!(playback.decoder.decoded, (0..91).collect::<Vec<_>>());
}

#[test]
fn a_loss_before_padding_is_a_loss() {
    let mut packets = stream(100, |_| 0);
    packets.iter_mut().enumerate().for_each(|(n, packet)| packet.payload = payload(n as u64, false));
    packets.remove(50);
    // The next number becomes padding, and everything behind it moves up.
    for packet in &mut packets[50..] {
        packet.sequence = packet.sequence.wrapping_add(1);
    }
    let padding = RtpPacket {
        sequence: packets[50].sequence.wrapping_sub(1),
        payload: Bytes::new(),
        ..packets[50].clone()
    };
    packets.insert(50, padding);
    let mut playback = Playback::new();
    playback.run(packets, pulls(2, 20_000, |_| 0).take(95), 960);
    let stats = playback.stats();
    assert_eq!((stats.lost, stats.concealed_samples, stats.comfort_samples), (1, FRAME, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_comes_every_pull_is_answered_in_full(
        events in proptest::collection::vec(
            (any::<u16>(), any::<u32>(), 0u8..8, 0u64..200_000, 0usize..2000, any::<u8>()), 1..300),
    ) {
        let mut playback = Playback::new();
        let (mut now, mut sequence, mut timestamp) = (0, 0_u16, 0_u32);
        for (random_sequence, random_timestamp, kind, pause, samples, toc) in events {
            now += pause / 8;
            sequence = if kind == 0 { random_sequence } else { sequence.wrapping_add(random_sequence % 4) };
            timestamp =
                if kind == 1 { random_timestamp } else { timestamp.wrapping_add(random_timestamp % 3000) };
            let payload = match kind {
                2 => Bytes::new(),
                3 => Bytes::copy_from_slice(&random_timestamp.to_le_bytes()),
                4 => Bytes::copy_from_slice(&[toc, samples as u8]),
                _ => payload(u64::from(sequence), toc & 1 == 0),
            };
            let received = micros(now);
            playback.receiver.handle(RtpPacket {
                codec: Codec::Opus, sequence, timestamp, marker: false, payload, received,
            });
            playback.pull(micros(now), samples);
        }
    }
}
