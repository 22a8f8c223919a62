//! Parlor: an embeddable call engine.
//!
//! An app names a channel, adds its streams, joins, and is in a call with everyone else in that channel.
//! [`api`] is the surface; the other rooms are described in `ARCHITECTURE.md`.

pub mod api;
pub mod codec;
pub mod device;
pub mod net;
mod shell;
pub mod signal;
