//! Bringing a lost link back: the ladder of ICE restarts, and at its end a new link.
//!
//! * Inputs: the link was lost or connected; a restart was answered, not answered or failed; the peer offered; the
//!   network changed.
//! * Outputs: a restart is due; a new link is due; or, once, the ladder is exhausted.
//! * States: off → waiting (for a step's time) → started (its offer is under way) → waiting …; exhausted.
//!
//! A new link is made only towards a peer that takes an offer from one: the published browser SDK keeps its own
//! connection and cannot apply it.
//!
//! Both sides climb. The polite one starts each step a little later, so that it usually finds the other's offer
//! instead of colliding with it.

use std::time::Duration;

use units::Time;

/// The pause before each restart.
const LADDER: [Duration; 9] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(30),
    Duration::from_secs(30),
    Duration::from_secs(30),
];

/// How long a restart that was answered gets at least before the next step is due, although the link does not say that it
/// failed again: the path may be back long since, and the other side's sockets gone with the old one.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// The same for the last restart.
const LAST_CONNECT_TIME: Duration = Duration::from_secs(30);

/// How much later the polite side starts each step.
const POLITE_DELAY: Duration = Duration::from_millis(400);

/// How soon after the network changed a link that it cost its path reports that.
const CHANGE_SHOWS: Duration = Duration::from_secs(1);

/// How long a new link gets to connect before the ladder is exhausted.
const REBUILD_TIMEOUT: Duration = Duration::from_secs(30);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Restart,
    Rebuild,
    Exhausted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Off,
    Waiting {
        at: Time,
    },
    Started,
    /// A new link was made.
    Rebuilt {
        by: Time,
    },
    Exhausted,
}

#[derive(Debug)]
pub(crate) struct Recovery {
    polite: bool,
    state: State,
    steps: usize,
    /// When the network last changed.
    changed: Option<Time>,
}

impl Recovery {
    pub(crate) fn new(polite: bool) -> Self {
        Self { polite, state: State::Off, steps: 0, changed: None }
    }

    /// Stands where the ladder of the link before this one ended, or was left when that link was replaced for another
    /// reason: once something was negotiated on this one, it goes on from there.
    pub(crate) fn rebuilt(&self, now: Time, polite: bool) -> Self {
        let state = State::Rebuilt { by: now + REBUILD_TIMEOUT };
        Self { polite, state, steps: self.steps, changed: None }
    }

    /// Returns whether a lost link is being brought back.
    pub(crate) fn is_under_way(&self) -> bool {
        self.state != State::Off
    }

    /// The network is another: what did not work before may work now, and what is under way names addresses that may
    /// be gone. So the ladder starts from below, at once. The polite side does not wait for the other, which may know
    /// nothing of the change.
    pub(crate) fn network_changed(&mut self, now: Time) {
        self.changed = Some(now);
        if matches!(self.state, State::Waiting { .. } | State::Started | State::Exhausted) {
            self.steps = 0;
            self.state = State::Waiting { at: now };
        }
    }

    pub(crate) fn link_connected(&mut self) {
        self.state = State::Off;
        self.steps = 0;
    }

    pub(crate) fn link_lost(&mut self, now: Time) {
        match self.state {
            State::Off => self.wait(now),
            State::Waiting { at } => {
                self.wait(now);
                if let State::Waiting { at: sooner } = &mut self.state {
                    *sooner = at.min(*sooner);
                }
            }
            // The offer under way has its own watchdog.
            State::Started | State::Rebuilt { .. } | State::Exhausted => {}
        }
    }

    /// The offer of a restart got no answer, or could not be made or finished.
    pub(crate) fn restart_failed(&mut self, now: Time) {
        if self.state == State::Started {
            self.wait(now);
        }
    }

    /// A restart was answered, or the peer's own offer was accepted instead: the link gets time to connect.
    pub(crate) fn negotiated(&mut self, now: Time) {
        let pause = match self.state {
            State::Started | State::Waiting { .. } => {
                LADDER.get(self.steps).copied().unwrap_or(LAST_CONNECT_TIME).max(CONNECT_TIME)
            }
            // A new link also shakes hands.
            State::Rebuilt { .. } | State::Exhausted if self.steps < LADDER.len() => REBUILD_TIMEOUT,
            State::Off | State::Rebuilt { .. } | State::Exhausted => return,
        };
        self.state = State::Waiting { at: now + pause + self.delay(now) };
    }

    /// The signalling connection is back: what was under way may be lost.
    pub(crate) fn resume(&mut self, now: Time) {
        if self.state == State::Started {
            self.wait(now);
        }
    }

    /// Returns what is due. `rebuild` says whether the peer would take a new link.
    pub(crate) fn handle_timeout(&mut self, now: Time, rebuild: bool) -> Due {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return Due::Nothing;
        }
        match self.state {
            State::Waiting { .. } if self.steps < LADDER.len() => {
                self.steps += 1;
                self.state = State::Started;
                Due::Restart
            }
            // Its owner makes a new ladder with the new link.
            State::Waiting { .. } if rebuild => Due::Rebuild,
            _ => {
                self.state = State::Exhausted;
                Due::Exhausted
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        match self.state {
            State::Waiting { at } => Some(at),
            State::Rebuilt { by } => Some(by),
            State::Off | State::Started | State::Exhausted => None,
        }
    }

    fn wait(&mut self, now: Time) {
        let pause = LADDER.get(self.steps).copied().unwrap_or(Duration::ZERO);
        self.state = State::Waiting { at: now + pause + self.delay(now) };
    }

    /// Returns how much later than the other side this one starts a step.
    fn delay(&self, now: Time) -> Duration {
        let cause_is_ours = self.changed.is_some_and(|changed| now - changed < CHANGE_SHOWS);
        if self.polite && !cause_is_ours { POLITE_DELAY } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_has_nine_steps_and_says_once_that_it_is_exhausted() {
        let mut recovery = Recovery::new(false);
        let mut now = Time::from_millis(1000);
        recovery.link_lost(now);
        let mut pauses = Vec::new();
        loop {
            let at = recovery.poll_timeout().unwrap();
            pauses.push((at - now).as_secs());
            now = at;
            match recovery.handle_timeout(now, false) {
                Due::Restart => recovery.restart_failed(now),
                Due::Exhausted => break,
                Due::Nothing | Due::Rebuild => panic!("a due step did not happen"),
            }
        }
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 30, 30, 30, 0]);
        recovery.link_lost(now);
        recovery.restart_failed(now);
        assert_eq!((recovery.poll_timeout(), recovery.handle_timeout(now, false)), (None, Due::Nothing));
    }

    #[test]
    fn a_connected_link_starts_the_ladder_from_below_again() {
        let mut recovery = Recovery::new(false);
        recovery.link_lost(Time::ZERO);
        recovery.handle_timeout(Time::ZERO, false);
        recovery.restart_failed(Time::ZERO);
        recovery.link_connected();
        assert_eq!(recovery.poll_timeout(), None);
        recovery.link_lost(Time::from_millis(5));
        assert_eq!(recovery.poll_timeout(), Some(Time::from_millis(5)));
    }

    #[test]
    fn the_polite_side_waits_a_little_and_yields_to_the_peers_offer() {
        let mut recovery = Recovery::new(true);
        recovery.link_lost(Time::ZERO);
        assert_eq!(recovery.poll_timeout(), Some(Time::from_millis(400)));
        recovery.negotiated(Time::from_millis(100));
        assert_eq!(recovery.poll_timeout(), Some(Time::from_millis(3_500)));
    }

    #[test]
    fn restarts_go_on_while_answered_ones_find_no_path() {
        let mut recovery = Recovery::new(false);
        recovery.link_lost(Time::ZERO);
        let mut pauses = Vec::new();
        let mut now = Time::ZERO;
        while recovery.handle_timeout(now, false) == Due::Restart {
            recovery.negotiated(now);
            let at = recovery.poll_timeout().unwrap();
            pauses.push((at - now).as_secs());
            now = at;
        }
        assert_eq!(pauses, [3, 3, 4, 8, 16, 30, 30, 30, 30]);
    }

    #[test]
    fn a_link_that_fails_again_after_an_answer_takes_the_next_step_soon() {
        let mut recovery = Recovery::new(false);
        recovery.link_lost(Time::ZERO);
        assert_eq!(recovery.handle_timeout(Time::ZERO, false), Due::Restart);
        recovery.negotiated(Time::from_millis(50));
        recovery.link_lost(Time::from_millis(1000));
        assert_eq!(recovery.poll_timeout(), Some(Time::from_millis(2000)));
    }

    #[test]
    fn a_restart_that_was_under_way_when_signalling_was_lost_is_made_again() {
        let mut recovery = Recovery::new(false);
        recovery.link_lost(Time::ZERO);
        recovery.handle_timeout(Time::ZERO, false);
        recovery.resume(Time::from_millis(700));
        assert_eq!(recovery.poll_timeout(), Some(Time::from_millis(1700)));
    }

    #[test]
    fn a_new_link_is_the_ladders_last_step_and_has_its_own_time() {
        let mut recovery = Recovery::new(false);
        recovery.link_lost(Time::ZERO);
        for _ in 0..9 {
            let at = recovery.poll_timeout().unwrap();
            assert_eq!(recovery.handle_timeout(at, true), Due::Restart);
            recovery.restart_failed(at);
        }
        let at = recovery.poll_timeout().unwrap();
        assert_eq!(recovery.handle_timeout(at, true), Due::Rebuild);
        let mut recovery = recovery.rebuilt(at, false);
        recovery.link_lost(at);
        recovery.negotiated(at);
        assert_eq!(recovery.handle_timeout(at, true), Due::Nothing);
        let by = at + REBUILD_TIMEOUT;
        assert_eq!(recovery.poll_timeout(), Some(by));
        assert_eq!((recovery.handle_timeout(by, true), recovery.poll_timeout()), (Due::Exhausted, None));
    }

    #[test]
    fn a_link_that_was_replaced_on_the_way_up_goes_on_from_there_once_it_is_negotiated() {
        let mut recovery = Recovery::new(false);
        recovery.link_lost(Time::ZERO);
        assert_eq!(recovery.handle_timeout(Time::ZERO, true), Due::Restart);
        let mut recovery = recovery.rebuilt(Time::ZERO, false);
        recovery.negotiated(Time::from_millis(100));
        assert_eq!(recovery.poll_timeout(), Some(Time::from_millis(30_100)));
        recovery.link_lost(Time::from_millis(15_000));
        assert_eq!(recovery.poll_timeout(), Some(Time::from_millis(16_000)));
        assert_eq!(recovery.handle_timeout(Time::from_millis(16_000), true), Due::Restart);
    }

    #[test]
    fn another_network_starts_the_ladder_from_below_at_once() {
        let mut recovery = Recovery::new(true);
        recovery.network_changed(Time::ZERO);
        assert_eq!(recovery.poll_timeout(), None, "a healthy link is let alone");
        recovery.link_lost(Time::ZERO);
        recovery.network_changed(Time::ZERO);
        assert_eq!(recovery.handle_timeout(Time::ZERO, false), Due::Restart);
        recovery.restart_failed(Time::ZERO);
        recovery.restart_failed(Time::ZERO);
        recovery.network_changed(Time::from_millis(10));
        assert_eq!(recovery.poll_timeout(), Some(Time::from_millis(10)));
    }
}
