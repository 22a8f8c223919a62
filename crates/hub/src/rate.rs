//! Token buckets.

use units::Time;

const MICROS_PER_SECOND: u64 = 1_000_000;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Events per second in the long run.
    pub per_second: u32,
    /// Events at once after a pause.
    pub burst: u32,
}

/// Counts events against a [`Rate`].
#[derive(Debug)]
pub(crate) struct TokenBucket {
    rate: Rate,
    /// Tokens times [`MICROS_PER_SECOND`], so that microseconds refill whole units.
    level: u64,
    refilled: Time,
}

impl TokenBucket {
    /// Makes a full bucket.
    pub(crate) fn new(now: Time, rate: Rate) -> Self {
        Self { rate, level: u64::from(rate.burst) * MICROS_PER_SECOND, refilled: now }
    }

    /// Counts one event and returns whether it was within the rate.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        let elapsed = u64::try_from((now - self.refilled).as_micros()).unwrap_or(u64::MAX);
        self.refilled = self.refilled.max(now);
        let refill = elapsed.saturating_mul(u64::from(self.rate.per_second));
        let full = u64::from(self.rate.burst) * MICROS_PER_SECOND;
        self.level = self.level.saturating_add(refill).min(full);
        match self.level.checked_sub(MICROS_PER_SECOND) {
            Some(level) => {
                self.level = level;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_only_the_rate() {
        let mut bucket = TokenBucket::new(Time::ZERO, Rate { per_second: 10, burst: 3 });
        assert_eq!([(); 4].map(|()| bucket.take(Time::ZERO)), [true, true, true, false]);
        assert!(!bucket.take(Time::from_millis(99)));
        assert!(bucket.take(Time::from_millis(100)));
        assert!(!bucket.take(Time::from_millis(100)));
    }

    #[test]
    fn a_long_pause_fills_no_more_than_the_burst() {
        let mut bucket = TokenBucket::new(Time::ZERO, Rate { per_second: u32::MAX, burst: 2 });
        let later = Time::from_micros(u64::MAX);
        assert_eq!([(); 3].map(|()| bucket.take(later)), [true, true, false]);
    }
}
