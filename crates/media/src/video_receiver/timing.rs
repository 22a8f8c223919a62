//! From RTP time stamps to the engine's clock, and freezes.

use std::collections::VecDeque;
use std::time::Duration;

use units::Time;

use crate::rtp::ticks_to_micros;
use crate::sequence::TimestampUnwrapper;

/// A frame this far from where the anchor puts it shows that the sender's clock jumped or stood still.
const JUMP: Duration = Duration::from_secs(2);

/// Maps RTP time stamps to times: the first frame is due when its first packet arrived, later ones as much
/// later as their time stamps say.
///
/// No time is later than the frame's arrival, so a sender's clock that runs fast moves the anchor along. A
/// sender's clock that runs slow makes frames appear to arrive later and later until the anchor is made anew;
/// exact clocks come with sender reports. Times never go backwards.
#[derive(Debug, Default)]
pub(super) struct FrameClock {
    unwrapper: TimestampUnwrapper,
    anchor: Option<(u64, Time)>,
    last: Time,
}

impl FrameClock {
    pub(super) fn time_of(&mut self, timestamp: u32, received: Time, clock_rate: u32) -> Time {
        let ticks = self.unwrapper.unwrap(timestamp);
        let (anchor_ticks, anchor_time) = *self.anchor.get_or_insert((ticks, received));
        let ahead = Duration::from_micros(ticks_to_micros(ticks.saturating_sub(anchor_ticks), clock_rate));
        let behind = Duration::from_micros(ticks_to_micros(anchor_ticks.saturating_sub(ticks), clock_rate));
        let mut time =
            Time::from_micros((anchor_time + ahead).as_micros().saturating_sub(behind.as_micros() as u64));
        if time > received || received - time > JUMP {
            time = received;
            self.anchor = Some((ticks, received));
        }
        self.last = self.last.max(time);
        self.last
    }
}

/// Counts freezes by the rule of the W3C's `freezeCount`: a pause between two frames longer than three times
/// the average of the last 30, and at least 150 ms longer than it.
#[derive(Debug, Default)]
pub(super) struct Freezes {
    last: Option<Time>,
    recent: VecDeque<Duration>,
    count: u64,
    total: Duration,
}

impl Freezes {
    /// How many pauses are averaged.
    const AVERAGED: usize = 30;
    /// How many pauses must be known before one is called a freeze.
    const NEEDED: usize = 5;
    const LONGER_BY: Duration = Duration::from_millis(150);

    pub(super) fn frame(&mut self, now: Time) {
        let Some(pause) = self.last.replace(now).map(|last| now - last) else {
            return;
        };
        if self.recent.len() >= Self::NEEDED {
            let average = self.recent.iter().sum::<Duration>() / self.recent.len() as u32;
            if pause > (average * 3).max(average + Self::LONGER_BY) {
                self.count += 1;
                self.total += pause;
            }
        }
        if self.recent.len() == Self::AVERAGED {
            self.recent.pop_front();
        }
        self.recent.push_back(pause);
    }

    /// Returns how many freezes there were and how long they lasted together.
    pub(super) fn total(&self) -> (u64, Duration) {
        (self.count, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u32 = 90;

    #[test]
    fn times_follow_the_time_stamps_and_not_the_arrivals() {
        let mut clock = FrameClock::default();
        let start = u32::MAX - 40 * MS;
        let mut at = |ms: u32, received| {
            clock.time_of(start.wrapping_add(ms * MS), Time::from_millis(received), 90_000).as_millis()
        };
        assert_eq!((at(0, 500), at(33, 560), at(66, 566), at(100, 650)), (500, 533, 566, 600));
    }

    #[test]
    fn no_time_is_later_than_the_arrival_and_none_goes_backwards() {
        let mut clock = FrameClock::default();
        let mut at =
            |ms: u32, received| clock.time_of(ms * MS, Time::from_millis(received), 90_000).as_millis();
        assert_eq!((at(1000, 500), at(1100, 590), at(1200, 695), at(1150, 700)), (500, 590, 690, 690));
    }

    #[test]
    fn a_jump_of_the_senders_clock_makes_a_new_anchor() {
        let mut clock = FrameClock::default();
        let mut at =
            |ms: u32, received| clock.time_of(ms * MS, Time::from_millis(received), 90_000).as_millis();
        assert_eq!((at(0, 1000), at(33, 9000), at(66, 9050)), (1000, 9000, 9033));
        assert_eq!((at(20_000_000, 9100), at(20_000_033, 9140)), (9100, 9133));
    }

    #[test]
    fn only_a_pause_far_longer_than_usual_is_a_freeze() {
        let mut freezes = Freezes::default();
        let mut now = Time::ZERO;
        let mut pause = |ms| {
            now += Duration::from_millis(ms);
            freezes.frame(now);
            freezes.total()
        };
        for _ in 0..40 {
            pause(33);
        }
        assert_eq!(pause(180).0, 0, "147 ms longer than usual");
        assert_eq!(pause(200), (1, Duration::from_millis(200)));
    }
}
