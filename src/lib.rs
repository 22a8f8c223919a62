//! Parlor: an embeddable call engine.
//!
//! An app names a channel, adds its streams, joins, and is in a call with everyone else in that channel.
//! [`api`] is the surface; the other rooms are described in `ARCHITECTURE.md`.
//!
//! The engine logs through `tracing` with targets that begin with `parlor`: no credential at any level, and no name, id or
//! address of anybody above `debug`. Libraries do not keep to that: the WebSocket library traces whole messages, tokens and
//! TURN passwords included. A subscriber should hear other targets from `warn` up only.

pub mod api;
pub mod codec;
pub mod device;
pub mod net;
mod shell;
pub mod signal;
