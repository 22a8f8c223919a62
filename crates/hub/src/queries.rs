//! What the hub can be asked.

use std::sync::Arc;

use protocol::Member;

use crate::hub::Hub;
use crate::io::{AppId, ConnectionId};

/// What an app has used since the hub was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Connections that are open now.
    pub connections: usize,
    /// Most connections that were open at once.
    pub peak_connections: usize,
    /// Requests to publish and to send, those that failed included.
    pub messages: u64,
}

impl Hub {
    /// Returns an app's channels, each with how many live members it has, in the order of their names.
    pub fn channels(&self, app: AppId) -> impl Iterator<Item = (&Arc<str>, usize)> {
        let channels = self.apps.get(&app).into_iter().flat_map(|app| &app.channels);
        channels.map(|(name, channel)| (name, channel.live_count())).filter(|(_, live)| *live > 0)
    }

    /// Returns the live members of a channel, in the order of their ids.
    pub fn members(&self, app: AppId, channel: &str) -> Vec<Member> {
        let channel = self.apps.get(&app).and_then(|app| app.channels.get(channel));
        channel.map(|channel| channel.roster_for("")).unwrap_or_default()
    }

    /// Returns everyone in an app with the channels that they are in, in the order of their ids.
    pub fn peers(&self, app: AppId) -> Vec<(Member, Vec<Arc<str>>)> {
        let owners = self.apps.get(&app).into_iter().flat_map(|app| app.owners.values());
        let connections = owners.filter_map(|connection| self.connections.get(connection));
        connections
            .map(|state| (state.identity.entry(), state.subscriptions.iter().cloned().collect()))
            .collect()
    }

    /// Returns the socket of a peer.
    pub fn connection_of(&self, app: AppId, peer: &str) -> Option<ConnectionId> {
        self.apps.get(&app)?.owners.get(peer).copied()
    }

    /// Returns what an app has used.
    pub fn usage(&self, app: AppId) -> Usage {
        self.usage.get(&app).copied().unwrap_or_default()
    }

    /// Returns how many connections are open, and how many channels there are, over all apps.
    pub fn totals(&self) -> (usize, usize) {
        (self.connections.len(), self.apps.values().map(|app| app.channels.len()).sum())
    }

    pub(crate) fn count_connected(&mut self, app: AppId) {
        let usage = self.usage.entry(app).or_default();
        usage.connections += 1;
        usage.peak_connections = usage.peak_connections.max(usage.connections);
    }

    pub(crate) fn count_disconnected(&mut self, app: AppId) {
        self.usage.entry(app).or_default().connections -= 1;
    }

    pub(crate) fn nobody_is_connected(&mut self) {
        self.usage.values_mut().for_each(|usage| usage.connections = 0);
    }

    pub(crate) fn count_message(&mut self, app: AppId) {
        self.usage.entry(app).or_default().messages += 1;
    }
}
