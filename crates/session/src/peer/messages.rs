//! What a peer is told: descriptions, candidates, and what the tracks are.

use protocol::peer::{IceCandidate, Parlor, PeerMessage, SdpKind};

use super::{Context, Peer};

/// The version of what descriptions announce.
const PARLOR_VERSION: u32 = 1;

impl Peer {
    /// Sends a description between what must come before it and what must come after it.
    pub(super) fn send_description(
        &mut self,
        context: &mut Context<'_>,
        kind: SdpKind,
        sdp: String,
        offer: Option<u64>,
    ) {
        let streams = context.streams;
        for offered in streams.tracks() {
            if let Some(message) = offered.metadata_message()
                && self.told.insert(offered.track.id)
            {
                self.send(context, &message);
            }
        }
        let parlor = Parlor { v: PARLOR_VERSION, caps: context.caps.to_vec(), offer };
        self.send(context, &PeerMessage::Description { kind, sdp, parlor: Some(parlor) });
        let candidates = self.candidates.described();
        self.send_candidates(context, candidates);
    }

    pub(super) fn send_candidates(
        &mut self,
        context: &mut Context<'_>,
        candidates: Vec<Option<IceCandidate>>,
    ) {
        for candidate in candidates {
            self.send(context, &PeerMessage::Candidate(candidate));
        }
    }

    pub(super) fn send(&mut self, context: &mut Context<'_>, message: &PeerMessage) {
        self.unsent |= !context.wire.up;
        if let Err(error) = context.wire.message(context.now, self.id, &self.wire_id, message) {
            self.report(context, error.message);
        }
    }
}
