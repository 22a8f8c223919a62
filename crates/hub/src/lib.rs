//! The server's channels, presence, routing and limits, sans-IO.
//!
//! A [`Hub`] is told what happens on the sockets ([`Input`]) and says what to do with them ([`Output`]). It
//! opens no socket, reads no clock and draws no random number, so a test drives it on a virtual clock.

#![forbid(unsafe_code)]

mod bus;
mod channel;
mod config;
mod delivery;
mod grants;
mod hub;
mod io;
mod membership;
mod operator;
mod outbox;
mod pattern;
mod queries;
mod rate;
mod requests;
mod session;

pub use bus::{BusBody, BusEvent, BusMessage, NodeId, RemoteJoin, Stamp, Tenure};
pub use config::Config;
pub use grants::{Action, Actions, Grants};
pub use hub::Hub;
pub use io::{AppId, ConnectionId, EXPIRY_MARGIN, Input, KeyId, Lifecycle, NewConnection, Output};
pub use pattern::{Pattern, PatternError};
pub use queries::Usage;
pub use rate::Rate;
pub use session::{Claim, Resume};
