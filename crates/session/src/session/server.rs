//! What comes from the server: the welcome, presence, data, and the loss of the connection.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::limits::MAX_CHANNEL_MEMBERS;
use protocol::peer::PeerMessage;
use protocol::{Member, ServerFrame, Welcome, ice};
use units::{PeerId, Time};

use super::{Direct, Session};
use crate::membership::{Change, Presence};
use crate::peer::{Context, Peer};
use crate::{Event, RequestError, SessionState};

/// When a server that says that it goes away does not say for how long: one second.
const DEFAULT_RETRY_AFTER_MS: u64 = 1000;

/// How long a peer with a healthy link may have left, or be missing after our own return, before it is believed:
/// perhaps only its signalling reconnects, or the server was restarted and everybody returns in their own time. A
/// peer that really leaves closes its link, and one that died lets it fall silent; both are believed at once.
const LEAVE_GRACE: Duration = Duration::from_secs(10);

/// The longest that a peer which is missing after our own return may take to return itself. As long as we were away, it
/// may have been, and then its attempts are as far apart as they get: 30 seconds and the spread of that.
const LONGEST_RETURN: Duration = Duration::from_secs(45);

/// Most messages that wait for our return to the channel; a server keeps no more than 256 for a peer.
const MAX_KEPT: usize = 512;

/// Most ids of our own that are remembered, the oldest being forgotten first; a dead connection is given up within a minute.
const MAX_OWN_IDS: usize = 16;

/// Errors that concern the whole connection when no request caused them.
const CONNECTION_ERRORS: [&str; 5] =
    ["account_suspended", "channel_not_authorized", "action_not_permitted", "invalid_token", "token_expired"];

impl Session {
    pub(super) fn welcomed(&mut self, now: Time, welcome: Welcome) {
        if let Some(servers) = welcome.metadata.as_ref().and_then(ice::from_metadata) {
            self.common.ice_servers = servers;
            self.common.ice_servers.extend(self.extra_ice_servers.iter().cloned());
        }
        let alone = self.peers.is_empty();
        let same_id = self.membership.own_id() == welcome.peer_id;
        self.own_id_changed |= !same_id;
        if !self.own_ids.contains(&welcome.peer_id) {
            self.own_ids.truncate(MAX_OWN_IDS - 1);
            self.own_ids.push_front(welcome.peer_id.clone());
        }
        self.resumed = welcome.resumed && same_id;
        let action = self.membership.connected(now, welcome.peer_id, alone);
        self.handle_action(now, action);
    }

    pub(super) fn handle_frame(&mut self, now: Time, frame: ServerFrame) {
        match frame {
            ServerFrame::Ack { request_id } => {
                if let Some(purpose) = self.common.wire.requests.settle(&request_id) {
                    self.settle(now, purpose, Ok(()));
                }
            }
            ServerFrame::Error { code, request_id, message } => {
                self.handle_error(now, code, request_id, message);
            }
            ServerFrame::Message { channel, from, data, from_metadata } => {
                if channel == self.membership.channel()
                    && let Some(&peer) = self.by_wire_id.get(&from)
                {
                    self.common.wire.event(Event::Data {
                        peer,
                        data,
                        direct: false,
                        metadata: from_metadata,
                    });
                }
            }
            ServerFrame::Direct { from, data, from_metadata, .. } => {
                let direct = Direct { from, data, metadata: from_metadata };
                // What the server kept comes before the roster; answers go out only after it.
                if self.state == SessionState::Reconnecting && self.kept.len() < MAX_KEPT {
                    self.kept.push(direct);
                } else {
                    self.handle_direct(now, direct);
                }
            }
            ServerFrame::Presence { channel, joined, left } => {
                if channel == self.membership.channel() {
                    self.handle_presence(now, Presence { joined, left });
                }
            }
            ServerFrame::GoingAway { retry_after_ms } => {
                let retry_after_ms = retry_after_ms.unwrap_or(DEFAULT_RETRY_AFTER_MS);
                self.common.wire.event(Event::GoingAway { retry_after_ms });
            }
            ServerFrame::Gap { .. } => {
                self.resumed = false;
                self.common.wire.event(Event::DataLost);
            }
            ServerFrame::Welcome(_) | ServerFrame::Pong => {}
        }
    }

    fn handle_error(&mut self, now: Time, code: String, request_id: Option<String>, message: Option<String>) {
        let message = message.unwrap_or_else(|| "the server gave no reason".to_owned());
        match request_id {
            Some(id) => {
                if let Some(purpose) = self.common.wire.requests.settle(&id) {
                    self.settle(now, purpose, Err(RequestError::new(code, message)));
                }
            }
            None if CONNECTION_ERRORS.contains(&code.as_str()) => {
                self.common.wire.event(Event::Error { code, message });
            }
            None => {}
        }
    }

    fn handle_direct(&mut self, now: Time, direct: Direct) {
        let Direct { from, data, metadata } = direct;
        let Some(&id) = self.by_wire_id.get(&from) else {
            return;
        };
        match PeerMessage::from_value(&data) {
            None => self.common.wire.event(Event::Data { peer: id, data, direct: true, metadata }),
            Some(Ok(message)) => {
                self.with_peer(now, id, |peer, context| peer.handle_message(context, message));
            }
            // Meant for the engine but of no use to it; the peer's own timers heal what they can.
            Some(Err(_)) => {}
        }
    }

    fn handle_presence(&mut self, now: Time, presence: Presence) {
        let known: BTreeSet<&str> = self.by_wire_id.keys().map(String::as_str).collect();
        let (changes, action) = self.membership.presence(presence, &known);
        for change in changes {
            self.apply(now, change);
        }
        self.handle_action(now, action);
    }

    fn apply(&mut self, now: Time, change: Change) {
        match change {
            Change::Joined(member) => self.peer_joined(now, member),
            Change::Stayed(member) => {
                let own_id = self.membership.own_id().to_owned();
                let (same_id, resumed) = (!self.own_id_changed, self.resumed);
                self.with_known(now, &member.peer_id, |peer, context| {
                    peer.stayed(context, &own_id, same_id, resumed);
                });
            }
            Change::Repeated(member) => {
                self.with_known(now, &member.peer_id, |peer, context| peer.joined_again(context));
            }
            Change::Left(wire_id) => self.peer_left(now, &wire_id),
        }
    }

    fn peer_left(&mut self, now: Time, wire_id: &str) {
        let away = self.lost_at.map_or(Duration::ZERO, |lost| now - lost);
        let grace = away.clamp(LEAVE_GRACE, LONGEST_RETURN);
        if let Some(&id) = self.by_wire_id.get(wire_id)
            && self.peers.get_mut(&id).is_some_and(|peer| peer.left(now, grace))
        {
            self.remove_peer(now, id);
        }
    }

    fn peer_joined(&mut self, now: Time, member: Member) {
        if self.own_ids.contains(&member.peer_id) {
            return;
        }
        // Like the published SDKs, the session tracks no more than a channel may have.
        if self.peers.len() >= MAX_CHANNEL_MEMBERS || self.by_wire_id.contains_key(&member.peer_id) {
            return;
        }
        let up = self.can_signal();
        let mut context = self.common.context(now, up);
        let peer = Peer::join(&mut context, self.membership.own_id(), &member.peer_id, member.metadata);
        self.by_wire_id.insert(member.peer_id, peer.id());
        self.peers.insert(peer.id(), peer);
    }

    /// The channel is ours, for the first time or again.
    pub(super) fn entered(&mut self, now: Time) {
        self.own_id_changed = false;
        self.lost_at = None;
        self.set_state(SessionState::Joined);
        if let Some(request) = self.join.take() {
            self.common.wire.event(Event::Joined {
                peer_id: self.membership.own_id().to_owned(),
                channel: self.membership.channel().to_owned(),
            });
            self.common.wire.done(request, Ok(()));
        }
        for presence in self.membership.take_early() {
            self.handle_presence(now, presence);
        }
        for direct in std::mem::take(&mut self.kept) {
            self.handle_direct(now, direct);
        }
    }

    pub(super) fn connection_lost(&mut self, now: Time, error: RequestError) {
        self.membership.disconnected();
        self.settle_all("disconnected", "the connection was lost");
        if self.state == SessionState::Joining {
            self.join_failed(now, error);
            return;
        }
        self.lost_at.get_or_insert(now);
        self.set_state(SessionState::Reconnecting);
        let resumable = self.signalling.can_resume();
        self.with_all_peers(now, |peer, context| peer.signalling_lost(context, resumable));
    }

    pub(super) fn connection_ended(&mut self, now: Time, error: RequestError) {
        self.membership.disconnected();
        self.settle_all("disconnected", "the connection was lost");
        if self.state == SessionState::Joining {
            self.join_failed(now, error);
            return;
        }
        self.common.wire.event(Event::Error { code: error.code.clone(), message: error.message });
        self.remove_all_peers(now);
        self.set_state(SessionState::Closed);
        self.common.wire.event(Event::Left { request: None, reason: Some(error.code) });
    }

    fn with_known(&mut self, now: Time, wire_id: &str, act: impl FnOnce(&mut Peer, &mut Context<'_>)) {
        let id: Option<PeerId> = self.by_wire_id.get(wire_id).copied();
        if let Some(id) = id {
            self.with_peer(now, id, act);
        }
    }
}
