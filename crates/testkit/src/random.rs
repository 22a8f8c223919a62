//! Draws with a seed.

use std::time::Duration;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// A seeded source of draws.
#[derive(Debug)]
pub(crate) struct Random(Pcg64Mcg);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// Draws 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Returns true with this probability, 0.0..=1.0.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what a double holds exactly.
        let draw = (self.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        draw < probability
    }

    /// Draws a duration below `limit`.
    pub(crate) fn below(&mut self, limit: Duration) -> Duration {
        let micros = limit.as_micros();
        let draw = (micros * u128::from(self.bits())) >> 64;
        Duration::from_micros(u64::try_from(draw).unwrap_or(u64::MAX))
    }

    /// Draws a number below `limit`, which must not be zero.
    pub(crate) fn number(&mut self, limit: usize) -> usize {
        let draw = (limit as u128 * u128::from(self.bits())) >> 64;
        usize::try_from(draw).unwrap_or_default()
    }

    /// Draws a duration of at least `from` and below `to`.
    pub(crate) fn between(&mut self, from: Duration, to: Duration) -> Duration {
        from + self.below(to.saturating_sub(from))
    }
}
