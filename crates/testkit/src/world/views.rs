//! What a test looks at.

use super::*;

impl World {
    /// Returns a session's state.
    pub fn state(&self, node: NodeId) -> SessionState {
        self.nodes[node.0].session.state()
    }

    /// Returns what a session said so far.
    pub fn events(&self, node: NodeId) -> &[Stamped] {
        &self.nodes[node.0].events
    }

    /// Returns the wire ids of the peers that a participant sees.
    pub fn peers(&self, node: NodeId) -> Vec<&str> {
        self.nodes[node.0].peers.values().map(String::as_str).collect()
    }

    /// Returns the remote tracks that a participant sees: the peer's wire id, the stream's wire id, the kind.
    pub fn tracks(&self, node: NodeId) -> Vec<(&str, &str, MediaKind)> {
        let node = &self.nodes[node.0];
        let mut tracks: Vec<_> = node
            .tracks
            .values()
            .filter_map(|track| {
                let (peer, msid) = (node.peers.get(&track.peer)?, node.streams.get(&track.stream)?);
                Some((peer.as_str(), msid.1.as_str(), track.kind))
            })
            .collect();
        tracks.sort_unstable();
        tracks
    }

    /// Returns how many peers a participant is connected to.
    pub fn connected_peers(&self, node: NodeId) -> usize {
        let states = self.nodes[node.0].peer_states.values();
        states.filter(|state| **state == PeerState::Connected).count()
    }

    /// Returns whether a participant is connected to another one.
    pub fn is_connected(&self, node: NodeId, other: NodeId) -> bool {
        let this = &self.nodes[node.0];
        let ids = this.peers.iter().filter(|(_, id)| self.owner(id) == Some(other));
        let mut states = ids.map(|(peer, _)| this.peer_states.get(peer));
        states.any(|state| state == Some(&PeerState::Connected))
    }

    /// Returns how many links a participant has open.
    pub fn links(&self, node: NodeId) -> usize {
        self.nodes[node.0].links.len()
    }

    /// Returns a hash of everything that the sessions said, with times rounded to 10 ms.
    pub fn trace(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for Stamped { at, event } in node.lives.iter().flatten().chain(&node.events) {
                let rounded = (at.as_micros() + TRACE_ROUNDING_MICROS / 2) / TRACE_ROUNDING_MICROS;
                (index, rounded, format!("{event:?}")).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// Returns what a participant's session said in its earlier lives, each of which ended in a crash.
    pub fn past_lives(&self, node: NodeId) -> &[Vec<Stamped>] {
        &self.nodes[node.0].lives
    }

    /// Returns a participant's data channels that are open or will be again: the peer's wire id, the label, the id.
    pub fn channels(&self, node: NodeId) -> Vec<(&str, &str, ChannelId)> {
        let this = &self.nodes[node.0];
        let open = this.channels.iter();
        open.filter_map(|(id, (peer, label))| Some((this.peers.get(peer)?.as_str(), label.as_str(), *id)))
            .collect()
    }

    /// Returns whether a participant's data channel is open.
    pub fn is_open(&self, node: NodeId, channel: ChannelId) -> bool {
        let this = &self.nodes[node.0];
        this.channels.contains_key(&channel) && this.links.values().any(|link| link.is_open(channel))
    }

    /// Returns whom a participant knows by this id.
    pub fn whose(&self, node: NodeId, peer: PeerId) -> Option<NodeId> {
        self.owner(self.nodes[node.0].peers.get(&peer)?)
    }

    /// Returns whose peer id this is.
    pub fn owner(&self, wire_id: &str) -> Option<NodeId> {
        self.wire_ids.get(wire_id).copied()
    }

    /// Returns whether a participant had this peer id in the life of this number, from zero. To the next life it is a
    /// stranger's, which the server may take for alive for a while.
    pub fn had_id(&self, node: NodeId, life: usize, wire_id: &str) -> bool {
        self.nodes[node.0].ids.contains(&(life, wire_id.to_owned()))
    }

    /// Returns a participant's name.
    pub fn name(&self, node: NodeId) -> &str {
        &self.nodes[node.0].name
    }

    /// Returns what happened that must never happen.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Returns how many datagrams and how many messages were under way at the same time, at most.
    pub fn most_under_way(&self) -> (usize, usize) {
        (self.network.most_under_way(), self.signalling.most_under_way())
    }

    /// Holds two links to giving way one at a time: when offers cross, exactly one side yields.
    pub(super) fn check_yielding(&mut self, node: NodeId, link: LinkId) {
        let this = &self.nodes[node.0].links[&link];
        let (Some(remote), Some((ours, theirs))) = (this.remote, &this.offers.yielded) else { return };
        let mut others = self.nodes[remote.0].links.values().filter_map(|link| link.offers.yielded.as_ref());
        if others.any(|(mine, yours)| mine == theirs && yours == ours) {
            let (one, other) = (self.name(node), self.name(remote));
            self.violations.push(format!("{one} and {other} gave way to each other at {:?}", self.now));
        }
    }
}
