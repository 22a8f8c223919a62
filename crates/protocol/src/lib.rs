//! The wire messages of Parlor's signalling protocol and their limits.
//!
//! One JSON object travels per WebSocket text frame: [`ClientFrame`] towards the server, [`ServerFrame`] back.
//! Both are parsed strictly where a mistake would desynchronise the two ends and leniently elsewhere: fields
//! that this version does not know are ignored, so either side may add optional ones. What two peers say to
//! each other inside a `send` is a [`peer::PeerMessage`]; the server never looks inside.

#![forbid(unsafe_code)]

mod client;
mod close;
mod error;
mod fields;
pub mod ice;
pub mod limits;
pub mod names;
pub mod peer;
mod server;
pub mod url;

pub use client::ClientFrame;
pub use close::{CloseCode, Reconnect};
pub use error::{ErrorCode, FrameError};
pub use server::{Member, ServerFrame, Welcome};

/// A JSON object, as metadata and welcome extensions carry it.
pub type Map = serde_json::Map<String, serde_json::Value>;
