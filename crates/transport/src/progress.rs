//! Whether what is sent on data channels still arrives.
//!
//! Inputs: something was sent, how much of all that is not acknowledged, the path came back, time passed. Output: SCTP is
//! stuck, said once. It sends again five times, with pauses of 1, 2, 4, 8 and 16 seconds (Path.Max.Retrans, RFC 9260 section 16),
//! and then never again: the stack leaves it to ICE to say that the path is gone. An outage that ICE survives would
//! end all data channels without a word. A stuck connection is good for nothing but to be replaced.

use std::time::Duration;

use units::Time;

/// How long nothing may have arrived: longer than the stack goes on to send.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long the path must have been there again: what was sent last may be under way.
const ALIVE: Duration = Duration::from_secs(2);
/// Between two looks at what is acknowledged.
const INTERVAL: Duration = Duration::from_secs(5);

/// Watches over what is sent on the data channels of a connection.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// All that was ever sent.
    sent: u64,
    /// How much of it was acknowledged at the last look.
    acknowledged: u64,
    moved: Time,
    /// Nothing while all is acknowledged.
    next_look: Option<Time>,
    path_since: Time,
    told: bool,
}

impl Progress {
    /// So many bytes are to arrive.
    pub(crate) fn sent(&mut self, now: Time, bytes: usize) {
        self.sent += bytes as u64;
        if self.next_look.is_none() {
            self.moved = now;
            self.next_look = Some(now + INTERVAL);
        }
    }

    /// The path is there, or there again.
    pub(crate) fn path_found(&mut self, now: Time) {
        self.path_since = now;
        if self.next_look.is_some() {
            self.next_look = Some(now + ALIVE);
        }
    }

    /// Returns when to look at what is acknowledged.
    pub(crate) fn next(&self) -> Option<Time> {
        self.next_look
    }

    /// Takes in how many bytes are not acknowledged, and whether there is a path. Returns whether it is news that they
    /// never will be.
    pub(crate) fn look(&mut self, now: Time, outstanding: usize, connected: bool) -> bool {
        self.next_look = (outstanding > 0).then_some(now + INTERVAL);
        let acknowledged = self.sent.saturating_sub(outstanding as u64);
        if acknowledged > self.acknowledged {
            self.acknowledged = acknowledged;
            self.moved = now;
            self.told = false;
        }
        let stuck = outstanding > 0 && self.moved + PATIENCE <= now;
        let news = stuck && connected && self.path_since + ALIVE <= now && !self.told;
        self.told |= news;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    /// Looks whenever it is time to until `until`; returns when it was stuck.
    fn stuck(progress: &mut Progress, outstanding: usize, until: Time) -> Option<Time> {
        while let Some(now) = progress.next().filter(|now| *now <= until) {
            if progress.look(now, outstanding, true) {
                return Some(now);
            }
        }
        None
    }

    #[test]
    fn what_is_acknowledged_is_not_watched() {
        let mut progress = Progress::default();
        assert_eq!(progress.next(), None);
        progress.sent(at(0), 10);
        assert_eq!(stuck(&mut progress, 0, at(1_000)), None);
        assert_eq!(progress.next(), None);
    }

    #[test]
    fn nothing_acknowledged_for_longer_than_the_stack_sends_again_is_stuck() {
        let mut progress = Progress::default();
        progress.sent(at(0), 10);
        progress.sent(at(20), 10);
        assert_eq!(stuck(&mut progress, 20, at(1_000)), Some(at(40)));
        assert_eq!(stuck(&mut progress, 20, at(1_000)), None, "it is said once");
    }

    #[test]
    fn slow_progress_is_progress() {
        let mut progress = Progress::default();
        progress.sent(at(0), 100);
        assert_eq!(stuck(&mut progress, 100, at(39)), None);
        assert_eq!(stuck(&mut progress, 99, at(75)), None);
        assert_eq!(stuck(&mut progress, 99, at(1_000)), Some(at(80)));
    }

    #[test]
    fn a_path_that_is_back_has_a_moment_to_bring_what_was_under_way() {
        let mut progress = Progress::default();
        progress.sent(at(0), 10);
        for seconds in (5..100).step_by(5) {
            assert!(!progress.look(at(seconds), 10, false));
        }
        progress.path_found(at(100));
        assert_eq!(stuck(&mut progress, 10, at(1_000)), Some(at(102)));
    }
}
