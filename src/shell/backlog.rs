//! Datagrams of data channels that wait until the app has caught up with its messages.
//!
//! The sender gets no acknowledgement and slows down. Without any it would give up after a minute, for good (see
//! `transport`'s progress), so one datagram goes on every now and then, however slow the app is.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use units::Time;

use crate::net::Datagram;

/// Most datagrams that wait: as much as SCTP has in flight at its receive window of 1 MiB. More are lost, and sent
/// again.
const MAX_WAITING: usize = 1024;
/// How long none goes on, at most; less than the pauses after which the sender gives up (RTO, doubled each time).
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A datagram that waits.
pub(super) struct Waiting {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) data: Bytes,
}

/// What waits of one link.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Waiting>,
    /// When a datagram last went on, or the first began to wait.
    since: Time,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Has a datagram wait. Returns one that must not wait any longer.
    pub(super) fn hold(&mut self, now: Time, datagram: &Datagram<'_>) -> Option<Waiting> {
        let Datagram { local, remote, data } = *datagram;
        if self.waiting.is_empty() {
            self.since = now;
        }
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(Waiting { local, remote, data: Bytes::copy_from_slice(data) });
        }
        if self.since + LONGEST_PAUSE <= now { self.next(now) } else { None }
    }

    /// Takes the datagram that has waited longest.
    pub(super) fn next(&mut self, now: Time) -> Option<Waiting> {
        self.since = now;
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(backlog: &mut Backlog, seconds: u64, data: &[u8]) -> Option<Vec<u8>> {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let datagram = Datagram { local: address, remote: address, data };
        backlog.hold(Time::from_millis(seconds * 1_000), &datagram).map(|waiting| waiting.data.to_vec())
    }

    #[test]
    fn the_oldest_goes_on_every_few_seconds() {
        let mut backlog = Backlog::default();
        assert_eq!(hold(&mut backlog, 100, b"1"), None);
        assert_eq!(hold(&mut backlog, 104, b"2"), None);
        assert_eq!(hold(&mut backlog, 105, b"3"), Some(b"1".to_vec()));
        assert_eq!(hold(&mut backlog, 109, b"4"), None);
        assert_eq!(hold(&mut backlog, 130, b"5"), Some(b"2".to_vec()));
        let rest = std::iter::from_fn(|| backlog.next(Time::from_millis(131_000)));
        assert_eq!(rest.map(|waiting| waiting.data.to_vec()).collect::<Vec<_>>(), [b"3", b"4", b"5"]);
        assert!(backlog.is_empty());
        assert_eq!(hold(&mut backlog, 200, b"6"), None);
    }

    #[test]
    fn what_is_too_much_is_lost() {
        let mut backlog = Backlog::default();
        for _ in 0..2 * MAX_WAITING {
            assert_eq!(hold(&mut backlog, 1, b"x"), None);
        }
        assert_eq!(std::iter::from_fn(|| backlog.next(Time::ZERO)).count(), MAX_WAITING);
    }
}
