//! Turns what a session decided into what its app is told.

use serde_json::{Map, Value};
use session::Event as Decided;

use super::handle::Shared;
use super::network::SessionKey;
use crate::shell::{Error, Event, MessageKind, PeerInfo, PeerState, PeerStats, SessionState, Status};

/// Translates an event and brings the app's view up to date; none for events that apps do not see.
pub(super) fn translate(event: Decided, shared: &Shared) -> Option<Event> {
    let mut view = shared.view();
    Some(match event {
        Decided::Joined { peer_id, channel } => {
            view.peer_id = Some(peer_id.clone());
            Event::Joined { peer_id, channel }
        }
        Decided::Left { reason, .. } => Event::Left { reason },
        Decided::StateChanged { from, to } => {
            view.state = to;
            view.joining = None;
            Event::StateChange { from, to }
        }
        Decided::PeerJoined { peer, id, metadata } => {
            let metadata = metadata.map(json);
            let info = PeerInfo { peer, id: id.clone(), metadata: metadata.clone(), state: PeerState::Idle };
            view.peers.insert(peer, (info, PeerStats::default()));
            Event::PeerJoined { peer, id, metadata }
        }
        Decided::PeerLeft { peer } => {
            view.peers.remove(&peer);
            Event::PeerLeft { peer }
        }
        Decided::PeerStateChanged { peer, from, to } => {
            if let Some((info, _)) = view.peers.get_mut(&peer) {
                info.state = to;
            }
            Event::PeerStateChange { peer, from, to }
        }
        Decided::StreamAdded { peer, stream, msid, metadata } => {
            Event::StreamAdded { peer, stream, id: msid, metadata: metadata.map(json) }
        }
        Decided::StreamRemoved { peer, stream } => Event::StreamRemoved { peer, stream },
        Decided::TrackAdded { peer, stream, track, kind, .. } => {
            Event::TrackAdded { peer, stream, track, kind }
        }
        Decided::TrackRemoved { peer, stream, track } => {
            view.tracks.remove(&track);
            Event::TrackRemoved { peer, stream, track }
        }
        Decided::ChannelOpened { peer, channel, label, received } => {
            Event::ChannelOpen { peer, channel, label, incoming: received.is_some() }
        }
        Decided::ChannelClosed { peer, channel } => {
            view.channels.remove(&channel);
            Event::ChannelClose { peer, channel }
        }
        Decided::Data { peer, data, direct, metadata } => Event::Data {
            peer,
            data: data.to_string(),
            kind: if direct { MessageKind::Direct } else { MessageKind::Broadcast },
            metadata: metadata.map(json),
        },
        Decided::DataLost => Event::DataLost,
        Decided::Done { request, result } => {
            view.joining = view.joining.filter(|joining| *joining != request);
            Event::RequestDone {
                request,
                outcome: result.map_err(|error| Error::new(Status::from_code(&error.code), error.message)),
            }
        }
        Decided::NegotiationError { peer, reason } => Event::NegotiationError { peer, message: reason },
        Decided::ConnectionReset { peer } => Event::ConnectionReset { peer },
        Decided::TokenNeeded { request } => Event::TokenNeeded { request },
        Decided::GoingAway { retry_after_ms } => Event::GoingAway { retry_after_ms },
        Decided::Error { code, message } => Event::Error { status: Status::from_code(&code), message },
    })
}

/// Logs the course of a call, by numbers alone: nothing of it names a channel, a peer or an address.
pub(super) fn log(session: SessionKey, event: &Event, shared: &Shared) {
    let SessionKey(session) = session;
    let peers = || shared.view().peers.len();
    match event {
        Event::Joined { .. } => tracing::info!(session, "joined"),
        Event::Left { .. } => tracing::info!(session, "left"),
        Event::StateChange { to: SessionState::Reconnecting, .. } => tracing::info!(session, "reconnecting"),
        Event::PeerJoined { .. } => tracing::info!(session, peers = peers(), "a peer came"),
        Event::PeerLeft { .. } => tracing::info!(session, peers = peers(), "a peer went"),
        Event::PeerStateChange { to: PeerState::Connected, .. } => {
            tracing::info!(session, peers = peers(), "a peer is connected");
        }
        Event::PeerStateChange { to: PeerState::Reconnecting, .. } => {
            tracing::info!(session, peers = peers(), "a peer is reconnecting");
        }
        _ => {}
    }
}

fn json(object: Map<String, Value>) -> String {
    Value::Object(object).to_string()
}
