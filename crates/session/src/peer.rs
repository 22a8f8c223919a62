//! One remote peer: its link, what is negotiated over it, and what the peer sends.
//!
//! * Inputs: messages of the peer, events of its link, changes of the local streams and of the roster, loss and
//!   return of signalling, time passed.
//! * Outputs: commands for the link, messages to the peer, events about the peer.
//! * States: idle → connecting → connected ⇄ reconnecting → closed, as the link shows them. Two are hidden: a
//!   peer whose link is being replaced stays reconnecting until the new one is connected, and a peer that the
//!   server says has left stays for a moment if its link is healthy and it is a Parlor engine, because then it
//!   is probably only its signalling that reconnects (the server then says that it joined right after).
//!
//! A link that the peer closed is replaced after a short while, in which the peer's own offer from a new
//! connection or its leaving usually settles the matter. One whose data channels are stuck is replaced as soon as
//! there is signalling, and carries media until then.

mod messages;

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::Map;
use protocol::ice::IceServer;
use protocol::peer::{Parlor, PeerMessage, SdpKind};
use units::{ChannelId, ChannelOptions, LinkId, PeerId, Time, TrackId};

use crate::candidates::Candidates;
use crate::channels::Channels;
use crate::identity::Identity;
use crate::ids::Ids;
use crate::negotiation::{Negotiation, Offer, Step};
use crate::recovery::{Due, Recovery};
use crate::remote_tracks::{MetadataEntry, RemoteTracks};
use crate::streams::{LocalStreams, Offered};
use crate::wire::Wire;
use crate::{Event, LinkCommand, LinkEvent, LinkState, LocalTrack, PeerState};

/// The capability of an engine that keeps a healthy link when signalling reconnects; the session announces it.
pub const CAP_KEEP_LINK: &str = "keep-link";

/// How long to wait before a link that the peer closed is replaced.
const REPLACE_DELAY: Duration = Duration::from_secs(1);

/// How soon a peer that answers restarts by a new connection makes another: the published Python SDK drops offers that come
/// sooner, and we would wait long for its answer.
const REBUILD_PAUSE: Duration = Duration::from_secs(2);

/// What a peer works with.
pub(crate) struct Context<'a> {
    pub(crate) now: Time,
    /// Whether messages reach the peer: we are in the channel.
    pub(crate) up: bool,
    pub(crate) wire: &'a mut Wire,
    pub(crate) ids: &'a mut Ids,
    pub(crate) streams: &'a LocalStreams,
    pub(crate) ice_servers: &'a [IceServer],
    pub(crate) caps: &'a [String],
}

#[derive(Debug)]
pub(crate) struct Peer {
    id: PeerId,
    wire_id: String,
    polite: bool,
    link: LinkId,
    link_state: LinkState,
    state: PeerState,
    /// Whether the link is about to be replaced or was: hides everything before its being connected.
    resetting: bool,
    /// Whether a message to the peer may have been lost with the signalling.
    message_lost: bool,
    /// Whether one could not even be sent.
    unsent: bool,
    leave_at: Option<Time>,
    replace_at: Option<Time>,
    announced: Option<Parlor>,
    identity: Option<Identity>,
    /// Who was at the other end of the link before this one.
    former: Option<Identity>,
    negotiation: Negotiation,
    candidates: Candidates,
    recovery: Recovery,
    remote: RemoteTracks,
    channels: Channels,
    /// The local tracks whose metadata the peer was told.
    told: BTreeSet<TrackId>,
}

impl Peer {
    /// Makes a peer, announces it and opens its link with all local tracks.
    pub(crate) fn join(
        context: &mut Context<'_>,
        own_id: &str,
        wire_id: &str,
        metadata: Option<Map>,
    ) -> Self {
        let id = context.ids.peer();
        let polite = own_id < wire_id;
        let peer = Self {
            id,
            wire_id: wire_id.to_owned(),
            polite,
            link: context.ids.link(),
            link_state: LinkState::New,
            state: PeerState::Idle,
            resetting: false,
            message_lost: false,
            unsent: false,
            leave_at: None,
            replace_at: None,
            announced: None,
            identity: None,
            former: None,
            negotiation: Negotiation::new(context.now, polite, 0),
            candidates: Candidates::default(),
            recovery: Recovery::new(polite),
            remote: RemoteTracks::new(id),
            channels: Channels::new(id),
            told: BTreeSet::new(),
        };
        context.wire.event(Event::PeerJoined { peer: id, id: peer.wire_id.clone(), metadata });
        peer.open_link(context);
        peer
    }

    pub(crate) fn id(&self) -> PeerId {
        self.id
    }

    pub(crate) fn wire_id(&self) -> &str {
        &self.wire_id
    }

    pub(crate) fn link(&self) -> LinkId {
        self.link
    }

    /// The peer is gone.
    pub(crate) fn leave(mut self, context: &mut Context<'_>) {
        self.take_tracks_back(context);
        self.channels.peer_gone().for_each(|event| context.wire.event(event));
        context.wire.link(self.link, LinkCommand::Close);
        self.show(context, PeerState::Closed);
        context.wire.event(Event::PeerLeft { peer: self.id });
    }

    pub(crate) fn handle_message(&mut self, context: &mut Context<'_>, message: PeerMessage) {
        match message {
            PeerMessage::Description { kind, sdp, parlor } => {
                let number = parlor.as_ref().and_then(|parlor| parlor.offer);
                if parlor.is_some() {
                    self.announced = parlor;
                }
                match kind {
                    SdpKind::Offer => self.offer_received(context, Offer { sdp, number }),
                    SdpKind::Answer => self.answer_received(context, sdp, number),
                }
            }
            PeerMessage::Candidate(candidate) => {
                let offer_waits = self.negotiation.has_waiting_offer();
                if let Some(candidate) = self.candidates.received(candidate, offer_waits) {
                    context.wire.link(self.link, LinkCommand::AddCandidate(candidate));
                }
            }
            PeerMessage::TrackMetadata { track_id, metadata: None, .. } => {
                self.remote.clear_metadata(&track_id);
            }
            PeerMessage::TrackMetadata { track_id, stream_id, kind, metadata: Some(metadata) } => {
                self.remote.set_metadata(MetadataEntry { track_id, stream_id, kind, metadata });
            }
        }
        self.perform(context);
    }

    pub(crate) fn handle_link(&mut self, context: &mut Context<'_>, event: LinkEvent) {
        let (now, up) = (context.now, context.up);
        match event {
            LinkEvent::LocalDescription { negotiation, kind, sdp } => {
                self.negotiation.described(now, negotiation, kind, sdp, up);
            }
            LinkEvent::AnswerAccepted { negotiation } => {
                self.negotiation.answer_accepted(now, negotiation, up);
            }
            LinkEvent::NegotiationFailed { negotiation, reason } => {
                self.negotiation.failed(now, negotiation, reason, up);
            }
            LinkEvent::NegotiationNeeded => self.negotiation.needed(now, up),
            LinkEvent::LocalCandidate(candidate) => {
                let candidates = self.candidates.found(candidate);
                self.send_candidates(context, candidates);
            }
            LinkEvent::StateChanged(state) => self.link_changed(context, state),
            LinkEvent::TrackAdded { receiver, kind, msid_stream, msid_track } => {
                let msid = (msid_stream.as_str(), msid_track.as_str());
                for event in self.remote.added(self.link, receiver, kind, msid, context.ids) {
                    context.wire.event(event);
                }
            }
            LinkEvent::TrackRemoved { receiver } => {
                for event in self.remote.removed(receiver) {
                    context.wire.event(event);
                }
            }
            LinkEvent::ChannelOpened { channel } => {
                self.channels.opened(channel).into_iter().for_each(|event| context.wire.event(event));
            }
            LinkEvent::ChannelReceived { carrier, label } => {
                match self.channels.received(self.link, carrier, label, context.ids) {
                    Some(event) => context.wire.event(event),
                    None => context.wire.link(self.link, LinkCommand::RefuseChannel { carrier }),
                }
            }
            LinkEvent::ChannelClosed { channel } => self.channel_closed(context, channel),
            // As for the ladder's last step, the peer must take an offer from a new connection.
            LinkEvent::DataStalled if self.keeps_link() => self.replace_at = Some(now),
            LinkEvent::DataStalled => {}
        }
        self.perform(context);
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        let (now, up) = (context.now, context.up);
        if up {
            match self.recovery.handle_timeout(now, self.keeps_link()) {
                Due::Nothing => {}
                Due::Restart => self.negotiation.restart(now, up),
                Due::Rebuild => self.replace_link(context),
                Due::Exhausted => {
                    self.report(
                        context,
                        "the link could not be restored: ice restarts are exhausted".to_owned(),
                    );
                }
            }
            if self.replacement().is_some_and(|at| at <= now) {
                self.replace_link(context);
            }
        }
        self.negotiation.handle_timeout(now, up);
        self.perform(context);
    }

    pub(crate) fn poll_timeout(&self, up: bool) -> Option<Time> {
        let link = [self.recovery.poll_timeout(), self.replacement(), self.negotiation.poll_timeout(up)];
        link.into_iter().filter(|_| up).chain([self.leave_at]).flatten().min()
    }

    /// Returns when the link is to be replaced. Nobody would answer while the peer's own signalling is away.
    fn replacement(&self) -> Option<Time> {
        self.replace_at.filter(|_| self.leave_at.is_none())
    }

    pub(crate) fn add_track(&mut self, context: &mut Context<'_>, offered: Offered<'_>) {
        self.offer_track(context, offered);
        self.offers_changed(context);
    }

    fn offer_track(&self, context: &mut Context<'_>, offered: Offered<'_>) {
        context.wire.link(
            self.link,
            LinkCommand::AddTrack {
                stream: offered.stream,
                track: offered.track.clone(),
                msid: offered.msid.to_owned(),
            },
        );
    }

    pub(crate) fn remove_track(&mut self, context: &mut Context<'_>, track: &LocalTrack) {
        context.wire.link(self.link, LinkCommand::RemoveTrack { track: track.id });
        if self.told.remove(&track.id) {
            let track_id = track.msid_track.clone();
            let clear = PeerMessage::TrackMetadata { track_id, stream_id: None, kind: None, metadata: None };
            self.send(context, &clear);
        }
        self.offers_changed(context);
    }

    pub(crate) fn has_channel(&self, channel: ChannelId) -> bool {
        self.channels.contains(channel)
    }

    pub(crate) fn open_channel(
        &mut self,
        context: &mut Context<'_>,
        channel: ChannelId,
        label: String,
        options: ChannelOptions,
    ) {
        if let Some(command) = self.channels.open(channel, label, options) {
            context.wire.link(self.link, command);
            self.offers_changed(context);
        }
    }

    pub(crate) fn close_channel(&mut self, context: &mut Context<'_>, channel: ChannelId) {
        context.wire.link(self.link, LinkCommand::CloseChannel { channel });
        self.channel_closed(context, channel);
        self.offers_changed(context);
    }

    fn channel_closed(&mut self, context: &mut Context<'_>, channel: ChannelId) {
        self.channels.closed(channel).into_iter().for_each(|event| context.wire.event(event));
    }

    /// The server says that the peer has left. Returns whether to believe it at once; if not, then after `grace`.
    pub(crate) fn left(&mut self, now: Time, grace: Duration) -> bool {
        if self.link_outlives_signalling() {
            self.leave_at = Some(now + grace);
            return false;
        }
        true
    }

    /// Returns whether the peer had left and did not come back in time, or its link went the same way.
    pub(crate) fn is_gone(&self, now: Time) -> bool {
        self.leave_at.is_some_and(|at| at <= now || self.link_state != LinkState::Connected)
    }

    /// The server says that the peer, which is known, has joined.
    pub(crate) fn joined_again(&mut self, context: &mut Context<'_>) {
        if self.leave_at.take().is_some() {
            self.resume(context);
        }
    }

    /// Our own signalling is lost; `resumable` says that the server may keep our place. A link that both sides keep
    /// shows itself as it is.
    pub(crate) fn signalling_lost(&mut self, context: &mut Context<'_>, resumable: bool) {
        let kept = self.keeps_link() || (resumable && self.is_sound());
        if self.state != PeerState::Idle && !kept {
            self.resetting = true;
            self.show(context, PeerState::Reconnecting);
        }
    }

    /// A message to the peer was not acknowledged before signalling was lost.
    pub(crate) fn message_may_be_lost(&mut self) {
        self.message_lost = true;
    }

    /// Our own signalling is back and the peer is still there; our own id may have changed. `resumed` says that the
    /// server kept our place, so that the peer noticed nothing.
    pub(crate) fn stayed(&mut self, context: &mut Context<'_>, own_id: &str, same_id: bool, resumed: bool) {
        self.leave_at = None;
        self.polite = own_id < self.wire_id.as_str();
        let unused = self.state == PeerState::Idle && self.identity.is_none();
        // A link that was lost meanwhile is restarted, which a peer that noticed nothing takes from us.
        let whole = resumed && !self.message_lost && self.link_state != LinkState::Closed;
        if same_id && whole && !self.unsent {
            self.resetting = false;
            self.show_link(context);
            self.negotiation.go_on(context.now);
            self.perform(context);
        } else if same_id && (unused || self.link_outlives_signalling() || whole) {
            self.resume(context);
        } else {
            self.replace_link(context);
        }
    }

    /// The network is another: a link that was lost is restarted at once.
    pub(crate) fn network_changed(&mut self, context: &mut Context<'_>) {
        self.recovery.network_changed(context.now);
        self.handle_timeout(context);
    }

    fn resume(&mut self, context: &mut Context<'_>) {
        self.resetting = false;
        self.message_lost = false;
        self.unsent = false;
        self.told.clear();
        self.show_link(context);
        self.recovery.resume(context.now);
        self.negotiation.resume(context.now);
        self.perform(context);
    }

    /// Returns whether link and negotiation are whole as far as we know, so that both sides can go on with them.
    fn is_sound(&self) -> bool {
        self.link_state == LinkState::Connected && !self.message_lost
    }

    /// Returns whether the link is healthy, and the peer, too, keeps it without signalling.
    fn link_outlives_signalling(&self) -> bool {
        self.link_state == LinkState::Connected && self.keeps_link()
    }

    /// Returns whether the peer keeps a healthy link when signalling is lost, and repeats what may be lost.
    fn keeps_link(&self) -> bool {
        let caps = self.announced.iter().flat_map(|parlor| &parlor.caps);
        caps.into_iter().any(|cap| cap == CAP_KEEP_LINK)
    }

    fn offer_received(&mut self, context: &mut Context<'_>, offer: Offer) {
        let identity = Identity::of(&offer.sdp);
        if self.is_replaced_by(&identity) {
            self.replace_link(context);
        }
        let is_stale = self.identity.is_none() && self.former.as_ref().is_some_and(|old| old.is(&identity));
        if self.negotiation.offer_received(context.now, offer) {
            if self.identity.as_ref().is_some_and(|old| old.restarts_into(&identity)) {
                self.candidates.restart();
            }
            self.identity = Some(identity);
            if is_stale && self.has_something(context) {
                // It was made for the link before ours. The answer tells the peer, which then may have nothing to offer.
                self.negotiation.needed(context.now, context.up);
            }
        }
    }

    fn answer_received(&mut self, context: &mut Context<'_>, sdp: String, offer: Option<u64>) {
        let identity = Identity::of(&sdp);
        let expected = self.negotiation.expects_answer(offer);
        let is_foreign = self.identity.as_ref().is_some_and(|old| old.is_replaced_by(&identity));
        if is_foreign || (expected && self.replace_at.is_some()) {
            // It comes from a connection that our link can never reach. Nobody need wait for it: perhaps our offer gave
            // way to one from the connection before. The new link will offer afresh.
            let pause = self.negotiation.restarts().then_some(context.now + REBUILD_PAUSE);
            self.replace_link(context);
            self.negotiation.hold(pause);
        } else if expected {
            self.negotiation.answer_received(context.now, sdp);
            self.identity = Some(identity);
        }
    }

    fn is_replaced_by(&self, identity: &Identity) -> bool {
        self.replace_at.is_some() || self.identity.as_ref().is_some_and(|old| old.is_replaced_by(identity))
    }

    /// Does what the negotiation says until it says nothing more.
    fn perform(&mut self, context: &mut Context<'_>) {
        while let Some(step) = self.negotiation.next_step() {
            match step {
                Step::CreateOffer { negotiation, ice_restart } => {
                    if ice_restart {
                        self.candidates.restart();
                    }
                    self.begin(context);
                    let command = LinkCommand::CreateOffer { negotiation, ice_restart };
                    context.wire.link(self.link, command);
                }
                Step::AcceptOffer { negotiation, sdp } => {
                    self.begin(context);
                    context.wire.link(self.link, LinkCommand::AcceptOffer { negotiation, sdp });
                    self.hand_over_candidates(context);
                }
                Step::AcceptAnswer { negotiation, sdp } => {
                    context.wire.link(self.link, LinkCommand::AcceptAnswer { negotiation, sdp });
                    self.hand_over_candidates(context);
                }
                Step::Send { kind, sdp, offer } => self.send_description(context, kind, sdp, offer),
                Step::Yielded => self.candidates.rewind(),
                Step::Unanswered { restart } => {
                    self.candidates.rewind();
                    self.told.clear();
                    if restart {
                        self.restart_failed(context);
                    }
                }
                Step::Unheard => {
                    self.candidates.rewind();
                    self.told.clear();
                }
                Step::Settled => self.recovery.negotiated(context.now),
                Step::Failed { reason, restart } => {
                    self.report(context, reason);
                    if restart {
                        self.restart_failed(context);
                    }
                }
            }
        }
    }

    fn restart_failed(&mut self, context: &Context<'_>) {
        self.recovery.restart_failed(context.now);
        if self.link_state == LinkState::Connected {
            self.negotiation.link_connected(context.now, context.up);
        }
    }

    fn open_link(&self, context: &mut Context<'_>) {
        let ice_servers = context.ice_servers.to_vec();
        context.wire.link(self.link, LinkCommand::Open { peer: self.id, ice_servers });
        let streams = context.streams;
        for offered in streams.tracks() {
            self.offer_track(context, offered);
        }
        self.channels.open_all().for_each(|command| context.wire.link(self.link, command));
    }

    /// The local tracks or channels changed: before anything was negotiated, there may be nothing to offer.
    fn offers_changed(&mut self, context: &mut Context<'_>) {
        let empty = self.identity.is_none() && !self.has_something(context);
        self.negotiation.set_empty(context.now, empty, context.up);
        self.perform(context);
    }

    /// Returns whether there is something to offer.
    fn has_something(&self, context: &Context<'_>) -> bool {
        context.streams.tracks().next().is_some() || self.channels.has_own()
    }

    fn replace_link(&mut self, context: &mut Context<'_>) {
        self.take_tracks_back(context);
        self.channels.link_gone().for_each(|event| context.wire.event(event));
        context.wire.link(self.link, LinkCommand::Close);
        self.link = context.ids.link();
        self.link_state = LinkState::New;
        self.resetting = self.state != PeerState::Idle;
        self.message_lost = false;
        self.unsent = false;
        self.replace_at = None;
        self.former = self.identity.take().or(self.former.take());
        self.negotiation = Negotiation::new(context.now, self.polite, self.negotiation.last());
        self.candidates = Candidates::default();
        self.recovery = if self.recovery.is_under_way() {
            self.recovery.rebuilt(context.now, self.polite)
        } else {
            Recovery::new(self.polite)
        };
        self.told.clear();
        if self.resetting {
            self.show(context, PeerState::Reconnecting);
        }
        context.wire.event(Event::ConnectionReset { peer: self.id });
        self.open_link(context);
    }

    fn take_tracks_back(&mut self, context: &mut Context<'_>) {
        for event in self.remote.removed_all() {
            context.wire.event(event);
        }
    }

    fn link_changed(&mut self, context: &mut Context<'_>, state: LinkState) {
        self.link_state = state;
        match state {
            LinkState::Connected => {
                // While signalling is lost, what happens to a link that will be replaced is of no interest.
                self.resetting &= !context.up;
                self.recovery.link_connected();
                self.negotiation.link_connected(context.now, context.up);
            }
            LinkState::Disconnected | LinkState::Failed => self.recovery.link_lost(context.now),
            LinkState::Closed => self.replace_at = Some(context.now + REPLACE_DELAY),
            LinkState::New | LinkState::Connecting => {}
        }
        self.show_link(context);
    }

    fn show_link(&mut self, context: &mut Context<'_>) {
        let state = match self.link_state {
            _ if self.resetting => PeerState::Reconnecting,
            LinkState::New => return,
            // A lost peer is reconnecting until it is connected.
            LinkState::Connecting if self.state == PeerState::Reconnecting => return,
            LinkState::Connecting => PeerState::Connecting,
            LinkState::Connected => PeerState::Connected,
            LinkState::Disconnected | LinkState::Failed => PeerState::Reconnecting,
            // A peer that leaves closes its link before the server says so; otherwise the link will be replaced.
            LinkState::Closed => return,
        };
        self.show(context, state);
    }

    /// An exchange begins: an idle peer is idle no more.
    fn begin(&mut self, context: &mut Context<'_>) {
        if self.state == PeerState::Idle {
            self.show(context, PeerState::Connecting);
        }
    }

    fn show(&mut self, context: &mut Context<'_>, to: PeerState) {
        let from = std::mem::replace(&mut self.state, to);
        if from != to {
            context.wire.event(Event::PeerStateChanged { peer: self.id, from, to });
        }
    }

    fn hand_over_candidates(&mut self, context: &mut Context<'_>) {
        for candidate in self.candidates.remote_described() {
            context.wire.link(self.link, LinkCommand::AddCandidate(candidate));
        }
    }

    /// Tells the app what went wrong between us and the peer.
    pub(crate) fn report(&self, context: &mut Context<'_>, reason: String) {
        context.wire.event(Event::NegotiationError { peer: self.id, reason });
    }
}
