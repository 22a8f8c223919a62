//! When to ask for a keyframe: at once, then again with a growing pause while the stream goes on without one.

use std::time::Duration;

use units::Time;

/// The pause between the first request and the second, and the least between any two.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Paces requests. A silent stream is not asked again: its next packet triggers an overdue request.
#[derive(Debug, Default)]
pub(super) struct KeyframeRequests {
    state: State,
    last: Option<Time>,
    ready: bool,
    count: u64,
}

#[derive(Debug, Default)]
enum State {
    /// No keyframe is wanted.
    #[default]
    Idle,
    /// One is wanted and will be asked for, the first time or again, at `at`.
    Pending { at: Time, pause: Duration, heard: bool },
    /// One is wanted, and the next packet triggers the request.
    Overdue { pause: Duration },
}

impl KeyframeRequests {
    /// Asks for a keyframe now; does nothing when one was asked for and the pause is running.
    pub(super) fn want(&mut self, now: Time) {
        match self.state {
            State::Pending { .. } if self.last.is_some_and(|last| now - last < FIRST_PAUSE) => {}
            State::Pending { pause, .. } if pause > FIRST_PAUSE => {}
            _ => match self.last.map(|last| last + FIRST_PAUSE).filter(|&earliest| earliest > now) {
                Some(at) => self.state = State::Pending { at, pause: FIRST_PAUSE, heard: true },
                None => self.ask(now, FIRST_PAUSE),
            },
        }
    }

    /// Notes that a keyframe is arriving: asks only when it is not whole after `patience`.
    pub(super) fn expect(&mut self, now: Time, patience: Duration) {
        if matches!(self.state, State::Idle) {
            self.state = State::Pending { at: now + patience, pause: FIRST_PAUSE, heard: true };
        }
    }

    /// Notes that the stream is alive.
    pub(super) fn packet(&mut self, now: Time) {
        match &mut self.state {
            State::Pending { heard, .. } => *heard = true,
            State::Overdue { pause } => {
                let pause = *pause;
                self.ask(now, pause);
            }
            State::Idle => {}
        }
    }

    /// Notes that a keyframe came.
    pub(super) fn satisfied(&mut self) {
        self.state = State::Idle;
        self.ready = false;
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        match self.state {
            State::Pending { at, pause, heard: true } if at <= now => self.ask(now, pause),
            State::Pending { at, pause, heard: false } if at <= now => self.state = State::Overdue { pause },
            _ => {}
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        match self.state {
            State::Pending { at, .. } => Some(at),
            State::Idle | State::Overdue { .. } => None,
        }
    }

    /// Returns whether a request is due, once.
    pub(super) fn take(&mut self) -> bool {
        std::mem::take(&mut self.ready)
    }

    /// Returns how many requests were made.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Makes a request; the next one comes after `pause`, and the pauses after that double.
    fn ask(&mut self, now: Time, pause: Duration) {
        self.ready = true;
        self.count += 1;
        self.last = Some(now);
        self.state = State::Pending { at: now + pause, pause: (pause * 2).min(LONGEST_PAUSE), heard: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the clock in steps of 10 ms and returns when requests were made.
    fn asked(
        requests: &mut KeyframeRequests,
        until: u64,
        mut packet_at: impl FnMut(u64) -> bool,
    ) -> Vec<u64> {
        let step = |ms| {
            let now = Time::from_millis(ms);
            if packet_at(ms) {
                requests.packet(now);
            }
            requests.handle_timeout(now);
            requests.take().then_some(ms)
        };
        (0..until).step_by(10).filter_map(step).collect()
    }

    #[test]
    fn pauses_double_up_to_a_second_while_packets_come() {
        let mut requests = KeyframeRequests::default();
        requests.want(Time::ZERO);
        assert_eq!(asked(&mut requests, 4000, |_| true), [0, 200, 600, 1400, 2400, 3400]);
    }

    #[test]
    fn a_silent_stream_is_not_asked_again_until_it_speaks() {
        let mut requests = KeyframeRequests::default();
        requests.want(Time::ZERO);
        assert_eq!(asked(&mut requests, 3000, |ms| ms == 2500), [0, 2500]);
    }

    #[test]
    fn wanting_again_during_a_pause_changes_nothing() {
        let mut requests = KeyframeRequests::default();
        requests.want(Time::ZERO);
        requests.take();
        for ms in 1..200 {
            requests.want(Time::from_millis(ms));
            assert!(!requests.take());
        }
    }

    #[test]
    fn a_keyframe_lost_right_after_it_came_is_asked_for_no_sooner_than_the_shortest_pause() {
        let mut requests = KeyframeRequests::default();
        requests.want(Time::ZERO);
        requests.take();
        requests.satisfied();
        requests.want(Time::from_millis(50));
        assert!(!requests.take());
        requests.handle_timeout(Time::from_millis(200));
        assert!(requests.take());
    }

    #[test]
    fn an_expected_keyframe_is_asked_for_only_when_it_stays_away() {
        let mut requests = KeyframeRequests::default();
        requests.expect(Time::ZERO, Duration::from_millis(150));
        assert_eq!(asked(&mut requests, 200, |_| true), [150]);
        requests.satisfied();
        requests.expect(Time::from_millis(300), Duration::from_millis(150));
        requests.satisfied();
        assert_eq!(requests.poll_timeout(), None);
    }
}
