//! What clients ask for: subscribe, unsubscribe, publish, send, ping.

use std::sync::Arc;

use protocol::peer::PeerMessage;
use protocol::{ClientFrame, CloseCode, ErrorCode, Map, ServerFrame, names};
use serde_json::Value;
use units::Time;

use crate::bus::{BusEvent, RemoteJoin, Tenure};
use crate::channel::{Channel, LiveMember};
use crate::grants::Action;
use crate::hub::{Connection, Hub};
use crate::io::{AppId, ConnectionId, Lifecycle};
use crate::outbox::About;

/// Why a request failed.
type Refusal = (ErrorCode, &'static str);

impl Hub {
    pub(crate) fn handle_frame(&mut self, now: Time, connection: ConnectionId, frame: ClientFrame) {
        if !self.spend(now, connection, &frame) {
            return;
        }
        if frame.data().is_some()
            && let Some(app) = self.connections.get(&connection).map(|state| state.app)
        {
            self.count_message(app);
        }
        match frame {
            ClientFrame::Subscribe { channel, request_id, include_sender_metadata } => {
                self.subscribe(now, connection, &channel, request_id, include_sender_metadata);
            }
            ClientFrame::Unsubscribe { channel, request_id } => {
                self.unsubscribe(connection, &channel);
                self.answer(connection, request_id, Ok(()));
            }
            ClientFrame::Publish { channel, data, request_id } => {
                let outcome = self.publish(connection, channel, data);
                self.answer(connection, request_id, outcome);
            }
            ClientFrame::Send { to, data, request_id } => {
                let outcome = self.send(now, connection, &to, data);
                self.answer(connection, request_id, outcome);
            }
            ClientFrame::Ping { cursor, .. } => {
                if let Some(cursor) = cursor {
                    self.confirm(connection, cursor);
                }
                self.reply(connection, &ServerFrame::Pong);
            }
        }
    }

    /// Counts the frame against the connection's rates.
    fn spend(&mut self, now: Time, connection: ConnectionId, frame: &ClientFrame) -> bool {
        let is_peer_message =
            matches!(frame, ClientFrame::Send { data, .. } if PeerMessage::is_claimed(data));
        if !is_peer_message {
            return self.spend_message(now, connection);
        }
        let Some(state) = self.connections.get_mut(&connection) else { return false };
        let within = state.peer_messages.take(now);
        if !within {
            self.close(now, connection, CloseCode::OVER_MESSAGE_RATE, "peer message rate");
        }
        within
    }

    /// Answers a request, once.
    fn answer(&mut self, connection: ConnectionId, request_id: Option<String>, outcome: Result<(), Refusal>) {
        match (outcome, request_id) {
            (Ok(()), Some(request_id)) => self.reply(connection, &ServerFrame::Ack { request_id }),
            (Ok(()), None) => {}
            (Err((code, message)), request_id) => {
                self.reply(connection, &ServerFrame::error(code, request_id, message));
            }
        }
    }

    fn subscribe(
        &mut self,
        now: Time,
        connection: ConnectionId,
        channel: &str,
        request_id: Option<String>,
        wants_metadata: bool,
    ) {
        if let Err(refusal) = self.may_subscribe(connection, channel) {
            self.answer(connection, request_id, Err(refusal));
            return;
        }
        // Everyone reads the ack first, in a read of its own: the snapshot waits for the pong.
        self.answer(connection, request_id, Ok(()));
        let now_event = self.next_event();
        let Some(state) = self.connections.get(&connection) else { return };
        let (app_id, identity) = (state.app, Arc::clone(&state.identity));
        let (is_resumed, stamp) = (state.is_resumed, state.stamp);
        let sees_presence = state.grants.actions.contains(Action::Presence);
        let known_name = state.subscriptions.get(channel).cloned();
        let is_new = known_name.is_none();
        let name = known_name.unwrap_or_else(|| channel.into());

        let absence = if is_new { self.end_lingering(app_id, &name, &identity.peer) } else { None };
        let is_news = is_new && absence.is_none();
        // A session that goes on was never away for those who knew its peer as it still is.
        let unnoticed =
            absence.as_ref().filter(|absence| is_resumed && absence.identity.metadata == identity.metadata);
        if let (Some(absence), None) = (&absence, unnoticed) {
            // Two frames, `left` and then `joined`: clients that find an id in both lists of one lose it.
            self.tell_witnesses(app_id, &name, &identity.peer, absence);
        }
        if let Some(absence) = absence.as_ref().filter(|_| unnoticed.is_none()) {
            let (channel, peer, tenure) = (Arc::clone(&name), Arc::clone(&identity.peer), absence.tenure);
            self.tell(|| BusEvent::Left { app: app_id, channel, peer, tenure });
        }
        // What another hub still says about an earlier connection of this peer is out of date.
        let was_at = self.channel_mut(app_id, &name).and_then(|channel| channel.remote_leave(&identity.peer));
        if let Some(node) = was_at {
            self.contest(app_id, &identity.peer, node);
            self.tell_all(app_id, &name, Vec::new(), vec![Self::bare(&identity.peer)]);
        }
        let channels = &mut self.apps.entry(app_id).or_default().channels;
        let opens = !channels.contains_key(&name);
        let channel = channels.entry(Arc::clone(&name)).or_default();
        if is_new {
            let strangers = channel
                .watchers()
                .filter(|member| unnoticed.is_none_or(|absence| !absence.is_witnessed_by(member)))
                .map(|member| member.connection)
                .collect::<Vec<_>>();
            let joined_at = unnoticed.map_or(now_event, |absence| absence.joined_at);
            let tenure = Tenure::new(stamp, now_event);
            channel.join(LiveMember {
                connection,
                identity: Arc::clone(&identity),
                wants_metadata,
                sees_presence,
                tenure,
                joined_at,
            });
            if let Some(state) = self.connections.get_mut(&connection) {
                state.subscriptions.insert(Arc::clone(&name));
            }
            self.send_presence(&strangers, &name, vec![identity.entry()], Vec::new());
            let (channel, member) = (Arc::clone(&name), identity.entry());
            self.tell(|| BusEvent::Joined(RemoteJoin { app: app_id, channel, member, tenure }));
        } else if let Some(member) = channel.member_mut(&identity.peer) {
            member.wants_metadata = wants_metadata;
        }
        if opens {
            self.happened(app_id, Lifecycle::ChannelOpened { channel: Arc::clone(&name) });
        }
        if is_news {
            let (channel, peer) = (Arc::clone(&name), Arc::clone(&identity.peer));
            let metadata = identity.metadata.clone();
            self.happened(app_id, Lifecycle::PeerJoined { channel, peer, metadata });
        }
        if sees_presence {
            let Some(channel) = self.channel_mut(app_id, &name) else { return };
            let mut roster = channel.roster_for(&identity.peer);
            if is_resumed {
                roster.extend(channel.missed_by(&identity.peer));
            }
            self.deliver_snapshot(now, connection, &name, roster);
        }
        if is_resumed {
            self.flush_directs(app_id, &identity.peer);
        }
    }

    fn may_subscribe(&self, connection: ConnectionId, channel: &str) -> Result<(), Refusal> {
        let Some(state) = self.connections.get(&connection) else { return Ok(()) };
        may_use(state, Action::Subscribe, channel)?;
        if state.subscriptions.contains(channel) {
            return Ok(());
        }
        if state.subscriptions.len() >= self.config.max_subscriptions {
            return Err((ErrorCode::ChannelLimitExceeded, "the connection is in too many channels"));
        }
        let existing = self.apps.get(&state.app).and_then(|app| app.channels.get(channel));
        if existing.is_some_and(|channel| channel.is_full_for(&state.identity, self.config.max_members)) {
            return Err((ErrorCode::ChannelFull, "the channel has no room for another member"));
        }
        Ok(())
    }

    fn unsubscribe(&mut self, connection: ConnectionId, channel: &str) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        let (app, peer) = (state.app, Arc::clone(&state.identity.peer));
        let Some(name) = state.subscriptions.take(channel) else {
            // Whoever came back to leave need not be waited for.
            self.give_up(app, &channel.into(), &peer);
            return;
        };
        self.leave(app, &name, &peer);
        self.drop_void_frames(connection, &name);
    }

    fn publish(&mut self, connection: ConnectionId, channel: String, data: Value) -> Result<(), Refusal> {
        let Some(state) = self.connections.get(&connection) else { return Ok(()) };
        may_use(state, Action::Publish, &channel)?;
        let (app, identity) = (state.app, Arc::clone(&state.identity));
        let from = identity.peer.to_string();
        self.broadcast(app, channel, Some(connection), from, identity.metadata.as_ref(), data);
        Ok(())
    }

    /// Sends to every member of a channel but the sender, here and at other hubs.
    pub(crate) fn broadcast(
        &mut self,
        app: AppId,
        channel: String,
        sender: Option<ConnectionId>,
        from: String,
        metadata: Option<&Map>,
        data: Value,
    ) {
        if self.bus.is_some() {
            let (channel, from, data) = (channel.clone(), from.clone(), data.clone());
            let from_metadata = metadata.cloned();
            self.tell(|| BusEvent::Message { app, channel, from, from_metadata, data });
        }
        self.broadcast_here(app, channel, sender, from, metadata, data);
    }

    /// Sends to every live member of a channel but the sender, written once for all.
    pub(crate) fn broadcast_here(
        &mut self,
        app: AppId,
        channel: String,
        sender: Option<ConnectionId>,
        from: String,
        metadata: Option<&Map>,
        data: Value,
    ) {
        let Some((name, members)) = self
            .apps
            .get(&app)
            .and_then(|app| app.channels.get_key_value(channel.as_str()))
            .map(|(name, channel)| (Arc::clone(name), channel.members()))
        else {
            return;
        };
        let receivers: Vec<(ConnectionId, bool)> = members
            .filter(|member| Some(member.connection) != sender)
            .map(|member| (member.connection, member.wants_metadata))
            .collect();
        let mut frame = ServerFrame::Message { channel, from, data, from_metadata: None };
        let plain: Arc<str> = frame.to_json().into();
        let mut rich = None;
        for (receiver, wants_metadata) in receivers {
            let text = match (&mut frame, metadata) {
                (ServerFrame::Message { from_metadata, .. }, Some(metadata)) if wants_metadata => {
                    from_metadata.get_or_insert_with(|| metadata.clone());
                    &*rich.get_or_insert_with(|| Arc::from(frame.to_json()))
                }
                _ => &plain,
            };
            self.deliver(receiver, text, About::Channel(Arc::clone(&name)));
        }
    }

    fn send(&mut self, now: Time, connection: ConnectionId, to: &str, data: Value) -> Result<(), Refusal> {
        let Some(state) = self.connections.get(&connection) else { return Ok(()) };
        if !state.grants.actions.contains(Action::Send) {
            return Err((ErrorCode::ActionNotPermitted, "the credential does not allow `send`"));
        }
        if to == &*state.identity.peer {
            return Err((ErrorCode::InvalidPeerId, "a peer cannot send to itself"));
        }
        let not_found = (ErrorCode::PeerNotFound, "no such peer in a channel of yours");
        let (app, identity) = (state.app, Arc::clone(&state.identity));
        let receiver = self.connection_of(app, to);
        let is_kept = self.keeps_directs(now, app, to);
        if receiver.is_none() && !is_kept {
            let through = self.channels_with(state, |channel| channel.is_remote(to));
            if through.is_empty() {
                return Err(not_found);
            }
            self.send_remote(app, &identity, to, through, data);
            return Ok(());
        }
        let mut through = Vec::new();
        if self.config.directs_need_shared_channel {
            through = self.shared_channels(state, to, is_kept);
            if through.is_empty() {
                return Err(not_found);
            }
        }
        let from = identity.peer.to_string();
        let from_metadata = identity.metadata.clone();
        let text = ServerFrame::Direct { from, data, from_metadata, cursor: None }.to_json().into();
        match receiver {
            Some(receiver) if !is_kept => self.deliver(receiver, &text, About::Direct { through }),
            _ => self.keep(now, app, to, &identity.peer, text, through),
        }
        Ok(())
    }

    /// Returns the channels through which a sender knows a peer. One that lingers counts when directs are kept
    /// for it: it is known to the sender, and may come back to the channel.
    fn shared_channels(&self, sender: &Connection, to: &str, may_linger: bool) -> Vec<Arc<str>> {
        let peer = &sender.identity.peer;
        self.channels_with(sender, |channel| {
            channel.is_live(to) || may_linger && channel.is_lingering(to) && channel.knows(peer, to)
        })
    }

    /// Returns those of a connection's channels that fulfil a condition.
    fn channels_with(&self, state: &Connection, condition: impl Fn(&Channel) -> bool) -> Vec<Arc<str>> {
        let Some(app) = self.apps.get(&state.app) else { return Vec::new() };
        let fulfils = |name: &&Arc<str>| app.channels.get(*name).is_some_and(&condition);
        state.subscriptions.iter().filter(fulfils).cloned().collect()
    }
}

/// Checks a channel and an action on it against the connection's grants.
fn may_use(state: &Connection, action: Action, channel: &str) -> Result<(), Refusal> {
    if names::is_reserved_channel(channel) {
        return Err((ErrorCode::ChannelReserved, "the channel's name is reserved"));
    }
    if !state.grants.actions.contains(action) {
        return Err((ErrorCode::ActionNotPermitted, "the credential does not allow this action"));
    }
    if !state.grants.covers(channel) {
        return Err((ErrorCode::ChannelNotAuthorized, "the credential does not cover this channel"));
    }
    Ok(())
}
