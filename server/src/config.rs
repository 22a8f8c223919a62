//! What a server is told at its start.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use hub::{Actions, Pattern};
use ipnet::IpNet;
use protocol::ice::IceServer;

use crate::auth::MasterKeySource;
use crate::bus::Bus;
use crate::store::DatabaseLocation;
use crate::webhooks::WebhookEndpoint;

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
    /// What TLS shows to clients. `None` speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Where to serve the metrics, without TLS and to everyone who can connect. `None` does not.
    pub metrics_listen: Option<SocketAddr>,
    /// The directory of the demo page. `None` serves a page that says how to build it.
    pub web_dir: Option<PathBuf>,
    /// The publishable keys.
    pub keys: Vec<Key>,
    /// Where more keys are. They come and go while the server runs.
    pub database: Option<DatabaseLocation>,
    /// What secret keys, resume tokens and anonymous tokens are derived from.
    pub master_key: MasterKeySource,
    /// Where to post what happens in the channels, which takes a database.
    pub webhook_url: Option<WebhookEndpoint>,
    /// What every client is told to use for ICE; at most [`protocol::ice::MAX_SERVERS`].
    pub ice_servers: Vec<IceServer>,
    /// Most sockets at once; one more is closed with 4010.
    pub max_connections: usize,
    /// What one address may take.
    pub per_address: PerAddress,
    /// The proxies whose `X-Forwarded-For` says which address a client has.
    pub trusted_proxies: Vec<IpNet>,
    /// How long things may take.
    pub timing: Timing,
    /// The knobs of channels and presence.
    pub hub: hub::Config,
    /// What joins this server's channels with those of other servers in this process. They need one master key.
    pub bus: Option<Bus>,
}

/// A publishable key: its id is the credential.
#[derive(Clone)]
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
    /// Whether its clients are told the server's ICE servers.
    pub turn: bool,
    /// Most sockets of its clients at once; one more is closed with 4010. `None` is no limit of its own.
    pub max_connections: Option<NonZeroUsize>,
}

/// Does not show the id.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id: _, channels, actions, origins, turn, max_connections } = self;
        f.debug_struct("Key")
            .field("channels", channels)
            .field("actions", actions)
            .field("origins", origins)
            .field("turn", turn)
            .field("max_connections", max_connections)
            .finish_non_exhaustive()
    }
}

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// From PEM files, which are read again when they change.
    Files {
        /// The chain, the server's own certificate first.
        certificate: PathBuf,
        /// The private key, unencrypted.
        key: PathBuf,
    },
    /// Made at the start, for this machine's own names and the listening address. Not for production.
    SelfSigned {
        /// Where the certificate is written, for clients to trust.
        certificate: PathBuf,
    },
}

/// What one address may take; an IPv6 address counts as its /64. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerAddress {
    /// Most connects a minute; one more is refused with HTTP 429.
    pub connects_per_minute: Option<NonZeroU32>,
    /// Most sockets at once; one more is closed at once.
    pub sockets: Option<NonZeroUsize>,
}

impl PerAddress {
    /// No limits, for tests and benches: all their clients have one address.
    pub const UNLIMITED: Self = Self { connects_per_minute: None, sockets: None };
}

impl Default for PerAddress {
    fn default() -> Self {
        Self { connects_per_minute: NonZeroU32::new(60), sockets: NonZeroUsize::new(1_000) }
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a client has for TLS and the head of its first request together, for the head of each further
    /// one, and for a request's body.
    pub handshake: Duration,
    /// After how long without a word from a client it is pinged (RFC 6455 §5.5.2).
    pub ping_after: Duration,
    /// How long it then has to say something before it is given up.
    pub ping_grace: Duration,
    /// How often the certificate's files are looked at.
    pub tls_poll: Duration,
    /// How long to wait before a webhook is tried again; each further time it is twice as long, up to a minute.
    pub webhook_retry: Duration,
    /// How long a server that is asked to stop says that it is not ready before it says goodbye to its clients.
    pub drain_delay: Duration,
    /// How long it then waits for their sockets to close.
    pub drain_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            ping_after: Duration::from_secs(30),
            ping_grace: Duration::from_secs(10),
            tls_poll: Duration::from_secs(10),
            webhook_retry: Duration::from_secs(1),
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(5),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, DEFAULT_PORT).into(),
            tls: None,
            metrics_listen: None,
            web_dir: None,
            keys: Vec::new(),
            database: None,
            master_key: MasterKeySource::default(),
            webhook_url: None,
            ice_servers: Vec::new(),
            max_connections: 10_000,
            per_address: PerAddress::default(),
            trusted_proxies: Vec::new(),
            timing: Timing::default(),
            hub: hub::Config::default(),
            bus: None,
        }
    }
}

impl Config {
    /// Makes the configuration of a server for development and tests inside a process: loopback, a free port,
    /// the key `pk_dev`, no limits per address.
    pub fn dev_on_free_port() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            keys: vec![Key::open_to_all(DEV_KEY)],
            per_address: PerAddress::UNLIMITED,
            ..Self::default()
        }
    }
}

impl Key {
    /// Makes a key that opens every channel to everyone for everything.
    pub fn open_to_all(id: impl Into<String>) -> Self {
        let everything = Pattern::parse("**").expect("a valid pattern");
        Self {
            id: id.into(),
            channels: vec![everything],
            actions: Actions::all(),
            origins: Vec::new(),
            turn: true,
            max_connections: None,
        }
    }
}

/// Why a configuration cannot be used. The text is one sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);
