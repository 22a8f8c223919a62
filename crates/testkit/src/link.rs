//! What the shell does for a link: carries commands out, translates results, sends and counts media.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use protocol::peer::{IceCandidate, SdpKind};
use session::{LinkCommand, LinkEvent, LinkState};
use transport::{Link, LinkConfig, LinkError, LocalCandidate, RtpPayload};
use units::{ChannelId, Codec, LinkChannelId, ReceiverId, Time, TrackId};

use crate::node::NodeId;

/// A link with its only socket.
pub(crate) struct NodeLink {
    pub(crate) address: SocketAddr,
    /// Who is at the other end.
    pub(crate) remote: Option<NodeId>,
    link: Link,
    /// When the link is due, unless it must be asked again.
    due: Option<Option<Time>>,
    pub(crate) offers: Offers,
    /// What to send of each track, as negotiated.
    sending: BTreeMap<TrackId, Codec>,
    /// The remote tracks.
    pub(crate) receiving: BTreeMap<ReceiverId, TrackId>,
    /// The data channels that are open or asked for.
    pub(crate) channels: BTreeMap<LinkChannelId, ChannelId>,
    /// Those that are open.
    open: BTreeSet<LinkChannelId>,
}

/// How long a restart may wait for its answer. Then the session has given it up, although the link waits on, and takes
/// what the other side offers, which may have got it at last.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// The offers of a link, as far as they show who gave way to whom.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    /// Our offer that waits for its answer, and since when.
    pub(crate) open: Option<(String, Time)>,
    /// Our offer that was given up last, and the one that it was given up for.
    pub(crate) yielded: Option<(String, String)>,
}

/// What came out of a link.
pub(crate) enum FromLink {
    Event(LinkEvent),
    Packet { receiver: ReceiverId, payload: bytes::Bytes },
    Message { channel: ChannelId, data: bytes::Bytes },
}

impl NodeLink {
    /// Opens a link as the shell does: with its host candidate, and what a STUN server says of it.
    pub(crate) fn open(
        now: Time,
        config: &LinkConfig,
        address: SocketAddr,
        reflexive: Option<SocketAddr>,
        remote: Option<NodeId>,
    ) -> Self {
        let link = Link::new(now, config).expect("the stack takes the default configuration");
        let mut this = Self {
            address,
            remote,
            link,
            due: None,
            offers: Offers::default(),
            sending: BTreeMap::new(),
            receiving: BTreeMap::new(),
            channels: BTreeMap::new(),
            open: BTreeSet::new(),
        };
        this.add_candidates(reflexive);
        this.link.end_of_local_candidates();
        this
    }

    /// Moves the socket to another address of the host.
    pub(crate) fn rebind(&mut self, now: Time, address: IpAddr, reflexive: Option<SocketAddr>) {
        let closed = self.address;
        self.address.set_ip(address);
        self.add_candidates(reflexive);
        self.stack().remove_local_address(now, closed);
        self.stack().network_changed(now);
    }

    fn add_candidates(&mut self, reflexive: Option<SocketAddr>) {
        let base = self.address;
        let host = LocalCandidate::Host { addr: base };
        let reflexive = reflexive.map(|addr| LocalCandidate::ServerReflexive { addr, base });
        for candidate in [Some(host), reflexive].into_iter().flatten() {
            self.stack().add_local_candidate(candidate).expect("a few candidates are not too many");
        }
    }

    /// Returns the link itself, which may be due at another time afterwards.
    pub(crate) fn stack(&mut self) -> &mut Link {
        self.due = None;
        &mut self.link
    }

    /// Returns when the link is due.
    pub(crate) fn due(&mut self) -> Option<Time> {
        *self.due.get_or_insert_with(|| self.link.poll_timeout())
    }

    /// Takes the next datagram that the link sends.
    pub(crate) fn poll_transmit(&mut self) -> Option<transport::Transmit> {
        self.link.poll_transmit()
    }

    /// Carries a command out; returns the result that it has at once.
    pub(crate) fn command(&mut self, now: Time, command: LinkCommand) -> Option<LinkEvent> {
        self.due = None;
        match command {
            LinkCommand::Open { .. } => None,
            LinkCommand::AddTrack { track, msid, .. } => {
                let track = transport::LocalTrack {
                    id: track.id,
                    kind: track.kind,
                    msid_stream: msid,
                    msid_track: track.msid_track,
                    codec: None,
                };
                self.link.add_track(track).expect("a session adds each track once");
                None
            }
            LinkCommand::RemoveTrack { track } => {
                self.sending.remove(&track);
                self.link.remove_track(track).expect("a session removes tracks that it added");
                None
            }
            LinkCommand::CreateOffer { negotiation, ice_restart } => {
                let outcome = self.link.create_offer(now, ice_restart);
                self.offers.open = outcome.as_ref().ok().map(|offer| (offer.clone(), now));
                Some(described(negotiation, SdpKind::Offer, outcome))
            }
            LinkCommand::AcceptOffer { negotiation, sdp } => {
                let outcome = self.link.accept_offer(now, &sdp);
                // Whether or not it can be answered, ours is rolled back.
                let open = self.offers.open.take();
                if let Some((ours, _)) = open.filter(|(_, since)| now - *since < ANSWER_TIME) {
                    self.offers.yielded = Some((ours, sdp));
                }
                Some(described(negotiation, SdpKind::Answer, outcome))
            }
            LinkCommand::AcceptAnswer { negotiation, sdp } => {
                Some(match self.link.accept_answer(now, &sdp) {
                    Ok(()) => {
                        self.offers.open = None;
                        LinkEvent::AnswerAccepted { negotiation }
                    }
                    Err(error) => failed(negotiation, &error),
                })
            }
            LinkCommand::AddCandidate(candidate) => {
                if let Some(IceCandidate { candidate, sdp_mid, sdp_mline_index, username_fragment }) =
                    candidate
                {
                    // A candidate that cannot be used is dropped, as the shell does.
                    let (mid, ufrag) = (sdp_mid.as_deref(), username_fragment.as_deref());
                    let _ = self.link.add_remote_candidate(&candidate, mid, sdp_mline_index, ufrag);
                }
                None
            }
            LinkCommand::OpenChannel { channel, label, options } => {
                match self.link.open_channel(&label, options) {
                    Ok(carrier) => {
                        self.channels.insert(carrier, channel);
                        None
                    }
                    Err(_) => Some(LinkEvent::ChannelClosed { channel }),
                }
            }
            LinkCommand::CloseChannel { channel } => {
                if let Some(carrier) = self.carrier(channel) {
                    self.link.close_channel(carrier);
                }
                None
            }
            LinkCommand::RefuseChannel { carrier } => {
                self.link.close_channel(carrier);
                None
            }
            LinkCommand::Close => {
                self.link.close(now);
                None
            }
        }
    }

    /// Takes the next thing that the link says, if the session or the world must know of it.
    pub(crate) fn poll(&mut self) -> Option<FromLink> {
        use transport::LinkEvent as Said;
        while let Some(said) = self.link.poll_event() {
            let event = match said {
                Said::StateChanged(state) => LinkEvent::StateChanged(translate(state)),
                Said::NegotiationNeeded => LinkEvent::NegotiationNeeded,
                Said::LocalCandidate(candidate) => {
                    LinkEvent::LocalCandidate(candidate.map(|candidate| IceCandidate {
                        candidate: candidate.candidate,
                        sdp_mid: candidate.mid,
                        sdp_mline_index: candidate.mline,
                        username_fragment: candidate.ufrag,
                    }))
                }
                Said::TrackAdded { receiver, kind, msid_stream, msid_track, .. } => {
                    LinkEvent::TrackAdded { receiver, kind, msid_stream, msid_track }
                }
                Said::TrackRemoved { receiver } => LinkEvent::TrackRemoved { receiver },
                Said::DataStalled => LinkEvent::DataStalled,
                Said::SenderReady { track, codec } => {
                    match codec {
                        Some(codec) => self.sending.insert(track, codec),
                        None => self.sending.remove(&track),
                    };
                    continue;
                }
                Said::Rtp { receiver, packet } => {
                    return Some(FromLink::Packet { receiver, payload: packet.payload });
                }
                Said::ResolveName { .. }
                | Said::UfragChanged
                | Said::KeyframeRequested { .. }
                | Said::ChannelWritable { .. } => continue,
                Said::ChannelOpened { channel: carrier, label, incoming } => {
                    self.open.insert(carrier);
                    match self.channels.get(&carrier) {
                        _ if incoming => LinkEvent::ChannelReceived { carrier, label },
                        Some(&channel) => LinkEvent::ChannelOpened { channel },
                        None => continue,
                    }
                }
                Said::ChannelMessage { channel: carrier, data, .. } => match self.channels.get(&carrier) {
                    Some(&channel) => return Some(FromLink::Message { channel, data }),
                    None => continue,
                },
                Said::ChannelClosed { channel: carrier } => {
                    self.open.remove(&carrier);
                    match self.channels.remove(&carrier) {
                        Some(channel) => LinkEvent::ChannelClosed { channel },
                        None => continue,
                    }
                }
            };
            return Some(FromLink::Event(event));
        }
        None
    }

    /// Returns what the link knows a channel by.
    pub(crate) fn carrier(&self, channel: ChannelId) -> Option<LinkChannelId> {
        self.channels.iter().find(|(_, known)| **known == channel).map(|(carrier, _)| *carrier)
    }

    /// Returns whether a data channel is open.
    pub(crate) fn is_open(&self, channel: ChannelId) -> bool {
        self.open.iter().any(|carrier| self.channels.get(carrier) == Some(&channel))
    }

    /// Sends one packet of each track that can be sent; `make` gives its content.
    pub(crate) fn send_media(&mut self, now: Time, mut make: impl FnMut(TrackId) -> bytes::Bytes) {
        self.due = None;
        for (track, codec) in &self.sending {
            let timestamp = now.as_micros() * u64::from(codec.clock_rate()) / 1_000_000;
            let payload = RtpPayload { timestamp: timestamp as u32, marker: true, payload: make(*track) };
            self.link.send_rtp(now, *track, &[payload]);
        }
    }
}

fn described(negotiation: u64, kind: SdpKind, outcome: Result<String, LinkError>) -> LinkEvent {
    match outcome {
        Ok(sdp) => LinkEvent::LocalDescription { negotiation, kind, sdp },
        Err(error) => failed(negotiation, &error),
    }
}

fn failed(negotiation: u64, error: &LinkError) -> LinkEvent {
    LinkEvent::NegotiationFailed { negotiation, reason: error.to_string() }
}

fn translate(state: transport::LinkState) -> LinkState {
    match state {
        transport::LinkState::New => LinkState::New,
        transport::LinkState::Connecting => LinkState::Connecting,
        transport::LinkState::Connected => LinkState::Connected,
        transport::LinkState::Disconnected => LinkState::Disconnected,
        transport::LinkState::Failed => LinkState::Failed,
        transport::LinkState::Closed => LinkState::Closed,
    }
}
