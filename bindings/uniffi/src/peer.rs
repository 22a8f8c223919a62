//! Remote peers.

use std::sync::Arc;

use engine::api::{self, PeerId, PeerInfo, Status};

use crate::config::DataChannelOptions;
use crate::error::Result;
use crate::event::PeerState;
use crate::guard::guard;
use crate::request::Request;
use crate::session::Core;
use crate::stats::PeerStats;

/// Somebody else in the channel. It keeps its session; what is asked after the peer has left answers `UnknownId`.
#[derive(uniffi::Object)]
pub struct RemotePeer {
    session: Arc<Core>,
    peer: PeerId,
}

#[uniffi::export]
impl RemotePeer {
    /// Returns the id that events carry.
    pub fn id(&self) -> Result<u64> {
        guard(|| Ok::<_, api::Error>(self.peer.get()))
    }

    /// Returns the peer's id on the wire.
    pub fn wire_id(&self) -> Result<String> {
        guard(|| Ok::<_, api::Error>(self.info()?.id))
    }

    /// Returns what the server says of the peer, a JSON object.
    pub fn metadata(&self) -> Result<Option<String>> {
        guard(|| Ok::<_, api::Error>(self.info()?.metadata))
    }

    /// Returns the state of the connection to the peer.
    pub fn state(&self) -> Result<PeerState> {
        guard(|| Ok::<_, api::Error>(self.info()?.state.into()))
    }

    /// Returns the figures of the connection to the peer, renewed about twice a second.
    pub fn stats(&self) -> Result<PeerStats> {
        guard(|| self.session.facade.peer_stats(self.peer).map(|stats| PeerStats::from(&stats)))
    }

    /// Sends a JSON text to the peer; as `send_to` of the session.
    pub fn send(&self, data: &str) -> Result<Arc<Request>> {
        guard(|| self.session.pending.make(|| self.session.facade.send(Some(self.peer), data), None))
    }

    /// Opens a data channel to the peer and returns its id; as `open_channel` of the session.
    pub fn open_channel(&self, label: &str, options: DataChannelOptions) -> Result<u64> {
        guard(|| {
            let channel = self.session.facade.open_channel(self.peer, label, options.into())?;
            Ok::<_, api::Error>(channel.get())
        })
    }
}

impl RemotePeer {
    pub(crate) fn new(session: Arc<Core>, peer: PeerId) -> Self {
        Self { session, peer }
    }

    fn info(&self) -> api::Result<PeerInfo> {
        let peers = self.session.facade.peers();
        let found = peers.into_iter().find(|info| info.peer == self.peer);
        found.ok_or_else(|| api::Error::new(Status::UnknownId, "there is no such peer in the channel"))
    }
}
