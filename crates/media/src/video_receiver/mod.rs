//! Receiving pictures: packets in, whole frames in decoding order out.
//!
//! Inputs: packets, the passing of time, "the decoder failed". Outputs: frames, requests for a keyframe.
//!
//! | state | meaning | leaves it |
//! | --- | --- | --- |
//! | waiting for a keyframe | nothing goes out | with the first whole keyframe, wherever it lies |
//! | in sync | frames go out the moment they are whole and in order | see below |
//!
//! In sync, a missing packet holds back what comes after it: the link asks for a retransmission, and the gap is
//! given the time for it. A whole keyframe behind the gap is taken at once. When the time is over, the receiver
//! waits for a keyframe and asks for one. Where nothing is missing, nothing is delayed: jitter is the
//! renderer's business.

mod frames;
mod request;
mod timing;

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use units::{Codec, MediaKind, Time};

use self::frames::{Extent, Packet};
use self::request::KeyframeRequests;
use self::timing::{FrameClock, Freezes};
use crate::depacketize::{Fragment, PictureId, depacketize};
use crate::frame::EncodedFrame;
use crate::rtp::RtpPacket;
use crate::sequence::{Arrival, Arrivals, Window};

/// How many packets lie between the oldest and the newest that are kept: three seconds at 6 Mbit/s, or a
/// keyframe of 2.3 MB. When a stream needs more, the oldest are dropped and a keyframe is asked for.
const MAX_PACKETS: u64 = 2048;
/// How many frames wait for [`VideoReceiver::poll`]. When the owner does not poll, the oldest are dropped and a
/// keyframe is asked for.
const MAX_READY: usize = 64;
/// How much older than the first packet of a stream a packet may be that was overtaken by it.
const REORDERED_AT_START: u64 = 32;

/// How long gaps are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoReceiverConfig {
    /// The wait on links with a short round trip; default 150 ms.
    pub shortest_wait: Duration,
    /// The wait while the round trip is not known; default 250 ms.
    pub first_wait: Duration,
    /// The wait on links with a long round trip; default 500 ms.
    pub longest_wait: Duration,
}

impl Default for VideoReceiverConfig {
    fn default() -> Self {
        Self {
            shortest_wait: Duration::from_millis(150),
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_millis(500),
        }
    }
}

/// What a receiver wants its owner to do.
#[derive(Debug, Clone)]
pub enum VideoOutput {
    /// Decode this frame. The first frame, and the first after a loss, is a keyframe.
    Frame(EncodedFrame),
    /// Ask the sender for a keyframe.
    KeyframeNeeded,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VideoReceiverStats {
    /// Packets that arrived, without duplicates.
    pub packets: u64,
    /// Packets that had arrived before.
    pub duplicates: u64,
    /// Packets that arrived after they had been given up.
    pub late: u64,
    /// Packets that could not be read; they also count as lost.
    pub malformed: u64,
    /// Packets that had not arrived when they were given up; a retransmission in time makes up for a loss.
    pub lost: u64,
    /// Frames handed out.
    pub frames: u64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// Frames of which at least a packet arrived and that were not handed out.
    pub frames_dropped: u64,
    /// Keyframe requests made.
    pub keyframe_requests: u64,
    /// Freezes, by the rule of the W3C's `freezeCount` on the times at which frames were handed out.
    pub freezes: u64,
    /// How long these freezes lasted together.
    pub frozen: Duration,
}

/// Turns the packets of one video track into frames for its decoder.
#[derive(Debug)]
pub struct VideoReceiver {
    wait: Duration,
    config: VideoReceiverConfig,
    codec: Option<Codec>,
    arrivals: Arrivals,
    window: Window<Packet>,
    /// The base of the window is where the next frame begins, and all frames it builds on went out.
    in_sync: bool,
    /// Where the frame behind the last one handed out begins.
    boundary: u64,
    last_picture: Option<PictureId>,
    has_parameter_sets: bool,
    /// The packet that is waited for, and until when.
    gap: Option<(u64, Time)>,
    requests: KeyframeRequests,
    /// A part of the keyframe that is waited for is here.
    keyframe_arriving: bool,
    ready: VecDeque<EncodedFrame>,
    clock: FrameClock,
    freezes: Freezes,
    last_dropped: Option<u32>,
    stats: VideoReceiverStats,
}

impl VideoReceiver {
    /// Makes a receiver that waits for its first keyframe.
    pub fn new(config: VideoReceiverConfig) -> Self {
        Self {
            wait: config.first_wait,
            config,
            codec: None,
            arrivals: Arrivals::new(),
            window: Window::new(MAX_PACKETS),
            in_sync: false,
            boundary: 0,
            last_picture: None,
            has_parameter_sets: false,
            gap: None,
            requests: KeyframeRequests::default(),
            keyframe_arriving: false,
            ready: VecDeque::new(),
            clock: FrameClock::default(),
            freezes: Freezes::default(),
            last_dropped: None,
            stats: VideoReceiverStats::default(),
        }
    }

    /// Says how long the link's round trip is; gaps wait three round trips, within the configured limits.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        // Not `clamp`: limits the wrong way round are the owner's mistake, but no reason to panic.
        self.wait = (round_trip * 3).min(self.config.longest_wait).max(self.config.shortest_wait);
    }

    /// Takes a packet. Packets of sound are ignored. A packet of another codec starts the stream anew.
    pub fn handle(&mut self, now: Time, packet: RtpPacket) {
        if packet.codec.kind() != MediaKind::Video {
            return;
        }
        let number = match self.arrivals.note(packet.sequence, self.window.base()) {
            Arrival::New(number) => number,
            Arrival::Duplicate => {
                self.stats.duplicates += 1;
                return;
            }
            Arrival::Late => {
                self.stats.late += 1;
                return;
            }
            Arrival::Restart(number) => {
                self.start_anew(number, packet.codec);
                number
            }
        };
        self.stats.packets += 1;
        if self.codec != Some(packet.codec) {
            let is_newest = self.arrivals.highest() == Some(number);
            if self.codec.is_some() && !is_newest {
                // It was overtaken by the first packets of the new codec.
                return;
            }
            self.start_anew(number, packet.codec);
        }
        let fragment = if packet.payload.is_empty() {
            None
        } else if let Ok(fragment) = depacketize(packet.codec, packet.payload) {
            Some(fragment)
        } else {
            self.stats.malformed += 1;
            return;
        };
        let room = self.window.base_for(number);
        if room > self.window.base() {
            if self.in_sync {
                self.lose_sync(now);
            }
            self.drop_until(room);
        }
        self.requests.packet(now);
        if !self.in_sync {
            self.expect_or_request(now, fragment.as_ref());
        }
        let (timestamp, marker, received) = (packet.timestamp, packet.marker, packet.received);
        self.window.put(number, Packet { timestamp, marker, received, fragment });
        self.progress(now, Some(number));
    }

    /// Says that the decoder failed on a frame: a keyframe is asked for, and nothing goes out before it.
    pub fn handle_decoder_failure(&mut self, now: Time) {
        self.lose_sync(now);
    }

    /// Says that time passed; due at [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Time) {
        if let Some((missing, _)) = self.gap.filter(|&(_, deadline)| deadline <= now) {
            self.lose_sync(now);
            let behind = self.window.iter().map(|(number, _)| number).find(|&number| number > missing);
            self.drop_until(behind.unwrap_or(self.window.end()));
        }
        self.requests.handle_timeout(now);
        self.progress(now, None);
    }

    /// Returns when [`Self::handle_timeout`] must be called.
    pub fn poll_timeout(&self) -> Option<Time> {
        let gap = self.gap.map(|(_, deadline)| deadline);
        [gap, self.requests.poll_timeout()].into_iter().flatten().min()
    }

    /// Returns what is to be done; to be called until it returns nothing, after every other call.
    pub fn poll(&mut self) -> Option<VideoOutput> {
        if self.requests.take() {
            return Some(VideoOutput::KeyframeNeeded);
        }
        let frame = self.ready.pop_front()?;
        self.stats.frames += 1;
        self.stats.keyframes += u64::from(frame.keyframe);
        Some(VideoOutput::Frame(frame))
    }

    /// Returns what happened so far.
    pub fn stats(&self) -> VideoReceiverStats {
        let (freezes, frozen) = self.freezes.total();
        VideoReceiverStats { keyframe_requests: self.requests.count(), freezes, frozen, ..self.stats }
    }

    /// Forgets the stream but for its counters and its clock.
    fn start_anew(&mut self, number: u64, codec: Codec) {
        let is_first = self.codec.is_none();
        self.drop_until(self.window.end());
        let overtaken = if is_first { REORDERED_AT_START } else { 0 };
        self.window.reset(number.saturating_sub(overtaken).max(self.window.base()));
        self.codec = Some(codec);
        self.in_sync = false;
        self.gap = None;
        self.last_picture = None;
        self.has_parameter_sets = false;
        self.keyframe_arriving = false;
    }

    fn lose_sync(&mut self, now: Time) {
        self.in_sync = false;
        self.gap = None;
        self.keyframe_arriving = false;
        self.requests.want(now);
    }

    /// Waiting for a keyframe, asks for one unless this packet belongs to one.
    fn expect_or_request(&mut self, now: Time, fragment: Option<&Fragment>) {
        let is_key = match fragment {
            Some(fragment @ Fragment::Vp8(_)) => fragment.keyframe().or(Some(false)),
            Some(fragment) => fragment.keyframe(),
            None => None,
        };
        if is_key == Some(true) {
            self.keyframe_arriving = true;
            self.requests.expect(now, self.wait);
        } else if is_key == Some(false) && !self.keyframe_arriving {
            self.requests.want(now);
        }
    }

    /// Hands out what can go out. `arrived` is the packet that may have made a difference.
    fn progress(&mut self, now: Time, arrived: Option<u64>) {
        while self.in_sync {
            match self.head() {
                Extent::Whole(frame) => self.emit(now, &frame),
                Extent::Missing(number) if number < self.window.end() => {
                    self.note_gap(number);
                    break;
                }
                Extent::Missing(_) => {
                    self.gap = None;
                    return;
                }
            }
        }
        // Either there is a gap or a keyframe is waited for: look whether the packet made one whole, by
        // itself, by ending the frame before or by proving where the frame behind begins.
        for number in arrived.into_iter().flat_map(|number| [number, number - 1, number + 1]) {
            if let Some(frame) =
                frames::keyframe_around(&self.window, number, self.boundary, self.has_parameter_sets)
            {
                self.drop_until(*frame.start());
                self.gap = None;
                self.in_sync = true;
                self.emit(now, &frame);
                return self.progress(now, None);
            }
        }
    }

    /// Looks at the frame that must go out next.
    fn head(&mut self) -> Extent {
        let mut start = self.window.base();
        while self.window.get(start).is_some_and(|packet| packet.fragment.is_none()) {
            start += 1;
        }
        if self.window.get(start).is_none()
            && let Some(next) = self.last_picture.map(PictureId::next)
            && let Some((number, packet)) = self.window.iter().find(|(_, packet)| packet.fragment.is_some())
            && let Some(fragment) = &packet.fragment
            && fragment.starts_frame()
            && fragment.picture_id() == Some(next)
        {
            // No picture is missing between the last frame and this one, so what is missing was padding.
            start = number;
        }
        self.drop_until(start);
        frames::extent(&self.window, start)
    }

    /// Sets the deadline of a gap: from when the first packet behind it arrived.
    fn note_gap(&mut self, missing: u64) {
        if self.gap.is_some_and(|(number, _)| number == missing) {
            return;
        }
        let behind = self.window.iter().filter(|&(number, _)| number > missing);
        let noticed = behind.map(|(_, packet)| packet.received).min();
        self.gap = noticed.map(|noticed| (missing, noticed + self.wait));
    }

    /// Hands out a whole frame and forgets its packets.
    fn emit(&mut self, now: Time, frame: &RangeInclusive<u64>) {
        let (Ok(built), Some(codec)) = (frames::build(&self.window, frame), self.codec) else {
            self.drop_until(frame.end() + 1);
            return self.lose_sync(now);
        };
        self.window.advance(frame.end() + 1, |_, _| ());
        self.boundary = frame.end() + 1;
        if built.keyframe {
            self.requests.satisfied();
            self.keyframe_arriving = false;
        }
        self.has_parameter_sets |= built.has_parameter_sets;
        self.last_picture = built.picture_id;
        self.freezes.frame(now);
        if self.ready.len() == MAX_READY {
            self.stats.frames_dropped += self.ready.len() as u64;
            self.ready.clear();
            if !built.keyframe {
                self.stats.frames_dropped += 1;
                return self.lose_sync(now);
            }
        }
        self.ready.push_back(EncodedFrame {
            codec,
            timestamp: self.clock.time_of(built.timestamp, built.received, codec.clock_rate()),
            duration: Duration::ZERO,
            keyframe: built.keyframe,
            data: built.data,
        });
    }

    /// Gives up everything before `number`.
    fn drop_until(&mut self, number: u64) {
        let (first, stats, last_dropped) = (self.arrivals.first(), &mut self.stats, &mut self.last_dropped);
        self.window.advance(number, |number, packet| match packet {
            Some(packet) => {
                let is_padding = packet.fragment.is_none();
                if !is_padding && last_dropped.replace(packet.timestamp) != Some(packet.timestamp) {
                    stats.frames_dropped += 1;
                }
            }
            None => stats.lost += u64::from(number >= first),
        });
    }
}
