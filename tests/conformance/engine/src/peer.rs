//! The session and what the tests do with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parlor::api::{
    AudioSource, ChannelId, ChannelOptions, Credential, Engine, EngineConfig, Error, Listener, MediaStream,
    PeerId, RequestId, Result, Secret, Session, SessionConfig, Status, StreamId, VideoSource,
};
use serde_json::{Value, json};

use crate::command::{Call, Kind, Options};
use crate::recorder::Recorder;
use crate::unknown;

/// A picture that a busy machine can carry several times.
const PICTURE: (u32, u32, u32) = (320, 180, 15);
/// The tone's frequency in hertz.
const TONE: f32 = 440.0;

/// The session of this process.
#[derive(Default)]
pub struct Peer {
    session: Option<Session>,
    recorder: Arc<Recorder>,
    streams: BTreeMap<String, StreamId>,
}

impl Peer {
    /// Carries out a command and returns what it answers.
    pub fn answer(&mut self, call: Call) -> Result<Value> {
        match call {
            Call::Create(options) => self.create(*options),
            Call::ProvideToken { request, token } => {
                self.session()?.provide_token(RequestId::new(request), token.as_deref())?;
                Ok(Value::Null)
            }
            Call::Join { channel } => Ok(json!(self.session()?.join(&channel)?.get())),
            Call::Leave => Ok(json!(self.session()?.leave()?.get())),
            Call::Close => {
                self.session()?.close();
                Ok(Value::Null)
            }
            Call::AddStream { stream, tracks, metadata } => {
                let metadata = metadata.map(|metadata| Value::Object(metadata).to_string());
                self.add_stream(stream, &tracks, metadata.as_deref())
            }
            Call::RemoveStream { stream } => {
                let id = *self.streams.get(&stream).ok_or_else(|| unknown("such stream"))?;
                self.session()?.remove_stream(id)?;
                self.streams.remove(&stream);
                Ok(Value::Null)
            }
            Call::Send { data, to } => {
                let to = to.map(|id| self.peer(&id)).transpose()?;
                Ok(json!(self.session()?.send(to, &data.to_string())?.get()))
            }
            Call::OpenChannel { to, label, ordered, max_retransmits } => {
                let options = ChannelOptions {
                    ordered: ordered.unwrap_or(true),
                    max_retransmits,
                    max_lifetime_ms: None,
                };
                let channel = self.session()?.open_channel(self.peer(&to)?, &label, options)?;
                self.recorder.note_channel(channel, &label);
                Ok(json!(channel.get()))
            }
            Call::SendOnChannel { channel, text, bytes } => {
                let channel = ChannelId::new(channel);
                match (text, bytes.map(hex::decode)) {
                    (Some(text), None) => self.session()?.send_channel(channel, text.as_bytes(), false)?,
                    (None, Some(Ok(bytes))) => self.session()?.send_channel(channel, &bytes, true)?,
                    _ => return Err(Error::new(Status::InvalidArgument, "neither a text nor bytes")),
                }
                Ok(Value::Null)
            }
            Call::FillChannel { channel, messages, bytes } => {
                self.fill(ChannelId::new(channel), messages, bytes)
            }
            Call::CloseChannel { channel } => {
                self.session()?.close_channel(ChannelId::new(channel))?;
                Ok(Value::Null)
            }
            Call::State => self.state(),
            Call::Received { peer } => Ok(self.recorder.received(&peer).take()),
            Call::PeerStats { peer } => self.peer_stats(&peer),
            Call::TrackStats => self.track_stats(),
        }
    }

    /// Ends the session; the process may end.
    pub fn end(&mut self) {
        if let Some(session) = self.session.take() {
            session.close();
        }
    }

    fn session(&self) -> Result<&Session> {
        self.session.as_ref().ok_or_else(|| unknown("session yet"))
    }

    /// Finds a peer that is in the channel by its id on the wire.
    fn peer(&self, id: &str) -> Result<PeerId> {
        let found = self.session()?.peers().into_iter().find(|info| info.id == id);
        found.map(|info| info.peer).ok_or_else(|| unknown("such peer"))
    }

    fn create(&mut self, options: Options) -> Result<Value> {
        let credential = match (options.key, options.token) {
            (Some(key), _) => Credential::ApiKey(Secret::new(key)),
            (None, Some(token)) => Credential::Token(Secret::new(token)),
            (None, None) => Credential::TokenOnDemand,
        };
        let mut config = SessionConfig::new(options.url, credential);
        config.include_sender_metadata = options.include_sender_metadata;
        config.engine =
            Some(Engine::new(EngineConfig { bind_addresses: options.addresses, ..EngineConfig::default() })?);
        let session = Session::create(config, Arc::clone(&self.recorder) as Arc<dyn Listener>)?;
        self.recorder.set_session(session.clone());
        self.session = Some(session);
        Ok(Value::Null)
    }

    fn add_stream(&mut self, name: String, tracks: &[Kind], metadata: Option<&str>) -> Result<Value> {
        let stream = MediaStream::new();
        for kind in tracks {
            match kind {
                Kind::Audio => stream.add_audio(&AudioSource::tone(TONE)?)?,
                Kind::Video => {
                    let (width, height, rate) = PICTURE;
                    stream.add_video(&VideoSource::test_pattern(width, height, rate)?)?
                }
            };
        }
        self.session()?.add_stream(&stream, metadata)?;
        self.streams.insert(name, stream.id());
        Ok(Value::Null)
    }

    fn fill(&self, channel: ChannelId, messages: u32, bytes: usize) -> Result<Value> {
        let text = "x".repeat(bytes);
        for taken in 0..messages {
            match self.session()?.send_channel(channel, text.as_bytes(), false) {
                Err(error) if error.status() == Status::Busy => return Ok(json!(taken)),
                outcome => outcome?,
            }
        }
        Ok(json!(messages))
    }

    fn state(&self) -> Result<Value> {
        let session = self.session()?;
        let remotes: Vec<_> = session
            .peers()
            .into_iter()
            .map(|info| json!({ "id": info.id, "state": info.state.as_str(), "object": info.peer.get() }))
            .collect();
        Ok(json!({ "state": session.state().as_str(), "id": session.peer_id(), "remotes": remotes }))
    }

    fn peer_stats(&self, id: &str) -> Result<Value> {
        let stats = self.session()?.peer_stats(self.peer(id)?)?;
        Ok(json!({
            "roundTripMs": stats.round_trip.map(|time| time.as_secs_f64() * 1000.0),
            "bytesSent": stats.bytes_sent,
            "bytesReceived": stats.bytes_received,
            "packetsReceived": stats.packets_received,
            "packetsLost": stats.packets_lost,
        }))
    }

    fn track_stats(&self) -> Result<Value> {
        let session = self.session()?;
        let mut all = Vec::new();
        for (track, peer) in self.recorder.tracks() {
            let stats = session.track_stats(track)?;
            all.push(json!({
                "peer": peer,
                "track": track.get(),
                "kind": stats.kind.map(|kind| kind.as_str()),
                "codec": stats.codec.map(|codec| codec.name()),
                "framesDecoded": stats.frames_decoded,
                "freezes": stats.freezes,
                "packetsReceived": stats.packets_received,
                "packetsLost": stats.packets_lost,
                "levelDbfs": stats.level_dbfs,
            }));
        }
        Ok(json!(all))
    }
}
