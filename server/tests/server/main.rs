//! The server over real sockets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod binary;
mod entrance;
mod files;
mod limits;
mod packaging;
mod process;
mod resume;
mod signalling;
mod support;
mod tls;
