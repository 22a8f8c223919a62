//! Two links on one virtual clock, joined by a wire that lives in memory.

#![allow(dead_code, clippy::unwrap_used)] // every test uses another part; test code

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parlor_transport::{
    Certificate, Link, LinkConfig, LinkEvent, LinkState, LocalCandidate, LocalTrack, RtpPacket, RtpPayload,
    Transmit,
};
use units::{Codec, MediaKind, ReceiverId, Time, TrackId};

/// The side that a test calls by its first name.
pub const A: usize = 0;
/// The other one.
pub const B: usize = 1;

/// Microphone, camera and screen, as track ids.
pub const MICROPHONE: TrackId = TrackId::new(1);
pub const CAMERA: TrackId = TrackId::new(2);
pub const SCREEN: TrackId = TrackId::new(3);

/// One key for all links of a test process: making one is slow.
pub fn certificate() -> Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| Certificate::generate().unwrap()).clone()
}

/// The config of a link that draws from this seed.
pub fn config(seed: u64) -> LinkConfig {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    LinkConfig { seed, ..LinkConfig::new(*EPOCH.get_or_init(Instant::now), certificate()) }
}

pub fn addr(side: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + side as u8], 5_000))
}

pub fn track(side: usize, id: TrackId) -> LocalTrack {
    let (kind, stream, name) = match id {
        MICROPHONE => (MediaKind::Audio, "camera", "mic"),
        CAMERA => (MediaKind::Video, "camera", "cam"),
        _ => (MediaKind::Video, "screen", "scr"),
    };
    let (msid_stream, msid_track) = (format!("{stream}-{side}"), format!("{name}-{side}"));
    LocalTrack { id, kind, msid_stream, msid_track, codec: None }
}

/// What a test decides about a datagram on the wire.
pub type Drop = Box<dyn FnMut(usize, &Transmit) -> bool>;

/// Two links and what happened to them.
pub struct Pair {
    pub links: [Link; 2],
    pub events: [Vec<LinkEvent>; 2],
    pub now: Time,
    pub delay: Duration,
    wire: VecDeque<(Time, usize, Transmit)>,
    /// Returns whether a datagram from that side is lost.
    pub lose: Drop,
    pub sent: [u64; 2],
}

impl Pair {
    pub fn new(delay: Duration) -> Self {
        Self::with_configs(delay, [config(1), config(2)])
    }

    pub fn with_configs(delay: Duration, configs: [LinkConfig; 2]) -> Self {
        let now = Time::from_millis(1_000);
        let link = |side: usize| {
            let mut link = Link::new(now, &configs[side]).unwrap();
            link.add_local_candidate(LocalCandidate::Host { addr: addr(side) }).unwrap();
            link
        };
        Self {
            links: [link(A), link(B)],
            events: [Vec::new(), Vec::new()],
            now,
            delay,
            wire: VecDeque::new(),
            lose: Box::new(|_, _| false),
            sent: [0, 0],
        }
    }

    /// A pair with microphone and camera on both sides that is connected, `A` having offered.
    pub fn connected(delay: Duration) -> Self {
        let mut pair = Self::new(delay);
        for side in [A, B] {
            pair.add(side, MICROPHONE);
            pair.add(side, CAMERA);
        }
        pair.negotiate(A);
        pair.run_until_connected();
        pair
    }

    pub fn add(&mut self, side: usize, id: TrackId) {
        self.links[side].add_track(track(side, id)).unwrap();
        self.settle();
    }

    pub fn remove(&mut self, side: usize, id: TrackId) {
        self.links[side].remove_track(id).unwrap();
        self.settle();
    }

    /// Makes an offer on one side, has it answered and the answer taken.
    pub fn negotiate(&mut self, offerer: usize) {
        let offer = self.links[offerer].create_offer(self.now, false).unwrap();
        self.answer(1 - offerer, &offer);
    }

    /// Has an offer answered by one side and the answer taken by the other.
    pub fn answer(&mut self, answerer: usize, offer: &str) {
        let answer = self.links[answerer].accept_offer(self.now, offer).unwrap();
        self.links[1 - answerer].accept_answer(self.now, &answer).unwrap();
        self.settle();
    }

    /// Collects what the links have to say and puts their datagrams on the wire.
    fn collect(&mut self) {
        for side in [A, B] {
            while let Some(event) = self.links[side].poll_event() {
                if let LinkEvent::LocalCandidate(Some(candidate)) = &event {
                    let (text, ufrag) = (candidate.candidate.as_str(), candidate.ufrag.as_deref());
                    let other = &mut self.links[1 - side];
                    other
                        .add_remote_candidate(text, candidate.mid.as_deref(), candidate.mline, ufrag)
                        .unwrap();
                }
                self.events[side].push(event);
            }
            while let Some(datagram) = self.links[side].poll_transmit() {
                self.sent[side] += 1;
                if !(self.lose)(side, &datagram) {
                    self.wire.push_back((self.now + self.delay, 1 - side, datagram));
                }
            }
        }
    }

    /// Runs everything that is due now.
    pub fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 100_000, "the links never come to rest");
            self.collect();
            if self.wire.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, side, datagram) = self.wire.pop_front().unwrap();
                if datagram.remote == addr(side) {
                    self.links[side].handle_datagram(self.now, addr(side), datagram.local, &datagram.data);
                }
                continue;
            }
            let due = [A, B].map(|side| self.links[side].poll_timeout().is_some_and(|at| at <= self.now));
            for side in [A, B] {
                if due[side] {
                    self.links[side].handle_timeout(self.now);
                }
            }
            if due == [false, false] && self.wire.front().is_none_or(|(at, ..)| *at > self.now) {
                self.collect();
                if self.wire.front().is_none_or(|(at, ..)| *at > self.now) {
                    return;
                }
            }
        }
    }

    /// Moves the clock to the next thing that happens, at most to `end`.
    fn step(&mut self, end: Time) {
        let timeouts = self.links.each_mut().map(|link| link.poll_timeout());
        let next = timeouts.into_iter().flatten().chain(self.wire.front().map(|(at, ..)| *at)).min();
        self.now = next.unwrap_or(end).min(end).max(self.now);
        self.settle();
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while self.now < end {
            self.step(end);
        }
    }

    /// Lets time pass until something holds; returns how long it took. Fails after `limit`.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> Duration {
        let start = self.now;
        self.settle();
        while !done(self) {
            assert!(self.now - start < limit, "it did not happen within {limit:?} of virtual time");
            self.step(start + limit);
        }
        self.now - start
    }

    pub fn run_until_connected(&mut self) -> Duration {
        self.run_until(Duration::from_secs(5), |pair| {
            pair.links.iter().all(|link| link.state() == LinkState::Connected)
        })
    }

    /// Sends one packet of a track.
    pub fn send(&mut self, side: usize, track: TrackId, payload: &[u8]) -> usize {
        let payload = RtpPayload { timestamp: 1_000, marker: true, payload: Bytes::copy_from_slice(payload) };
        let taken = self.links[side].send_rtp(self.now, track, &[payload]);
        self.collect();
        taken
    }

    /// Sends a packet of a track and returns what the other side received of it, with the receiver's names.
    pub fn pass(&mut self, side: usize, track: TrackId) -> (ReceiverId, RtpPacket) {
        let payload = format!("{side} {track:?} {:?}", self.now);
        let before = self.events[1 - side].len();
        assert_eq!(self.send(side, track, payload.as_bytes()), 1, "{side} cannot send {track:?}");
        self.run(self.delay);
        self.events[1 - side][before..]
            .iter()
            .find_map(|event| match event {
                LinkEvent::Rtp { receiver, packet } if packet.payload == payload => {
                    Some((*receiver, packet.clone()))
                }
                _ => None,
            })
            .unwrap_or_else(|| panic!("nothing of {track:?} arrived from {side}"))
    }

    /// Checks that a track arrives at the other side under the names that it was added with.
    pub fn expect_media(&mut self, side: usize, id: TrackId) -> RtpPacket {
        let (receiver, packet) = self.pass(side, id);
        let expected = track(side, id);
        let names = self.receivers(1 - side).into_iter().find(|(known, ..)| *known == receiver);
        assert_eq!(
            names.map(|(_, stream, name)| (stream, name)),
            Some((expected.msid_stream, expected.msid_track))
        );
        packet
    }

    /// Returns the remote tracks that one side has now: receiver, stream, track.
    pub fn receivers(&self, side: usize) -> Vec<(ReceiverId, String, String)> {
        let mut receivers = Vec::new();
        for event in &self.events[side] {
            match event {
                LinkEvent::TrackAdded { receiver, msid_stream, msid_track, .. } => {
                    receivers.push((*receiver, msid_stream.clone(), msid_track.clone()));
                }
                LinkEvent::TrackRemoved { receiver } => receivers.retain(|(known, ..)| known != receiver),
                _ => {}
            }
        }
        receivers
    }

    /// Returns the remote track names that one side has now, sorted.
    pub fn remote_tracks(&self, side: usize) -> Vec<String> {
        let mut names: Vec<String> = self.receivers(side).into_iter().map(|(_, _, name)| name).collect();
        names.sort();
        names
    }

    /// Returns the codec that one side is to send a track with.
    pub fn codec(&self, side: usize, id: TrackId) -> Option<Codec> {
        self.events[side].iter().rev().find_map(|event| match event {
            LinkEvent::SenderReady { track, codec } if *track == id => Some(*codec),
            _ => None,
        })?
    }

    pub fn count(&self, side: usize, matches: impl Fn(&LinkEvent) -> bool) -> usize {
        self.events[side].iter().filter(|event| matches(event)).count()
    }

    pub fn needs_negotiation_events(&self, side: usize) -> usize {
        self.count(side, |event| matches!(event, LinkEvent::NegotiationNeeded))
    }
}

/// Returns the m-lines of a description as (kind, mid, direction).
pub fn sections(sdp: &str) -> Vec<(String, String, String)> {
    let mut sections: Vec<(String, String, String)> = Vec::new();
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            let kind = media.split(' ').next().unwrap().to_owned();
            sections.push((kind, String::new(), String::new()));
        } else if let (Some(section), Some(attribute)) = (sections.last_mut(), line.strip_prefix("a=")) {
            if let Some(mid) = attribute.strip_prefix("mid:") {
                section.1 = mid.to_owned();
            } else if ["sendrecv", "sendonly", "recvonly", "inactive"].contains(&attribute) {
                section.2 = attribute.to_owned();
            }
        }
    }
    sections
}
