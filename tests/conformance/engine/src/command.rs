//! What the tests may ask for.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A command and the number that its answer carries.
#[derive(Deserialize)]
pub struct Command {
    pub id: u64,
    #[serde(flatten)]
    pub call: Call,
}

/// What to do. Peers are named by their ids on the wire, streams by names that the test gives.
#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
pub enum Call {
    /// Makes the session; the first command.
    Create(Box<Options>),
    /// Answers `token-needed`; no token means that there is none.
    ProvideToken { request: u64, token: Option<String> },
    /// Starts joining and returns the request.
    Join { channel: String },
    /// Starts leaving and returns the request.
    Leave,
    /// Ends the session for good.
    Close,
    /// Adds a stream of a test pattern, a tone, or both.
    AddStream { stream: String, tracks: Vec<Kind>, metadata: Option<Map<String, Value>> },
    /// Takes a stream back.
    RemoveStream { stream: String },
    /// Sends to one peer, or to all, and returns the request.
    Send { data: Value, to: Option<String> },
    /// Opens a data channel and returns its number.
    OpenChannel { to: String, label: String, ordered: Option<bool>, max_retransmits: Option<u16> },
    /// Sends a text, or bytes in hexadecimal, on the channel of this number.
    SendOnChannel { channel: u64, text: Option<String>, bytes: Option<String> },
    /// Sends this many texts of this many bytes, or as many as the channel takes, and returns how many it took.
    FillChannel { channel: u64, messages: u32, bytes: usize },
    /// Closes a data channel.
    CloseChannel { channel: u64 },
    /// Returns the session's state, its id on the wire, and the remote peers.
    State,
    /// Returns what was received from a peer since the first time that it came.
    Received { peer: String },
    /// Returns the figures of the connection to a peer.
    PeerStats { peer: String },
    /// Returns the figures of each remote track.
    TrackStats,
}

/// Options of the session. Without key and token the session asks for tokens.
#[derive(Deserialize)]
pub struct Options {
    pub url: String,
    pub key: Option<String>,
    pub token: Option<String>,
    /// Local addresses for media; all when there are none.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    #[serde(default)]
    pub include_sender_metadata: bool,
}

/// The kind of a track.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Audio,
    Video,
}
