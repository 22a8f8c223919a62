//! Receiving sound: packets in at any time, sound out whenever playout asks.
//!
//! Inputs: packets, pulls. Outputs: exactly as many samples as a pull asks for, and what they are.
//!
//! | state | a pull plays | leaves it |
//! | --- | --- | --- |
//! | waiting | silence | when the first packet has been held back for the target delay |
//! | playing | decoded sound; for a lost packet what the next one carries of it, else concealment | when nothing came for half a second, or playout is more than a second late |
//!
//! While playing, the target delay follows the arrivals (`delay`), and the sound is made a little shorter or
//! longer to follow the target (`stretch`): this also makes up for clocks that do not agree. A packet that is
//! late delays what follows it; a packet that is lost does not.
//!
//! Concealment with nothing in the buffer is counted only when the stream goes on, for only then is it known
//! whether anything was missing: a sender that stopped or paused lost nothing.

mod delay;
mod report;
mod stretch;

use std::time::Duration;

use bytes::Bytes;
use units::{Codec, Time};

use self::delay::{Advice, DelayControl};
pub use self::report::{AudioReceiverStats, Playout};
use crate::codec::AudioDecoder;
use crate::level::Level;
use crate::opus::{LONGEST_PACKET, OpusPacket, SAMPLE_RATE, SHORTEST_FRAME};
use crate::rtp::RtpPacket;
use crate::sequence::{Arrival, Arrivals, TimestampUnwrapper, Window};

/// How many packets lie between the oldest and the newest that are kept: ten seconds of 20 ms. When there are
/// more, the oldest are dropped and playout starts anew.
const MAX_PACKETS: u64 = 512;
/// How much older than the first packet of a stream a packet may be that was overtaken by it.
const REORDERED_AT_START: u64 = 32;
/// The playout delay at which playout starts anew at the target: nobody converses over more than that.
const MAX_DELAY: i64 = 1_000_000;
/// How much above its target playout may start: a first pull that is late is no reason to drop sound.
const START_SLACK: i64 = 100_000;
/// What is concealed or filled with noise at a time, in samples per channel.
const CONCEAL_STEP: u32 = 480;
const FILL_STEP: u32 = 960;
/// Concealment is heard in full for 120 ms, then fades out during 80 ms, in samples per channel.
const FADE_FROM: u32 = 5_760;
const FADE: u32 = 3_840;
/// Sound after faded concealment fades in during 5 ms.
const FADE_IN_STEP: f32 = 1.0 / 240.0;
/// After so long without packets the sender is taken to have paused; longer where it announced noise, of which
/// it sends a packet every 400 ms.
const PAUSE_AFTER: u32 = 24_000;
const PAUSE_AFTER_NOISE: u32 = 48_000;
/// Sound that resists being stretched for so long is cut where it is most alike.
const STRETCH_PATIENCE: Duration = Duration::from_millis(500);

/// How long sound is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioReceiverConfig {
    /// Until arrivals taught better; default 80 ms, so that the first stall of 60 ms is not heard.
    pub first_delay: Duration,
    /// At least, on the smoothest path; default 40 ms, which a busy desktop's scheduling needs.
    pub shortest_delay: Duration,
    /// At most, on the roughest path; default 500 ms.
    pub longest_delay: Duration,
}

impl Default for AudioReceiverConfig {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(80),
            shortest_delay: Duration::from_millis(40),
            longest_delay: Duration::from_millis(500),
        }
    }
}

/// A packet that waits for its turn.
#[derive(Debug)]
struct Packet {
    timestamp: u64,
    received: Time,
    payload: Bytes,
    /// Nothing for padding, which only fills its number.
    outline: Option<OpusPacket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Playing,
}

/// Turns the packets of one audio track into sound without end.
///
/// Packets and pulls may come from different threads under one lock; a pull decodes.
#[derive(Debug)]
pub struct AudioReceiver {
    state: State,
    started: bool,
    arrivals: Arrivals,
    timestamps: TimestampUnwrapper,
    delay: DelayControl,
    /// Its base is the packet whose turn is next.
    window: Window<Packet>,
    /// A packet was missing since the last one that was decoded.
    lossy: bool,
    /// The time stamp behind the last sample that was decoded or made up for a gap.
    next: u64,
    /// Sound that is ready, interleaved.
    pcm: Vec<i16>,
    pcm_kind: Playout,
    channels: usize,
    /// Samples made up with nothing in the buffer, for which no gap in the time stamps has shown yet.
    ahead: u32,
    /// Those of them and the silence after them that are not counted yet.
    uncounted: u64,
    /// Samples made up since the last real sound, for the fade.
    made_up: u32,
    gain: f32,
    /// The last packet announced noise.
    discontinuous: bool,
    /// Since when a stretch is due that the sound resists.
    stretch_due: Option<Time>,
    stats: AudioReceiverStats,
}

impl AudioReceiver {
    /// Makes a receiver that waits for its first packet.
    pub fn new(config: AudioReceiverConfig) -> Self {
        let delay = DelayControl::new(&config);
        Self {
            state: State::Waiting,
            started: false,
            arrivals: Arrivals::new(),
            timestamps: TimestampUnwrapper::default(),
            delay,
            window: Window::new(MAX_PACKETS),
            lossy: false,
            next: 0,
            pcm: Vec::new(),
            pcm_kind: Playout::Normal,
            channels: 1,
            ahead: 0,
            uncounted: 0,
            made_up: 0,
            gain: 1.0,
            discontinuous: false,
            stretch_due: None,
            stats: AudioReceiverStats::default(),
        }
    }

    /// Takes a packet. Packets of other codecs than Opus are ignored.
    pub fn handle(&mut self, packet: RtpPacket) {
        if packet.codec != Codec::Opus {
            return;
        }
        let is_first = self.arrivals.highest().is_none();
        let number = match self.arrivals.note(packet.sequence, self.window.base()) {
            Arrival::New(number) => number,
            Arrival::Duplicate => {
                self.stats.duplicates += 1;
                return;
            }
            Arrival::Late => {
                self.stats.late += 1;
                let timestamp = self.timestamps.unwrap(packet.timestamp);
                if !self.delay.is_jump(packet.received, timestamp) {
                    self.delay.arrived(packet.received, timestamp);
                }
                return;
            }
            Arrival::Restart(number) => {
                self.flush(number);
                number
            }
        };
        self.stats.packets += 1;
        if is_first {
            self.window.reset(number.saturating_sub(REORDERED_AT_START));
        }
        let outline = OpusPacket::parse(&packet.payload);
        if outline.is_none() && !packet.payload.is_empty() {
            self.stats.malformed += 1;
            return;
        }
        let timestamp = self.timestamps.unwrap(packet.timestamp);
        if outline.is_some() && !self.note_arrival(number, packet.received, timestamp) {
            self.stats.discarded += 1;
            return;
        }
        let room = self.window.base_for(number);
        if room > self.window.base() {
            self.discard_until(room);
            self.state = State::Waiting;
        }
        let (received, payload) = (packet.received, packet.payload);
        self.window.put(number, Packet { timestamp, received, payload, outline });
    }

    /// Appends `samples` per channel of sound to `out`, interleaved with the decoder's channels. To be called
    /// whenever that much is due; late calls and bursts of calls after them do no harm.
    ///
    /// More than 120 ms are cut to 120 ms.
    pub fn pull(
        &mut self,
        now: Time,
        decoder: &mut dyn AudioDecoder,
        samples: usize,
        out: &mut Vec<i16>,
    ) -> Playout {
        let samples = samples.min(LONGEST_PACKET as usize);
        let channels = usize::from(decoder.channels().max(1));
        if channels != self.channels {
            self.pcm.clear();
            self.channels = channels;
        }
        let wanted = samples * channels;
        if self.state == State::Playing
            && self.delay.playout_delay(now, self.position()).is_some_and(|delay| delay > MAX_DELAY)
            && self.window.end() > self.window.base()
        {
            self.state = State::Waiting;
        }
        let mut kind = Playout::Silence;
        if self.state == State::Playing || self.start(now) {
            self.follow_target(now, decoder);
            if !self.pcm.is_empty() {
                kind = self.pcm_kind;
            }
            while self.pcm.len() < wanted && self.state == State::Playing {
                self.pcm_kind = self.produce(now, decoder);
                kind = kind.max(self.pcm_kind);
            }
        }
        let ready = self.pcm.len().min(wanted);
        self.stats.total_samples += (ready / channels) as u64;
        self.uncounted += if self.started { ((wanted - ready) / channels) as u64 } else { 0 };
        let start = out.len();
        out.extend(self.pcm.drain(..ready));
        out.resize(start + wanted, 0);
        self.stats.level = Level::of(&out[start..]);
        self.stats.target_delay = Duration::from_micros(self.delay.target(now) as u64);
        kind
    }

    /// Returns what happened so far.
    pub fn stats(&self) -> AudioReceiverStats {
        self.stats
    }

    /// Learns from the arrival of a packet, and starts over where the sender's clock did. Returns whether the
    /// packet is of use: not when newer ones disagree about the sender's clock.
    fn note_arrival(&mut self, number: u64, received: Time, timestamp: u64) -> bool {
        if self.delay.is_jump(received, timestamp) {
            if self.arrivals.highest() != Some(number) {
                return false;
            }
            self.flush(number);
            self.delay.rebase();
        } else if self.state == State::Waiting && self.window.iter().next().is_none() {
            // What a pause did to the sender's clock is no lateness.
            self.delay.rebase();
        }
        self.delay.arrived(received, timestamp);
        true
    }

    /// Drops all packets and waits for `number`.
    fn flush(&mut self, number: u64) {
        self.discard_until(self.window.end());
        self.window.reset(number.max(self.window.base()));
        self.state = State::Waiting;
    }

    /// Starts playing when it is time, at the packet whose turn it is.
    fn start(&mut self, now: Time) -> bool {
        let target = self.delay.target(now);
        loop {
            let mut waiting = self.window.iter().filter(|(_, packet)| packet.outline.is_some());
            let Some((number, packet)) = waiting.next() else {
                return false;
            };
            let (timestamp, follower) = (packet.timestamp, waiting.next().map(|(number, _)| number));
            drop(waiting);
            let Some(delay) = self.delay.playout_delay(now, timestamp).filter(|&delay| delay >= target)
            else {
                return false;
            };
            if let (Some(follower), true) = (follower, delay > target + START_SLACK) {
                self.discard_until(follower);
                continue;
            }
            self.resume(number, timestamp);
            return true;
        }
    }

    fn resume(&mut self, number: u64, timestamp: u64) {
        let is_loss = self.lossy || number > self.window.base();
        if self.started && (is_loss || timestamp <= self.next) {
            self.count_concealed(self.uncounted);
        }
        self.gain = if self.started { 0.0 } else { 1.0 };
        self.pass_until(number);
        self.state = State::Playing;
        self.started = true;
        self.lossy = false;
        self.next = timestamp;
        self.pcm.clear();
        self.pcm_kind = Playout::Normal;
        self.ahead = 0;
        self.uncounted = 0;
        self.made_up = 0;
        self.discontinuous = false;
        self.delay.restart();
    }

    /// Returns the time stamp of the first sample that is ready.
    fn position(&self) -> u64 {
        self.next.saturating_sub((self.pcm.len() / self.channels) as u64)
    }

    /// Shortens or lengthens the sound that is ready where the playout delay is off its target.
    fn follow_target(&mut self, now: Time, decoder: &mut dyn AudioDecoder) {
        self.delay.played(now, self.position());
        let advice = self.delay.advice(now);
        if advice == Advice::Keep {
            self.stretch_due = None;
            return;
        }
        if !self.fill(now, decoder) {
            return;
        }
        let force = now - *self.stretch_due.get_or_insert(now) >= STRETCH_PATIENCE;
        let samples = if advice == Advice::Shorten {
            let removed = stretch::shorten(&mut self.pcm, self.channels, force).unwrap_or(0);
            self.stats.removed_samples += removed as u64;
            -(removed as i64)
        } else {
            let inserted = stretch::lengthen(&mut self.pcm, self.channels, force).unwrap_or(0);
            self.stats.inserted_samples += inserted as u64;
            inserted as i64
        };
        if samples != 0 {
            self.stretch_due = None;
            self.delay.stretched(now, samples);
        }
    }

    /// Decodes ahead until there is enough sound to be stretched; returns whether there is.
    fn fill(&mut self, now: Time, decoder: &mut dyn AudioDecoder) -> bool {
        while self.pcm.len() < stretch::NEEDED * self.channels {
            let base = self.window.base();
            match self.window.get(base) {
                Some(packet) if packet.outline.is_some() && packet.timestamp == self.next => {
                    self.pcm_kind = self.produce(now, decoder);
                }
                _ => return false,
            }
        }
        self.pcm_kind == Playout::Normal
    }

    /// Appends some sound to what is ready.
    fn produce(&mut self, now: Time, decoder: &mut dyn AudioDecoder) -> Playout {
        loop {
            let Some((number, packet)) = self.window.iter().next() else {
                return self.conceal_for_nothing(decoder);
            };
            let (timestamp, received, payload) = (packet.timestamp, packet.received, packet.payload.clone());
            let Some(outline) = packet.outline else {
                self.pass_until(number + 1);
                continue;
            };
            if timestamp + u64::from(outline.samples) <= self.next {
                // Its time is over, though its number is not: two packets for the same time.
                self.stats.late += 1;
                self.pass_until(number + 1);
                continue;
            }
            let is_loss = self.lossy || number > self.window.base();
            self.settle(timestamp, is_loss);
            let gap = u32::try_from(timestamp.saturating_sub(self.next)).unwrap_or(u32::MAX);
            if gap >= SHORTEST_FRAME {
                return self.bridge(decoder, gap, is_loss, &payload, &outline);
            }
            self.pass_until(number + 1);
            self.lossy = false;
            return self.decode(now, decoder, timestamp, received, &payload, &outline);
        }
    }

    fn decode(
        &mut self,
        now: Time,
        decoder: &mut dyn AudioDecoder,
        timestamp: u64,
        received: Time,
        payload: &[u8],
        outline: &OpusPacket,
    ) -> Playout {
        self.next = timestamp + u64::from(outline.samples);
        self.discontinuous = outline.discontinuous;
        let before = self.pcm.len();
        let result = decoder.decode(payload, &mut self.pcm);
        let decoded = self.pcm.len().saturating_sub(before) / self.channels;
        if result.is_err() || decoded == 0 {
            self.pcm.truncate(before);
            self.stats.malformed += 1;
            self.make_up(decoder, outline.samples);
            self.count_concealed(u64::from(outline.samples));
            return Playout::Concealed;
        }
        self.pcm.truncate(before + decoded * self.channels);
        self.fade_in(before);
        let ready =
            Duration::from_micros((before / self.channels) as u64 * 1_000_000 / u64::from(SAMPLE_RATE));
        self.stats.delay_sum += (now - received + ready) * outline.samples;
        self.stats.delayed_samples += u64::from(outline.samples);
        Playout::Normal
    }

    /// Fills a part of the gap before the packet whose turn it is.
    fn bridge(
        &mut self,
        decoder: &mut dyn AudioDecoder,
        gap: u32,
        is_loss: bool,
        payload: &[u8],
        outline: &OpusPacket,
    ) -> Playout {
        let whole = gap - gap % SHORTEST_FRAME;
        if !is_loss {
            // The sender sent nothing here.
            let samples = whole.min(FILL_STEP);
            self.next += u64::from(samples);
            self.make_up(decoder, samples);
            self.stats.comfort_samples += u64::from(samples);
            return Playout::ComfortNoise;
        }
        let recoverable =
            if outline.recovers && whole >= outline.frame_samples { outline.frame_samples } else { 0 };
        if recoverable > 0 && whole == recoverable {
            let before = self.pcm.len();
            let result = decoder.recover(payload, whole as usize, &mut self.pcm);
            if result.is_ok() && self.pcm.len() == before + whole as usize * self.channels {
                self.next += u64::from(whole);
                self.fade_in(before);
                self.stats.recovered_samples += u64::from(whole);
                return Playout::Recovered;
            }
            self.pcm.truncate(before);
        }
        let samples = match whole - recoverable {
            0 => whole,
            lost => lost.min(FILL_STEP),
        };
        self.next += u64::from(samples);
        self.make_up(decoder, samples);
        self.count_concealed(u64::from(samples));
        Playout::Concealed
    }

    /// Conceals with nothing in the buffer: what comes next may be late, lost or never sent.
    fn conceal_for_nothing(&mut self, decoder: &mut dyn AudioDecoder) -> Playout {
        let (patience, kind) = if self.discontinuous {
            (PAUSE_AFTER_NOISE, Playout::ComfortNoise)
        } else {
            (PAUSE_AFTER, Playout::Concealed)
        };
        if self.ahead >= patience {
            self.state = State::Waiting;
            return Playout::Silence;
        }
        self.make_up(decoder, CONCEAL_STEP);
        self.ahead += CONCEAL_STEP;
        self.uncounted += u64::from(CONCEAL_STEP);
        kind
    }

    /// Counts what was concealed with nothing in the buffer, now that the next packet tells what it was for.
    fn settle(&mut self, timestamp: u64, is_loss: bool) {
        if self.ahead == 0 {
            return;
        }
        let gap = timestamp.saturating_sub(self.next);
        let uncounted = std::mem::take(&mut self.uncounted);
        if is_loss || gap == 0 {
            self.count_concealed(uncounted);
        } else {
            self.stats.comfort_samples += uncounted;
        }
        // What was made up stands for what is missing; the rest has delayed playout.
        self.next += gap.min(u64::from(self.ahead));
        self.ahead = 0;
    }

    fn count_concealed(&mut self, samples: u64) {
        self.stats.concealed_samples += samples;
        // A run that is counted in steps is one event.
        self.stats.concealment_events += u64::from(samples > 0 && u64::from(self.made_up) <= samples);
    }

    /// Appends concealment, fading out where it goes on for long.
    fn make_up(&mut self, decoder: &mut dyn AudioDecoder, samples: u32) {
        let before = self.pcm.len();
        let length = before + samples as usize * self.channels;
        if decoder.conceal(samples as usize, &mut self.pcm).is_err() {
            self.pcm.truncate(before);
        }
        self.pcm.resize(length, 0);
        for instant in self.pcm[before..].chunks_exact_mut(self.channels) {
            self.made_up = self.made_up.saturating_add(1);
            if self.made_up > FADE_FROM && !self.discontinuous {
                self.gain = (self.gain - 1.0 / FADE as f32).max(0.0);
            }
            scale(instant, self.gain);
        }
    }

    /// Ends a run of made-up sound.
    fn fade_in(&mut self, from: usize) {
        self.made_up = 0;
        for instant in self.pcm[from..].chunks_exact_mut(self.channels) {
            if self.gain >= 1.0 {
                break;
            }
            self.gain = (self.gain + FADE_IN_STEP).min(1.0);
            scale(instant, self.gain);
        }
    }

    /// Moves on to `number`; what is not there by now is lost.
    fn pass_until(&mut self, number: u64) {
        let (first, lost) = (self.arrivals.first(), &mut self.stats.lost);
        let before = *lost;
        self.window.advance(number, |number, packet| *lost += u64::from(packet.is_none() && number >= first));
        self.lossy |= *lost > before;
    }

    /// Moves on to `number`, dropping what is there.
    fn discard_until(&mut self, number: u64) {
        let dropped = self.window.iter().take_while(|&(at, _)| at < number);
        self.stats.discarded += dropped.filter(|(_, packet)| packet.outline.is_some()).count() as u64;
        self.pass_until(number);
    }
}

fn scale(samples: &mut [i16], gain: f32) {
    if gain < 1.0 {
        samples.iter_mut().for_each(|sample| *sample = (f32::from(*sample) * gain) as i16);
    }
}
