//! Which link a datagram belongs to, when all links of an owner share one socket per local address.
//!
//! In order:
//! 1. A STUN request names our user fragment in its USERNAME (RFC 8445 section 7.2.2), which is unique to a
//!    link.
//! 2. A STUN response carries the transaction id of a request that a link sent.
//! 3. Everything else (DTLS, SRTP, STUN indications) goes by the pair of addresses, learned from 1 and 2.
//!
//! A pair of addresses moves to another link only when that link is newer, so that a connection that was
//! rebuilt over the same addresses takes them over and late packets of the old one do not take them back. Two
//! live links with the same pair of addresses cannot be told apart by anything but STUN: their owners need
//! sockets of their own.
//!
//! Nothing here is authenticated; that is the link's work. What strangers can cause is bounded: unanswered
//! addresses are learned only for a user fragment of ours, at most [`MAX_ADDRESSES`] a link, and never
//! displace one that answered.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::SocketAddr;

use super::stun::{Class, StunPacket};

/// How many pairs of addresses a link has at most. When full, a pair that never answered gives way to a new
/// one; a pair that answered only to another that did.
const MAX_ADDRESSES: usize = 64;

/// How many STUN requests of all links are remembered. When full the oldest is forgotten: its response, if it
/// still comes, goes by its addresses.
const MAX_TRANSACTIONS: usize = 4096;

/// A local and a remote address.
type Pair = (SocketAddr, SocketAddr);

type TransactionId = [u8; 12];

/// The table from datagrams to links. `K` names a link; links are told apart by it alone.
#[derive(Debug)]
pub struct Demux<K> {
    ufrags: HashMap<String, K>,
    pairs: HashMap<Pair, K>,
    links: HashMap<K, LinkEntry>,
    transactions: HashMap<TransactionId, K>,
    /// The keys of `transactions`, oldest first.
    transaction_order: VecDeque<TransactionId>,
    /// How many links there have been.
    age: u64,
}

#[derive(Debug)]
struct LinkEntry {
    /// Its place in the order in which links came.
    age: u64,
    /// Its pairs, oldest first.
    pairs: VecDeque<LearnedPair>,
}

#[derive(Debug)]
struct LearnedPair {
    pair: Pair,
    /// Whether it answered a request of ours, which a stranger cannot do.
    answered: bool,
}

impl<K: Copy + Eq + Hash> Demux<K> {
    /// Makes an empty table.
    pub fn new() -> Self {
        Self {
            ufrags: HashMap::new(),
            pairs: HashMap::new(),
            links: HashMap::new(),
            transactions: HashMap::new(),
            transaction_order: VecDeque::new(),
            age: 0,
        }
    }

    /// Routes STUN requests for our user fragment `ufrag` to `link`. A link may have several: the old one
    /// stays valid while an ICE restart is under way.
    pub fn add_ufrag(&mut self, ufrag: &str, link: K) {
        if !self.links.contains_key(&link) {
            self.age += 1;
            self.links.insert(link, LinkEntry { age: self.age, pairs: VecDeque::new() });
        }
        self.ufrags.insert(ufrag.to_owned(), link);
    }

    /// Stops routing by one user fragment.
    pub fn remove_ufrag(&mut self, ufrag: &str) {
        self.ufrags.remove(ufrag);
    }

    /// Forgets a link and everything that leads to it.
    pub fn remove_link(&mut self, link: K) {
        self.links.remove(&link);
        self.ufrags.retain(|_, owner| *owner != link);
        self.pairs.retain(|_, owner| *owner != link);
        self.transactions.retain(|_, owner| *owner != link);
        let transactions = &self.transactions;
        self.transaction_order.retain(|id| transactions.contains_key(id));
    }

    /// Notes a datagram that `link` is about to send, so that the response to a STUN request finds its way
    /// back. Call it for everything sent; only STUN requests of known links cost more than a look at two
    /// bytes.
    pub fn note_sent(&mut self, link: K, data: &[u8]) {
        let Some(packet) = StunPacket::parse(data) else { return };
        if packet.class() != Class::Request || !self.links.contains_key(&link) {
            return;
        }
        let id = packet.transaction_id();
        // A retransmission has the same id.
        if self.transactions.insert(id, link).is_some() {
            return;
        }
        self.transaction_order.push_back(id);
        if self.transaction_order.len() > MAX_TRANSACTIONS
            && let Some(oldest) = self.transaction_order.pop_front()
        {
            self.transactions.remove(&oldest);
        }
    }

    /// Returns the link that a received datagram belongs to, and learns from it; none for a stranger's.
    pub fn route(&mut self, local: SocketAddr, remote: SocketAddr, data: &[u8]) -> Option<K> {
        let pair = (local, remote);
        let Some(packet) = StunPacket::parse(data) else { return self.pairs.get(&pair).copied() };
        match packet.class() {
            Class::Request => {
                let link = *self.ufrags.get(packet.receiver_ufrag()?)?;
                self.learn(pair, link, false);
                Some(link)
            }
            Class::Success | Class::Error => match self.transactions.get(&packet.transaction_id()).copied() {
                Some(link) => {
                    self.learn(pair, link, true);
                    Some(link)
                }
                None => self.pairs.get(&pair).copied(),
            },
            Class::Indication => self.pairs.get(&pair).copied(),
        }
    }

    fn learn(&mut self, pair: Pair, link: K, answered: bool) {
        let Some(age) = self.links.get(&link).map(|entry| entry.age) else { return };
        if let Some(owner) = self.pairs.get(&pair).copied() {
            let Some(entry) = self.links.get_mut(&owner) else { return };
            if owner == link {
                if answered && let Some(known) = entry.pairs.iter_mut().find(|known| known.pair == pair) {
                    known.answered = true;
                }
                return;
            }
            if entry.age > age {
                return;
            }
            entry.pairs.retain(|known| known.pair != pair);
            self.pairs.remove(&pair);
        }
        let Some(entry) = self.links.get_mut(&link) else { return };
        if entry.pairs.len() >= MAX_ADDRESSES {
            let unanswered = entry.pairs.iter().position(|known| !known.answered);
            let Some(index) = unanswered.or(answered.then_some(0)) else { return };
            if let Some(forgotten) = entry.pairs.remove(index) {
                self.pairs.remove(&forgotten.pair);
            }
        }
        entry.pairs.push_back(LearnedPair { pair, answered });
        self.pairs.insert(pair, link);
    }
}

impl<K: Copy + Eq + Hash> Default for Demux<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[path = "demux_tests.rs"]
mod tests;
