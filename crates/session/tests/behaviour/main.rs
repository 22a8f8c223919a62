//! How a session behaves, told by its inputs and outputs alone.

extern crate parlor_session as session;

mod changing_network;
mod channels;
mod converging;
mod data;
mod joining;
mod negotiating;
mod reconnecting;
mod recovering;
mod refreshing;
mod resuming;
mod support;
