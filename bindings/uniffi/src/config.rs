//! What an app may choose.

use std::net::IpAddr;
use std::sync::Arc;

use engine::api::{self, Secret, Status};

use crate::engine_handle::Engine;
use crate::error::{ParlorError, Result, failed};

/// How a session proves to the server who it is.
#[derive(Clone, uniffi::Enum)]
pub enum Credential {
    /// A publishable key, such as `pk_live_...`.
    ApiKey {
        /// The key.
        key: String,
    },
    /// A token that the app's backend made.
    Token {
        /// The token.
        token: String,
    },
    /// Each connection raises `token-needed`, answered by `provide_token`.
    TokenOnDemand,
}

/// A STUN or TURN server.
#[derive(Clone, uniffi::Record)]
pub struct IceServer {
    /// URLs such as `stun:stun.example.org:3478`.
    pub urls: Vec<String>,
    /// The TURN user name.
    #[uniffi(default = None)]
    pub username: Option<String>,
    /// The TURN password.
    #[uniffi(default = None)]
    pub credential: Option<String>,
}

/// A codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Codec {
    /// Opus at 48 kHz.
    Opus,
    /// VP8.
    Vp8,
    /// H.264 constrained baseline.
    H264,
}

/// Options of a session.
#[derive(Clone, uniffi::Record)]
pub struct SessionConfig {
    /// The server's origin, such as `wss://call.example.org`; `ws://` only for this machine.
    pub url: String,
    /// How to prove who this is.
    pub credential: Credential,
    /// ICE servers beside those that the server names.
    #[uniffi(default = [])]
    pub ice_servers: Vec<IceServer>,
    /// Video codecs to offer, best first; none means VP8, then H.264.
    #[uniffi(default = [])]
    pub video_codecs: Vec<Codec>,
    /// Whether channel messages carry their sender's metadata.
    #[uniffi(default = false)]
    pub include_sender_metadata: bool,
    /// PEM certificates that are trusted beside the platform's.
    #[uniffi(default = None)]
    pub extra_roots_pem: Option<String>,
    /// The engine to run on; none means the process's default engine.
    #[uniffi(default = None)]
    pub engine: Option<Arc<Engine>>,
}

/// Options of an engine.
#[derive(Clone, uniffi::Record)]
pub struct EngineConfig {
    /// Local addresses to use for media, such as `192.0.2.7`; none means every usable interface.
    #[uniffi(default = [])]
    pub bind_addresses: Vec<String>,
    /// Whether loopback addresses are offered to peers beside the others. Without any other interface they are used
    /// in any case.
    #[uniffi(default = false)]
    pub include_loopback: bool,
}

/// How a data channel delivers (RFC 8832). At most one of the two limits is set; without one nothing is lost.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct DataChannelOptions {
    /// Whether messages come in the order in which they were sent.
    #[uniffi(default = true)]
    pub ordered: bool,
    /// How often a message is sent again before it is given up.
    #[uniffi(default = None)]
    pub max_retransmits: Option<u16>,
    /// How long a message is sent again before it is given up, in milliseconds.
    #[uniffi(default = None)]
    pub max_lifetime_ms: Option<u16>,
}

impl TryFrom<SessionConfig> for api::SessionConfig {
    type Error = ParlorError;

    fn try_from(config: SessionConfig) -> Result<Self> {
        let credential = match config.credential {
            Credential::ApiKey { key } => api::Credential::ApiKey(Secret::new(key)),
            Credential::Token { token } => api::Credential::Token(Secret::new(token)),
            Credential::TokenOnDemand => api::Credential::TokenOnDemand,
        };
        Ok(Self {
            url: config.url,
            credential,
            ice_servers: config.ice_servers.into_iter().map(Into::into).collect(),
            video_codecs: config.video_codecs.into_iter().map(Into::into).collect(),
            include_sender_metadata: config.include_sender_metadata,
            extra_roots_pem: config.extra_roots_pem,
            engine: config.engine.map(|engine| engine.0.clone()),
        })
    }
}

impl From<IceServer> for api::IceServer {
    fn from(server: IceServer) -> Self {
        Self { urls: server.urls, username: server.username, credential: server.credential.map(Secret::new) }
    }
}

impl TryFrom<EngineConfig> for api::EngineConfig {
    type Error = ParlorError;

    fn try_from(config: EngineConfig) -> Result<Self> {
        let address = |text: &String| -> Result<IpAddr> {
            text.parse().map_err(|_| failed(Status::InvalidArgument, "a bind address is no IP address"))
        };
        let bind_addresses = config.bind_addresses.iter().map(address).collect::<Result<_>>()?;
        Ok(Self { bind_addresses, include_loopback: config.include_loopback })
    }
}

impl From<DataChannelOptions> for api::ChannelOptions {
    fn from(options: DataChannelOptions) -> Self {
        Self {
            ordered: options.ordered,
            max_retransmits: options.max_retransmits,
            max_lifetime_ms: options.max_lifetime_ms,
        }
    }
}

impl From<Codec> for api::Codec {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::Opus => Self::Opus,
            Codec::Vp8 => Self::Vp8,
            Codec::H264 => Self::H264,
        }
    }
}

impl From<api::Codec> for Codec {
    fn from(codec: api::Codec) -> Self {
        match codec {
            api::Codec::Opus => Self::Opus,
            api::Codec::Vp8 => Self::Vp8,
            api::Codec::H264 => Self::H264,
        }
    }
}
