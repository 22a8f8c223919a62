//! Offer and answer with one peer over one link: perfect negotiation by the rule of the peer ids.
//!
//! * Inputs: the link needs a negotiation, an ICE restart is wanted; offers and answers of the peer; results of
//!   the link; signalling is back; time passed.
//! * Outputs: [`Step`]s, taken with [`Negotiation::next_step`].
//! * States: stable → creating → offered → applying (the answer) → stable; stable → answering → stable.
//!
//! When two offers collide, the polite side (the lower peer id) gives its own up and answers, the impolite one
//! ignores the other's. The polite side does not provoke it: it holds its first offer for a moment, as the peer
//! is about to make one. An offer without an answer is sent again, the very same, so that no lost message leaves
//! a pair dead and a late answer still fits. It may be known already, and the peer may have gone on from there: an
//! offer that comes again is answered by the very same answer, and changes nothing.
//!
//! Every command carries the number of its negotiation. A result with another number is stale and ignored.

use std::collections::VecDeque;
use std::time::Duration;

use protocol::peer::SdpKind;
use units::Time;

/// How long the polite side holds its first offer.
const POLITE_HOLD: Duration = Duration::from_millis(400);

/// How long an offer may wait for its answer, and a command for the link's result.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The pause before another try after a description that could not be made or applied.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// How many tries in a row may fail. Then the negotiation rests until the link needs one anew, the peer
/// offers, or signalling comes back.
const MAX_FAILURES: u32 = 8;

/// What the peer's owner shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Command the link.
    CreateOffer { negotiation: u64, ice_restart: bool },
    /// Command the link.
    AcceptOffer { negotiation: u64, sdp: String },
    /// Command the link.
    AcceptAnswer { negotiation: u64, sdp: String },
    /// Send a description to the peer; `offer` is the number of the offer, ours or the peer's, if it has one.
    Send { kind: SdpKind, sdp: String, offer: Option<u64> },
    /// Our offer was given up for the peer's.
    Yielded,
    /// Our offer got no answer in time; unless it was a restart, it is sent again next.
    Unanswered { restart: bool },
    /// The peer seems to miss our answer, which is sent again next.
    Unheard,
    /// An exchange is complete.
    Settled,
    /// Something went wrong; `restart` says that it was an ICE restart of ours.
    Failed { reason: String, restart: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Stable,
    Creating { restart: bool },
    Offered { restart: bool },
    Applying { restart: bool },
    Answering,
}

/// An offer of the peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) sdp: String,
    /// The peer's number of it, which the answer bears; published SDKs give none.
    pub(crate) number: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Negotiation {
    polite: bool,
    state: State,
    /// When the present state, unless stable, has lasted too long.
    deadline: Option<Time>,
    last: u64,
    needed: bool,
    /// Whether an offer would say nothing. The need, if there is one, then waits.
    empty: bool,
    restart_wanted: bool,
    /// Whether an offer of ours gave way to the peer's, and is needed after all if that comes to nothing.
    owed: bool,
    /// Whether the link may still wait for the answer to a restart that was given up. When the restart proves
    /// needless, an ordinary offer takes its place, as it may have carried more than the restart.
    dangling: bool,
    /// Whether the link still owes the last offer, which was waited for too long.
    overdue: bool,
    /// The offer that waits for its answer.
    offer: String,
    /// The peer's offer that the link was last told to take.
    taken: Offer,
    /// Our answer to it, while no exchange came after.
    answer: Option<String>,
    hold_until: Option<Time>,
    retry_at: Option<Time>,
    failures: u32,
    /// An offer that came while an earlier exchange was not complete; a later one replaces it.
    waiting_offer: Option<Offer>,
    steps: VecDeque<Step>,
}

impl Negotiation {
    /// Starts with nothing negotiated. `last` is the highest number that was used with this peer before.
    pub(crate) fn new(now: Time, polite: bool, last: u64) -> Self {
        Self {
            polite,
            state: State::Stable,
            deadline: None,
            last,
            needed: false,
            empty: false,
            restart_wanted: false,
            owed: false,
            dangling: false,
            overdue: false,
            offer: String::new(),
            taken: Offer::default(),
            answer: None,
            hold_until: polite.then(|| now + POLITE_HOLD),
            retry_at: None,
            failures: 0,
            waiting_offer: None,
            steps: VecDeque::new(),
        }
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Returns whether an offer of the peer waits for an earlier exchange.
    pub(crate) fn has_waiting_offer(&self) -> bool {
        self.waiting_offer.is_some()
    }

    /// Returns whether an offer of ours waits for an answer to an offer of this number, or of an unknown one.
    pub(crate) fn expects_answer(&self, offer: Option<u64>) -> bool {
        matches!(self.state, State::Offered { .. }) && offer.is_none_or(|offer| offer == self.last)
    }

    /// Returns whether that offer restarts ICE.
    pub(crate) fn restarts(&self) -> bool {
        matches!(self.state, State::Offered { restart: true })
    }

    pub(crate) fn next_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// Holds the first offer until then at least.
    pub(crate) fn hold(&mut self, until: Option<Time>) {
        self.hold_until = self.hold_until.max(until);
    }

    /// The link's tracks differ from what was negotiated.
    pub(crate) fn needed(&mut self, now: Time, up: bool) {
        // What the link wants at this moment goes into the offer that it is making.
        if matches!(self.state, State::Creating { .. }) {
            return;
        }
        self.needed = true;
        if self.failures > MAX_FAILURES {
            self.failures = 0;
            self.retry_at = None;
        }
        self.advance(now, up);
    }

    /// Says whether there is nothing to send and nothing was ever agreed on.
    pub(crate) fn set_empty(&mut self, now: Time, empty: bool, up: bool) {
        self.empty = empty;
        self.advance(now, up);
    }

    pub(crate) fn restart(&mut self, now: Time, up: bool) {
        self.restart_wanted = true;
        self.advance(now, up);
    }

    /// The link is connected, whatever became of restarts.
    pub(crate) fn link_connected(&mut self, now: Time, up: bool) {
        if std::mem::take(&mut self.dangling) {
            self.needed = true;
            self.advance(now, up);
        }
    }

    /// The peer offered. Returns whether the offer counts, now or later.
    pub(crate) fn offer_received(&mut self, now: Time, offer: Offer) -> bool {
        let link_is_busy = matches!(self.state, State::Applying { .. } | State::Answering);
        if !link_is_busy && self.repeats_answer(&offer) {
            return true;
        }
        match self.state {
            State::Stable => self.answer(now, offer),
            State::Creating { .. } | State::Offered { .. } => {
                if !self.polite {
                    return false;
                }
                self.needed = true;
                self.steps.push_back(Step::Yielded);
                self.answer(now, offer);
            }
            State::Applying { .. } | State::Answering => self.waiting_offer = Some(offer),
        }
        true
    }

    /// The peer answered; ignored when no answer is expected.
    pub(crate) fn answer_received(&mut self, now: Time, sdp: String) {
        if let State::Offered { restart } = self.state {
            self.enter(now, State::Applying { restart });
            self.steps.push_back(Step::AcceptAnswer { negotiation: self.last, sdp });
        }
    }

    /// The link made a description.
    pub(crate) fn described(&mut self, now: Time, negotiation: u64, kind: SdpKind, sdp: String, up: bool) {
        if negotiation != self.last {
            return;
        }
        match (self.state, kind) {
            (State::Creating { restart }, SdpKind::Offer) => {
                self.enter(now, State::Offered { restart });
                self.offer = sdp;
                self.send_offer();
            }
            // It counts all the same: the link waits for its answer, and there may be no need of another.
            (State::Stable, SdpKind::Offer) if std::mem::take(&mut self.overdue) => {
                self.needed = false;
                self.retry_at = None;
                self.enter(now, State::Offered { restart: false });
                self.offer = sdp;
                self.send_offer();
            }
            (State::Answering, SdpKind::Answer) => {
                self.answer = Some(sdp.clone());
                self.steps.push_back(Step::Send { kind, sdp, offer: self.taken.number });
                self.settle(now, up);
            }
            _ => {}
        }
    }

    /// The link applied an answer.
    pub(crate) fn answer_accepted(&mut self, now: Time, negotiation: u64, up: bool) {
        // When the link took so long that the answer was given up, it counts all the same.
        if negotiation == self.last && matches!(self.state, State::Applying { .. } | State::Offered { .. }) {
            self.answer = None;
            self.settle(now, up);
        }
    }

    /// The link could not do what it was told.
    pub(crate) fn failed(&mut self, now: Time, negotiation: u64, reason: String, up: bool) {
        if negotiation == self.last {
            self.stop(now, reason);
            self.advance(now, up);
        }
    }

    /// Ends what the link was doing.
    fn stop(&mut self, now: Time, reason: String) {
        let restart = match self.state {
            State::Stable | State::Offered { .. } => return,
            State::Creating { restart } | State::Applying { restart } => restart,
            // The peer's offer was at fault, which says nothing about ours.
            State::Answering => {
                self.needed |= std::mem::take(&mut self.owed);
                self.retry_at = Some(now + RETRY_DELAY);
                self.steps.push_back(Step::Failed { reason, restart: false });
                self.enter(now, State::Stable);
                return;
            }
        };
        self.steps.push_back(Step::Failed { reason, restart });
        if restart {
            self.dangling = true;
            self.enter(now, State::Stable);
        } else if self.may_try_again(now) {
            let applying = matches!(self.state, State::Applying { .. });
            if applying {
                // It may have been a late answer to an earlier offer; the right one may still come.
                self.enter(now, State::Offered { restart });
                self.deadline = Some(now + RETRY_DELAY);
            } else {
                self.enter(now, State::Stable);
                self.needed = true;
                self.retry_at = Some(now + RETRY_DELAY);
            }
        }
    }

    /// Signalling is back and nothing was lost with it: what was under way goes on, with all the time that it had.
    pub(crate) fn go_on(&mut self, now: Time) {
        self.enter(now, self.state);
        self.failures = 0;
        self.retry_at = None;
        self.advance(now, true);
    }

    /// Signalling is back and the link was kept: what was under way is made again.
    pub(crate) fn resume(&mut self, now: Time) {
        self.failures = 0;
        self.retry_at = None;
        self.repeat_offer(now);
        self.advance(now, true);
    }

    pub(crate) fn handle_timeout(&mut self, now: Time, up: bool) {
        if self.poll_timeout(up).is_none_or(|due| due > now) {
            return;
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            if matches!(self.state, State::Offered { .. }) {
                self.repeat_offer(now);
            } else {
                self.overdue = matches!(self.state, State::Creating { restart: false });
                self.stop(now, "the link did not do what it was told".to_owned());
            }
        }
        self.advance(now, up);
    }

    /// Returns when something is due. Nothing is while signalling is down.
    pub(crate) fn poll_timeout(&self, up: bool) -> Option<Time> {
        match self.state {
            _ if !up => None,
            State::Stable if self.wants_offer() => self.earliest_offer(),
            State::Stable => None,
            _ => self.deadline,
        }
    }

    /// Begins the next exchange when nothing is under way and nothing speaks against it.
    fn advance(&mut self, now: Time, up: bool) {
        if self.state != State::Stable {
            return;
        }
        if let Some(offer) = self.waiting_offer.take() {
            self.answer(now, offer);
            return;
        }
        if !up || !self.wants_offer() || self.earliest_offer().is_some_and(|at| at > now) {
            return;
        }
        let restart = std::mem::take(&mut self.restart_wanted);
        self.needed = false;
        self.dangling = false;
        self.hold_until = None;
        self.retry_at = None;
        self.last += 1;
        self.overdue = false;
        self.enter(now, State::Creating { restart });
        self.steps.push_back(Step::CreateOffer { negotiation: self.last, ice_restart: restart });
    }

    fn answer(&mut self, now: Time, offer: Offer) {
        // The answer may cover what we need; if not, the link says so again.
        self.owed |= std::mem::take(&mut self.needed);
        self.hold_until = None;
        self.retry_at = None;
        self.last += 1;
        self.overdue = false;
        self.answer = None;
        self.taken.clone_from(&offer);
        self.enter(now, State::Answering);
        self.steps.push_back(Step::AcceptOffer { negotiation: self.last, sdp: offer.sdp });
    }

    /// Sends our answer again when the peer repeats the offer that it answers, and after it our own offer, which the
    /// peer may have ignored for its own. Returns whether it does.
    fn repeats_answer(&mut self, offer: &Offer) -> bool {
        let Some(sdp) = self.answer.clone().filter(|_| self.taken == *offer) else { return false };
        self.steps.push_back(Step::Unheard);
        self.steps.push_back(Step::Send { kind: SdpKind::Answer, sdp, offer: offer.number });
        if matches!(self.state, State::Offered { .. }) {
            self.send_offer();
        }
        true
    }

    /// Sends the offer that waits for its answer. Its number is that of the negotiation.
    fn send_offer(&mut self) {
        let (kind, sdp) = (SdpKind::Offer, self.offer.clone());
        self.steps.push_back(Step::Send { kind, sdp, offer: Some(self.last) });
    }

    fn settle(&mut self, now: Time, up: bool) {
        self.enter(now, State::Stable);
        self.owed = false;
        self.dangling = false;
        self.empty = false;
        self.failures = 0;
        self.steps.push_back(Step::Settled);
        self.advance(now, up);
    }

    /// Sends an offer again that was not answered. A restart is given up instead: whoever wanted it decides.
    fn repeat_offer(&mut self, now: Time) {
        let State::Offered { restart } = self.state else {
            return;
        };
        self.steps.push_back(Step::Unanswered { restart });
        if restart {
            self.dangling = true;
            self.enter(now, State::Stable);
        } else if self.may_try_again(now) {
            self.enter(now, State::Offered { restart });
            self.send_offer();
        }
    }

    fn enter(&mut self, now: Time, state: State) {
        self.state = state;
        self.deadline = (state != State::Stable).then(|| now + ANSWER_TIMEOUT);
    }

    /// Counts a failure. Returns whether another try is in order; if not, everything rests.
    fn may_try_again(&mut self, now: Time) -> bool {
        self.failures += 1;
        if self.failures <= MAX_FAILURES {
            return true;
        }
        self.needed = true;
        self.enter(now, State::Stable);
        let reason = "giving up: no offer succeeded".to_owned();
        self.steps.push_back(Step::Failed { reason, restart: false });
        false
    }

    fn wants_offer(&self) -> bool {
        self.restart_wanted || (self.needed && !self.empty && self.failures <= MAX_FAILURES)
    }

    /// Returns the time before which no offer may be made; `None` when it may be made at once.
    fn earliest_offer(&self) -> Option<Time> {
        self.hold_until.max(self.retry_at)
    }
}
