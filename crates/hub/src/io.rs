//! What goes into a hub and what comes out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use protocol::{ClientFrame, CloseCode, FrameError, Map, Welcome};
use serde_json::Value;
use units::Time;

use crate::{BusMessage, Grants, Resume};

/// A tenant. Channels and peers of different apps never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(u64);

impl AppId {
    /// Wraps a number that the caller keeps unique.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The public id of the key that admitted a connection. Cheap to clone.
///
/// A publishable key's id is its credential, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Wraps an id.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyId([redacted])")
    }
}

/// A socket. The server numbers its sockets and never uses a number twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Wraps a number that the caller keeps unique.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// How long before its credential expires a connection is closed, so that its client is back in time.
pub const EXPIRY_MARGIN: Duration = Duration::from_millis(250);

/// A socket whose credential was accepted.
#[derive(Debug, Clone)]
pub struct NewConnection {
    /// The socket.
    pub connection: ConnectionId,
    /// The tenant that the credential belongs to.
    pub app: AppId,
    /// The key that the credential is or was signed by.
    pub key: KeyId,
    /// What the credential allows.
    pub grants: Arc<Grants>,
    /// When the credential expires. The connection is closed with 4002 [`EXPIRY_MARGIN`] earlier.
    pub expires_at: Option<Time>,
    /// What other peers get to see about this one.
    pub peer_metadata: Option<Map>,
    /// What it goes on with, as [`Hub::resumption`](crate::Hub::resumption) has said.
    pub resume: Option<Resume>,
    /// The first frame of the connection. Its peer id is the connection's peer id.
    pub welcome: Welcome,
}

/// What happened on the sockets, and what the operator wants.
#[derive(Debug, Clone)]
pub enum Input {
    /// A socket is open and its credential was accepted.
    Connected(NewConnection),
    /// A socket brought a frame.
    Frame {
        /// The socket.
        connection: ConnectionId,
        /// The frame.
        frame: ClientFrame,
    },
    /// A socket brought something that is not a frame.
    BadFrame {
        /// The socket.
        connection: ConnectionId,
        /// What is wrong with it.
        error: FrameError,
    },
    /// A socket answered an [`Output::Ping`] (RFC 6455 §5.5.3).
    Pong {
        /// The socket.
        connection: ConnectionId,
        /// The payload of the ping that is answered.
        payload: [u8; 8],
    },
    /// A socket is gone.
    Closed {
        /// The socket.
        connection: ConnectionId,
        /// Whether the client said goodbye. If not, it may come back, and the others are told of its absence
        /// only after [`Config::linger`](crate::Config::linger).
        clean: bool,
    },
    /// Somebody without a socket sends to every member of a channel. Whether it may is for the caller to say.
    Publish {
        /// The tenant.
        app: AppId,
        /// The channel.
        channel: String,
        /// Whom the members are told it comes from.
        from: String,
        /// What those members that want it are told about the sender.
        from_metadata: Option<Map>,
        /// The payload.
        data: Value,
    },
    /// A peer is thrown out: its socket is closed with 4020 and the others are told at once.
    Kick {
        /// The tenant.
        app: AppId,
        /// The peer's id.
        peer: String,
    },
    /// A key is no longer valid: what it admitted is closed with 4001 and the others are told at once.
    Revoke {
        /// The tenant.
        app: AppId,
        /// The key.
        key: KeyId,
    },
    /// Another hub says something. Only for hubs made by [`Hub::on_bus`](crate::Hub::on_bus).
    Bus(BusMessage),
    /// The server shuts down: every client is told and every socket closed.
    ShutDown {
        /// After how many milliseconds clients should come back; more than zero.
        retry_after_ms: u64,
    },
    /// Time has passed; due timers fire. They also fire before every other input.
    TimePassed,
}

/// What the server must do with its sockets, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a text frame, flushed by itself. A frame for many sockets is the same allocation in each output.
    Send {
        /// The socket.
        connection: ConnectionId,
        /// The frame's JSON text.
        text: Arc<str>,
    },
    /// Send a WebSocket ping (RFC 6455 §5.5.2).
    Ping {
        /// The socket.
        connection: ConnectionId,
        /// The ping's payload.
        payload: [u8; 8],
    },
    /// Close a socket. The hub has forgotten it already; no [`Input::Closed`] needs to follow.
    Close {
        /// The socket.
        connection: ConnectionId,
        /// Why.
        code: CloseCode,
        /// Why, in one or two words for the developer.
        reason: &'static str,
    },
    /// Tell every other hub. Only from hubs made by [`Hub::on_bus`](crate::Hub::on_bus).
    Bus(BusMessage),
    /// Tell those who follow what happens in the channels. In order within a channel.
    Lifecycle {
        /// The tenant.
        app: AppId,
        /// What happened.
        event: Lifecycle,
    },
}

/// A change in a channel's life. A peer whose socket breaks stays a member for
/// [`Config::linger`](crate::Config::linger); coming back in that time changes nothing here.
#[derive(Debug, Clone, PartialEq)]
pub enum Lifecycle {
    /// The first peer joins; its [`Lifecycle::PeerJoined`] follows.
    ChannelOpened {
        /// The channel.
        channel: Arc<str>,
    },
    /// A peer became a member.
    PeerJoined {
        /// The channel.
        channel: Arc<str>,
        /// The peer's id.
        peer: Arc<str>,
        /// What the other members get to see about it.
        metadata: Option<Map>,
    },
    /// A peer is no member any more.
    PeerLeft {
        /// The channel.
        channel: Arc<str>,
        /// The peer's id.
        peer: Arc<str>,
    },
    /// The last member has left.
    ChannelClosed {
        /// The channel.
        channel: Arc<str>,
    },
}
