//! What arrived of one received source, what is missing, and when to ask for it again.
//!
//! Inputs: sequence numbers as they arrive, retransmitted ones included. Outputs: the numbers to ask for (NACK,
//! RFC 4585 section 6.2.1), and counts after RFC 3550 appendix A.

use std::collections::BTreeMap;
use std::time::Duration;

use units::Time;

/// Most packets that are missing at a time. A larger gap means that the source started anew or that the path
/// was gone: nothing of it is asked for, a keyframe is the remedy.
const MAX_MISSING: u64 = 512;
/// How often a packet is asked for.
const MAX_ATTEMPTS: u8 = 8;
/// How long a packet is worth having.
const MAX_AGE: Duration = Duration::from_secs(1);
/// Shortest time between two requests for the same packet.
const MIN_RETRY: Duration = Duration::from_millis(20);
/// How far a number may jump, either way; further the source started anew (RFC 3550 appendix A.1).
const MAX_DROPOUT: u64 = 3_000;

#[derive(Debug, Clone, Copy)]
struct Missing {
    since: Time,
    next: Time,
    attempts: u8,
}

/// The log of one received source.
#[derive(Debug)]
pub(crate) struct Log {
    /// What is missing is asked for again.
    repairs: bool,
    /// First and highest number, both extended beyond 16 bits.
    range: Option<(u64, u64)>,
    missing: BTreeMap<u64, Missing>,
    received: u64,
    /// Expected in former ranges of a source that started anew, and received there.
    before: (u64, u64),
    jitter: Jitter,
}

impl Log {
    /// Makes an empty log; one that repairs nothing counts what is missing as lost at once.
    pub(crate) fn new(repairs: bool) -> Self {
        Self {
            repairs,
            range: None,
            missing: BTreeMap::new(),
            received: 0,
            before: (0, 0),
            jitter: Jitter::default(),
        }
    }

    /// Notes an arrival. Time stamps are in the codec's clock.
    pub(crate) fn arrived(&mut self, now: Time, sequence: u16, timestamp: u32, clock_rate: u32) {
        let Some((first, highest)) = self.range else {
            self.restart(sequence);
            self.jitter.arrived(now, timestamp, clock_rate);
            return;
        };
        let ahead = u64::from(sequence.wrapping_sub(highest as u16));
        let behind = u64::from((highest as u16).wrapping_sub(sequence));
        if ahead == 0 {
            return;
        }
        if ahead <= MAX_DROPOUT {
            let sequence = highest + ahead;
            if ahead > MAX_MISSING {
                self.missing.clear();
            } else {
                self.missing.extend(
                    (highest + 1..sequence)
                        .map(|lost| (lost, Missing { since: now, next: now, attempts: 0 })),
                );
                while self.missing.len() as u64 > MAX_MISSING {
                    self.missing.pop_first();
                }
            }
            self.range = Some((first, sequence));
            self.received += 1;
            self.jitter.arrived(now, timestamp, clock_rate);
        } else if behind <= MAX_DROPOUT {
            if self.missing.remove(&highest.saturating_sub(behind)).is_some() {
                self.received += 1;
            }
        } else {
            self.before.0 += highest - first + 1;
            self.before.1 += self.received;
            self.restart(sequence);
        }
    }

    fn restart(&mut self, sequence: u16) {
        let first = (1 << 16) + u64::from(sequence);
        self.range = Some((first, first));
        self.received = 1;
        self.missing.clear();
    }

    /// Takes the numbers that are to be asked for now; those that are not worth it any more are given up.
    pub(crate) fn due(&mut self, now: Time, round_trip: Duration) -> Vec<u16> {
        self.missing.retain(|_, missing| missing.attempts < MAX_ATTEMPTS && now - missing.since < MAX_AGE);
        let mut due = Vec::new();
        for (&sequence, missing) in &mut self.missing {
            if missing.next <= now {
                missing.next = now + MIN_RETRY.max(round_trip + round_trip / 4);
                missing.attempts += 1;
                due.push(sequence as u16);
            }
        }
        due
    }

    /// Returns when [`Log::due`] has something.
    pub(crate) fn next_due(&self) -> Option<Time> {
        let first = self.missing.values().map(|missing| missing.next).min();
        first.filter(|_| self.repairs)
    }

    /// Returns how many packets never came, neither at first nor on request.
    pub(crate) fn lost(&self) -> u64 {
        let expected = self.range.map_or(0, |(first, highest)| highest - first + 1) + self.before.0;
        let waiting = if self.repairs { self.missing.len() as u64 } else { 0 };
        expected.saturating_sub(self.received + self.before.1 + waiting)
    }

    /// Returns the interarrival jitter.
    pub(crate) fn jitter(&self) -> Duration {
        self.jitter.value
    }
}

/// Interarrival jitter (RFC 3550 appendix A.8).
#[derive(Debug, Default)]
struct Jitter {
    last: Option<(Time, u32)>,
    value: Duration,
}

impl Jitter {
    fn arrived(&mut self, now: Time, timestamp: u32, clock_rate: u32) {
        if let Some((then, before)) = self.last {
            let sent =
                i64::from(timestamp.wrapping_sub(before) as i32) * 1_000_000 / i64::from(clock_rate.max(1));
            let arrived = i64::try_from((now - then).as_micros()).unwrap_or(i64::MAX);
            let difference = Duration::from_micros(arrived.saturating_sub(sent).unsigned_abs());
            // A source that paused says nothing about the path.
            if difference < MAX_AGE {
                self.value = self.value - self.value / 16 + difference / 16;
            }
        }
        self.last = Some((now, timestamp));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(40);

    fn ms(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn log(numbers: impl IntoIterator<Item = u16>) -> Log {
        let mut log = Log::new(true);
        for number in numbers {
            log.arrived(Time::ZERO, number, 0, 90_000);
        }
        log
    }

    #[test]
    fn a_gap_is_asked_for_at_once_and_again_after_a_round_trip_until_it_is_filled() {
        let mut log = log([65_534, 1]);
        assert_eq!(log.due(ms(0), RTT), [65_535, 0]);
        assert!(log.due(ms(49), RTT).is_empty());
        log.arrived(ms(49), 65_535, 0, 90_000);
        assert_eq!(log.due(ms(50), RTT), [0]);
        log.arrived(ms(60), 0, 0, 90_000);
        assert_eq!((log.next_due(), log.lost()), (None, 0));
    }

    #[test]
    fn a_packet_is_given_up_after_a_second_and_counts_as_lost() {
        let mut log = log([1, 3]);
        assert_eq!(log.lost(), 0);
        assert!(log.due(ms(1_000), RTT).is_empty());
        assert_eq!((log.next_due(), log.lost()), (None, 1));
    }

    #[test]
    fn without_repair_nothing_is_asked_for_and_a_gap_is_a_loss_until_it_closes() {
        let mut log = Log::new(false);
        for number in [1, 4] {
            log.arrived(ms(0), number, 0, 48_000);
        }
        assert_eq!((log.next_due(), log.lost()), (None, 2));
        log.arrived(ms(5), 2, 0, 48_000);
        assert_eq!(log.lost(), 1);
    }

    #[test]
    fn requests_for_one_packet_are_bounded() {
        let mut log = log([1, 3]);
        let asked: usize = (0..1_000).map(|at| log.due(ms(at), Duration::ZERO).len()).sum();
        assert_eq!(asked, usize::from(MAX_ATTEMPTS));
    }

    #[test]
    fn duplicates_count_once() {
        let log = log([1, 2, 2, 1, 4, 3, 3, 4]);
        assert_eq!((log.received, log.lost()), (4, 0));
    }

    #[test]
    fn a_source_that_starts_anew_is_not_one_huge_loss() {
        let mut log = log([10, 11, 40_000, 40_001]);
        assert!(log.due(ms(0), RTT).is_empty());
        assert_eq!(log.lost(), 0);
        log.arrived(ms(1), 40_002, 0, 90_000);
        assert_eq!(log.lost(), 0);
    }

    #[test]
    fn a_jump_too_wide_to_repair_is_lost_and_not_asked_for() {
        let mut log = log([1, 1_001]);
        assert_eq!((log.due(ms(0), RTT), log.lost()), (vec![], 999));
    }

    #[test]
    fn jitter_of_an_even_stream_is_zero_even_where_time_stamps_wrap() {
        let mut log = Log::new(true);
        for packet in 0..10u32 {
            let timestamp = 0xffff_f000u32.wrapping_add(packet * 960);
            log.arrived(ms(20 * u64::from(packet)), packet as u16, timestamp, 48_000);
        }
        assert_eq!(log.jitter(), Duration::ZERO);
        log.arrived(ms(216), 10, 0xffff_f000u32.wrapping_add(9_600), 48_000);
        assert_eq!(log.jitter(), Duration::from_millis(1));
    }
}
