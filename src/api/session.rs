//! The session: one signalling connection, one channel, one link per remote peer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use units::{BitRate, Codec, MediaKind, PeerId, RequestId, StreamId, TrackId};

use super::config::SessionConfig;
use super::error::Result;
use super::event::{Listener, PeerState, SessionState};
use super::record::Recording;
use super::sink::{AudioSink, VideoSink};
use super::stream::MediaStream;
use crate::shell;

/// A remote peer as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// The peer.
    pub peer: PeerId,
    /// Its id on the wire.
    pub id: String,
    /// What the server says of it, a JSON text.
    pub metadata: Option<String>,
    /// The state of the connection to it.
    pub state: PeerState,
}

/// Figures of the connection to a remote peer, renewed about twice a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PeerStats {
    /// Round-trip time.
    pub round_trip: Option<Duration>,
    /// Bytes sent on the link so far.
    pub bytes_sent: u64,
    /// Bytes received on the link so far.
    pub bytes_received: u64,
    /// What was sent over the last interval.
    pub send_rate: BitRate,
    /// What was received over the last interval.
    pub receive_rate: BitRate,
    /// Media packets that never came, so far.
    pub packets_lost: u64,
    /// Media packets received so far.
    pub packets_received: u64,
}

/// Figures of a received track.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrackStats {
    /// The codec, once something was received.
    pub codec: Option<Codec>,
    /// Sound or pictures.
    pub kind: Option<MediaKind>,
    /// Width of the last picture in pixels.
    pub width: u32,
    /// Height of the last picture in pixels.
    pub height: u32,
    /// Pictures decoded so far.
    pub frames_decoded: u64,
    /// Pictures that were received but not decoded or not delivered.
    pub frames_dropped: u64,
    /// Freezes by the rule of W3C webrtc-stats (`freezeCount`).
    pub freezes: u64,
    /// Keyframes asked for.
    pub keyframe_requests: u64,
    /// Sound played so far, concealment included.
    pub audio_played: Duration,
    /// Sound that concealed losses.
    pub audio_concealed: Duration,
    /// Level of the sound over the last 20 ms in dBFS; −127 for silence.
    pub level_dbfs: f32,
    /// Packets that came, so far.
    pub packets_received: u64,
    /// Packets that never came, so far.
    pub packets_lost: u64,
}

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
        self.0.add_stream(stream, metadata)
    }

    /// Takes a stream back.
    ///
    /// # Errors
    ///
    /// [`super::Status::UnknownId`] when the session does not have it; [`super::Status::Closed`].
    pub fn remove_stream(&self, stream: StreamId) -> Result<()> {
        self.0.remove_stream(stream)
    }

    /// Sends a JSON text to one peer, or to everyone in the channel; ends with `request-done`.
    ///
    /// # Errors
    ///
    /// [`super::Status::InvalidArgument`] when `data` is no JSON; [`super::Status::UnknownId`] when there is no
    /// such peer; [`super::Status::Closed`].
    pub fn send(&self, peer: Option<PeerId>, data: &str) -> Result<RequestId> {
        self.0.send(peer, data)
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
