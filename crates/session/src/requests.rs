//! Requests to the server that wait for their acknowledgement.
//!
//! * Inputs: a request was sent; an ack or error came; time passed; the connection is lost.
//! * Outputs: what the request was for, exactly once per request.
//! * State: the open requests. All wait equally long, so the oldest is always the next to expire.

use std::collections::BTreeMap;
use std::time::Duration;

use units::{PeerId, RequestId, Time};

/// How long the server may take to acknowledge.
pub(crate) const ACK_TIMEOUT: Duration = Duration::from_secs(15);

/// Most requests that may be open. When full, requests of the app are refused, and messages to peers go
/// without a request id, so that nobody hears whether they arrived.
const MAX_OPEN: usize = 4096;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Being in the channel.
    Subscribe,
    /// A request of the app.
    App(RequestId),
    /// A description for a peer.
    Description(PeerId),
    /// A candidate or metadata for a peer.
    Detail(PeerId),
}

#[derive(Debug)]
struct Open {
    deadline: Time,
    purpose: Purpose,
}

#[derive(Debug, Default)]
pub(crate) struct Requests {
    last: u64,
    open: BTreeMap<u64, Open>,
}

impl Requests {
    /// Opens a request and returns its id for the wire; `None` when too many are open.
    pub(crate) fn open(&mut self, now: Time, purpose: Purpose) -> Option<String> {
        if self.open.len() >= MAX_OPEN {
            return None;
        }
        self.last += 1;
        self.open.insert(self.last, Open { deadline: now + ACK_TIMEOUT, purpose });
        Some(format!("p{}", self.last))
    }

    /// Settles the request with this id; `None` when there is no such open request.
    pub(crate) fn settle(&mut self, id: &str) -> Option<Purpose> {
        let number = id.strip_prefix('p')?.parse().ok()?;
        self.open.remove(&number).map(|open| open.purpose)
    }

    /// Settles one request whose time is up.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Purpose> {
        let oldest = self.open.first_entry()?;
        (oldest.get().deadline <= now).then(|| oldest.remove().purpose)
    }

    /// Settles all requests, oldest first.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Purpose> + use<> {
        std::mem::take(&mut self.open).into_values().map(|open| open.purpose)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.open.first_key_value().map(|(_, open)| open.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Purpose = Purpose::App(RequestId::new(9));

    #[test]
    fn a_request_is_settled_once() {
        let mut requests = Requests::default();
        let id = requests.open(Time::ZERO, APP).unwrap();
        assert_eq!(requests.settle(&id), Some(APP));
        assert_eq!(requests.settle(&id), None);
        assert_eq!(requests.expire(Time::from_millis(20_000)), None);
    }

    #[test]
    fn foreign_ids_settle_nothing() {
        let mut requests = Requests::default();
        requests.open(Time::ZERO, APP).unwrap();
        for id in ["", "p", "1", "p2", "px", "p-1", "p99999999999999999999999"] {
            assert_eq!(requests.settle(id), None, "{id}");
        }
    }

    #[test]
    fn requests_expire_in_order_when_their_time_is_up_and_not_before() {
        let mut requests = Requests::default();
        requests.open(Time::ZERO, Purpose::Subscribe).unwrap();
        requests.open(Time::from_millis(10), APP).unwrap();
        assert_eq!(requests.poll_timeout(), Some(Time::from_millis(15_000)));
        assert_eq!(requests.expire(Time::from_millis(14_999)), None);
        assert_eq!(requests.expire(Time::from_millis(15_000)), Some(Purpose::Subscribe));
        assert_eq!(requests.expire(Time::from_millis(15_000)), None);
        assert_eq!(requests.poll_timeout(), Some(Time::from_millis(15_010)));
    }

    #[test]
    fn too_many_open_requests_are_refused_until_one_settles() {
        let mut requests = Requests::default();
        let first = requests.open(Time::ZERO, APP).unwrap();
        for _ in 1..MAX_OPEN {
            requests.open(Time::ZERO, Purpose::Subscribe).unwrap();
        }
        assert_eq!(requests.open(Time::ZERO, APP), None);
        requests.settle(&first);
        assert!(requests.open(Time::ZERO, APP).is_some());
        assert_eq!(requests.take_all().count(), MAX_OPEN);
        assert_eq!(requests.poll_timeout(), None);
    }
}
