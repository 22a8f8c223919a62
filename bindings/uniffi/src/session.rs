//! The session: join a channel by name and meet everyone in it.

use std::path::Path;
use std::sync::Arc;

use engine::api::{self, ChannelId, PeerId, RequestId, StreamId};

use crate::config::{DataChannelOptions, SessionConfig};
use crate::error::Result;
use crate::event::SessionState;
use crate::guard::guard;
use crate::listener::{ListenerBridge, SessionListener};
use crate::peer::RemotePeer;
use crate::request::{Pending, Request};
use crate::stream::{MediaStream, MediaTrack};

/// A session and the requests that its apps wait for.
pub(crate) struct Core {
    pub(crate) facade: api::Session,
    pub(crate) pending: Arc<Pending>,
}

impl Drop for Core {
    fn drop(&mut self) {
        self.facade.close();
        self.pending.end_all();
    }
}

/// A call: one connection to the server, one channel, one link to each remote peer.
///
/// Every function may be called from any thread, also from inside a callback, and none waits for the network. When
/// the last reference is gone the session leaves in the background.
#[derive(uniffi::Object)]
pub struct Session(pub(crate) Arc<Core>);

#[uniffi::export]
impl Session {
    /// Makes a session; it does not connect yet. The listener is held until the session ends.
    ///
    /// Errors: `InvalidArgument` when the URL, the credential or an ICE server is not well-formed;
    /// `UnsupportedCodec` when a codec is not compiled in; `ConnectionFailed` when the default engine can open no
    /// socket.
    #[uniffi::constructor]
    pub fn new(config: SessionConfig, listener: Arc<dyn SessionListener>) -> Result<Arc<Self>> {
        guard(|| {
            let pending = Arc::<Pending>::default();
            let bridge = ListenerBridge::new(listener, Arc::clone(&pending));
            let facade = api::Session::create(config.try_into()?, Arc::new(bridge))?;
            Ok::<_, crate::error::ParlorError>(Arc::new(Self(Arc::new(Core { facade, pending }))))
        })
    }

    /// Starts joining a channel; the request ends after `joined` when it worked. Abandoned, it becomes a leave.
    ///
    /// Errors: `InvalidArgument` for a name that no server accepts, `InvalidState` when the session is in a channel,
    /// `Closed`.
    pub fn join(&self, channel: &str) -> Result<Arc<Request>> {
        let core = Arc::downgrade(&self.0);
        guard(|| self.0.pending.make(|| self.0.facade.join(channel), Some(core)))
    }

    /// Starts leaving; it ends within a bound, whatever the network does. Streams stay added, and the session may join
    /// again.
    ///
    /// Errors: `Closed`.
    pub fn leave(&self) -> Result<Arc<Request>> {
        guard(|| self.0.pending.make(|| self.0.facade.leave(), None))
    }

    /// Adds a stream; everyone in the channel gets it, now or when the session joins. `metadata` is a JSON object that
    /// receivers get with `stream-added`.
    ///
    /// Errors: `InvalidArgument` when the metadata is no JSON object, or the stream has no track or was added before;
    /// `Closed`.
    #[uniffi::method(default(metadata = None))]
    pub fn add_stream(&self, stream: Arc<MediaStream>, metadata: Option<String>) -> Result<()> {
        guard(|| self.0.facade.add_stream(&stream.facade, metadata.as_deref()))
    }

    /// Takes a stream back.
    ///
    /// Errors: `UnknownId` when the session does not have it; `Closed`.
    pub fn remove_stream(&self, stream: Arc<MediaStream>) -> Result<()> {
        guard(|| self.0.facade.remove_stream(StreamId::new(stream.facade.id().get())))
    }

    /// Sends a JSON text to everyone in the channel. Abandoned, it is sent all the same.
    ///
    /// Errors: `InvalidArgument` when it is no JSON; `Closed`.
    pub fn send(&self, data: &str) -> Result<Arc<Request>> {
        guard(|| self.0.pending.make(|| self.0.facade.send(None, data), None))
    }

    /// Sends a JSON text to one peer. Abandoned, it is sent all the same.
    ///
    /// Errors: `InvalidArgument` when it is no JSON; `UnknownId` when there is no such peer; `Closed`.
    pub fn send_to(&self, peer_id: u64, data: &str) -> Result<Arc<Request>> {
        guard(|| self.0.pending.make(|| self.0.facade.send(Some(PeerId::new(peer_id)), data), None))
    }

    /// Opens a data channel straight to a peer and returns its id; it is open at `channel-open`, and what is sent
    /// before waits. It is opened anew by itself when the link to the peer is replaced, and ends with `channel-close`.
    ///
    /// Errors: `UnknownId` when there is no such peer; `InvalidArgument` for a label of more than 65,535 bytes or both
    /// kinds of limits; `Closed`.
    pub fn open_channel(&self, peer_id: u64, label: &str, options: DataChannelOptions) -> Result<u64> {
        guard(|| {
            let channel = self.0.facade.open_channel(PeerId::new(peer_id), label, options.into())?;
            Ok::<_, api::Error>(channel.get())
        })
    }

    /// Sends a text on a data channel, whoever opened it.
    ///
    /// Errors: `Busy` when more than 1 MiB or 256 messages wait in it, and `channel-writable` says when to go on;
    /// `PayloadTooLarge` for more than the peer takes; `UnknownId` when there is no such channel; `Closed`.
    pub fn send_text(&self, channel_id: u64, text: &str) -> Result<()> {
        guard(|| self.0.facade.send_channel(ChannelId::new(channel_id), text.as_bytes(), false))
    }

    /// Sends bytes on a data channel; otherwise as `send_text`. They are copied before this returns.
    pub fn send_bytes(&self, channel_id: u64, bytes: &[u8]) -> Result<()> {
        guard(|| self.0.facade.send_channel(ChannelId::new(channel_id), bytes, true))
    }

    /// Closes a data channel, whoever opened it; what waits in it is lost.
    ///
    /// Errors: `UnknownId` when there is no such channel; `Closed`.
    pub fn close_channel(&self, channel_id: u64) -> Result<()> {
        guard(|| self.0.facade.close_channel(ChannelId::new(channel_id)))
    }

    /// Returns how many bytes wait in a data channel beside the 1 MiB that its link has in flight.
    ///
    /// Errors: `UnknownId` when there is no such channel; `Closed`.
    pub fn channel_buffered_amount(&self, channel_id: u64) -> Result<u64> {
        guard(|| self.0.facade.channel_buffered_amount(ChannelId::new(channel_id)).map(|bytes| bytes as u64))
    }

    /// Says that the device is on another network: on phones, from the platform's own notice; Linux needs no call.
    /// Harmless when nothing changed.
    ///
    /// Errors: `Closed`.
    pub fn network_changed(&self) -> Result<()> {
        guard(|| self.0.facade.network_changed())
    }

    /// Answers `token-needed`; none means that there is no token, and the attempt to connect fails.
    ///
    /// Errors: `Closed`.
    pub fn provide_token(&self, request_id: u64, token: Option<String>) -> Result<()> {
        guard(|| self.0.facade.provide_token(RequestId::new(request_id), token.as_deref()))
    }

    /// Records a remote track into a file, in place of its sink. The name's end says what is written: `.ivf` a video
    /// track's frames as they came, `.ogg` an audio track's packets as they came, `.wav` its sound as it is played.
    ///
    /// Errors: `InvalidArgument` for another end of the name, `MediaFile` when the file cannot be made, `UnknownId`
    /// when there is no such remote track, `Closed`.
    pub fn record(&self, track_id: u64, path: &str) -> Result<()> {
        guard(|| self.0.facade.record(api::TrackId::new(track_id), Path::new(path)))
    }

    /// Returns the session's state.
    pub fn state(&self) -> Result<SessionState> {
        guard(|| Ok::<_, api::Error>(self.0.facade.state().into()))
    }

    /// Returns this session's own peer id on the wire, once the server has given it.
    pub fn peer_id(&self) -> Result<Option<String>> {
        guard(|| Ok::<_, api::Error>(self.0.facade.peer_id()))
    }

    /// Returns the remote peers, in the order in which they came.
    pub fn remote_peers(&self) -> Result<Vec<Arc<RemotePeer>>> {
        guard(|| {
            let peers = self.0.facade.peers();
            let peers = peers.iter().map(|info| Arc::new(RemotePeer::new(Arc::clone(&self.0), info.peer)));
            Ok::<_, api::Error>(peers.collect())
        })
    }

    /// Returns the remote peer that an event names. One that has left by now answers `UnknownId`.
    pub fn remote_peer(&self, peer_id: u64) -> Result<Arc<RemotePeer>> {
        guard(|| Ok::<_, api::Error>(Arc::new(RemotePeer::new(Arc::clone(&self.0), PeerId::new(peer_id)))))
    }

    /// Returns the remote track that `track-added` names, to receive it.
    ///
    /// Errors: `UnknownId` when there is no such remote track; `Closed`.
    pub fn remote_track(&self, track_id: u64) -> Result<Arc<MediaTrack>> {
        guard(|| MediaTrack::remote(&self.0, api::TrackId::new(track_id)))
    }

    /// Ends the session: it leaves in the background, and no callback is called after this returns, except the one
    /// that it is called from. Every later call answers `Closed`, and so does every request under way.
    pub fn shutdown(&self) -> Result<()> {
        guard(|| {
            self.0.facade.close();
            self.0.pending.end_all();
            Ok::<_, api::Error>(())
        })
    }
}
