//! What a server is told at its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use hub::{Actions, Pattern};
use protocol::ice::IceServer;

/// The port that the server listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 7080;

/// The key that exists in dev mode.
pub const DEV_KEY: &str = "pk_dev";

/// What a server is told at its start. [`Default`] is what the binary does without any flags or file: the
/// default address and no keys.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The directory of the demo page. `None` serves a page that says how to build it.
    pub web_dir: Option<PathBuf>,
    /// The publishable keys.
    pub keys: Vec<Key>,
    /// What every client is told to use for ICE; at most [`protocol::ice::MAX_SERVERS`].
    pub ice_servers: Vec<IceServer>,
    /// Most sockets at once; one more is closed with 4010.
    pub max_connections: usize,
    /// How often sockets are probed.
    pub timing: Timing,
    /// The knobs of channels and presence.
    pub hub: hub::Config,
}

/// A publishable key: its id is the credential.
#[derive(Debug, Clone)]
pub struct Key {
    /// The id, `pk_…`.
    pub id: String,
    /// The channels that it opens.
    pub channels: Vec<Pattern>,
    /// What it allows.
    pub actions: Actions,
    /// The web origins that it works from, such as `https://app.example`; empty for everywhere. A key with
    /// origins works in browsers only, for other clients send none.
    pub origins: Vec<String>,
}

/// How often sockets are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// After how long without a word from a client it is pinged (RFC 6455 §5.5.2).
    pub ping_after: Duration,
    /// How long it then has to say something before it is given up.
    pub ping_grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { ping_after: Duration::from_secs(30), ping_grace: Duration::from_secs(10) }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, DEFAULT_PORT).into(),
            web_dir: None,
            keys: Vec::new(),
            ice_servers: Vec::new(),
            max_connections: 10_000,
            timing: Timing::default(),
            hub: hub::Config::default(),
        }
    }
}

impl Config {
    /// Makes the configuration of a server for development and tests inside a process: loopback, a free port,
    /// the key `pk_dev`.
    pub fn dev_on_free_port() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            keys: vec![Key::open_to_all(DEV_KEY)],
            ..Self::default()
        }
    }
}

impl Key {
    /// Makes a key that opens every channel to everyone for everything.
    pub fn open_to_all(id: impl Into<String>) -> Self {
        let everything = Pattern::parse("**").expect("a valid pattern");
        Self { id: id.into(), channels: vec![everything], actions: Actions::all(), origins: Vec::new() }
    }
}

/// Why a configuration cannot be used. The text is one sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);
