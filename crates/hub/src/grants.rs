//! What a credential allows.

use crate::Pattern;

/// Something that a credential may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Joining channels.
    Subscribe,
    /// Sending to channels.
    Publish,
    /// Seeing who is in a channel.
    Presence,
    /// Sending to single peers; calls need it.
    Send,
}

impl Action {
    /// Every action, in the order of declaration.
    pub const ALL: [Self; 4] = [Self::Subscribe, Self::Publish, Self::Presence, Self::Send];

    /// Returns the action's name: `subscribe`, `publish`, `presence` or `send`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Publish => "publish",
            Self::Presence => "presence",
            Self::Send => "send",
        }
    }

    /// Finds an action by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// A set of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Actions(u8);

impl Actions {
    /// Makes the set of all actions.
    pub fn all() -> Self {
        Action::ALL.into_iter().collect()
    }

    /// Returns whether the action is in the set.
    pub const fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self(actions.into_iter().fold(0, |set, action| set | 1 << action as u8))
    }
}

/// What a credential allows: which actions, and on which channels.
#[derive(Debug, Clone)]
pub struct Grants {
    /// The channels. A direct message needs no pattern.
    pub channels: Vec<Pattern>,
    /// The actions.
    pub actions: Actions,
}

impl Grants {
    /// Returns whether one of the patterns covers the channel.
    pub fn covers(&self, channel: &str) -> bool {
        self.channels.iter().any(|pattern| pattern.matches(channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_what_was_put_in() {
        let set: Actions = [Action::Publish, Action::Send].into_iter().collect();
        assert_eq!(Action::ALL.map(|action| set.contains(action)), [false, true, false, true]);
        assert_eq!(Action::ALL.map(|action| Actions::all().contains(action)), [true; 4]);
        assert_eq!(Action::ALL.map(|action| Actions::default().contains(action)), [false; 4]);
    }

    #[test]
    fn every_action_is_found_by_its_name() {
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.as_str()), Some(action));
        }
        assert_eq!(Action::from_name("Send"), None);
    }

    #[test]
    fn one_covering_pattern_is_enough() {
        let channels = ["a/*", "b"].map(|text| Pattern::parse(text).unwrap()).to_vec();
        let grants = Grants { channels, actions: Actions::all() };
        assert!(grants.covers("a/1") && grants.covers("b"));
        assert!(!grants.covers("c") && !grants.covers("a/1/2"));
    }
}
