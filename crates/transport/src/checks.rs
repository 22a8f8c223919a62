//! When connectivity checks are sent.
//!
//! Inputs: the phases of ICE, arrivals that make a check worth while at once. Output: the earliest time at
//! which the stack may run its timers. States: settled (the stack's own timers rule) and checking (fast at
//! first, then slower).
//!
//! The stack checks at one fixed interval. It is given a very short one and is simply not called more often
//! than the pace here allows.

use std::time::Duration;

use units::Time;

/// What the stack is told; it checks whenever it is called while it looks for a path.
pub(crate) const STACK_INTERVAL: Duration = Duration::from_millis(1);
/// Between checks in the first moments, so that a call on a good path starts at once.
const FAST: Duration = Duration::from_millis(10);
/// How long those moments last.
const FAST_PHASE: Duration = Duration::from_millis(500);
/// Between checks afterwards (RFC 8445 section 14.2 paces at 50 ms).
const SLOW: Duration = Duration::from_millis(50);
/// How long a search may take before it has failed. It goes on all the same, for a path may come back.
const BUDGET: Duration = Duration::from_secs(15);
/// Between checks from then on.
const OUTAGE: Duration = Duration::from_millis(500);
/// Checks that a pair gets before the stack gives it up: after nine hours.
pub(crate) const ATTEMPTS: u16 = u16::MAX;

/// The pace of checks.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    checking_since: Option<Time>,
    next: Time,
    /// The search was said to have failed.
    failed: bool,
}

impl Pace {
    /// Starts the fast phase: a search for a path begins.
    pub(crate) fn start(&mut self, now: Time) {
        self.checking_since = Some(now);
        self.next = now;
        self.failed = false;
    }

    /// Stops pacing: a path was found or the search was given up.
    pub(crate) fn settle(&mut self) {
        self.checking_since = None;
    }

    /// Returns whether a search is going on.
    pub(crate) fn is_checking(&self) -> bool {
        self.checking_since.is_some()
    }

    /// Lets the next check be sent at once: there is something new to check.
    pub(crate) fn hurry(&mut self, now: Time) {
        self.next = self.next.min(now);
    }

    /// Returns when the stack may run, given when it wants to.
    pub(crate) fn earliest(&self, wanted: Time) -> Time {
        if self.is_checking() { wanted.max(self.next) } else { wanted }
    }

    /// Notes that the stack ran its timers.
    pub(crate) fn ran(&mut self, now: Time) {
        if let Some(since) = self.checking_since {
            self.next = now
                + match now - since {
                    phase if phase < FAST_PHASE => FAST,
                    phase if phase < BUDGET => SLOW,
                    _ => OUTAGE,
                };
        }
    }

    /// Returns when the search will have failed; none once that was said.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.checking_since.filter(|_| !self.failed).map(|since| since + BUDGET)
    }

    /// Returns, once, that the search has failed.
    pub(crate) fn has_failed(&mut self, now: Time) -> bool {
        let fails = self.deadline().is_some_and(|deadline| deadline <= now);
        self.failed |= fails;
        fails
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_fast_at_first_then_slow_and_never_end() {
        let (mut pace, start) = (Pace::default(), Time::from_millis(1_000));
        pace.start(start);
        let mut now = start;
        let mut sent_within = |limit: Duration| {
            let mut sent = 0;
            while now - start < limit {
                pace.ran(now);
                sent += 1;
                now = pace.earliest(now);
            }
            sent
        };
        assert_eq!(sent_within(FAST_PHASE), 50);
        assert_eq!(sent_within(BUDGET), 290);
        assert_eq!(sent_within(BUDGET + Duration::from_secs(60)), 120);
    }

    #[test]
    fn a_search_fails_once_unless_it_finds_something() {
        let mut pace = Pace::default();
        pace.start(Time::ZERO);
        assert!(!pace.has_failed(Time::from_millis(14_999)));
        assert!(pace.has_failed(Time::from_millis(15_000)));
        assert!(!pace.has_failed(Time::from_millis(15_001)));
        assert_eq!(pace.deadline(), None);
        pace.start(Time::from_millis(20_000));
        pace.settle();
        assert_eq!(pace.deadline(), None);
    }

    #[test]
    fn news_are_checked_at_once_and_a_settled_link_is_not_paced() {
        let mut pace = Pace::default();
        assert_eq!(pace.earliest(Time::from_millis(1)), Time::from_millis(1));
        pace.start(Time::ZERO);
        pace.ran(Time::ZERO);
        assert_eq!(pace.earliest(Time::from_millis(1)), Time::from_millis(10));
        pace.hurry(Time::from_millis(2));
        assert_eq!(pace.earliest(Time::from_millis(1)), Time::from_millis(2));
        pace.settle();
        assert_eq!(pace.earliest(Time::from_millis(1)), Time::from_millis(1));
    }
}
