//! Parlor's self-hosted server: signalling and presence in one process.
//!
//! A program embeds it with [`Server::start`], or runs the `parlor-server` binary (`parlor serve` is the same
//! entry, [`cli::run`]). What is decided is decided in the `hub` crate; here are the sockets:
//!
//! ```text
//! accept: TCP, TLS, limits per address
//!   └─ http ── / static_files, /healthz, /readyz
//!        ├──── /v1/… rest ──▶ auth: keys and tokens ◀── store: the database, and what changes in it
//!        └──── /v1 ws: one task per socket ◀── queue ── switchboard: the hub behind a mutex, its clock, its timers
//! ```

#![forbid(unsafe_code)]

mod accept;
pub mod admin;
mod auth;
mod bus;
pub mod cli;
mod client_address;
mod config;
mod config_file;
mod http;
mod limits;
mod logging;
mod metrics;
mod per_address;
mod places;
mod rest;
mod settings;
mod static_files;
mod store;
mod switchboard;
mod tls;
mod webhooks;
mod ws;

mod server;

pub use auth::MasterKeySource;
pub use bus::Bus;
pub use config::{Config, ConfigError, Key, PerAddress, Timing, Tls};
pub use server::{Server, ServerHandle, StartError};
pub use store::DatabaseLocation;
pub use tls::DevCertificate;
pub use webhooks::WebhookEndpoint;
