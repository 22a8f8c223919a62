//! The server over real sockets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod entrance;
mod files;
mod limits;
mod process;
mod signalling;
mod support;
mod tls;
