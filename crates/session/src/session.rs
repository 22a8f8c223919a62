//! The session itself: what state it is in, and who of its parts gets to hear what.
//!
//! * Inputs: all of [`Input`].
//! * Outputs: all of [`Output`].
//! * States: idle → joining → joined ⇄ reconnecting; joining, joined, reconnecting → leaving → idle; any →
//!   closed.
//!
//! [`signalling`](crate::signalling) keeps the connection, [`membership`](crate::membership) the place in the
//! channel, a [`Peer`] each link. The commands of the app are in `commands`, what comes from the server in
//! `server`.

mod commands;
mod server;

use std::collections::{BTreeMap, VecDeque};

use protocol::ice::IceServer;
use protocol::{ClientFrame, ErrorCode, Map};
use serde_json::Value;
use units::{LinkId, PeerId, RequestId, Time};

use crate::ids::Ids;
use crate::membership::{Action, Membership};
use crate::peer::{CAP_KEEP_LINK, Context, Peer};
use crate::requests::Purpose;
use crate::signalling::{Notice, Signalling};
use crate::streams::LocalStreams;
use crate::wire::Wire;
use crate::{Config, Event, Input, LinkEvent, Output, RequestError, SessionState};

/// One signalling connection, one channel, one link per remote peer.
///
/// After each [`Session::handle`] the owner takes all outputs with [`Session::poll`] and carries them out in
/// order; what links answer may be handed in at once or later. Then it waits until [`Session::poll_timeout`]
/// or the next input.
#[derive(Debug)]
pub struct Session {
    state: SessionState,
    common: Common,
    signalling: Signalling,
    membership: Membership,
    peers: BTreeMap<PeerId, Peer>,
    by_wire_id: BTreeMap<String, PeerId>,
    include_sender_metadata: bool,
    extra_ice_servers: Vec<IceServer>,
    /// Our own ids, the newest first: the server may take a connection that died for alive, and then shows us to
    /// ourselves under an earlier one.
    own_ids: VecDeque<String>,
    /// Whether our own id changed since we were last in the channel.
    own_id_changed: bool,
    /// Whether the server kept our place since we were last in the channel, and every message for us.
    resumed: bool,
    /// Since when we have been out of the channel that we are in.
    lost_at: Option<Time>,
    /// Messages that the server kept for us, until we are in the channel again.
    kept: Vec<Direct>,
    /// The join under way.
    join: Option<RequestId>,
    /// The leaves under way; the first one began it.
    leaves: Vec<RequestId>,
}

/// A message for this session alone.
#[derive(Debug)]
struct Direct {
    from: String,
    data: Value,
    metadata: Option<Map>,
}

/// What the session and all its peers work with.
#[derive(Debug)]
struct Common {
    wire: Wire,
    ids: Ids,
    streams: LocalStreams,
    ice_servers: Vec<IceServer>,
    caps: Vec<String>,
}

impl Common {
    fn context(&mut self, now: Time, up: bool) -> Context<'_> {
        Context {
            now,
            up,
            wire: &mut self.wire,
            ids: &mut self.ids,
            streams: &self.streams,
            ice_servers: &self.ice_servers,
            caps: &self.caps,
        }
    }
}

impl Session {
    /// Makes an idle session; it does not connect before it is told to join.
    pub fn new(config: Config) -> Self {
        let mut caps = config.caps.clone();
        caps.push(CAP_KEEP_LINK.to_owned());
        Self {
            state: SessionState::Idle,
            signalling: Signalling::new(&config),
            membership: Membership::new(String::new()),
            peers: BTreeMap::new(),
            by_wire_id: BTreeMap::new(),
            include_sender_metadata: config.include_sender_metadata,
            common: Common {
                wire: Wire::new(),
                ids: Ids::new(),
                streams: LocalStreams::default(),
                ice_servers: config.extra_ice_servers.clone(),
                caps,
            },
            extra_ice_servers: config.extra_ice_servers,
            own_ids: VecDeque::new(),
            own_id_changed: false,
            resumed: false,
            lost_at: None,
            kept: Vec::new(),
            join: None,
            leaves: Vec::new(),
        }
    }

    /// Returns the session's state.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// Takes in one thing that happened at `now`. Times must not go backwards.
    pub fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Command(command) => self.handle_command(now, command),
            Input::Signal(event) => {
                let notice = self.signalling.handle(now, event, &mut self.common.wire);
                self.handle_notice(now, notice);
            }
            Input::Link { link, event } => self.handle_link(now, link, event),
            Input::NetworkChanged { signalling_lost } => self.network_changed(now, signalling_lost),
            Input::TimePassed => {}
        }
        self.handle_timeouts(now);
    }

    /// Returns the next thing to do; `None` when there is nothing before the next input.
    pub fn poll(&mut self) -> Option<Output> {
        self.common.wire.poll()
    }

    /// Returns when [`Input::TimePassed`] is due; `None` when nothing is.
    pub fn poll_timeout(&self) -> Option<Time> {
        let up = self.can_signal();
        let own = [
            self.signalling.poll_timeout(self.common.wire.requests.is_empty()),
            self.common.wire.requests.poll_timeout(),
            self.membership.poll_timeout(),
        ];
        own.into_iter().chain(self.peers.values().map(|peer| peer.poll_timeout(up))).flatten().min()
    }

    fn handle_timeouts(&mut self, now: Time) {
        // What ends a connection may make the next one due.
        while let Some(notice) =
            self.signalling.handle_timeout(now, &mut self.common.ids, &mut self.common.wire)
        {
            self.handle_notice(now, Some(notice));
        }
        while let Some(purpose) = self.common.wire.requests.expire(now) {
            let error = RequestError::new("ack_timeout", "the server did not acknowledge in time");
            self.settle(now, purpose, Err(error));
        }
        let action = self.membership.handle_timeout(now);
        self.handle_action(now, action);
        let due: Vec<PeerId> = self.due_peers(now);
        for id in due {
            self.with_peer(now, id, |peer, context| peer.handle_timeout(context));
        }
    }

    fn network_changed(&mut self, now: Time, signalling_lost: bool) {
        let notice = self.signalling.network_changed(
            now,
            signalling_lost,
            &mut self.common.ids,
            &mut self.common.wire,
        );
        match notice {
            // A join under way goes on with the next connection, which is made at once.
            Some(Notice::Lost(_)) if self.state == SessionState::Joining => {
                self.membership.disconnected();
                self.settle_all("disconnected", "the connection was lost");
            }
            notice => self.handle_notice(now, notice),
        }
        self.with_all_peers(now, |peer, context| peer.network_changed(context));
    }

    fn due_peers(&self, now: Time) -> Vec<PeerId> {
        let up = self.can_signal();
        let due = |peer: &&Peer| peer.poll_timeout(up).is_some_and(|at| at <= now);
        self.peers.values().filter(due).map(Peer::id).collect()
    }

    fn handle_link(&mut self, now: Time, link: LinkId, event: LinkEvent) {
        if let Some(id) = self.peers.values().find(|peer| peer.link() == link).map(Peer::id) {
            self.with_peer(now, id, |peer, context| peer.handle_link(context, event));
        }
    }

    fn handle_notice(&mut self, now: Time, notice: Option<Notice>) {
        match notice {
            None => {}
            Some(Notice::Welcomed(welcome)) => self.welcomed(now, welcome),
            Some(Notice::Frame(frame)) => self.handle_frame(now, frame),
            Some(Notice::Refused(error)) => self.join_failed(now, error),
            Some(Notice::Lost(error)) => self.connection_lost(now, error),
            Some(Notice::Ended(error)) => self.connection_ended(now, error),
            Some(Notice::Closed) => self.left(),
        }
    }

    fn handle_action(&mut self, now: Time, action: Action) {
        match action {
            Action::Nothing => {}
            Action::Subscribe => {
                let request_id = self.common.wire.requests.open(now, Purpose::Subscribe);
                self.common.wire.frame(&ClientFrame::Subscribe {
                    channel: self.membership.channel().to_owned(),
                    request_id,
                    include_sender_metadata: self.include_sender_metadata,
                });
            }
            Action::Entered => self.entered(now),
            Action::Failed(error) if self.state == SessionState::Joining => self.join_failed(now, error),
            Action::Failed(error) => {
                self.common.wire.event(Event::Error { code: error.code, message: error.message });
                let notice = self.signalling.give_up(now, &mut self.common.wire);
                self.handle_notice(now, Some(notice));
            }
        }
    }

    /// Ends a request, whatever it was for.
    fn settle(&mut self, now: Time, purpose: Purpose, result: Result<(), RequestError>) {
        match (purpose, result) {
            (Purpose::Subscribe, result) => {
                let action = self.membership.answered(now, result);
                self.handle_action(now, action);
            }
            (Purpose::App(request), result) => self.common.wire.done(request, result),
            // A peer that is not there has left or is about to return; either is said by presence. A lost
            // acknowledgement is covered by the wait for the answer.
            (Purpose::Description(peer), Err(error))
                if error.code != ErrorCode::PeerNotFound.as_str() && error.code != "ack_timeout" =>
            {
                self.with_peer(now, peer, |peer, context| peer.report(context, error.to_string()));
            }
            (Purpose::Description(_) | Purpose::Detail(_), _) => {}
        }
    }

    /// Ends all requests to the server, whose fate is not known.
    fn settle_all(&mut self, code: &str, message: &str) {
        for purpose in self.common.wire.requests.take_all() {
            match purpose {
                Purpose::App(request) => {
                    self.common.wire.done(request, Err(RequestError::new(code, message)));
                }
                Purpose::Description(peer) | Purpose::Detail(peer) => {
                    if let Some(peer) = self.peers.get_mut(&peer) {
                        peer.message_may_be_lost();
                    }
                }
                Purpose::Subscribe => {}
            }
        }
    }

    /// Gives a peer everything that it works with; removes it when it turns out to be gone.
    fn with_peer(&mut self, now: Time, id: PeerId, act: impl FnOnce(&mut Peer, &mut Context<'_>)) {
        let up = self.can_signal();
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let mut context = self.common.context(now, up);
        act(peer, &mut context);
        if peer.is_gone(now) {
            self.remove_peer(now, id);
        }
    }

    fn with_all_peers(&mut self, now: Time, mut act: impl FnMut(&mut Peer, &mut Context<'_>)) {
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in ids {
            self.with_peer(now, id, &mut act);
        }
    }

    fn remove_peer(&mut self, now: Time, id: PeerId) {
        let up = self.can_signal();
        if let Some(peer) = self.peers.remove(&id) {
            self.by_wire_id.remove(peer.wire_id());
            peer.leave(&mut self.common.context(now, up));
        }
    }

    fn remove_all_peers(&mut self, now: Time) {
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in ids {
            self.remove_peer(now, id);
        }
    }

    /// Returns whether messages to peers arrive: the connection is open and we are in the channel.
    fn can_signal(&self) -> bool {
        self.common.wire.up && self.membership.is_entered()
    }

    fn set_state(&mut self, to: SessionState) {
        let from = std::mem::replace(&mut self.state, to);
        if from != to {
            self.common.wire.event(Event::StateChanged { from, to });
        }
    }
}
