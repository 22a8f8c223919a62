//! One link on the network thread: its candidates, senders and receivers.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use media::rtp::{RtpPacket, RtpPayload};
use media::video_receiver::{VideoOutput, VideoReceiver, VideoReceiverConfig};
use protocol::ice::IceServer;
use protocol::peer::{IceCandidate, SdpKind};
use session::{LinkCommand, LinkEvent};
use transport::{Link, LinkConfig, LinkError, LocalCandidate, ResolveToken};
use units::{BitRate, Codec, MediaKind, PeerId, ReceiverId, Time, TrackId};

use super::backlog::{Backlog, Waiting};
use super::network::{Context, LinkKey};
use super::receive::RemoteTrack;
use super::source::{SubscriberId, TrackSource};
use super::wires::{Gathered, Wires};
use super::{clock, next_id, random_seed};
use crate::net::{AddressChange, Datagram};
use crate::shell::{PeerStats, Result, Status};

/// The first byte of a datagram of DTLS (RFC 7983 section 7).
const DTLS: RangeInclusive<u8> = 20..=63;

/// A local track on a link.
#[derive(Default)]
struct Sender {
    /// The codec that was agreed upon, while the other side takes the track.
    codec: Option<Codec>,
    /// The subscription to the source, while the link is connected.
    subscription: Option<(Codec, SubscriberId)>,
}

/// A remote track on a link.
struct Receiver {
    /// Puts pictures together; sound has its jitter buffer in [`RemoteTrack`].
    video: Option<Box<VideoReceiver>>,
    /// Where frames and packets go, once the session has announced the track.
    media: Option<RemoteTrack>,
}

/// One link and what the shell knows of it.
pub(super) struct LinkRunner {
    pub(super) link: Link,
    key: LinkKey,
    peer: PeerId,
    /// Whom to ask for addresses when the network changes.
    ice_servers: Vec<IceServer>,
    connected: bool,
    senders: BTreeMap<TrackId, Sender>,
    receivers: BTreeMap<ReceiverId, Receiver>,
    /// DTLS datagrams that wait until the app has caught up with its data channels.
    backlog: Backlog,
    stats: PeerStats,
    stats_at: Time,
}

impl LinkRunner {
    /// Makes a link with the host candidates of the engine's sockets and starts gathering the others.
    pub(super) fn open(
        now: Time,
        context: &Context<'_>,
        wires: &mut Wires,
        key: LinkKey,
        peer: PeerId,
        ice_servers: &[IceServer],
        video_codecs: &[Codec],
    ) -> Result<Self> {
        let failed = |error: LinkError| crate::shell::Error::new(Status::Internal, error.to_string());
        let config = LinkConfig {
            seed: random_seed(),
            video_codecs: video_codecs.to_vec(),
            ..LinkConfig::new(clock::epoch(), context.certificate.clone())
        };
        let mut link = Link::new(now, &config).map_err(failed)?;
        for addr in wires.local_addresses() {
            link.add_local_candidate(LocalCandidate::Host { addr }).map_err(failed)?;
        }
        wires.add_ufrag(link.ufrag(), key.1);
        wires.gather(now, key.1, ice_servers);
        Ok(Self {
            link,
            key,
            peer,
            ice_servers: ice_servers.to_vec(),
            connected: false,
            senders: BTreeMap::new(),
            receivers: BTreeMap::new(),
            backlog: Backlog::default(),
            stats: PeerStats::default(),
            stats_at: now,
        })
    }

    /// Takes up the sockets that are there now, asks how the world sees them, and looks whether the other side is
    /// still there.
    pub(super) fn network_changed(&mut self, now: Time, wires: &mut Wires, change: &AddressChange) {
        for addr in &change.added {
            if let Err(error) = self.link.add_local_candidate(LocalCandidate::Host { addr: *addr }) {
                tracing::debug!(%error, "a new address is of no use to a link");
            }
        }
        for addr in &change.removed {
            self.link.remove_local_address(now, *addr);
        }
        self.link.network_changed(now);
        wires.gather(now, self.key.1, &self.ice_servers);
    }

    /// Returns the peer at the other end.
    pub(super) fn peer(&self) -> PeerId {
        self.peer
    }

    /// Carries out a command of the session; returns the link's answer, if there is one at once.
    pub(super) fn command(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        sources: &BTreeMap<TrackId, TrackSource>,
        command: LinkCommand,
    ) -> Option<LinkEvent> {
        let described = |negotiation, kind, outcome: std::result::Result<String, LinkError>| match outcome {
            Ok(sdp) => LinkEvent::LocalDescription { negotiation, kind, sdp },
            Err(error) => LinkEvent::NegotiationFailed { negotiation, reason: error.to_string() },
        };
        match command {
            LinkCommand::AddTrack { track, msid, .. } => {
                self.senders.insert(track.id, Sender::default());
                let local = transport::LocalTrack {
                    id: track.id,
                    kind: track.kind,
                    msid_stream: msid,
                    msid_track: track.msid_track,
                    codec: sources.get(&track.id).and_then(TrackSource::fixed_codec),
                };
                if let Err(error) = self.link.add_track(local) {
                    tracing::error!(%error, "a local track could not be added to a link");
                }
                None
            }
            LinkCommand::RemoveTrack { track } => {
                if let Some(sender) = self.senders.remove(&track) {
                    unsubscribe(context, sources, track, sender.subscription);
                }
                if let Err(error) = self.link.remove_track(track) {
                    tracing::error!(%error, "a local track could not be removed from a link");
                }
                None
            }
            LinkCommand::CreateOffer { negotiation, ice_restart } => {
                Some(described(negotiation, SdpKind::Offer, self.link.create_offer(now, ice_restart)))
            }
            LinkCommand::AcceptOffer { negotiation, sdp } => {
                Some(described(negotiation, SdpKind::Answer, self.link.accept_offer(now, &sdp)))
            }
            LinkCommand::AcceptAnswer { negotiation, sdp } => {
                Some(match self.link.accept_answer(now, &sdp) {
                    Ok(()) => LinkEvent::AnswerAccepted { negotiation },
                    Err(error) => LinkEvent::NegotiationFailed { negotiation, reason: error.to_string() },
                })
            }
            LinkCommand::AddCandidate(candidate) => {
                // An empty candidate says that there are no more (RFC 8838 section 14).
                let (line, mid, position, ufrag) = match &candidate {
                    Some(candidate) => (
                        candidate.candidate.as_str(),
                        candidate.sdp_mid.as_deref(),
                        candidate.sdp_mline_index,
                        candidate.username_fragment.as_deref(),
                    ),
                    None => ("", None, None, None),
                };
                if let Err(error) = self.link.add_remote_candidate(line, mid, position, ufrag) {
                    tracing::debug!(%error, "a remote candidate is of no use");
                }
                None
            }
            LinkCommand::OpenChannel { .. }
            | LinkCommand::CloseChannel { .. }
            | LinkCommand::RefuseChannel { .. }
            | LinkCommand::Open { .. }
            | LinkCommand::Close => {
                unreachable!("the session's runner knows its links and channels")
            }
        }
    }

    /// Handles what the link reports; returns what the session must know of it.
    pub(super) fn handle(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        wires: &mut Wires,
        sources: &BTreeMap<TrackId, TrackSource>,
        event: transport::LinkEvent,
    ) -> Option<LinkEvent> {
        use transport::LinkEvent as Reported;
        match event {
            Reported::StateChanged(state) => {
                self.state_changed(context, sources, state);
                Some(LinkEvent::StateChanged(session_state(state)))
            }
            Reported::NegotiationNeeded => Some(LinkEvent::NegotiationNeeded),
            Reported::LocalCandidate(candidate) => {
                Some(LinkEvent::LocalCandidate(candidate.map(|candidate| IceCandidate {
                    candidate: candidate.candidate,
                    sdp_mid: candidate.mid,
                    sdp_mline_index: candidate.mline,
                    username_fragment: candidate.ufrag,
                })))
            }
            Reported::ResolveName { name, token } => {
                context.names.resolve(now, &name, (self.key, token));
                None
            }
            Reported::UfragChanged => {
                wires.add_ufrag(self.link.ufrag(), self.key.1);
                None
            }
            Reported::TrackAdded { receiver, kind, msid_stream, msid_track, .. } => {
                let video = (kind == MediaKind::Video)
                    .then(|| Box::new(VideoReceiver::new(VideoReceiverConfig::default())));
                self.receivers.insert(receiver, Receiver { video, media: None });
                Some(LinkEvent::TrackAdded { receiver, kind, msid_stream, msid_track })
            }
            Reported::TrackRemoved { receiver } => {
                self.receivers.remove(&receiver);
                Some(LinkEvent::TrackRemoved { receiver })
            }
            Reported::SenderReady { track, codec } => {
                if let Some(sender) = self.senders.get_mut(&track) {
                    sender.codec = codec;
                    self.subscribe(context, sources, track);
                }
                None
            }
            Reported::Rtp { receiver, packet } => {
                self.packet(now, receiver, packet);
                None
            }
            Reported::KeyframeRequested { track } => {
                if let Some(Sender { subscription: Some((codec, id)), .. }) = self.senders.get(&track)
                    && let Some(source) = sources.get(&track)
                {
                    source.request_keyframe(*codec, *id);
                }
                None
            }
            Reported::DataStalled => Some(LinkEvent::DataStalled),
            Reported::ChannelOpened { .. }
            | Reported::ChannelMessage { .. }
            | Reported::ChannelWritable { .. }
            | Reported::ChannelClosed { .. } => unreachable!("the session's runner takes these"),
        }
    }

    /// Takes a datagram. `behind` says that the app has too many messages of data channels to take: those wait,
    /// so that the sender, which gets no acknowledgement, slows down.
    pub(super) fn receive_datagram(&mut self, now: Time, datagram: &Datagram<'_>, behind: bool) {
        let is_dtls = datagram.data.first().is_some_and(|first| DTLS.contains(first));
        if is_dtls && self.connected && (behind || !self.backlog.is_empty()) {
            if let Some(Waiting { local, remote, data }) = self.backlog.hold(now, datagram) {
                self.link.handle_datagram(now, local, remote, &data);
            }
            return;
        }
        self.link.handle_datagram(now, datagram.local, datagram.remote, datagram.data);
    }

    /// Takes the next datagram that waited; returns whether there was one.
    pub(super) fn release_datagram(&mut self, now: Time) -> bool {
        let Some(Waiting { local, remote, data }) = self.backlog.next(now) else { return false };
        self.link.handle_datagram(now, local, remote, &data);
        true
    }

    /// Starts a remote track's pictures anew at a keyframe: its decoder cannot go on.
    pub(super) fn decoder_failed(&mut self, now: Time, id: ReceiverId) {
        if let Some(Receiver { video: Some(video), media }) = self.receivers.get_mut(&id) {
            video.handle_decoder_failure(now);
            drain_video(&mut self.link, now, id, video, media.as_ref());
        }
    }

    /// Sends a frame's payloads.
    pub(super) fn send(&mut self, now: Time, track: TrackId, payloads: &[RtpPayload]) {
        let payloads: Vec<_> = payloads
            .iter()
            .map(|payload| transport::RtpPayload {
                timestamp: payload.timestamp,
                marker: payload.marker,
                payload: payload.payload.clone(),
            })
            .collect();
        self.link.send_rtp(now, track, &payloads);
    }

    /// Queues what the link wants to send.
    pub(super) fn flush(&mut self, wires: &mut Wires) {
        while let Some(transmit) = self.link.poll_transmit() {
            wires.queue(self.key.1, transmit);
        }
    }

    /// Takes what gathering found.
    pub(super) fn gathered(&mut self, gathered: Gathered) {
        match gathered {
            Gathered::Reflexive { address, base } => {
                let candidate = LocalCandidate::ServerReflexive { addr: address, base };
                if let Err(error) = self.link.add_local_candidate(candidate) {
                    tracing::debug!(%error, "a gathered candidate is of no use");
                }
            }
            Gathered::End => self.link.end_of_local_candidates(),
        }
    }

    /// Takes the address behind a candidate's name.
    pub(super) fn resolved(&mut self, token: ResolveToken, address: std::net::IpAddr) {
        if let Err(error) = self.link.resolved(token, address) {
            tracing::debug!(%error, "a resolved candidate is of no use");
        }
    }

    /// Sets where a receiver's media goes, now that the session has announced the track.
    pub(super) fn receive(&mut self, receiver: ReceiverId, media: RemoteTrack) {
        if let Some(receiver) = self.receivers.get_mut(&receiver) {
            receiver.media = Some(media);
        }
    }

    /// Stops handing a receiver's media on.
    pub(super) fn stop_receiving(&mut self, receiver: ReceiverId) {
        if let Some(receiver) = self.receivers.get_mut(&receiver) {
            receiver.media = None;
        }
    }

    /// Lets time pass; returns whether there may be something to drain.
    pub(super) fn time_passed(&mut self, now: Time) -> bool {
        let due = self.link.poll_timeout().is_some_and(|due| due <= now);
        if due {
            self.link.handle_timeout(now);
        }
        let mut asked = false;
        for (id, receiver) in &mut self.receivers {
            if let Some(video) = &mut receiver.video
                && video.poll_timeout().is_some_and(|due| due <= now)
            {
                video.handle_timeout(now);
                asked |= drain_video(&mut self.link, now, *id, video, receiver.media.as_ref());
            }
        }
        due || asked
    }

    /// Returns when time must pass next.
    pub(super) fn poll_timeout(&mut self) -> Option<Time> {
        let receivers = self.receivers.values();
        let video = receivers.filter_map(|r| r.video.as_ref().and_then(|video| video.poll_timeout())).min();
        [self.link.poll_timeout(), video].into_iter().flatten().min()
    }

    /// Renews and returns the link's figures.
    pub(super) fn renew_stats(&mut self, now: Time) -> PeerStats {
        let stats = self.link.stats();
        let elapsed = (now - self.stats_at).as_micros().max(1) as u64;
        let rate = |new: u64, old: u64| BitRate::from_bps(new.saturating_sub(old) * 8 * 1_000_000 / elapsed);
        self.stats = PeerStats {
            round_trip: stats.round_trip,
            bytes_sent: stats.bytes_sent,
            bytes_received: stats.bytes_received,
            send_rate: rate(stats.bytes_sent, self.stats.bytes_sent),
            receive_rate: rate(stats.bytes_received, self.stats.bytes_received),
            packets_lost: stats.receivers.iter().map(|receiver| receiver.packets_lost).sum(),
            packets_received: stats.receivers.iter().map(|receiver| receiver.packets).sum(),
        };
        self.stats_at = now;
        for receiver in self.receivers.values_mut() {
            if let (Some(video), Some(RemoteTrack::Video(media))) = (&mut receiver.video, &receiver.media) {
                stats.round_trip.into_iter().for_each(|rtt| video.set_round_trip(rtt));
                media.update(&video.stats());
            }
        }
        self.stats
    }

    /// Closes the link and sends what it has to say last.
    pub(super) fn close(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        wires: &mut Wires,
        sources: &BTreeMap<TrackId, TrackSource>,
    ) {
        for (track, sender) in std::mem::take(&mut self.senders) {
            unsubscribe(context, sources, track, sender.subscription);
        }
        self.link.close(now);
        self.flush(wires);
        wires.remove(self.key.1);
    }

    fn state_changed(
        &mut self,
        context: &mut Context<'_>,
        sources: &BTreeMap<TrackId, TrackSource>,
        state: transport::LinkState,
    ) {
        use transport::LinkState as State;
        // A link that is silent for a while keeps its subscriptions: it may be heard again at once.
        match state {
            State::Connected => self.connected = true,
            State::New | State::Failed | State::Closed => self.connected = false,
            State::Connecting | State::Disconnected => return,
        }
        let tracks: Vec<_> = self.senders.keys().copied().collect();
        tracks.into_iter().for_each(|track| self.subscribe(context, sources, track));
    }

    /// Brings a sender's subscription in line with what was agreed upon and the link's state.
    fn subscribe(
        &mut self,
        context: &mut Context<'_>,
        sources: &BTreeMap<TrackId, TrackSource>,
        track: TrackId,
    ) {
        let connected = self.connected;
        let (Some(sender), Some(source)) = (self.senders.get_mut(&track), sources.get(&track)) else {
            return;
        };
        let wanted = sender.codec.filter(|_| connected);
        if sender.subscription.map(|(codec, _)| codec) == wanted {
            return;
        }
        unsubscribe(context, sources, track, sender.subscription.take());
        if let Some(codec) = wanted {
            let id = SubscriberId(next_id());
            match source.subscribe(codec, id, context.queue) {
                Ok(()) => {
                    sender.subscription = Some((codec, id));
                    context.subscriptions.insert(id, (self.key, track));
                }
                Err(error) => tracing::warn!(%error, "a local track cannot be sent to a peer"),
            }
        }
    }

    fn packet(&mut self, now: Time, id: ReceiverId, packet: transport::RtpPacket) {
        let Some(receiver) = self.receivers.get_mut(&id) else { return };
        let packet = RtpPacket {
            codec: packet.codec,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: packet.payload,
            received: packet.received,
        };
        match (&mut receiver.video, &receiver.media) {
            (Some(video), media) => {
                video.handle(now, packet);
                drain_video(&mut self.link, now, id, video, media.as_ref());
            }
            (None, Some(RemoteTrack::Audio(audio))) => audio.push(packet),
            (None, _) => {}
        }
    }
}

/// Hands finished frames on and asks for keyframes; returns whether the link has something to send.
fn drain_video(
    link: &mut Link,
    now: Time,
    id: ReceiverId,
    video: &mut VideoReceiver,
    media: Option<&RemoteTrack>,
) -> bool {
    let mut asked = false;
    while let Some(output) = video.poll() {
        match output {
            VideoOutput::Frame(frame) => {
                if let Some(RemoteTrack::Video(remote)) = media {
                    remote.push(frame);
                }
            }
            VideoOutput::KeyframeNeeded => {
                link.request_keyframe(now, id);
                asked = true;
            }
        }
    }
    asked
}

fn unsubscribe(
    context: &mut Context<'_>,
    sources: &BTreeMap<TrackId, TrackSource>,
    track: TrackId,
    subscription: Option<(Codec, SubscriberId)>,
) {
    if let Some((codec, id)) = subscription {
        context.subscriptions.remove(&id);
        if let Some(source) = sources.get(&track) {
            source.unsubscribe(codec, id);
        }
    }
}

fn session_state(state: transport::LinkState) -> session::LinkState {
    match state {
        transport::LinkState::New => session::LinkState::New,
        transport::LinkState::Connecting => session::LinkState::Connecting,
        transport::LinkState::Connected => session::LinkState::Connected,
        transport::LinkState::Disconnected => session::LinkState::Disconnected,
        transport::LinkState::Failed => session::LinkState::Failed,
        transport::LinkState::Closed => session::LinkState::Closed,
    }
}
