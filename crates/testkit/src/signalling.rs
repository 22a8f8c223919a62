//! The way between sessions and the hub: ordered, reliable, slow, and breakable.
//!
//! * Inputs: what sessions and the hub say to each other's sockets; breaks.
//! * Outputs: what arrives, at its time.
//! * State: the messages under way per direction of each connection. A message never overtakes another of the
//!   same connection and direction.

use std::collections::BTreeMap;
use std::time::Duration;

use hub::ConnectionId;
use units::Time;

use crate::node::NodeId;

/// What travels to the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToServer {
    Open,
    Text(String),
    Pong([u8; 8]),
    Close,
    /// The connection broke; the server notices.
    Broken,
}

/// What travels to a session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToSession {
    Text(String),
    Ping([u8; 8]),
    Closed(u16),
    Failed,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delivery {
    ToServer(ToServer),
    ToSession(ToSession),
}

#[derive(Debug)]
pub(crate) struct Signalling {
    delay: Duration,
    under_way: BTreeMap<(Time, u64), (NodeId, ConnectionId, Delivery)>,
    sent: u64,
}

impl Signalling {
    pub(crate) fn new(delay: Duration) -> Self {
        Self { delay, under_way: BTreeMap::new(), sent: 0 }
    }

    /// Sends something; all delays are equal, so the order is kept.
    pub(crate) fn send(&mut self, now: Time, node: NodeId, connection: ConnectionId, what: Delivery) {
        self.sent += 1;
        self.under_way.insert((now + self.delay, self.sent), (node, connection, what));
    }

    /// Loses everything that is under way on a connection.
    pub(crate) fn lose(&mut self, lost: ConnectionId) {
        self.under_way.retain(|_, (_, connection, _)| *connection != lost);
    }

    /// Takes the next thing that has arrived.
    pub(crate) fn receive(&mut self, now: Time) -> Option<(NodeId, ConnectionId, Delivery)> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub(crate) fn next_arrival(&self) -> Option<Time> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }
}
