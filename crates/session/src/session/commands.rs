//! What the app wants.

use protocol::{ClientFrame, ErrorCode, names};
use serde_json::Value;
use units::{ChannelId, ChannelOptions, PeerId, RequestId, StreamId, Time, TrackId};

use super::Session;
use crate::membership::Membership;
use crate::peer::Peer;
use crate::requests::Purpose;
use crate::{Command, Event, LocalStream, LocalTrack, RequestError, SessionState};

impl Session {
    pub(super) fn handle_command(&mut self, now: Time, command: Command) {
        match command {
            Command::Join { request, channel } => self.join(now, request, channel),
            Command::Leave { request } => self.leave(now, request),
            Command::AddStream(stream) => self.add_stream(now, stream),
            Command::RemoveStream { stream } => self.remove_stream(now, stream),
            Command::AddTrack { stream, track } => self.add_track(now, stream, track),
            Command::RemoveTrack { track } => self.remove_track(now, track),
            Command::OpenChannel { channel, peer, label, options } => {
                self.open_channel(now, channel, peer, label, options);
            }
            Command::CloseChannel { channel } => self.close_channel(now, channel),
            Command::Send { request, to, data } => self.send(now, request, to, data),
            Command::ProvideToken { request, token } => {
                let notice = self.signalling.provide_token(now, request, token, &mut self.common.wire);
                self.handle_notice(now, notice);
            }
            Command::Close => self.close(now),
        }
    }

    fn join(&mut self, now: Time, request: RequestId, channel: String) {
        let refusal = match self.state {
            SessionState::Idle => refuse_channel(&channel),
            SessionState::Closed => Some(closed()),
            _ => Some(RequestError::new("invalid_state", "only an idle session can join")),
        };
        if let Some(error) = refusal {
            self.common.wire.done(request, Err(error));
            return;
        }
        self.join = Some(request);
        self.membership = Membership::new(channel);
        self.lost_at = None;
        self.set_state(SessionState::Joining);
        self.signalling.connect(now, &mut self.common.ids, &mut self.common.wire);
    }

    /// A join came to nothing: back to idle, as if it had never been tried.
    pub(super) fn join_failed(&mut self, now: Time, error: RequestError) {
        self.unsubscribe();
        self.signalling.abandon(now, &mut self.common.wire);
        self.membership.disconnected();
        self.settle_all("disconnected", "the join failed");
        self.set_state(SessionState::Idle);
        if let Some(request) = self.join.take() {
            self.common.wire.done(request, Err(error));
        }
    }

    fn leave(&mut self, now: Time, request: RequestId) {
        match self.state {
            SessionState::Idle => self.common.wire.done(request, Ok(())),
            SessionState::Closed => self.common.wire.done(request, Err(closed())),
            SessionState::Leaving => self.leaves.push(request),
            SessionState::Joining | SessionState::Joined | SessionState::Reconnecting => {
                self.leaves.push(request);
                self.take_down(now, "cancelled", "the session is leaving");
                if !self.signalling.close(now, &mut self.common.wire) {
                    self.left();
                }
            }
        }
    }

    /// The way out is done.
    pub(super) fn left(&mut self) {
        self.set_state(SessionState::Idle);
        let mut leaves = std::mem::take(&mut self.leaves).into_iter().peekable();
        self.common.wire.event(Event::Left { request: leaves.peek().copied(), reason: None });
        for request in leaves {
            self.common.wire.done(request, Ok(()));
        }
    }

    fn close(&mut self, now: Time) {
        match self.state {
            SessionState::Closed => {}
            SessionState::Idle => self.set_state(SessionState::Closed),
            _ => {
                if self.state != SessionState::Leaving {
                    self.take_down(now, "closed", "the session was closed");
                }
                self.signalling.abandon(now, &mut self.common.wire);
                self.set_state(SessionState::Closed);
                let request = self.leaves.first().copied();
                self.common.wire.event(Event::Left { request, reason: Some("closed".to_owned()) });
                for request in std::mem::take(&mut self.leaves) {
                    self.common.wire.done(request, Ok(()));
                }
            }
        }
    }

    /// Begins the way out: everything goes but the connection.
    fn take_down(&mut self, now: Time, code: &str, message: &str) {
        self.set_state(SessionState::Leaving);
        self.remove_all_peers(now);
        self.unsubscribe();
        self.membership.disconnected();
        self.kept.clear();
        self.settle_all(code, message);
        if let Some(request) = self.join.take() {
            self.common.wire.done(request, Err(RequestError::new(code, message)));
        }
    }

    fn unsubscribe(&mut self) {
        if self.membership.is_subscribing() {
            let channel = self.membership.channel().to_owned();
            self.common.wire.frame(&ClientFrame::Unsubscribe { channel, request_id: None });
        }
    }

    fn add_stream(&mut self, now: Time, stream: LocalStream) {
        let id = stream.id;
        if self.state != SessionState::Closed && self.common.streams.add(stream) {
            self.with_all_peers(now, |peer, context| {
                let streams = context.streams;
                for offered in streams.tracks_of(id) {
                    peer.add_track(context, offered);
                }
            });
        }
    }

    fn remove_stream(&mut self, now: Time, stream: StreamId) {
        if let Some(stream) = self.common.streams.remove(stream) {
            for track in &stream.tracks {
                self.with_all_peers(now, |peer, context| peer.remove_track(context, track));
            }
        }
    }

    fn add_track(&mut self, now: Time, stream: StreamId, track: LocalTrack) {
        let id = track.id;
        if self.common.streams.add_track(stream, track) {
            self.with_all_peers(now, |peer, context| {
                let streams = context.streams;
                if let Some(offered) = streams.track(id) {
                    peer.add_track(context, offered);
                }
            });
        }
    }

    fn remove_track(&mut self, now: Time, track: TrackId) {
        if let Some(track) = self.common.streams.remove_track(track) {
            self.with_all_peers(now, |peer, context| peer.remove_track(context, &track));
        }
    }

    fn open_channel(
        &mut self,
        now: Time,
        channel: ChannelId,
        peer: PeerId,
        label: String,
        options: ChannelOptions,
    ) {
        if self.peers.contains_key(&peer) {
            self.with_peer(now, peer, |peer, context| peer.open_channel(context, channel, label, options));
        } else {
            // The peer left while the command was on its way.
            self.common.wire.event(Event::ChannelClosed { peer, channel });
        }
    }

    fn close_channel(&mut self, now: Time, channel: ChannelId) {
        let owner = self.peers.values().find(|peer| peer.has_channel(channel)).map(Peer::id);
        if let Some(peer) = owner {
            self.with_peer(now, peer, |peer, context| peer.close_channel(context, channel));
        }
    }

    fn send(&mut self, now: Time, request: RequestId, to: Option<PeerId>, data: Value) {
        if let Err(error) = self.try_send(now, request, to, data) {
            self.common.wire.done(request, Err(error));
        }
    }

    fn try_send(
        &mut self,
        now: Time,
        request: RequestId,
        to: Option<PeerId>,
        data: Value,
    ) -> Result<(), RequestError> {
        if self.state == SessionState::Closed {
            return Err(closed());
        }
        if self.state != SessionState::Joined {
            return Err(RequestError::new("not_joined", "data can be sent only while joined"));
        }
        let to = match to {
            None => None,
            Some(peer) => {
                Some(self.peers.get(&peer).map(|peer| peer.wire_id().to_owned()).ok_or_else(|| {
                    RequestError::new(
                        ErrorCode::PeerNotFound.as_str(),
                        "there is no such peer in the channel",
                    )
                })?)
            }
        };
        self.common.wire.check_size(&data)?;
        let request_id = self.common.wire.requests.open(now, Purpose::App(request));
        if request_id.is_none() {
            return Err(RequestError::new("too_many_requests", "too many requests wait for the server"));
        }
        self.common.wire.frame(&match to {
            Some(to) => ClientFrame::Send { to, data, request_id },
            None => {
                let channel = self.membership.channel().to_owned();
                ClientFrame::Publish { channel, data, request_id }
            }
        });
        Ok(())
    }
}

fn refuse_channel(channel: &str) -> Option<RequestError> {
    if names::is_reserved_channel(channel) {
        return Some(RequestError::new(
            ErrorCode::ChannelReserved.as_str(),
            "channel names with this prefix are reserved",
        ));
    }
    let error = names::validate_channel(channel).err()?;
    Some(RequestError::new(ErrorCode::InvalidChannel.as_str(), error.to_string()))
}

fn closed() -> RequestError {
    RequestError::new("closed", "the session is closed")
}
