//! How long to wait before the next connect.
//!
//! * Inputs: an attempt is due; a connect succeeded; the server was full.
//! * Outputs: the delay, or none when the attempts are used up.
//! * State: the number of attempts since the last success.

use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::ReconnectPolicy;

/// The shortest base delay after the server said that it has too many connections.
const FULL_SERVER_DELAY: Duration = Duration::from_secs(30);

/// The spread of a delay, in percent of it, to both sides.
const SPREAD_PERCENT: u128 = 20;

#[derive(Debug)]
pub(crate) struct Backoff {
    policy: ReconnectPolicy,
    random: Pcg32,
    attempts: u32,
    full: bool,
}

impl Backoff {
    pub(crate) fn new(policy: ReconnectPolicy, seed: u64) -> Self {
        Self { policy, random: Pcg32::seed_from_u64(seed), attempts: 0, full: false }
    }

    /// Counts one more attempt and returns how long to wait before it; `None` when there is none left.
    pub(crate) fn next_delay(&mut self) -> Option<Duration> {
        if !self.policy.enabled || self.policy.max_attempts.is_some_and(|most| self.attempts >= most) {
            return None;
        }
        let doubled = 2_u32.checked_pow(self.attempts).map_or(self.policy.max_delay, |factor| {
            self.policy.initial_delay.saturating_mul(factor).min(self.policy.max_delay)
        });
        self.attempts += 1;
        let base = if std::mem::take(&mut self.full) { doubled.max(FULL_SERVER_DELAY) } else { doubled };
        Some(self.spread(base))
    }

    /// Raises the next delay, once.
    pub(crate) fn server_is_full(&mut self) {
        self.full = true;
    }

    /// Starts again from the shortest delay.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
        self.full = false;
    }

    fn spread(&mut self, base: Duration) -> Duration {
        let micros = base.as_micros();
        let lowest = micros * (100 - SPREAD_PERCENT) / 100;
        let width = micros * (2 * SPREAD_PERCENT) / 100;
        let offset = (width * u128::from(self.random.next_u32())) >> 32;
        Duration::from_micros(u64::try_from(lowest + offset).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(delay: Duration, base_ms: u64) -> bool {
        (Duration::from_millis(base_ms * 8 / 10)..=Duration::from_millis(base_ms * 12 / 10)).contains(&delay)
    }

    #[test]
    fn the_delay_doubles_up_to_the_cap_and_stays_within_the_spread() {
        for seed in 0..50 {
            let mut backoff = Backoff::new(ReconnectPolicy::default(), seed);
            for base in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
                let delay = backoff.next_delay().unwrap();
                assert!(within(delay, base), "{delay:?} is not near {base} ms");
            }
        }
    }

    #[test]
    fn delays_are_spread_evenly() {
        let mut backoff = Backoff::new(ReconnectPolicy::default(), 11);
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            backoff.reset();
            let above_lowest = backoff.next_delay().unwrap() - Duration::from_millis(400);
            tenths[(above_lowest.as_micros() / 20_001) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (900..1100).contains(count)), "{tenths:?}");
    }

    #[test]
    fn different_seeds_spread_and_equal_seeds_agree() {
        let delay = |seed| Backoff::new(ReconnectPolicy::default(), seed).next_delay();
        assert_eq!(delay(7), delay(7));
        let distinct: std::collections::BTreeSet<_> = (0..20).map(delay).collect();
        assert!(distinct.len() > 10, "{distinct:?}");
    }

    #[test]
    fn a_full_server_raises_one_delay_only() {
        let mut backoff = Backoff::new(ReconnectPolicy::default(), 1);
        backoff.server_is_full();
        assert!(within(backoff.next_delay().unwrap(), 30_000));
        assert!(within(backoff.next_delay().unwrap(), 1000));
    }

    #[test]
    fn attempts_run_out_and_a_success_gives_them_back() {
        let policy = ReconnectPolicy { max_attempts: Some(2), ..ReconnectPolicy::default() };
        let mut backoff = Backoff::new(policy, 1);
        assert!(backoff.next_delay().is_some() && backoff.next_delay().is_some());
        assert_eq!(backoff.next_delay(), None);
        backoff.reset();
        assert!(within(backoff.next_delay().unwrap(), 500));
        let mut off = Backoff::new(ReconnectPolicy { enabled: false, ..policy }, 1);
        assert_eq!(off.next_delay(), None);
    }

    #[test]
    fn no_number_of_attempts_overflows() {
        let mut backoff =
            Backoff::new(ReconnectPolicy { max_attempts: None, ..ReconnectPolicy::default() }, 3);
        for _ in 0..200 {
            assert!(backoff.next_delay().unwrap() <= Duration::from_secs(36));
        }
    }
}
