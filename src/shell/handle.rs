//! The app's end of a session: checks arguments, queues commands, shows what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use protocol::{names, url};
use serde_json::{Map, Value};
use session::{LocalStream, LocalTrack};
use units::{ChannelId, ChannelOptions, Codec, MediaKind, PeerId, RequestId, Secret, StreamId, TrackId};

use super::channels::{Message, Outbox};
use super::dispatch::Dispatcher;
use super::engine::EngineCore;
use super::live::{Kind, Live};
use super::network::{Command, SessionKey};
use super::next_id;
use super::receive::RemoteTrack;
use super::runner::Setup;
use super::source::TrackSource;
use crate::shell::{
    AudioSink, Credential, Error, Listener, PeerInfo, PeerStats, Result, SessionConfig, SessionState, Status,
    TrackStats, VideoSink,
};
use crate::signal::{SignalClient, SignalConfig};

/// What the network thread tells and the app's handle shows.
#[derive(Default)]
pub(crate) struct Shared(Mutex<View>);

/// A session as the network thread saw it last.
pub(crate) struct View {
    pub(crate) state: SessionState,
    /// The join that is on its way to the network thread, whose answer `state` does not show yet.
    pub(crate) joining: Option<RequestId>,
    pub(crate) peer_id: Option<String>,
    pub(crate) peers: BTreeMap<PeerId, (PeerInfo, PeerStats)>,
    pub(crate) tracks: BTreeMap<TrackId, RemoteTrack>,
    pub(crate) channels: BTreeMap<ChannelId, Arc<Outbox>>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            state: SessionState::Idle,
            joining: None,
            peer_id: None,
            peers: BTreeMap::new(),
            tracks: BTreeMap::new(),
            channels: BTreeMap::new(),
        }
    }
}

impl Shared {
    /// Locks the view; nothing is called while it is held.
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The app's end of a session.
pub(crate) struct SessionHandle {
    key: SessionKey,
    engine: Arc<EngineCore>,
    shared: Arc<Shared>,
    dispatcher: Dispatcher,
    streams: Mutex<BTreeSet<StreamId>>,
    closed: AtomicBool,
    _counted: Live,
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl SessionHandle {
    /// Makes a session and hands it to its engine's network thread.
    pub(crate) fn create(config: SessionConfig, listener: Arc<dyn Listener>) -> Result<Arc<Self>> {
        check_url(&config)?;
        let video_codecs = video_codecs(&config.video_codecs)?;
        let ice_servers = ice_servers(&config)?;
        let client = SignalClient::new(&SignalConfig {
            extra_roots: config.extra_roots_pem.into_iter().collect(),
            ..SignalConfig::default()
        })
        .map_err(|error| Error::new(Status::InvalidArgument, error.to_string()))?;
        let engine = match config.engine {
            Some(engine) => engine.0,
            None => EngineCore::shared()?,
        };
        let key = SessionKey(next_id());
        let queue = Arc::clone(engine.queue());
        let caught_up = Box::new(move || queue.report(Command::CaughtUp(key)));
        let dispatcher = Dispatcher::start(listener, caught_up)?;
        let shared = Arc::<Shared>::default();
        let setup = Setup {
            url: config.url,
            credential: match config.credential {
                Credential::ApiKey(key) => session::Credential::Key(key),
                Credential::Token(token) => session::Credential::Token(token),
                Credential::TokenOnDemand => session::Credential::Provider,
            },
            ice_servers,
            video_codecs,
            include_sender_metadata: config.include_sender_metadata,
            client,
            shared: Arc::clone(&shared),
            events: dispatcher.queue(),
        };
        engine.queue().push(Command::Open(key, Box::new(setup)))?;
        Ok(Arc::new(Self {
            key,
            engine,
            shared,
            dispatcher,
            streams: Mutex::default(),
            closed: AtomicBool::new(false),
            _counted: Live::new(Kind::Session),
        }))
    }

    /// Starts joining.
    pub(crate) fn join(&self, channel: &str) -> Result<RequestId> {
        names::validate_channel(channel)
            .map_err(|error| Error::new(Status::InvalidArgument, error.to_string()))?;
        self.open()?;
        let request = RequestId::new(next_id());
        {
            let mut view = self.shared.view();
            if view.state != SessionState::Idle || view.joining.is_some() {
                return Err(Error::new(Status::InvalidState, "the session is in a channel, or on its way"));
            }
            view.joining = Some(request);
        }
        let queued = self.command(session::Command::Join { request, channel: channel.to_owned() });
        if queued.is_err() {
            self.shared.view().joining = None;
        }
        queued.map(|()| request)
    }

    /// Starts leaving.
    pub(crate) fn leave(&self) -> Result<RequestId> {
        let request = RequestId::new(next_id());
        self.command(session::Command::Leave { request })?;
        Ok(request)
    }

    /// Registers a stream.
    pub(crate) fn add_stream(
        &self,
        stream: StreamId,
        tracks: Vec<(TrackId, TrackSource)>,
        metadata: Option<&str>,
    ) -> Result<()> {
        let metadata = metadata.map(json_object).transpose()?;
        if tracks.is_empty() {
            return Err(Error::new(Status::InvalidArgument, "the stream has no track"));
        }
        let mut streams = self.streams();
        if streams.contains(&stream) {
            return Err(Error::new(Status::InvalidArgument, "the session has this stream already"));
        }
        let local = LocalStream {
            id: stream,
            msid: wire_id(),
            metadata,
            tracks: tracks
                .iter()
                .map(|(id, source)| LocalTrack { id: *id, msid_track: wire_id(), kind: source.kind() })
                .collect(),
        };
        self.push(Command::AddStream(self.key, local, tracks))?;
        streams.insert(stream);
        Ok(())
    }

    /// Takes a stream back.
    pub(crate) fn remove_stream(&self, stream: StreamId) -> Result<()> {
        self.open()?;
        let mut streams = self.streams();
        if !streams.contains(&stream) {
            return Err(Error::new(Status::UnknownId, "the session does not have this stream"));
        }
        self.command(session::Command::RemoveStream { stream })?;
        streams.remove(&stream);
        Ok(())
    }

    /// Sends a JSON text.
    pub(crate) fn send(&self, peer: Option<PeerId>, data: &str) -> Result<RequestId> {
        self.open()?;
        let data = serde_json::from_str(data).map_err(|error| {
            Error::new(Status::InvalidArgument, format!("the message is no JSON: {error}"))
        })?;
        if let Some(peer) = peer
            && !self.shared.view().peers.contains_key(&peer)
        {
            return Err(unknown_peer());
        }
        let request = RequestId::new(next_id());
        self.command(session::Command::Send { request, to: peer, data })?;
        Ok(request)
    }

    /// Opens a data channel.
    pub(crate) fn open_channel(
        &self,
        peer: PeerId,
        label: &str,
        options: ChannelOptions,
    ) -> Result<ChannelId> {
        let wrong = |message: &str| Err(Error::new(Status::InvalidArgument, message));
        if label.len() > ChannelOptions::MAX_LABEL {
            return wrong("the label is longer than 65,535 bytes");
        }
        if options.max_retransmits.is_some() && options.max_lifetime_ms.is_some() {
            return wrong("a channel has either a number of retransmissions or a lifetime");
        }
        self.open()?;
        let channel = ChannelId::new(next_id());
        let outbox = Outbox::new();
        {
            let mut view = self.shared.view();
            if !view.peers.contains_key(&peer) {
                return Err(unknown_peer());
            }
            view.channels.insert(channel, Arc::clone(&outbox));
        }
        let command = Command::OpenChannel(self.key, peer, channel, label.to_owned(), options, outbox);
        self.push(command).inspect_err(|_| drop(self.shared.view().channels.remove(&channel)))?;
        Ok(channel)
    }

    /// Sends a message on a data channel.
    pub(crate) fn send_channel(&self, channel: ChannelId, data: &[u8], binary: bool) -> Result<()> {
        if !binary && std::str::from_utf8(data).is_err() {
            return Err(Error::new(Status::InvalidUtf8, "the text is not UTF-8"));
        }
        let outbox = self.outbox(channel)?;
        let message = Message { binary, data: Bytes::copy_from_slice(data) };
        outbox.post(message, || self.push(Command::FlushChannel(self.key, channel)))
    }

    /// Closes a data channel.
    pub(crate) fn close_channel(&self, channel: ChannelId) -> Result<()> {
        self.outbox(channel)?;
        self.command(session::Command::CloseChannel { channel })
    }

    /// Returns how many bytes wait in a data channel.
    pub(crate) fn channel_buffered_amount(&self, channel: ChannelId) -> Result<usize> {
        Ok(self.outbox(channel)?.bytes())
    }

    fn outbox(&self, channel: ChannelId) -> Result<Arc<Outbox>> {
        self.open()?;
        let found = self.shared.view().channels.get(&channel).cloned();
        found.ok_or_else(|| Error::new(Status::UnknownId, "there is no such data channel"))
    }

    /// Hears that the network changed.
    pub(crate) fn network_changed(&self) -> Result<()> {
        self.open()?;
        self.push(Command::NetworkChanged(self.key))
    }

    /// Answers a request for a token.
    pub(crate) fn provide_token(&self, request: RequestId, token: Option<&str>) -> Result<()> {
        let token = token.map(Secret::new).ok_or_else(|| "the app has no token".to_owned());
        self.command(session::Command::ProvideToken { request, token })
    }

    /// Sets where a remote video track goes.
    pub(crate) fn set_video_sink(&self, track: TrackId, sink: Option<Arc<dyn VideoSink>>) -> Result<()> {
        match self.track(track)? {
            RemoteTrack::Video(video) => {
                video.set_sink(sink);
                Ok(())
            }
            RemoteTrack::Audio(_) => Err(Error::new(Status::UnknownId, "this is an audio track")),
        }
    }

    /// Sets where a remote audio track goes.
    pub(crate) fn set_audio_sink(&self, track: TrackId, sink: Option<Arc<dyn AudioSink>>) -> Result<()> {
        match self.track(track)? {
            RemoteTrack::Audio(audio) => {
                audio.set_sink(sink);
                Ok(())
            }
            RemoteTrack::Video(_) => Err(Error::new(Status::UnknownId, "this is a video track")),
        }
    }

    /// Returns the state.
    pub(crate) fn state(&self) -> SessionState {
        if self.closed.load(Ordering::Acquire) { SessionState::Closed } else { self.shared.view().state }
    }

    /// Returns the peer id that the server gave.
    pub(crate) fn peer_id(&self) -> Option<String> {
        self.shared.view().peer_id.clone()
    }

    /// Returns the remote peers.
    pub(crate) fn peers(&self) -> Vec<PeerInfo> {
        self.shared.view().peers.values().map(|(info, _)| info.clone()).collect()
    }

    /// Returns the figures of the connection to a peer.
    pub(crate) fn peer_stats(&self, peer: PeerId) -> Result<PeerStats> {
        self.open()?;
        self.shared.view().peers.get(&peer).map(|(_, stats)| *stats).ok_or_else(unknown_peer)
    }

    /// Returns what a remote track carries.
    pub(crate) fn track_kind(&self, track: TrackId) -> Result<MediaKind> {
        Ok(match self.track(track)? {
            RemoteTrack::Video(_) => MediaKind::Video,
            RemoteTrack::Audio(_) => MediaKind::Audio,
        })
    }

    /// Returns the figures of a remote track.
    pub(crate) fn track_stats(&self, track: TrackId) -> Result<TrackStats> {
        Ok(self.track(track)?.stats())
    }

    /// Ends the session.
    pub(crate) fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        // The dispatcher first: what the session's end would tell is told to nobody.
        self.dispatcher.close();
        self.engine.queue().report(Command::Close(self.key));
        let tracks = std::mem::take(&mut self.shared.view().tracks);
        tracks.values().for_each(RemoteTrack::close);
    }

    fn track(&self, track: TrackId) -> Result<RemoteTrack> {
        self.open()?;
        let found = self.shared.view().tracks.get(&track).cloned();
        found.ok_or_else(|| Error::new(Status::UnknownId, "there is no such remote track"))
    }

    fn command(&self, command: session::Command) -> Result<()> {
        self.push(Command::Session(self.key, command))
    }

    fn push(&self, command: Command) -> Result<()> {
        self.open()?;
        self.engine.queue().push(command)
    }

    fn open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(Status::Closed, "the session was closed"));
        }
        Ok(())
    }

    fn streams(&self) -> MutexGuard<'_, BTreeSet<StreamId>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SessionHandle {
    fn drop(&mut self) {
        self.close();
    }
}

fn unknown_peer() -> Error {
    Error::new(Status::UnknownId, "there is no such peer in the channel")
}

fn check_url(config: &SessionConfig) -> Result<()> {
    // A token that comes later is stood in for: what can be wrong now is the origin.
    let later = Secret::new("later");
    let credential = match &config.credential {
        Credential::ApiKey(key) => url::Credential::Key(key),
        Credential::Token(token) => url::Credential::Token(token),
        Credential::TokenOnDemand => url::Credential::Token(&later),
    };
    url::build_connect_url(&config.url, credential, None)
        .map(drop)
        .map_err(|error| Error::new(Status::InvalidArgument, error.to_string()))
}

fn json_object(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(Status::InvalidArgument, format!("the metadata is no JSON object: {error}"))
    })
}

fn video_codecs(wanted: &[Codec]) -> Result<Vec<Codec>> {
    let available = crate::codec::video_codecs();
    if wanted.is_empty() {
        return Ok(available);
    }
    for codec in wanted {
        if codec.kind() != MediaKind::Video || !available.contains(codec) {
            let message = format!("{} is no video codec of this build", codec.name());
            return Err(Error::new(Status::UnsupportedCodec, message));
        }
    }
    Ok(wanted.to_vec())
}

fn ice_servers(config: &SessionConfig) -> Result<Vec<protocol::ice::IceServer>> {
    let servers: Vec<_> = config
        .ice_servers
        .iter()
        .map(|server| protocol::ice::IceServer {
            urls: server.urls.clone(),
            username: server.username.clone(),
            credential: server.credential.clone(),
        })
        .collect();
    if servers.len() > protocol::ice::MAX_SERVERS
        || servers.iter().any(|server| protocol::ice::IceServer::from_value(&server.to_value()).is_none())
    {
        let message = "ICE servers need stun:, stuns:, turn: or turns: URLs, and 16 are the most";
        return Err(Error::new(Status::InvalidArgument, message));
    }
    Ok(servers)
}

/// Makes a random id for a stream or track on the wire.
fn wire_id() -> String {
    super::random_id()
}
