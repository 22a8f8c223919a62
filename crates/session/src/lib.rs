//! The client's state machine: membership, negotiation, reconnection.
//!
//! A [`Session`] is one signalling connection, one channel and one link per remote peer. It is told what
//! happened ([`Input`]) and when, and says what to do ([`Output`]); it touches no socket, reads no clock and
//! is deterministic: the same inputs at the same times with the same seed give the same outputs.
//!
//! Ids that the session makes (peers, links, remote streams and tracks, token requests) start at
//! [`FIRST_SESSION_ID`]; ids that the app makes (local streams and tracks, its requests) must lie below, so
//! that both kinds are unique within the session.
//!
//! Whatever is announced is taken back exactly once and from the inside out: the tracks of a stream before the
//! stream, the streams of a peer before the peer.

#![forbid(unsafe_code)]

mod backoff;
mod candidates;
mod channels;
mod config;
mod identity;
mod ids;
mod input;
mod membership;
mod negotiation;
mod output;
mod peer;
mod recovery;
mod refresh;
mod remote_tracks;
mod requests;
mod session;
mod signalling;
mod streams;
mod wire;

pub use config::{Config, Credential, ReconnectPolicy};
pub use ids::FIRST_SESSION_ID;
pub use input::{Command, Input, LinkEvent, LinkState, LocalStream, LocalTrack, SignalEvent};
pub use output::{
    ConnectCredential, Event, LinkCommand, Output, PeerState, RequestError, Resume, SessionState,
    SignalCommand,
};
pub use peer::CAP_KEEP_LINK;
pub use session::Session;
