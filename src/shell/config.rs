//! What an app may choose.

use std::net::IpAddr;

use units::{Codec, Secret};

use super::engine::Engine;

/// How a session proves to the server who it is.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A publishable key, such as `pk_live_…`.
    ApiKey(Secret),
    /// A token that the app's backend made.
    Token(Secret),
    /// Tokens on demand: each connection raises [`Event::TokenNeeded`](crate::api::Event::TokenNeeded), answered by
    /// [`Session::provide_token`](crate::api::Session::provide_token).
    TokenOnDemand,
}

/// A STUN or TURN server.
#[derive(Debug, Clone)]
pub struct IceServer {
    /// URLs such as `stun:stun.example.org:3478`.
    pub urls: Vec<String>,
    /// The TURN user name.
    pub username: Option<String>,
    /// The TURN password.
    pub credential: Option<Secret>,
}

/// Options of a session.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The server's origin, such as `wss://call.example.org`; `ws://` only for this machine.
    pub url: String,
    /// How to prove who this is.
    pub credential: Credential,
    /// ICE servers beside those that the server names.
    pub ice_servers: Vec<IceServer>,
    /// Video codecs to offer, best first; empty means VP8 then H.264.
    pub video_codecs: Vec<Codec>,
    /// Whether channel messages carry their sender's metadata.
    pub include_sender_metadata: bool,
    /// PEM certificates that are trusted beside the platform's.
    pub extra_roots_pem: Option<String>,
    /// The engine to run on; none means the process's default engine.
    pub engine: Option<Engine>,
}

impl SessionConfig {
    /// Makes a configuration with defaults for everything but the server and the credential.
    pub fn new(url: impl Into<String>, credential: Credential) -> Self {
        Self {
            url: url.into(),
            credential,
            ice_servers: Vec::new(),
            video_codecs: Vec::new(),
            include_sender_metadata: false,
            extra_roots_pem: None,
            engine: None,
        }
    }
}

/// Options of an engine.
#[derive(Debug, Clone, Default)]
pub struct EngineConfig {
    /// Local addresses to use for media; empty means every usable interface.
    pub bind_addresses: Vec<IpAddr>,
    /// Whether loopback addresses are offered to peers beside the others. Without any other interface they
    /// are used in any case.
    pub include_loopback: bool,
}
