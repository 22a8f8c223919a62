//! The link: the stack's connection, its clock and its datagrams.
//!
//! Inputs: commands, datagrams, the time. Outputs: datagrams ([`Link::poll_transmit`]), events
//! ([`Link::poll_event`]) and the time at which to be called again ([`Link::poll_timeout`]). States: those of
//! [`LinkState`]; [`LinkState::Closed`] is final. After every input the link drains the stack until a whole
//! pass brings nothing, because one layer's output is often set off by another's (the first flight of DTLS by
//! ICE, the association of SCTP by DTLS), and would otherwise wait for a timer.
//!
//! What comes in numbers (messages to be sent, application data, media) is drained when the owner asks for outputs, a
//! batch at once: SCTP then puts several messages into one packet and acknowledges several packets together.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::BytesMut;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::{RTCPeerConnectionEvent, RTCTrackEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::peer_connection::transport::{RTCDtlsTransportState, RTCIceCandidateType};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use units::Time;

use crate::association::Association;
use crate::candidates::Candidates;
use crate::channels::Channels;
use crate::checks::Pace;
use crate::config::LinkConfig;
use crate::error::LinkError;
use crate::event::{LinkEvent, LinkState};
use crate::feedback::{Feedback, Waiting};
use crate::handshake::{Handshake, Verdict};
use crate::liveness::{Due, Liveness};
use crate::negotiation::Negotiation;
use crate::progress::Progress;
use crate::stack;
use crate::stats::{Counters, RoundTrips};
use crate::tracks::{Receiver, Sender};

/// Most datagrams that wait for the owner. Past it new ones are dropped, as a full socket would; an owner that
/// drains after every call never gets there.
const MAX_WAITING_DATAGRAMS: usize = 8_192;

/// Most paths whose checks are kept to be repeated; a search has seldom more than a few.
const MAX_PATHS: usize = 256;

/// First byte of a DTLS record that carries an alert (RFC 6347 section 4.1).
const DTLS_ALERT: u8 = 21;

/// First byte of a DTLS record that carries application data (RFC 6347 section 4.1).
const DTLS_APPLICATION_DATA: u8 = 23;

/// First bytes of RTP and RTCP (RFC 7983 section 7).
const MEDIA: std::ops::RangeInclusive<u8> = 128..=191;

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The socket to send from: the address of a host candidate, or a relay's for what must go through it.
    pub local: SocketAddr,
    /// Where to send it.
    pub remote: SocketAddr,
    /// What to send.
    pub data: BytesMut,
}

/// A connection to one remote peer, sans-IO.
///
/// A link is used by one thread at a time. Time never goes backwards on a link: an earlier `now` counts as the
/// latest one so far. After every call the owner drains [`Link::poll_transmit`] and [`Link::poll_event`], and
/// asks [`Link::poll_timeout`] when to call [`Link::handle_timeout`].
pub struct Link {
    pub(crate) config: LinkConfig,
    pub(crate) pc: RTCPeerConnection,
    feedback: Waiting,
    rng: Pcg64Mcg,
    last_id: u64,
    /// Our source in RTCP that is about no track of ours.
    pub(crate) ssrc: u32,
    pub(crate) now: Time,
    pub(crate) state: LinkState,
    pub(crate) closed: bool,
    ufrag: String,
    pub(crate) pace: Pace,
    /// ICE found a path and the layers above were not yet given the time.
    path_found: bool,
    /// The stack was given something and not drained since.
    pub(crate) unsettled: bool,
    handshake: Handshake,
    association: Association,
    liveness: Liveness,
    /// The newest check of each path since the last search began.
    path_checks: BTreeMap<(SocketAddr, SocketAddr), BytesMut>,
    pub(crate) negotiation: Negotiation,
    pub(crate) candidates: Candidates,
    pub(crate) senders: Vec<Sender>,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) channels: Channels,
    pub(crate) progress: Progress,
    pub(crate) counters: Counters,
    pub(crate) round_trips: RoundTrips,
    transmits: VecDeque<Transmit>,
    pub(crate) events: VecDeque<LinkEvent>,
    /// Packets among the events.
    pub(crate) waiting_packets: usize,
}

impl Link {
    /// Makes a link that has nothing to send and sends nothing.
    ///
    /// # Errors
    ///
    /// [`LinkError::Stack`] when the stack refuses the configuration or finds no randomness.
    pub fn new(now: Time, config: &LinkConfig) -> Result<Self, LinkError> {
        let feedback = Waiting::default();
        let pc = stack::connection(config.instant(now), config, feedback.clone())?;
        let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
        let ssrc = rng.next_u32();
        Ok(Self {
            config: config.clone(),
            pc,
            feedback,
            rng,
            last_id: 0,
            ssrc,
            now,
            state: LinkState::New,
            closed: false,
            ufrag: String::new(),
            pace: Pace::default(),
            path_found: false,
            unsettled: false,
            handshake: Handshake::default(),
            association: Association::default(),
            liveness: Liveness::default(),
            path_checks: BTreeMap::new(),
            negotiation: Negotiation::default(),
            candidates: Candidates::default(),
            senders: Vec::new(),
            receivers: Vec::new(),
            channels: Channels::default(),
            progress: Progress::default(),
            counters: Counters::default(),
            round_trips: RoundTrips::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            waiting_packets: 0,
        })
    }

    /// Returns the state of the link.
    pub fn state(&self) -> LinkState {
        self.state
    }

    /// Returns the local ICE user name fragment, by which a shared socket finds the link that a connectivity
    /// check is for (`ufrag:remote` in its USERNAME). Empty before the first description of ours; each change
    /// is told by [`LinkEvent::UfragChanged`].
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// Takes a datagram that came in on the socket `local` from `remote`. Nonsense is dropped.
    pub fn handle_datagram(&mut self, now: Time, local: SocketAddr, remote: SocketAddr, data: &[u8]) {
        if self.closed || data.is_empty() {
            return;
        }
        self.observe(now);
        self.counters.bytes_received += data.len() as u64;
        self.counters.datagrams_received += 1;
        if self.handshake.received(data) == Verdict::Repetition {
            self.repeat_flight(true);
            return;
        }
        if !self.channels.are_up()
            && self.negotiation.is_dtls_server()
            && let Some(data) = self.association.received(data)
        {
            self.transmit(Transmit { local, remote, data });
            return;
        }
        let answers_check = self.round_trips.received(self.now, data);
        if let Some(round_trip) = self.round_trips.measured() {
            self.liveness.set_round_trip(round_trip);
        }
        // What comes another way says nothing of the path: where an address has changed, on this side or by a NAT on
        // the other, both may hear each other there while what is sent on the path is lost.
        if self.counters.path.is_none_or(|path| path == (local, remote)) && self.liveness.heard(self.now) {
            let is_done = self.handshake.is_done();
            self.enter(if is_done { LinkState::Connected } else { LinkState::Connecting });
        }
        // The stack reports what it drops; nobody can do anything about it.
        let _ = self.pc.handle_read(TaggedBytesMut {
            now: self.config.instant(self.now),
            transport: TransportContext {
                local_addr: local,
                peer_addr: remote,
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            },
            message: BytesMut::from(data),
        });
        if answers_check && self.pace.is_checking() {
            // A path that works is worth nominating at once.
            self.run_stack_timers();
        }
        if data[0] == DTLS_APPLICATION_DATA || MEDIA.contains(&data[0]) {
            self.unsettled = true;
            return;
        }
        self.pump();
        if data[0] == DTLS_ALERT && self.has_peer_left() {
            self.enter(LinkState::Closed);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.closed {
            return;
        }
        self.observe(now);
        if self.stack_timeout().is_some_and(|due| due <= self.now) {
            self.run_stack_timers();
        }
        self.repeat_flight(false);
        self.watch_path();
        self.watch_channels();
        self.pump();
        if self.pace.has_failed(self.now) {
            self.enter(LinkState::Failed);
        }
        if self.handshake.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.handshake.finish();
            // The stack has given the handshake up, and another path does not bring it back.
            self.enter(LinkState::Closed);
        }
    }

    /// Returns when to call [`Link::handle_timeout`]; may lie in the past, which means now.
    pub fn poll_timeout(&mut self) -> Option<Time> {
        if self.closed {
            return None;
        }
        self.settle();
        let handshake = [self.handshake.next(self.round_trip()), self.handshake.deadline()];
        let timeouts =
            [self.stack_timeout(), self.next_request(), self.liveness.next(), self.pace.deadline()];
        let others = [self.progress.next()];
        timeouts.into_iter().chain(handshake).chain(others).flatten().min()
    }

    /// Takes the next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.settle();
        self.transmits.pop_front()
    }

    /// Takes the next event.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.settle();
        let event = self.events.pop_front()?;
        if matches!(event, LinkEvent::Rtp { .. }) {
            self.waiting_packets -= 1;
        }
        Some(event)
    }

    /// The network may be another: asks the other side at once whether it is still there, and looks for a path
    /// more often again where none is known.
    pub fn network_changed(&mut self, now: Time) {
        self.observe(now);
        self.liveness.doubt(self.now);
        self.pace.hurry(self.now);
    }

    /// Closes the link for good and says goodbye to the other side; the datagrams for that are still to be
    /// sent. No event follows but [`LinkState::Closed`].
    pub fn close(&mut self, now: Time) {
        if self.closed {
            return;
        }
        self.observe(now);
        // Closing tries everything; what fails of it is gone anyway.
        let _ = self.pc.close();
        self.flush();
        self.unsettled = false;
        self.closed = true;
        self.events.clear();
        self.waiting_packets = 0;
        self.enter(LinkState::Closed);
    }

    pub(crate) fn ensure_open(&self) -> Result<(), LinkError> {
        if self.closed { Err(LinkError::Closed) } else { Ok(()) }
    }

    /// Moves the link's clock forward.
    pub(crate) fn observe(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// Draws 32 bits.
    pub(crate) fn draw(&mut self) -> u32 {
        self.rng.next_u32()
    }

    /// Draws an RTP source, which must not be zero for every implementation to take it.
    pub(crate) fn draw_source(&mut self) -> u32 {
        self.draw().max(1)
    }

    /// Returns an id that this link never gave out.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Takes up a new ICE user name fragment of ours.
    pub(crate) fn take_ufrag(&mut self, ufrag: &str) {
        if self.ufrag != ufrag {
            ufrag.clone_into(&mut self.ufrag);
            self.events.push_back(LinkEvent::UfragChanged);
        }
    }

    /// Throws the stack's connection away and makes another.
    pub(crate) fn renew_connection(&mut self) -> Result<(), LinkError> {
        self.settle();
        self.pc = stack::connection(self.config.instant(self.now), &self.config, self.feedback.clone())?;
        self.pace.settle();
        self.liveness.stop();
        self.path_checks.clear();
        self.handshake = Handshake::default();
        self.association = Association::default();
        self.progress = Progress::default();
        Ok(())
    }

    /// Drains the stack if it was given something since the last time.
    fn settle(&mut self) {
        if self.unsettled {
            self.pump();
        }
    }

    /// Drains the stack until a pass brings nothing.
    pub(crate) fn pump(&mut self) {
        self.unsettled = false;
        loop {
            let mut quiet = !self.flush();
            while let Some(event) = self.pc.poll_event() {
                self.take_event(event);
                quiet = false;
            }
            if std::mem::take(&mut self.path_found) {
                // The first flight of DTLS lies ready then and would wait for the next timer.
                self.run_stack_timers();
                quiet = false;
            }
            while let Some(message) = self.pc.poll_read() {
                let received = self.config.time(message.now);
                match message.message {
                    RTCMessage::RtpPacket(_, packet) => self.receive_rtp(received, packet),
                    RTCMessage::DataChannelMessage(channel, message) => {
                        self.take_channel_message(channel, message);
                    }
                    _ => {}
                }
                quiet = false;
            }
            while let Some(feedback) = self.feedback.pop() {
                self.take_feedback(&feedback);
            }
            quiet &= !self.request_missing();
            if quiet {
                self.liveness.set_media(!self.senders.is_empty() || !self.receivers.is_empty());
                return;
            }
        }
    }

    /// Takes what the stack has to send. Returns whether there was anything.
    pub(crate) fn flush(&mut self) -> bool {
        let mut any = false;
        while let Some(datagram) = self.pc.poll_write() {
            any = true;
            let (local, remote) = (datagram.transport.local_addr, datagram.transport.peer_addr);
            let data = datagram.message;
            self.handshake.sent(self.now, &data);
            self.association.sent(&data);
            // A check announces itself by its first byte (RFC 7983).
            if data.first().is_some_and(|&first| first < 4) {
                if self.round_trips.sent(self.now, &data) && self.path_checks.len() < MAX_PATHS {
                    self.path_checks.insert((local, remote), data.clone());
                }
            } else {
                self.counters.path = Some((local, remote));
            }
            self.transmit(Transmit { local, remote, data });
        }
        any
    }

    /// Sends the last flight of the DTLS handshake again if that is due.
    fn repeat_flight(&mut self, asked: bool) {
        let flight = self.handshake.due(self.now, self.round_trip(), asked);
        if let Some((local, remote)) = self.counters.path {
            for data in flight {
                self.transmit(Transmit { local, remote, data });
            }
        }
    }

    fn transmit(&mut self, datagram: Transmit) {
        self.counters.bytes_sent += datagram.data.len() as u64;
        self.counters.datagrams_sent += 1;
        if self.transmits.len() < MAX_WAITING_DATAGRAMS {
            self.transmits.push_back(datagram);
        }
    }

    fn take_event(&mut self, event: RTCPeerConnectionEvent) {
        match event {
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(state) => match state {
                RTCIceConnectionState::New | RTCIceConnectionState::Checking => {
                    self.pace.start(self.now);
                    self.liveness.stop();
                    self.path_checks.clear();
                }
                RTCIceConnectionState::Connected | RTCIceConnectionState::Completed => {
                    self.counters.path = self.nominated().or(self.counters.path);
                    self.pace.settle();
                    self.path_found = true;
                    self.handshake.start(self.now);
                    self.liveness.start(self.now);
                }
                _ => self.pace.settle(),
            },
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => {
                let state = match state {
                    RTCPeerConnectionState::Connecting => LinkState::Connecting,
                    RTCPeerConnectionState::Connected => LinkState::Connected,
                    RTCPeerConnectionState::Disconnected => LinkState::Disconnected,
                    RTCPeerConnectionState::Failed => LinkState::Failed,
                    _ => return,
                };
                self.enter(state);
            }
            RTCPeerConnectionEvent::OnTrack(RTCTrackEvent::OnOpen(track)) => {
                self.learn_source(track.receiver_id.into(), track.ssrc);
            }
            RTCPeerConnectionEvent::OnDataChannel(event) => self.take_channel_event(event),
            // Negotiation, candidates and signalling state are the link's own business.
            _ => {}
        }
    }

    /// Probes a path that has fallen silent, and says when the other side is lost.
    fn watch_path(&mut self) {
        let due = self.liveness.due(self.now);
        if due == Due::Nothing {
            return;
        }
        if let Some(path) = self.counters.path
            && let Some(check) = self.path_checks.get(&path)
        {
            // The same check once more: retransmission as RFC 8489 section 6.2.1 has it.
            let data = check.clone();
            self.round_trips.sent(self.now, &data);
            self.transmit(Transmit { local: path.0, remote: path.1, data });
        }
        if due == Due::Lost {
            self.enter(LinkState::Disconnected);
        }
    }

    /// The socket `local` is closed: nothing that goes through it comes back.
    pub(crate) fn lose_path_from(&mut self, local: SocketAddr) {
        self.path_checks.retain(|(from, _), _| *from != local);
        if self.counters.path.is_some_and(|(from, _)| from == local) && self.liveness.lose(self.now) {
            self.enter(LinkState::Disconnected);
        }
    }

    pub(crate) fn enter(&mut self, state: LinkState) {
        if self.state != state && self.state != LinkState::Closed {
            self.state = state;
            self.events.push_back(LinkEvent::StateChanged(state));
            if state == LinkState::Connected {
                self.handshake.finish();
                self.liveness.start(self.now);
                self.progress.path_found(self.now);
                self.request_own_keyframes();
            }
        }
    }

    fn take_feedback(&mut self, feedback: &Feedback) {
        let ssrc = match *feedback {
            Feedback::KeyframeRequest { ssrc }
            | Feedback::Nack { ssrc, .. }
            | Feedback::Reception { ssrc, .. } => ssrc,
        };
        if let Some(sender) = self.sender_of(ssrc) {
            sender.counters.take(feedback);
            let track = sender.id;
            if matches!(feedback, Feedback::KeyframeRequest { .. }) {
                self.events.push_back(LinkEvent::KeyframeRequested { track });
            }
        }
    }

    /// Returns whether the other side closed the DTLS connection. The stack's own state does not show it: with
    /// the path still alive it stays connected.
    fn has_peer_left(&self) -> bool {
        let state = self.pc.sctp().map(|sctp| sctp.transport().state());
        state == Some(RTCDtlsTransportState::Closed)
    }

    /// Returns the path that ICE chose.
    fn nominated(&self) -> Option<(SocketAddr, SocketAddr)> {
        let pair = self.pc.sctp()?.transport().ice_transport().get_selected_candidate_pair()?;
        let address = |ip: &str, port: u16| Some(SocketAddr::new(ip.parse().ok()?, port));
        let (local, remote) = (pair.local(), pair.remote());
        // A reflexive candidate sends from its base.
        let local = address(&local.related_address, local.related_port)
            .filter(|base| !base.ip().is_unspecified() && local.typ != RTCIceCandidateType::Relay)
            .or_else(|| address(&local.address, local.port))?;
        Some((local, address(&remote.address, remote.port)?))
    }

    fn stack_timeout(&mut self) -> Option<Time> {
        let wanted = self.pc.poll_timeout()?;
        Some(self.pace.earliest(self.config.time(wanted)))
    }

    fn run_stack_timers(&mut self) {
        // A layer that fails here says so by its state.
        let _ = self.pc.handle_timeout(self.config.instant(self.now));
        self.pace.ran(self.now);
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("state", &self.state)
            .field("senders", &self.senders.len())
            .field("receivers", &self.receivers.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_may_move_to_another_thread() {
        fn moves<T: Send>() {}
        moves::<Link>();
    }
}
