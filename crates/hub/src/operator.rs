//! What the operator wants: sending from outside, throwing out, shutting down.

use std::sync::Arc;

use protocol::{CloseCode, Map, ServerFrame};
use serde_json::Value;
use units::Time;

use crate::bus::BusEvent;
use crate::hub::Hub;
use crate::io::{AppId, ConnectionId, KeyId, Lifecycle, Output};

impl Hub {
    pub(crate) fn publish_from_outside(
        &mut self,
        app: AppId,
        channel: String,
        from: String,
        from_metadata: Option<Map>,
        data: Value,
    ) {
        self.count_message(app);
        self.broadcast(app, channel, None, from, from_metadata.as_ref(), data);
    }

    pub(crate) fn kick(&mut self, now: Time, app: AppId, peer: &str) {
        self.tell(|| BusEvent::Kick { app, peer: peer.to_owned() });
        self.kick_here(now, app, peer);
    }

    pub(crate) fn kick_here(&mut self, now: Time, app: AppId, peer: &str) {
        let owner = self.apps.get(&app).and_then(|app| app.owners.get(peer)).copied();
        if let Some(connection) = owner {
            self.throw_out(now, connection, CloseCode::ADMIN_DISCONNECT, "removed by the operator");
        }
        self.end_session(app, peer);
        let Some(channels) = self.apps.get(&app).map(|app| &app.channels) else { return };
        let absent_from: Vec<(Arc<str>, Arc<str>)> = channels
            .iter()
            .flat_map(|(name, channel)| channel.lingering().map(move |peer| (name, peer)))
            .filter(|(_, lingering)| &***lingering == peer)
            .map(|(name, peer)| (Arc::clone(name), Arc::clone(peer)))
            .collect();
        for (name, peer) in absent_from {
            self.give_up(app, &name, &peer);
        }
        self.drop_empty_app(app);
    }

    pub(crate) fn revoke(&mut self, now: Time, app: AppId, key: &KeyId) {
        self.tell(|| BusEvent::Revoke { app, key: key.clone() });
        self.revoke_here(now, app, key);
    }

    pub(crate) fn revoke_here(&mut self, now: Time, app: AppId, key: &KeyId) {
        let admitted = self.connections.iter().filter(|(_, state)| state.app == app && state.key == *key);
        let connections: Vec<ConnectionId> = admitted.map(|(connection, _)| *connection).collect();
        for connection in connections {
            self.throw_out(now, connection, CloseCode::INVALID_TOKEN, "key revoked");
        }
    }

    /// Closes a connection whose client must not come back.
    fn throw_out(&mut self, now: Time, connection: ConnectionId, code: CloseCode, reason: &'static str) {
        self.depart(now, connection, true);
        self.outputs.push_back(Output::Close { connection, code, reason });
    }

    pub(crate) fn shut_down(&mut self, retry_after_ms: u64) {
        let farewell = ServerFrame::GoingAway { retry_after_ms: Some(retry_after_ms) };
        let text: Arc<str> = farewell.to_json().into();
        for &connection in self.connections.keys() {
            self.outputs.push_back(Output::Send { connection, text: Arc::clone(&text) });
            let (code, reason) = (CloseCode::GOING_AWAY, "server shutdown");
            self.outputs.push_back(Output::Close { connection, code, reason });
        }
        for (id, app) in std::mem::take(&mut self.apps) {
            for (name, channel) in app.channels {
                let live = channel.members().map(|member| &member.identity.peer);
                for peer in live.chain(channel.lingering()) {
                    let (channel, peer) = (Arc::clone(&name), Arc::clone(peer));
                    self.happened(id, Lifecycle::PeerLeft { channel, peer });
                }
                self.happened(id, Lifecycle::ChannelClosed { channel: name });
            }
        }
        self.connections.clear();
        self.timers.clear();
        self.absent = 0;
        self.nobody_is_connected();
    }
}
