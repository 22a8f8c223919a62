//! The data channels of one remote peer.
//!
//! * Inputs: the app opens or closes a channel; the link says that one is open, that the peer opened one, or that
//!   one is closed; the link is replaced; the peer leaves.
//! * Outputs: commands for the link, events for the app.
//! * States of a channel of the app's: opening → open → (the link is replaced) opening → …; closed from anywhere.
//!   A channel of the peer's is open until it is closed, and does not outlive its link: the peer opens it anew.
//!
//! Every channel that the app opened or was told of is closed with exactly one event.

use std::collections::{BTreeMap, BTreeSet};

use units::{ChannelId, ChannelOptions, LinkChannelId, LinkId, PeerId};

use crate::ids::Ids;
use crate::{Event, LinkCommand};

/// Most channels that a peer may have open to us; one more is closed at once. SCTP itself would allow 65,534.
const MAX_RECEIVED: usize = 1024;

/// A channel of the app's.
#[derive(Debug)]
struct Own {
    label: String,
    options: ChannelOptions,
}

#[derive(Debug)]
pub(crate) struct Channels {
    peer: PeerId,
    own: BTreeMap<ChannelId, Own>,
    received: BTreeSet<ChannelId>,
}

impl Channels {
    pub(crate) fn new(peer: PeerId) -> Self {
        Self { peer, own: BTreeMap::new(), received: BTreeSet::new() }
    }

    /// Returns whether the app has a channel, open or to be opened.
    pub(crate) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    pub(crate) fn contains(&self, channel: ChannelId) -> bool {
        self.own.contains_key(&channel) || self.received.contains(&channel)
    }

    /// Returns what opens a channel of the app's on the present link; a taken id is ignored.
    pub(crate) fn open(
        &mut self,
        channel: ChannelId,
        label: String,
        options: ChannelOptions,
    ) -> Option<LinkCommand> {
        if self.contains(channel) {
            return None;
        }
        let command = LinkCommand::OpenChannel { channel, label: label.clone(), options };
        self.own.insert(channel, Own { label, options });
        Some(command)
    }

    /// Returns what opens the app's channels on a new link.
    pub(crate) fn open_all(&self) -> impl Iterator<Item = LinkCommand> {
        self.own.iter().map(|(&channel, own)| LinkCommand::OpenChannel {
            channel,
            label: own.label.clone(),
            options: own.options,
        })
    }

    /// A channel of the app's is open.
    pub(crate) fn opened(&self, channel: ChannelId) -> Option<Event> {
        let own = self.own.get(&channel)?;
        Some(Event::ChannelOpened { peer: self.peer, channel, label: own.label.clone(), received: None })
    }

    /// The peer opened a channel. None when it has too many.
    pub(crate) fn received(
        &mut self,
        link: LinkId,
        carrier: LinkChannelId,
        label: String,
        ids: &mut Ids,
    ) -> Option<Event> {
        if self.received.len() >= MAX_RECEIVED {
            return None;
        }
        let channel = ids.channel();
        self.received.insert(channel);
        Some(Event::ChannelOpened { peer: self.peer, channel, label, received: Some((link, carrier)) })
    }

    /// A channel is closed, by whomever.
    pub(crate) fn closed(&mut self, channel: ChannelId) -> Option<Event> {
        let known = self.own.remove(&channel).is_some() || self.received.remove(&channel);
        known.then_some(Event::ChannelClosed { peer: self.peer, channel })
    }

    /// The link is gone, and the peer's channels with it.
    pub(crate) fn link_gone(&mut self) -> impl Iterator<Item = Event> {
        let peer = self.peer;
        let gone = std::mem::take(&mut self.received).into_iter();
        gone.map(move |channel| Event::ChannelClosed { peer, channel })
    }

    /// The peer is gone, and all channels with it.
    pub(crate) fn peer_gone(&mut self) -> impl Iterator<Item = Event> {
        let peer = self.peer;
        let own = std::mem::take(&mut self.own).into_keys();
        self.link_gone().chain(own.map(move |channel| Event::ChannelClosed { peer, channel }))
    }
}
