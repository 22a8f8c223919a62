//! Sound and pictures: packets that say whose they are.

use super::*;

impl World {
    /// Sends packets on every track of everyone from now on, or stops.
    pub fn set_media(&mut self, on: bool) {
        self.media_at = on.then(|| self.now + self.config.media_interval);
    }

    /// Has a participant send nothing on its tracks, or go on.
    pub fn set_muted(&mut self, node: NodeId, muted: bool) {
        self.nodes[node.0].muted = muted;
    }

    /// Returns how many packets of its tracks a participant sent, and to whom.
    pub fn sent(&self, node: NodeId) -> &BTreeMap<Flow, u64> {
        &self.nodes[node.0].sent
    }

    /// Returns how many packets of which tracks a participant received, on tracks that its session announced.
    pub fn received(&self, node: NodeId) -> &BTreeMap<Flow, u64> {
        &self.nodes[node.0].received
    }

    /// Forgets what was sent and received so far.
    pub fn forget_media(&mut self) {
        for node in &mut self.nodes {
            node.sent.clear();
            node.received.clear();
        }
    }

    pub(super) fn send_media(&mut self, from: NodeId) {
        let this = &mut self.nodes[from.0];
        if this.muted {
            return;
        }
        let (count, sent) = (&mut this.packets_sent, &mut this.sent);
        for link in this.links.values_mut() {
            let to = link.remote;
            link.send_media(self.now, |track| {
                *count += 1;
                if let Some(to) = to {
                    *sent.entry(Flow { from, track, to }).or_default() += 1;
                }
                packet(from, track, *count)
            });
        }
        self.run_down(from);
    }
}

/// Makes a packet that says whose it is.
fn packet(node: NodeId, track: TrackId, count: u64) -> Bytes {
    let mut packet = BytesMut::with_capacity(24);
    for number in [node.0 as u64, track.get(), count] {
        packet.extend_from_slice(&number.to_be_bytes());
    }
    packet.freeze()
}

pub(super) fn read_packet(packet: &[u8]) -> Option<(NodeId, TrackId)> {
    let number = |index: usize| {
        let bytes = packet.get(index * 8..index * 8 + 8)?;
        Some(u64::from_be_bytes(bytes.try_into().ok()?))
    };
    Some((NodeId(usize::try_from(number(0)?).ok()?), TrackId::new(number(1)?)))
}
