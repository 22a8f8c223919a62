//! The server over real sockets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod binary;
mod bus;
mod deployment;
mod entrance;
mod files;
mod hostile;
mod keys;
mod limits;
mod packaging;
mod postgres;
mod process;
mod rest;
mod restart;
mod resume;
mod signalling;
mod support;
mod tls;
mod webhooks;
mod write_ahead;
