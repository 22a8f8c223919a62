//! Trickled ICE candidates on their way in and out (RFC 8838).
//!
//! * Inputs: candidates of the link and of the peer; a description went out; one was handed to the link.
//! * Outputs: candidates that may travel on now.
//! * State out: what the link found, and how much of it was sent. State in: what waits for a description.
//!
//! A candidate never overtakes the description that it belongs to. What was sent together with an offer that
//! came to nothing is sent again with the next description, because a peer may have dropped both.

use protocol::peer::{IceCandidate, MAX_CANDIDATE_CHARS, MAX_CANDIDATES_PER_NEGOTIATION};

/// Most local candidates of one ICE generation; the rest are not sent, as a receiver would drop them.
const MAX_LOCAL: usize = MAX_CANDIDATES_PER_NEGOTIATION;

#[derive(Debug, Default)]
pub(crate) struct Candidates {
    local: Vec<Option<IceCandidate>>,
    sent: usize,
    described: bool,
    waiting: Vec<Option<IceCandidate>>,
    taken: usize,
    ready: bool,
}

impl Candidates {
    /// The link found a candidate; returns what may be sent.
    pub(crate) fn found(&mut self, candidate: Option<IceCandidate>) -> Vec<Option<IceCandidate>> {
        if self.local.len() < MAX_LOCAL && !self.local.contains(&candidate) {
            self.local.push(candidate);
        }
        self.unsent()
    }

    /// A description of ours went out; returns what may be sent.
    pub(crate) fn described(&mut self) -> Vec<Option<IceCandidate>> {
        self.described = true;
        self.unsent()
    }

    /// What was sent may have been dropped: it goes out again after the next description.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
        self.described = false;
    }

    /// ICE starts over with new credentials: what was found before is of no use.
    pub(crate) fn restart(&mut self) {
        self.local.clear();
        self.rewind();
    }

    /// The peer trickled a candidate; returns it when the link may have it now.
    pub(crate) fn received(
        &mut self,
        candidate: Option<IceCandidate>,
        offer_waits: bool,
    ) -> Option<Option<IceCandidate>> {
        let too_long = candidate
            .as_ref()
            .is_some_and(|candidate| candidate.candidate.chars().count() > MAX_CANDIDATE_CHARS);
        if too_long || self.taken >= MAX_CANDIDATES_PER_NEGOTIATION {
            return None;
        }
        self.taken += 1;
        if self.ready && !offer_waits {
            Some(candidate)
        } else {
            self.waiting.push(candidate);
            None
        }
    }

    /// The link was handed a description of the peer; returns what waited for it.
    pub(crate) fn remote_described(&mut self) -> Vec<Option<IceCandidate>> {
        self.ready = true;
        self.taken = 0;
        std::mem::take(&mut self.waiting)
    }

    fn unsent(&mut self) -> Vec<Option<IceCandidate>> {
        if !self.described {
            return Vec::new();
        }
        let from = std::mem::replace(&mut self.sent, self.local.len());
        self.local[from..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(number: usize) -> Option<IceCandidate> {
        Some(IceCandidate {
            candidate: format!("candidate:{number} 1 udp 1 192.0.2.1 9 typ host"),
            sdp_mid: None,
            sdp_mline_index: None,
            username_fragment: None,
        })
    }

    #[test]
    fn local_candidates_wait_for_a_description_and_keep_their_order() {
        let mut candidates = Candidates::default();
        assert!(candidates.found(candidate(1)).is_empty());
        assert!(candidates.found(None).is_empty());
        assert_eq!(candidates.described(), [candidate(1), None]);
        assert_eq!(candidates.found(candidate(2)), [candidate(2)]);
        assert!(candidates.described().is_empty());
    }

    #[test]
    fn after_an_offer_that_came_to_nothing_all_go_out_again() {
        let mut candidates = Candidates::default();
        candidates.described();
        candidates.found(candidate(1));
        candidates.rewind();
        assert!(candidates.found(candidate(2)).is_empty());
        assert_eq!(candidates.described(), [candidate(1), candidate(2)]);
    }

    #[test]
    fn an_ice_restart_forgets_what_was_found_before() {
        let mut candidates = Candidates::default();
        candidates.described();
        candidates.found(candidate(1));
        candidates.restart();
        candidates.found(candidate(2));
        assert_eq!(candidates.described(), [candidate(2)]);
    }

    #[test]
    fn remote_candidates_wait_for_the_offer_that_they_belong_to() {
        let mut candidates = Candidates::default();
        assert_eq!(candidates.received(candidate(1), false), None);
        assert_eq!(candidates.remote_described(), [candidate(1)]);
        assert_eq!(candidates.received(candidate(2), false), Some(candidate(2)));
        assert_eq!(candidates.received(None, true), None);
        assert_eq!(candidates.remote_described(), [None]);
    }

    #[test]
    fn remote_candidates_are_bounded_per_negotiation_and_in_length() {
        let mut candidates = Candidates::default();
        candidates.remote_described();
        let mut long = candidate(0);
        if let Some(long) = &mut long {
            long.candidate = "x".repeat(MAX_CANDIDATE_CHARS + 1);
        }
        assert_eq!(candidates.received(long, false), None);
        for number in 0..MAX_CANDIDATES_PER_NEGOTIATION {
            assert_eq!(candidates.received(candidate(number), false), Some(candidate(number)));
        }
        assert_eq!(candidates.received(candidate(0), false), None);
        candidates.remote_described();
        assert_eq!(candidates.received(candidate(0), false), Some(candidate(0)));
    }
}
