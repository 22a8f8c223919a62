//! One link to a remote peer, sans-IO: commands in, events out, packets in and out.
//!
//! A [`Link`] negotiates by offers and answers, finds a path (ICE, RFC 8445), encrypts (DTLS, SRTP) and carries
//! tracks and data channels. It owns no socket and no clock: whoever owns it hands in datagrams and the time,
//! sends what [`Link::poll_transmit`] returns and acts on what [`Link::poll_event`] says. This crate is the
//! only one that knows the WebRTC stack below; none of its types shows through.

#![forbid(unsafe_code)]

mod association;
mod candidates;
mod channels;
mod checks;
mod codecs;
mod config;
mod description;
mod error;
mod event;
mod feedback;
mod handshake;
mod link;
mod liveness;
mod loss;
mod negotiation;
mod progress;
mod stack;
mod stats;
mod tracks;
mod translation;

pub use candidates::{
    CandidateKind, LocalCandidate, MAX_CANDIDATE_LENGTH, MAX_LOCAL_CANDIDATES, MAX_REMOTE_CANDIDATES,
};
pub use channels::MAX_BUFFERED;
pub use config::{Certificate, LinkConfig};
pub use error::LinkError;
pub use event::{IceCandidate, LinkEvent, LinkState, ResolveToken, RtpPacket};
pub use link::{Link, Transmit};
pub use stack::MAX_MESSAGE;
pub use stats::{LinkStats, ReceiverStats, SenderStats};
pub use tracks::{LocalTrack, RtpPayload};
