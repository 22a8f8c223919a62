//! Replacing a token before it expires.
//!
//! * Inputs: a connection was welcomed for so long; the app provided a token or has none; time passed.
//! * Outputs: the app shall be asked; the connection shall be made anew with the token it gave.
//! * States: off → due (at a time) → asked → ready → off. A failure leads back to due.
//!
//! The connection is made anew at a moment when no request waits for the server, so that none is lost; when no such
//! moment comes for a while, then all the same.

use std::time::Duration;

use units::{RequestId, Secret, Time};

/// How long before its expiry a token is replaced; a fifth of its lifetime when that is shorter.
const LEAD: Duration = Duration::from_secs(60);

/// The shortest lifetime that is worth it.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(5);

/// How long a moment without open requests is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// Ask the app for a token.
    Ask,
    /// Make the connection anew; the next attempt takes the token.
    Reconnect,
}

#[derive(Debug)]
enum State {
    Off,
    Due { at: Time },
    Asked { request: RequestId, by: Time },
    Ready { token: Secret, by: Time },
}

#[derive(Debug)]
pub(crate) struct Refresh {
    state: State,
    lead: Duration,
}

impl Refresh {
    pub(crate) fn new() -> Self {
        Self { state: State::Off, lead: LEAD }
    }

    /// A connection is there whose token is good for so long, if it ends at all.
    pub(crate) fn welcomed(&mut self, now: Time, lifetime: Option<Duration>) {
        self.state = match lifetime.filter(|lifetime| *lifetime >= SHORTEST_LIFETIME) {
            Some(lifetime) => {
                self.lead = LEAD.min(lifetime / 5);
                State::Due { at: now + (lifetime - self.lead) }
            }
            None => State::Off,
        };
    }

    /// The app was asked and may take until then.
    pub(crate) fn asked(&mut self, request: RequestId, by: Time) {
        self.state = State::Asked { request, by };
    }

    /// Returns the request that the app was asked with and has not answered.
    pub(crate) fn open_request(&self) -> Option<RequestId> {
        match self.state {
            State::Asked { request, .. } => Some(request),
            State::Off | State::Due { .. } | State::Ready { .. } => None,
        }
    }

    /// The app answered a request; others than ours are ignored.
    pub(crate) fn provided(&mut self, now: Time, answered: RequestId, token: Result<Secret, String>) {
        if self.open_request() == Some(answered) {
            self.state = match token {
                Ok(token) => State::Ready { token, by: now + PATIENCE },
                Err(_) => self.later(now),
            };
        }
    }

    /// Takes the token for an attempt, and forgets all else.
    pub(crate) fn take(&mut self) -> Option<Secret> {
        match std::mem::replace(&mut self.state, State::Off) {
            State::Ready { token, .. } => Some(token),
            State::Off | State::Due { .. } | State::Asked { .. } => None,
        }
    }

    /// Returns what is due while the connection is open. `idle` says that no request waits for the server.
    pub(crate) fn handle_timeout(&mut self, now: Time, idle: bool) -> Due {
        match self.state {
            State::Due { at } if at <= now => Due::Ask,
            State::Asked { by, .. } if by <= now => {
                self.state = self.later(now);
                Due::Nothing
            }
            State::Ready { by, .. } if idle || by <= now => Due::Reconnect,
            _ => Due::Nothing,
        }
    }

    /// Returns when something is due; `idle` as above.
    pub(crate) fn poll_timeout(&self, idle: bool) -> Option<Time> {
        match self.state {
            State::Off => None,
            State::Due { at } => Some(at),
            State::Ready { .. } if idle => Some(Time::ZERO),
            State::Asked { by, .. } | State::Ready { by, .. } => Some(by),
        }
    }

    /// Tries again while there is time; past its expiry the server ends the connection.
    fn later(&self, now: Time) -> State {
        State::Due { at: now + self.lead / 4 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: RequestId = RequestId::new(7);

    fn due_at(lifetime: u64) -> Option<u128> {
        let mut refresh = Refresh::new();
        refresh.welcomed(Time::ZERO, Some(Duration::from_secs(lifetime)));
        refresh.poll_timeout(false).map(|at| (at - Time::ZERO).as_millis())
    }

    #[test]
    fn a_token_is_replaced_a_minute_before_it_expires_or_a_fifth_of_a_short_life() {
        assert_eq!([due_at(3600), due_at(300), due_at(30)], [Some(3_540_000), Some(240_000), Some(24_000)]);
        assert_eq!(due_at(4), None);
    }

    #[test]
    fn what_never_expires_is_never_replaced() {
        let mut refresh = Refresh::new();
        refresh.welcomed(Time::ZERO, None);
        assert_eq!(refresh.poll_timeout(false), None);
    }

    #[test]
    fn the_connection_is_made_anew_when_nothing_is_under_way_or_patience_ends() {
        for idle in [true, false] {
            let mut refresh = Refresh::new();
            refresh.welcomed(Time::ZERO, Some(Duration::from_secs(100)));
            let asked = Time::from_millis(80_000);
            assert_eq!(refresh.handle_timeout(asked, true), Due::Ask);
            refresh.asked(REQUEST, asked + Duration::from_secs(10));
            refresh.provided(asked, RequestId::new(8), Ok(Secret::new("another's")));
            assert_eq!(refresh.handle_timeout(asked, true), Due::Nothing);
            refresh.provided(asked, REQUEST, Ok(Secret::new("fresh")));
            if !idle {
                assert_eq!(refresh.handle_timeout(asked, false), Due::Nothing);
            }
            let now = if idle { asked } else { asked + PATIENCE };
            assert_eq!(refresh.handle_timeout(now, idle), Due::Reconnect);
            assert_eq!(refresh.take(), Some(Secret::new("fresh")));
            assert_eq!((refresh.take(), refresh.poll_timeout(false)), (None, None));
        }
    }

    #[test]
    fn an_app_that_has_no_token_yet_is_asked_again() {
        let mut refresh = Refresh::new();
        refresh.welcomed(Time::ZERO, Some(Duration::from_secs(1000)));
        let asked = Time::from_millis(940_000);
        refresh.asked(REQUEST, asked + Duration::from_secs(10));
        refresh.provided(asked, REQUEST, Err("none".to_owned()));
        assert_eq!(refresh.poll_timeout(false), Some(Time::from_millis(955_000)));
        refresh.asked(REQUEST, Time::from_millis(965_000));
        assert_eq!(refresh.handle_timeout(Time::from_millis(965_000), true), Due::Nothing);
        assert_eq!(refresh.poll_timeout(false), Some(Time::from_millis(980_000)));
    }
}
