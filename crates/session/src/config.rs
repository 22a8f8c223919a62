//! What a session is made with.

use std::time::Duration;

use protocol::ice::IceServer;
use units::Secret;

/// What the session proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A publishable key.
    Key(Secret),
    /// One token for the session's whole life. When the server says that it expired, the session ends.
    Token(Secret),
    /// A token asked for by [`Event::TokenNeeded`](crate::Event::TokenNeeded) before every connect.
    Provider,
}

/// How the session comes back after a lost connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconnectPolicy {
    /// Whether it comes back at all.
    pub enabled: bool,
    /// The delay before the first attempt; it doubles with each further one.
    pub initial_delay: Duration,
    /// The longest delay, before the spread of ±20 %.
    pub max_delay: Duration,
    /// How many attempts in a row may fail before the session gives up; `None` for no limit.
    pub max_attempts: Option<u32>,
}

impl Default for ReconnectPolicy {
    /// Returns the published SDKs' policy: 500 ms doubling up to 30 s, 100 attempts (about 50 minutes).
    fn default() -> Self {
        Self {
            enabled: true,
            initial_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_attempts: Some(100),
        }
    }
}

/// What a session is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What the session proves itself with.
    pub credential: Credential,
    /// Seeds the spread of the reconnect delays, the session's only randomness.
    pub seed: u64,
    /// How the session comes back after a lost connection.
    pub reconnect: ReconnectPolicy,
    /// Whether broadcasts shall carry their sender's metadata.
    pub include_sender_metadata: bool,
    /// Servers that links use in addition to those of the server's welcome.
    pub extra_ice_servers: Vec<IceServer>,
    /// Capabilities that this engine announces to other Parlor engines, beside the session's own.
    pub caps: Vec<String>,
}

impl Config {
    /// Makes a config with the published SDKs' defaults.
    pub fn new(credential: Credential, seed: u64) -> Self {
        Self {
            credential,
            seed,
            reconnect: ReconnectPolicy::default(),
            include_sender_metadata: false,
            extra_ice_servers: Vec::new(),
            caps: Vec::new(),
        }
    }
}
