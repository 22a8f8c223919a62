//! The session: one signalling connection, one channel, one link per remote peer.

use std::path::Path;
use std::sync::Arc;

use units::{ChannelId, ChannelOptions, MediaKind, PeerId, RequestId, StreamId, TrackId};

use super::stream::MediaStream;
use super::{
    AudioSink, Error, Listener, PeerInfo, PeerStats, Result, SessionConfig, SessionState, Status, TrackStats,
    VideoSink,
};
use crate::shell::{self, Recording};

/// A call: join a channel by name and meet everyone in it.
///
/// Clones share the session. When the last clone is dropped the session leaves in the background.
#[derive(Debug, Clone)]
pub struct Session(pub(crate) Arc<shell::SessionHandle>);

impl Session {
    /// Makes a session; it does not connect yet.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidArgument`] when the URL or an ICE server is not well-formed;
    /// [`super::Status::UnsupportedCodec`] when a codec is not compiled in.
    pub fn create(config: SessionConfig, listener: Arc<dyn Listener>) -> Result<Self> {
        shell::SessionHandle::create(config, listener).map(Self)
    }

    /// Starts joining a channel; ends with `request-done`, and with `joined` when it worked.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidArgument`] for a name that no server accepts, [`super::Status::InvalidState`]
    /// when the session is in a channel, [`super::Status::Closed`].
    pub fn join(&self, channel: &str) -> Result<RequestId> {
        self.0.join(channel)
    }

    /// Starts leaving; ends with `left` and `request-done` within a bound, whatever the network does.
    ///
    /// # Errors
    ///
    /// [`super::Status::Closed`].
    pub fn leave(&self) -> Result<RequestId> {
        self.0.leave()
    }

    /// Registers a stream; everyone in the channel gets it, now or when the session joins. `metadata` is a JSON
    /// object that receivers get with `stream-added`.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidArgument`] when the metadata is no JSON object or the stream is empty or there
    /// already; [`super::Status::Closed`].
    pub fn add_stream(&self, stream: &MediaStream, metadata: Option<&str>) -> Result<()> {
        self.0.add_stream(stream.id(), stream.tracks(), metadata)
    }

    /// Takes a stream back.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnknownId`] when the session does not have it; [`super::Status::Closed`].
    pub fn remove_stream(&self, stream: StreamId) -> Result<()> {
        self.0.remove_stream(stream)
    }

    /// Sends a JSON text to one peer, or to everyone in the channel; ends with `request-done`. It goes through the
    /// server, whose protocol carries JSON alone: bytes travel on data channels ([`Session::send_channel`]).
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidArgument`] when `data` is no JSON; [`super::Status::UnknownId`] when there is no
    /// such peer; [`super::Status::Closed`].
    pub fn send(&self, peer: Option<PeerId>, data: &str) -> Result<RequestId> {
        self.0.send(peer, data)
    }

    /// Opens a data channel to a peer (RFC 8831): straight to it, not through the server. It is open at `channel-open`;
    /// what is sent before waits. When the link to the peer is replaced it is opened again by itself, and
    /// `channel-open` says so; what the old link had not delivered is lost. It ends with `channel-close`.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnknownId`] when there is no such peer; [`super::Status::InvalidArgument`] for a label of
    /// more than 65,535 bytes, or both kinds of limits; [`super::Status::Closed`].
    pub fn open_channel(&self, peer: PeerId, label: &str, options: ChannelOptions) -> Result<ChannelId> {
        self.0.open_channel(peer, label, options)
    }

    /// Sends a message on a data channel, whoever opened it: bytes, or a text in UTF-8.
    ///
    /// At most 1 MiB and 256 messages wait in a channel beside the 1 MiB that its link has in flight. A message that
    /// does not fit is refused as a whole; `channel-writable` says when to go on.
    ///
    /// # Errors
    ///
    /// [`super::Status::Busy`] when the channel is full; [`super::Status::PayloadTooLarge`] for more than the peer
    /// takes (64 KiB until the channel is open, then what the peer said, 128 KiB at most);
    /// [`super::Status::InvalidUtf8`];
    /// [`super::Status::UnknownId`] when there is no such channel; [`super::Status::Closed`].
    pub fn send_channel(&self, channel: ChannelId, data: &[u8], binary: bool) -> Result<()> {
        self.0.send_channel(channel, data, binary)
    }

    /// Closes a data channel, whoever opened it; what waits in it is lost.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnknownId`] when there is no such channel; [`super::Status::Closed`].
    pub fn close_channel(&self, channel: ChannelId) -> Result<()> {
        self.0.close_channel(channel)
    }

    /// Returns how many bytes wait in a data channel beside those that its link has in flight.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnknownId`] when there is no such channel; [`super::Status::Closed`].
    pub fn channel_buffered_amount(&self, channel: ChannelId) -> Result<usize> {
        self.0.channel_buffered_amount(channel)
    }

    /// Says that the device is on another network, for systems that do not tell the engine: on phones, from the
    /// platform's own notice; Linux needs no call. Sockets are opened on the addresses that are there now, paths are
    /// checked at once, what was lost is restarted at once. Harmless when nothing changed.
    ///
    /// # Errors
    ///
    /// [`super::Status::Closed`].
    pub fn network_changed(&self) -> Result<()> {
        self.0.network_changed()
    }

    /// Answers `token-needed`; none means that there is no token and the attempt fails.
    ///
    /// # Errors
    ///
    /// [`super::Status::Closed`].
    pub fn provide_token(&self, request: RequestId, token: Option<&str>) -> Result<()> {
        self.0.provide_token(request, token)
    }

    /// Sets where a remote video track goes; none stops it and waits until a call under way has returned,
    /// except from inside that call.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnknownId`] when there is no such remote video track; [`super::Status::Closed`].
    pub fn set_video_sink(&self, track: TrackId, sink: Option<Arc<dyn VideoSink>>) -> Result<()> {
        self.0.set_video_sink(track, sink)
    }

    /// Sets where a remote audio track goes; otherwise as [`Session::set_video_sink`].
    ///
    /// # Errors
    ///
    /// As [`Session::set_video_sink`].
    pub fn set_audio_sink(&self, track: TrackId, sink: Option<Arc<dyn AudioSink>>) -> Result<()> {
        self.0.set_audio_sink(track, sink)
    }

    /// Records a remote track into a file, in place of the track's sink; it ends when the track ends or gets
    /// another sink or none.
    ///
    /// The name's end says what is written: `.ivf` a video track's frames as they came, `.ogg` an audio track's
    /// packets as they came, `.wav` an audio track's sound as it is played.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidArgument`] for another end of the name, [`super::Status::MediaFile`] when the file
    /// cannot be made; otherwise as [`Session::set_video_sink`].
    pub fn record(&self, track: TrackId, path: &Path) -> Result<()> {
        // A file is made only for a track that can fill it.
        let kind = Recording::kind(path)?;
        if self.track_kind(track)? != kind {
            return Err(Error::new(Status::UnknownId, format!("this is no {} track", kind.as_str())));
        }
        match Recording::create(path)? {
            Recording::Video(sink) => self.set_video_sink(track, Some(sink)),
            Recording::Audio(sink) => self.set_audio_sink(track, Some(sink)),
        }
    }

    /// Returns the session's state.
    pub fn state(&self) -> SessionState {
        self.0.state()
    }

    /// Returns this session's peer id on the wire, once the server has given it.
    pub fn peer_id(&self) -> Option<String> {
        self.0.peer_id()
    }

    /// Returns the remote peers, in the order in which they came.
    pub fn peers(&self) -> Vec<PeerInfo> {
        self.0.peers()
    }

    /// Returns the figures of the connection to a peer.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnknownId`] when there is no such peer.
    pub fn peer_stats(&self, peer: PeerId) -> Result<PeerStats> {
        self.0.peer_stats(peer)
    }

    /// Returns what a remote track carries.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnknownId`] when there is no such remote track; [`super::Status::Closed`].
    pub fn track_kind(&self, track: TrackId) -> Result<MediaKind> {
        self.0.track_kind(track)
    }

    /// Returns the figures of a remote track.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnknownId`] when there is no such remote track.
    pub fn track_stats(&self, track: TrackId) -> Result<TrackStats> {
        self.0.track_stats(track)
    }

    /// Ends the session: it leaves in the background, and no callback is called after this returns, except the
    /// one it is called from. Every later call answers [`super::Status::Closed`].
    pub fn close(&self) {
        self.0.close();
    }
}
