//! Network address translators: what stands between a private host and the others.
//!
//! * Inputs: datagrams in both directions; a reboot.
//! * Outputs: their addresses on the other side, or that they do not pass.
//! * State: the mappings, and whom each lets in.
//!
//! The mapping of a private address is the same towards everybody, and lets in only those to whom something was sent
//! through it (endpoint-independent mapping, address- and port-dependent filtering, RFC 4787).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The first port of the mappings; each further one gets the next.
const FIRST_PORT: u16 = 20_000;

/// A translator in front of one host.
#[derive(Debug)]
pub(super) struct Nat {
    outside: IpAddr,
    next_port: u16,
    /// The public address of each private one.
    mappings: BTreeMap<SocketAddr, SocketAddr>,
    /// The private address behind each public one, and to whom something was sent through it.
    reverse: BTreeMap<SocketAddr, (SocketAddr, BTreeSet<SocketAddr>)>,
}

impl Nat {
    pub(super) fn new(outside: IpAddr) -> Self {
        Self { outside, next_port: FIRST_PORT, mappings: BTreeMap::new(), reverse: BTreeMap::new() }
    }

    /// Returns the public address of a private one, which is mapped when it was not.
    pub(super) fn map(&mut self, inside: SocketAddr) -> SocketAddr {
        if let Some(&known) = self.mappings.get(&inside) {
            return known;
        }
        let outside = SocketAddr::new(self.outside, self.next_port);
        self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
        self.mappings.insert(inside, outside);
        self.reverse.insert(outside, (inside, BTreeSet::new()));
        outside
    }

    /// Translates what goes out.
    pub(super) fn outbound(&mut self, from: SocketAddr, to: SocketAddr) -> SocketAddr {
        let outside = self.map(from);
        if let Some((_, remotes)) = self.reverse.get_mut(&outside) {
            remotes.insert(to);
        }
        outside
    }

    /// Translates what comes in; `None` when it is not let in.
    pub(super) fn inbound(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        let (inside, remotes) = self.reverse.get(&to)?;
        remotes.contains(&from).then_some(*inside)
    }

    /// Forgets all mappings. Their ports are not used again.
    pub(super) fn forget(&mut self) {
        self.mappings.clear();
        self.reverse.clear();
    }
}
