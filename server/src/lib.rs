//! Parlor's self-hosted server: signalling and presence in one process.
//!
//! A program embeds it with [`Server::start`], or runs the `parlor-server` binary (`parlor serve` is the same
//! entry, [`cli::run`]). What is decided is decided in the `hub` crate; here are the sockets:
//!
//! ```text
//! http ── / static_files, /healthz
//!   └──── /v1 ws: one task per socket ◀── queue ── switchboard: the hub behind a mutex, its clock, its timers
//! ```

#![forbid(unsafe_code)]

mod auth;
pub mod cli;
mod config;
mod config_file;
mod http;
mod limits;
mod static_files;
mod switchboard;
mod ws;

mod server;

pub use config::{Config, ConfigError, Key, Timing};
pub use server::{Server, ServerHandle, StartError};
