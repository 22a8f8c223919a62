//! One channel: who is in it, and who still seems to be.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::{Map, Member, limits};
use units::Time;

use crate::bus::{NodeId, Tenure};
use crate::io::ConnectionId;

/// Room in a snapshot for everything but the entries: type, channel name, brackets.
const SNAPSHOT_ENVELOPE: usize = 4_096;

/// Most bytes of all live members' entries together; one more member is refused with `channel_full`. A
/// snapshot cannot be split, and clients close on a larger frame.
const MAX_ROSTER_BYTES: usize = limits::MAX_SERVER_FRAME_SIZE - SNAPSHOT_ENVELOPE;

/// What the others may know about a peer. Lives as long as its connection.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) peer: Arc<str>,
    pub(crate) metadata: Option<Map>,
    /// Size of the roster entry, in bytes of JSON with its comma.
    entry_bytes: usize,
}

impl Identity {
    pub(crate) fn new(peer_id: String, metadata: Option<Map>) -> Self {
        let entry = Member { peer_id, metadata };
        let entry_bytes = serde_json::to_string(&entry).map_or(0, |text| text.len()) + 1;
        Self { peer: entry.peer_id.into(), metadata: entry.metadata, entry_bytes }
    }

    pub(crate) fn entry(&self) -> Member {
        Member { peer_id: self.peer.to_string(), metadata: self.metadata.clone() }
    }
}

/// A member with a live connection.
#[derive(Debug)]
pub(crate) struct LiveMember {
    pub(crate) connection: ConnectionId,
    pub(crate) identity: Arc<Identity>,
    pub(crate) wants_metadata: bool,
    pub(crate) sees_presence: bool,
    pub(crate) tenure: Tenure,
    /// When it joined, in the hub's own count.
    pub(crate) joined_at: u64,
}

/// A member whose connection broke a moment ago. Those who knew it have not been told.
#[derive(Debug)]
pub(crate) struct Lingering {
    pub(crate) until: Time,
    pub(crate) identity: Arc<Identity>,
    pub(crate) tenure: Tenure,
    pub(crate) joined_at: u64,
    /// When its connection broke, in the hub's own count. Members that joined later never heard of it.
    since: u64,
}

impl Lingering {
    /// Returns whether the member knew this one.
    pub(crate) fn is_witnessed_by(&self, member: &LiveMember) -> bool {
        member.joined_at < self.since
    }
}

/// A member at another hub.
#[derive(Debug)]
struct RemoteMember {
    node: NodeId,
    tenure: Tenure,
    identity: Arc<Identity>,
}

/// A channel. It exists while it has members, live, lingering or at other hubs.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    live: BTreeMap<Arc<str>, LiveMember>,
    lingering: BTreeMap<Arc<str>, Lingering>,
    remote: BTreeMap<Arc<str>, RemoteMember>,
    roster_bytes: usize,
}

impl Channel {
    /// Returns whether nobody is in the channel.
    pub(crate) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.lingering.is_empty() && self.remote.is_empty()
    }

    /// Returns how many live members there are.
    pub(crate) fn live_count(&self) -> usize {
        self.live.len()
    }

    /// Returns whether one more member would be too many.
    pub(crate) fn is_full_for(&self, identity: &Identity, max_members: usize) -> bool {
        self.live.len() + self.remote.len() >= max_members
            || self.roster_bytes + identity.entry_bytes > MAX_ROSTER_BYTES
    }

    /// Adds a live member that is not in the channel yet.
    pub(crate) fn join(&mut self, member: LiveMember) {
        self.roster_bytes += member.identity.entry_bytes;
        let displaced = self.live.insert(Arc::clone(&member.identity.peer), member);
        debug_assert!(displaced.is_none(), "a peer has one connection, which joins once");
    }

    /// Returns the member of this peer, for a change of its wishes.
    pub(crate) fn member_mut(&mut self, peer: &str) -> Option<&mut LiveMember> {
        self.live.get_mut(peer)
    }

    /// Removes a live member.
    pub(crate) fn leave(&mut self, peer: &str) -> Option<LiveMember> {
        let member = self.live.remove(peer)?;
        self.roster_bytes -= member.identity.entry_bytes;
        Some(member)
    }

    /// Makes a live member a lingering one.
    pub(crate) fn linger(&mut self, peer: &Arc<str>, until: Time, since: u64) {
        if let Some(LiveMember { identity, tenure, joined_at, .. }) = self.leave(peer) {
            let lingering = Lingering { until, identity, tenure, joined_at, since };
            self.lingering.insert(Arc::clone(peer), lingering);
        }
    }

    /// Takes a lingering member out.
    pub(crate) fn end_lingering(&mut self, peer: &str) -> Option<Lingering> {
        self.lingering.remove(peer)
    }

    /// Returns whether a peer is a live member.
    pub(crate) fn is_live(&self, peer: &str) -> bool {
        self.live.contains_key(peer)
    }

    /// Returns whether a peer is a lingering member.
    pub(crate) fn is_lingering(&self, peer: &str) -> bool {
        self.lingering.contains_key(peer)
    }

    /// Returns whether one member knows another, live or lingering.
    pub(crate) fn knows(&self, member: &str, other: &str) -> bool {
        let Some(member) = self.live.get(member) else { return false };
        self.live.contains_key(other)
            || self.remote.contains_key(other)
            || self.lingering.get(other).is_some_and(|lingering| lingering.is_witnessed_by(member))
    }

    /// Returns the lingering members.
    pub(crate) fn lingering(&self) -> impl Iterator<Item = &Arc<str>> {
        self.lingering.keys()
    }

    /// Returns the live members, in the order of their ids.
    pub(crate) fn members(&self) -> impl Iterator<Item = &LiveMember> {
        self.live.values()
    }

    /// Returns the live members that get presence frames.
    pub(crate) fn watchers(&self) -> impl Iterator<Item = &LiveMember> {
        self.live.values().filter(|member| member.sees_presence)
    }

    /// Returns the roster that one member gets to see: every live member but itself.
    pub(crate) fn roster_for(&self, peer: &str) -> Vec<Member> {
        let others = self.live.values().filter(|member| &*member.identity.peer != peer);
        let others = others.map(|member| &member.identity);
        others.chain(self.remote.values().map(|member| &member.identity)).map(|it| it.entry()).collect()
    }

    /// Returns whether a peer's stay is known, or a later one.
    pub(crate) fn has_since(&self, peer: &str, tenure: Tenure) -> bool {
        let live = self.live.get(peer).map(|member| member.tenure);
        let lingering = self.lingering.get(peer).map(|member| member.tenure);
        [live, lingering, self.remote_tenure(peer)].into_iter().flatten().any(|known| known >= tenure)
    }

    /// Returns the members of this hub, lingering ones included.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&Identity, Tenure)> {
        let live = self.live.values().map(|member| (&*member.identity, member.tenure));
        live.chain(self.lingering.values().map(|member| (&*member.identity, member.tenure)))
    }

    /// Returns whether a peer is a member at another hub.
    pub(crate) fn is_remote(&self, peer: &str) -> bool {
        self.remote.contains_key(peer)
    }

    /// Returns the stay of a member at another hub.
    pub(crate) fn remote_tenure(&self, peer: &str) -> Option<Tenure> {
        self.remote.get(peer).map(|member| member.tenure)
    }

    /// Returns the members at one other hub.
    pub(crate) fn remote_of(&self, node: NodeId) -> impl Iterator<Item = (&Arc<str>, Tenure)> {
        let there = self.remote.iter().filter(move |(_, member)| member.node == node);
        there.map(|(peer, member)| (peer, member.tenure))
    }

    /// Adds a member at another hub.
    pub(crate) fn remote_join(&mut self, node: NodeId, tenure: Tenure, identity: Arc<Identity>) {
        self.roster_bytes += identity.entry_bytes;
        let peer = Arc::clone(&identity.peer);
        self.remote.insert(peer, RemoteMember { node, tenure, identity });
    }

    /// Takes in that a member at another hub went on with its session there; false when it is no such member.
    pub(crate) fn remote_renew(&mut self, node: NodeId, tenure: Tenure, identity: &Identity) -> bool {
        let known = self.remote.get_mut(&identity.peer);
        let known = known.filter(|it| it.node == node && it.identity.metadata == identity.metadata);
        known.map(|member| member.tenure = tenure).is_some()
    }

    /// Removes a member at another hub, and returns at which.
    pub(crate) fn remote_leave(&mut self, peer: &str) -> Option<NodeId> {
        let RemoteMember { node, identity, .. } = self.remote.remove(peer)?;
        self.roster_bytes -= identity.entry_bytes;
        Some(node)
    }

    /// Returns the lingering members that a member knew. A member that lingered itself must not take their
    /// absence for an end.
    pub(crate) fn missed_by(&self, peer: &str) -> Vec<Member> {
        let Some(member) = self.live.get(peer) else { return Vec::new() };
        let known = self.lingering.values().filter(|lingering| lingering.is_witnessed_by(member));
        let mut room = MAX_ROSTER_BYTES.saturating_sub(self.roster_bytes);
        let fitting = known.take_while(|lingering| {
            let fits = room.checked_sub(lingering.identity.entry_bytes);
            room = fits.unwrap_or(0);
            fits.is_some()
        });
        fitting.map(|lingering| lingering.identity.entry()).collect()
    }
}
