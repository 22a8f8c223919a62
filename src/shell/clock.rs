//! The process's clock: every time stamp of every engine, session and source is on it.

use std::time::Instant;

use once_cell::sync::Lazy;
use units::Time;

static EPOCH: Lazy<Instant> = Lazy::new(Instant::now);

/// Returns the instant that [`Time::ZERO`] stands for.
pub(crate) fn epoch() -> Instant {
    *EPOCH
}

/// Returns the time now.
pub(crate) fn now() -> Time {
    Time::ZERO + EPOCH.elapsed()
}

/// Returns the time on the clock of every time stamp of this process, in microseconds.
pub fn time_us() -> u64 {
    now().as_micros()
}
