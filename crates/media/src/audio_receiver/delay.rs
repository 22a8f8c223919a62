//! How long to hold sound back: from how unevenly packets arrive, and from where playout really is.
//!
//! Both are measured on one scale. The offset of a packet is its arrival less its time stamp; the least offset
//! of the last seconds is the base. How much later than the base a packet arrives is its lateness; how much
//! later than the base a sample is played is the playout delay. A packet is in time exactly when its lateness
//! is not above the playout delay, whatever the clocks and the length of the network path are, and whether
//! packets come or not.

use std::collections::VecDeque;
use std::time::Duration;

use units::Time;

use super::AudioReceiverConfig;
use crate::opus::SAMPLE_RATE;
use crate::rtp::ticks_to_micros;

/// How much more than the lateness that was seen the target is.
const MARGIN: i64 = 10_000;
/// The part of all packets that must be in time by the statistics alone.
const IN_TIME: f32 = 0.97;
/// How much of the statistics each packet replaces: a memory of about four seconds.
const FORGET: f32 = 1.0 / 200.0;
/// Width of a class of lateness.
const CLASS: i64 = 5_000;
const CLASSES: usize = 101;
/// The greatest lateness that is remembered by itself. What is rarer and longer is concealed.
const LONGEST_PEAK: i64 = 200_000;
/// How long a peak counts in full, and how fast it is forgotten then, in microseconds a second.
const PEAK_HOLD: Duration = Duration::from_secs(20);
const PEAK_DECAY: i64 = 4_000;
/// How far playout may be above the target before sound is shortened, below it before it is lengthened.
const ABOVE: i64 = 25_000;
const BELOW: i64 = 5_000;
/// So far above the target, sound is shortened as often as it can be.
const FAR_ABOVE: i64 = 150_000;
/// The least time between two changes.
const SHORTEN_PAUSE: Duration = Duration::from_millis(100);
const SHORTEN_PAUSE_FAR: Duration = Duration::from_millis(20);
const LENGTHEN_PAUSE: Duration = Duration::from_millis(60);
/// How long playout must have been watched before it is called too slow or too fast.
const WATCH_BEFORE_SHORTENING: Duration = Duration::from_millis(500);
const WATCH_BEFORE_LENGTHENING: Duration = Duration::from_millis(100);
/// An offset this far from the base is no lateness: the sender's clock jumped.
const JUMP: i64 = 2_000_000;

/// What would bring playout closer to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    Keep,
    Shorten,
    Lengthen,
}

/// Measures lateness and playout delay; times and delays are microseconds, positions are unwrapped RTP time
/// stamps.
#[derive(Debug)]
pub(super) struct DelayControl {
    shortest: i64,
    longest: i64,
    /// The least offset of the last ten seconds.
    base: RollingMin,
    /// What part of the packets had which lateness, the recent ones counting more.
    classes: [f32; CLASSES],
    packets: u32,
    peak: i64,
    peak_at: Option<Time>,
    /// The least playout delay of the last second: pulls that come late, alone or in bursts, do not disturb it.
    playout: RollingMin,
    watched_since: Option<Time>,
    last_change: Option<Time>,
}

impl DelayControl {
    pub(super) fn new(config: &AudioReceiverConfig) -> Self {
        let micros = |duration: Duration| duration.as_micros().min(60_000_000) as i64;
        Self {
            shortest: micros(config.shortest_delay),
            longest: micros(config.longest_delay),
            base: RollingMin::new(Duration::from_secs(1)),
            classes: [0.0; CLASSES],
            packets: 0,
            // The first delay is what would be learned from one such peak.
            peak: micros(config.first_delay) - MARGIN,
            peak_at: None,
            playout: RollingMin::new(Duration::from_millis(100)),
            watched_since: None,
            last_change: None,
        }
    }

    /// Returns whether a packet is so far from the others that time stamps must have jumped.
    pub(super) fn is_jump(&self, received: Time, timestamp: u64) -> bool {
        self.base.min().is_some_and(|base| (offset(received, timestamp) - base).abs() > JUMP)
    }

    /// Forgets where the sender's clock was, but not how unevenly packets come.
    pub(super) fn rebase(&mut self) {
        self.base.clear();
        self.restart();
    }

    /// Forgets where playout was.
    pub(super) fn restart(&mut self) {
        self.playout.clear();
        self.watched_since = None;
    }

    /// Notes the arrival of a packet.
    pub(super) fn arrived(&mut self, received: Time, timestamp: u64) {
        let offset = offset(received, timestamp);
        let lateness = offset - self.base.add(received, offset);
        self.packets = self.packets.saturating_add(1);
        // The first packets count evenly.
        let share = FORGET.max(1.0 / self.packets as f32);
        self.classes.iter_mut().for_each(|class| *class *= 1.0 - share);
        self.classes[((lateness / CLASS) as usize).min(CLASSES - 1)] += share;
        let (lateness, peak) = (lateness.min(LONGEST_PEAK), self.peak(received));
        if lateness + MARGIN >= peak {
            // One almost as late shows that the peak was no exception.
            self.peak = peak.max(lateness);
            self.peak_at = Some(received);
        }
        self.peak_at.get_or_insert(received);
    }

    /// Notes that the sample at `position` is played now.
    pub(super) fn played(&mut self, now: Time, position: u64) {
        if let Some(delay) = self.playout_delay(now, position) {
            self.playout.add(now, delay);
            self.watched_since.get_or_insert(now);
        }
    }

    /// Returns the playout delay if `position` were played now.
    pub(super) fn playout_delay(&self, now: Time, position: u64) -> Option<i64> {
        Some(offset(now, position) - self.base.min()?)
    }

    /// Returns the playout delay to aim at.
    pub(super) fn target(&self, now: Time) -> i64 {
        (self.usual().max(self.peak(now)) + MARGIN).min(self.longest).max(self.shortest)
    }

    /// Says how to change playout.
    pub(super) fn advice(&self, now: Time) -> Advice {
        let (Some(delay), Some(since)) = (self.playout.min(), self.watched_since) else {
            return Advice::Keep;
        };
        let (above, watched) = (delay - self.target(now), now - since);
        let rested = |pause| self.last_change.is_none_or(|change| now - change >= pause);
        let shorten_pause = if above > FAR_ABOVE { SHORTEN_PAUSE_FAR } else { SHORTEN_PAUSE };
        if above > ABOVE && watched >= WATCH_BEFORE_SHORTENING && rested(shorten_pause) {
            Advice::Shorten
        } else if above < -BELOW && watched >= WATCH_BEFORE_LENGTHENING && rested(LENGTHEN_PAUSE) {
            Advice::Lengthen
        } else {
            Advice::Keep
        }
    }

    /// Notes that playout was moved by so many samples, later where positive.
    pub(super) fn stretched(&mut self, now: Time, samples: i64) {
        self.playout.shift(samples * 1_000_000 / i64::from(SAMPLE_RATE));
        self.last_change = Some(now);
    }

    /// Returns the lateness that nearly all packets stay below.
    fn usual(&self) -> i64 {
        let mut sum = 0.0;
        let class = self.classes.iter().position(|class| {
            sum += class;
            sum >= IN_TIME
        });
        // The classes sum up to one but for rounding.
        class.map_or(0, |class| (class as i64 + 1) * CLASS)
    }

    /// Returns what is left of the greatest lateness.
    fn peak(&self, now: Time) -> i64 {
        let over = self.peak_at.map_or(Duration::ZERO, |at| (now - at).saturating_sub(PEAK_HOLD));
        (self.peak - (over.as_secs_f64() * PEAK_DECAY as f64) as i64).max(0)
    }
}

fn offset(time: Time, timestamp: u64) -> i64 {
    time.as_micros() as i64 - ticks_to_micros(timestamp, SAMPLE_RATE) as i64
}

/// The minimum of what was added during the last [`RollingMin::BUCKETS`] spans of time.
#[derive(Debug)]
struct RollingMin {
    span: u64,
    buckets: VecDeque<(u64, i64)>,
}

impl RollingMin {
    const BUCKETS: u64 = 10;

    fn new(span: Duration) -> Self {
        Self { span: span.as_micros() as u64, buckets: VecDeque::with_capacity(Self::BUCKETS as usize + 1) }
    }

    /// Adds a value and returns the minimum with it.
    fn add(&mut self, now: Time, value: i64) -> i64 {
        let bucket = now.as_micros() / self.span;
        match self.buckets.back_mut() {
            // A time before the newest bucket comes from a packet that waited in a queue.
            Some((newest, min)) if *newest >= bucket => *min = value.min(*min),
            _ => self.buckets.push_back((bucket, value)),
        }
        while self.buckets.front().is_some_and(|&(oldest, _)| oldest + Self::BUCKETS <= bucket) {
            self.buckets.pop_front();
        }
        self.min().unwrap_or(value)
    }

    fn min(&self) -> Option<i64> {
        self.buckets.iter().map(|&(_, min)| min).min()
    }

    fn shift(&mut self, by: i64) {
        self.buckets.iter_mut().for_each(|(_, min)| *min += by);
    }

    fn clear(&mut self) {
        self.buckets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control() -> DelayControl {
        DelayControl::new(&AudioReceiverConfig::default())
    }

    /// Feeds packets of 20 ms, `lateness(n)` ms late, and returns the time and position after the last.
    fn feed(control: &mut DelayControl, packets: u64, lateness: impl Fn(u64) -> u64) -> (Time, u64) {
        for n in 0..packets {
            control.arrived(Time::from_millis(1000 + n * 20 + lateness(n)), n * 960);
        }
        (Time::from_millis(1000 + packets * 20), packets * 960)
    }

    #[test]
    fn the_target_starts_at_the_first_delay_and_falls_to_the_shortest_without_jitter() {
        let mut control = control();
        assert_eq!(control.target(Time::ZERO), 80_000);
        let (now, _) = feed(&mut control, 500, |_| 0);
        assert_eq!(control.target(now), 80_000);
        let (now, _) = feed(&mut control, 2000, |_| 0);
        assert_eq!(control.target(now), 40_000);
    }

    #[test]
    fn one_stall_is_remembered_then_forgotten() {
        let mut control = control();
        let (now, _) = feed(&mut control, 100, |n| if n == 50 { 90 } else { 0 });
        assert_eq!(control.target(now), 100_000);
        let (now, _) = feed(&mut control, 4000, |_| 0);
        assert_eq!(control.target(now), 40_000);
    }

    #[test]
    fn the_usual_lateness_counts_up_to_the_longest_delay() {
        let mut control = control();
        let (now, _) = feed(&mut control, 1000, |n| n * 37 % 300);
        let target = control.target(now);
        assert!((280_000..320_000).contains(&target), "{target}");
        let (now, _) = feed(&mut control, 1000, |n| n * 37 % 900);
        assert_eq!(control.target(now), 500_000);
    }

    #[test]
    fn a_rare_outage_does_not_raise_the_target_beyond_the_longest_peak() {
        let mut control = control();
        let (now, _) = feed(&mut control, 500, |n| if n == 400 { 700 } else { 0 });
        assert_eq!(control.target(now), 210_000);
    }

    #[test]
    fn pulls_that_come_late_are_no_reason_to_shorten() {
        let mut control = control();
        let (now, position) = feed(&mut control, 100, |_| 0);
        for n in 0..100 {
            // Two of three pulls are 50 ms late.
            let late = if n % 3 == 0 { 0 } else { 50 };
            let now = now + Duration::from_millis(80 + n * 20 + late);
            control.played(now, position + n * 960);
            assert_eq!(control.advice(now), Advice::Keep);
        }
    }

    #[test]
    fn playout_far_from_the_target_is_moved_until_it_is_near() {
        for (start, expected) in [(200, Advice::Shorten), (30, Advice::Lengthen)] {
            let mut control = control();
            let (begin, position) = feed(&mut control, 100, |_| 0);
            let (mut moved, mut last) = (0, Advice::Keep);
            for n in 0..200 {
                let now = begin
                    + Duration::from_millis(n * 20)
                    + Duration::from_micros((start * 1000 + moved) as u64);
                control.played(now, position + n * 960);
                last = control.advice(now);
                if last == expected {
                    let samples = if last == Advice::Shorten { -240 } else { 240 };
                    moved += samples * 1000 / 48;
                    control.stretched(now, samples);
                }
            }
            assert_eq!(last, Advice::Keep);
            let delay = start * 1000 + moved;
            assert!((70_000..=105_000).contains(&delay), "from {start} ms to {delay} us");
        }
    }

    #[test]
    fn playout_that_starts_anew_is_not_judged_by_what_was_before() {
        let mut control = control();
        let (now, position) = feed(&mut control, 100, |_| 0);
        control.played(now, position);
        let now = now + Duration::from_millis(200);
        assert_eq!(control.advice(now), Advice::Lengthen);
        control.restart();
        control.played(now, position + 48 * 120);
        assert_eq!(control.advice(now + Duration::from_millis(200)), Advice::Keep);
    }

    #[test]
    fn a_clock_that_jumps_is_told_from_a_packet_that_is_late() {
        let mut control = control();
        let (now, position) = feed(&mut control, 100, |_| 0);
        assert!(!control.is_jump(now + Duration::from_millis(1500), position));
        assert!(control.is_jump(now + Duration::from_millis(2500), position));
        assert!(control.is_jump(now, position + 48_000 * 3));
    }
}
