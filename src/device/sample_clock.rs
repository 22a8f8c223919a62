//! How many samples a length of time holds, without losing fractions from call to call.

use std::time::Duration;

use media::opus::SAMPLE_RATE;

/// The longest sound that is made at once. Callers ask for tens of milliseconds; more than this is cut off so that
/// an absurd length does not take all memory.
pub(super) const LONGEST_STEP: Duration = Duration::from_secs(10);

/// Turns lengths of time into whole samples at 48 kHz; what is left over goes to the next length.
#[derive(Debug, Default)]
pub(super) struct SampleClock {
    /// Samples times nanoseconds per second, below one sample.
    rest: u64,
}

impl SampleClock {
    /// Returns the samples of the next `length`.
    pub(super) fn samples(&mut self, length: Duration) -> usize {
        const SECOND: u64 = 1_000_000_000;
        let nanos = length.min(LONGEST_STEP).as_nanos() as u64;
        let total = nanos * u64::from(SAMPLE_RATE) + self.rest;
        self.rest = total % SECOND;
        (total / SECOND) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_samples_add_up() {
        let mut clock = SampleClock::default();
        let third = Duration::from_nanos(3_333_333);
        let samples: usize = (0..3000).map(|_| clock.samples(third)).sum();
        assert_eq!(samples, 479_999, "10 s less 1 µs");
        assert_eq!(clock.samples(Duration::from_millis(20)), 960);
    }

    #[test]
    fn an_absurd_length_is_cut_off() {
        assert_eq!(SampleClock::default().samples(Duration::MAX), 480_000);
    }
}
