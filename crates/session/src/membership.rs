//! Being in a channel: the subscription and who else is there.
//!
//! * Inputs: the connection was welcomed or lost; the subscribe was answered; a presence frame; time passed.
//! * Outputs: an [`Action`] for the session, and [`Change`]s of the roster.
//! * States of the subscription: offline → subscribing → subscribed; retrying between failed attempts of a
//!   return. Beside it: whether the next presence frame is the full roster or a change to it.
//!
//! The acknowledgement comes before the snapshot on every known server, but either order is taken: on the way
//! into a channel, presence waits for the acknowledgement; on the way back, the roster alone is what counts.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::Member;
use units::Time;

use crate::RequestError;

/// How often a subscribe is tried again on a connection after a return.
const RETRIES: u32 = 3;

/// The pause before a subscribe is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// How long the roster may take after a return before it is asked for again.
const ROSTER_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the roster is asked for again.
const ROSTER_RETRIES: u32 = 2;

/// Most presence frames kept until the acknowledgement. Only a server that never acknowledges fills it, and
/// the join then fails by its timeout; further frames are dropped.
const MAX_EARLY: usize = 64;

/// What a presence frame says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Presence {
    pub(crate) joined: Vec<Member>,
    pub(crate) left: Vec<Member>,
}

/// A change of the roster, to be applied in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Somebody new.
    Joined(Member),
    /// Somebody known who is still there after our own return.
    Stayed(Member),
    /// Somebody known, announced again while we were there.
    Repeated(Member),
    /// Somebody known who is gone, or is not there any more after our own return.
    Left(String),
}

/// What the session shall do.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    Nothing,
    /// Send a subscribe.
    Subscribe,
    /// The channel is ours, for the first time or again.
    Entered,
    /// The channel will not be ours on this connection.
    Failed(RequestError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Offline,
    Subscribing { attempt: u32 },
    Retrying { attempt: u32, at: Time },
    Subscribed,
}

#[derive(Debug)]
pub(crate) struct Membership {
    channel: String,
    own_id: String,
    state: State,
    /// Whether the channel was ours before.
    returning: bool,
    /// Whether the session is in the channel and knows who is there.
    entered: bool,
    roster_is_next: bool,
    roster_by: Option<Time>,
    roster_retries: u32,
    early: Vec<Presence>,
}

impl Membership {
    pub(crate) fn new(channel: String) -> Self {
        Self {
            channel,
            own_id: String::new(),
            state: State::Offline,
            returning: false,
            entered: false,
            roster_is_next: true,
            roster_by: None,
            roster_retries: 0,
            early: Vec::new(),
        }
    }

    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    pub(crate) fn own_id(&self) -> &str {
        &self.own_id
    }

    /// Returns whether we are in the channel and know who else is.
    pub(crate) fn is_entered(&self) -> bool {
        self.entered
    }

    /// Returns whether the server was asked for the channel on this connection.
    pub(crate) fn is_subscribing(&self) -> bool {
        self.state != State::Offline
    }

    /// The connection is there; `alone` says that no peers are known from before.
    pub(crate) fn connected(&mut self, now: Time, own_id: String, alone: bool) -> Action {
        self.own_id = own_id;
        self.state = State::Subscribing { attempt: 1 };
        self.roster_is_next = true;
        self.roster_retries = 0;
        self.roster_by = (self.returning && !alone).then(|| now + ROSTER_TIMEOUT);
        Action::Subscribe
    }

    pub(crate) fn disconnected(&mut self) {
        self.state = State::Offline;
        self.entered = false;
        self.roster_by = None;
        self.early.clear();
    }

    /// The server answered the subscribe, or did not in time.
    pub(crate) fn answered(&mut self, now: Time, result: Result<(), RequestError>) -> Action {
        match (self.state, result) {
            (State::Subscribing { .. }, Ok(())) => {
                self.state = State::Subscribed;
                if self.entered || self.roster_by.is_some() { Action::Nothing } else { self.enter() }
            }
            (State::Subscribing { attempt }, Err(_)) if self.returning && attempt <= RETRIES => {
                self.state = State::Retrying { attempt, at: now + RETRY_DELAY };
                Action::Nothing
            }
            (State::Subscribing { .. }, Err(error)) => Action::Failed(error),
            // The answer to a subscribe that only asked for the roster again.
            (State::Offline | State::Retrying { .. } | State::Subscribed, _) => Action::Nothing,
        }
    }

    /// Takes a presence frame of the channel. `known` are the ids of the peers there are.
    ///
    /// When the action is [`Action::Entered`], it comes after the changes.
    pub(crate) fn presence(&mut self, presence: Presence, known: &BTreeSet<&str>) -> (Vec<Change>, Action) {
        if !self.returning {
            if self.early.len() < MAX_EARLY {
                self.early.push(presence);
            }
            return (Vec::new(), Action::Nothing);
        }
        let roster = std::mem::replace(&mut self.roster_is_next, false);
        let changes = changes(presence, known, &self.own_id, roster);
        self.roster_by = None;
        if self.entered { (changes, Action::Nothing) } else { (changes, self.enter()) }
    }

    /// Hands out the presence frames that came before the acknowledgement.
    pub(crate) fn take_early(&mut self) -> Vec<Presence> {
        std::mem::take(&mut self.early)
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) -> Action {
        match self.state {
            State::Retrying { attempt, at } if at <= now => {
                self.state = State::Subscribing { attempt: attempt + 1 };
                return Action::Subscribe;
            }
            _ => {}
        }
        if self.roster_by.is_none_or(|by| by > now) {
            return Action::Nothing;
        }
        if self.roster_retries == ROSTER_RETRIES {
            self.roster_by = None;
            return Action::Failed(RequestError::new(
                "reconcile_timeout",
                "the server did not say who is in the channel",
            ));
        }
        self.roster_retries += 1;
        self.roster_by = Some(now + ROSTER_TIMEOUT);
        // A retry of the subscribe that is due anyway asks for the roster, too.
        if matches!(self.state, State::Retrying { .. }) { Action::Nothing } else { Action::Subscribe }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let retry = match self.state {
            State::Retrying { at, .. } => Some(at),
            _ => None,
        };
        [retry, self.roster_by].into_iter().flatten().min()
    }

    fn enter(&mut self) -> Action {
        self.returning = true;
        self.entered = true;
        Action::Entered
    }
}

fn changes(presence: Presence, known: &BTreeSet<&str>, own_id: &str, roster: bool) -> Vec<Change> {
    let mut seen = BTreeSet::new();
    let joined: Vec<Member> = presence
        .joined
        .into_iter()
        .filter(|member| member.peer_id != own_id && seen.insert(member.peer_id.clone()))
        .collect();
    let mut changes = Vec::new();
    if roster {
        let missing = known.iter().filter(|id| !seen.contains(**id));
        changes.extend(missing.map(|id| Change::Left((*id).to_owned())));
        let (stayed, new): (Vec<_>, Vec<_>) =
            joined.into_iter().partition(|member| known.contains(member.peer_id.as_str()));
        changes.extend(stayed.into_iter().map(Change::Stayed));
        changes.extend(new.into_iter().map(Change::Joined));
    } else {
        changes.extend(joined.into_iter().map(|member| {
            if known.contains(member.peer_id.as_str()) {
                Change::Repeated(member)
            } else {
                Change::Joined(member)
            }
        }));
    }
    let gone = presence.left.into_iter().map(|member| member.peer_id);
    changes.extend(gone.filter(|id| known.contains(id.as_str()) || seen.contains(id)).map(Change::Left));
    changes
}
