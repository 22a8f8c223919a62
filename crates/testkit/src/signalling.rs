//! The way between sessions and the hub: ordered, reliable, slow, and breakable.
//!
//! * Inputs: what sessions and the hub say to each other's sockets; breaks and cuts.
//! * Outputs: what arrives, at its time.
//! * State: the messages under way per direction of each connection. A message never overtakes another of the
//!   same connection and direction. What meets a cut waits for its end, as TCP would send it again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hub::ConnectionId;
use units::Time;

use crate::node::NodeId;

/// What travels to the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToServer {
    Open(Option<session::Resume>),
    Text(String),
    Pong([u8; 8]),
    /// The answer to [`ToSession::Probe`].
    Alive,
    Close {
        code: u16,
    },
    /// The connection broke; the server notices.
    Broken,
}

/// What travels to a session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ToSession {
    Text(String),
    Ping([u8; 8]),
    /// The server asks whether the session is still there.
    Probe,
    Closed(u16),
    Failed,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delivery {
    ToServer(ToServer),
    ToSession(ToSession),
}

type Sent = (NodeId, ConnectionId, Delivery);

#[derive(Debug)]
pub(crate) struct Signalling {
    delay: Duration,
    under_way: BTreeMap<(Time, u64), Sent>,
    /// Who is cut off from the server.
    cut: BTreeSet<NodeId>,
    /// Connections whose local address is dead.
    stranded: BTreeSet<ConnectionId>,
    /// What waits for the end of a cut.
    held: Vec<Sent>,
    sent: u64,
    most_under_way: usize,
}

impl Signalling {
    pub(crate) fn new(delay: Duration) -> Self {
        Self {
            delay,
            under_way: BTreeMap::new(),
            cut: BTreeSet::new(),
            stranded: BTreeSet::new(),
            held: Vec::new(),
            sent: 0,
            most_under_way: 0,
        }
    }

    /// Sends something; all delays are equal, so the order is kept.
    pub(crate) fn send(&mut self, now: Time, node: NodeId, connection: ConnectionId, what: Delivery) {
        if self.stranded.contains(&connection) {
            return;
        }
        if self.cut.contains(&node) {
            self.held.push((node, connection, what));
        } else {
            self.sent += 1;
            self.under_way.insert((now + self.delay, self.sent), (node, connection, what));
        }
        self.most_under_way = self.most_under_way.max(self.under_way.len() + self.held.len());
    }

    /// Loses everything that is under way on a connection.
    pub(crate) fn lose(&mut self, lost: ConnectionId) {
        self.under_way.retain(|_, (_, connection, _)| *connection != lost);
        self.held.retain(|(_, connection, _)| *connection != lost);
    }

    /// Loses everything on a connection from now on; nobody is told.
    pub(crate) fn strand(&mut self, connection: ConnectionId) {
        self.lose(connection);
        self.stranded.insert(connection);
    }

    /// Cuts a participant off from the server; nobody is told.
    pub(crate) fn cut(&mut self, node: NodeId) {
        self.cut.insert(node);
        let (held, rest) =
            std::mem::take(&mut self.under_way).into_iter().partition(|(_, sent)| sent.0 == node);
        self.under_way = rest;
        let held: BTreeMap<(Time, u64), Sent> = held;
        self.held.extend(held.into_values());
    }

    /// Ends a cut.
    pub(crate) fn heal(&mut self, now: Time, node: NodeId) {
        if self.cut.remove(&node) {
            let (freed, rest) =
                std::mem::take(&mut self.held).into_iter().partition(|(held, ..)| *held == node);
            self.held = rest;
            let freed: Vec<Sent> = freed;
            for (node, connection, what) in freed {
                self.send(now, node, connection, what);
            }
        }
    }

    /// Takes the next thing that has arrived.
    pub(crate) fn receive(&mut self, now: Time) -> Option<Sent> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub(crate) fn next_arrival(&self) -> Option<Time> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// Returns how many messages were under way at the same time, at most.
    pub(crate) fn most_under_way(&self) -> usize {
        self.most_under_way
    }
}
