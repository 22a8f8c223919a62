//! Sockets for the engine's network thread.
//!
//! Everything here is owned by one thread, never blocks it and never spawns a task per packet:
//!
//! - [`Poller`] waits for sockets, a waker or a timeout with sub-millisecond precision;
//! - [`Sockets`] is one UDP socket per local address, shared by all links of its owner, with batched receive
//!   and send;
//! - [`Demux`] finds the link that a datagram belongs to;
//! - [`NetworkWatch`] hears that interfaces or addresses are others;
//! - [`ReflexiveGatherer`] asks STUN servers for mapped addresses, [`MdnsResolver`] resolves `.local`
//!   candidates, [`HostResolver`] resolves host names on helper threads.
//!
//! The parts that decide ([`Demux`], [`ReflexiveGatherer`]) are told the time and the bytes and do no IO.

mod demux;
mod hosts;
mod interfaces;
mod mdns;
mod poller;
mod receive;
mod send_queue;
mod socket;
mod sockets;
mod stun;
mod sys;
mod watch;

use std::net::SocketAddr;

use bytes::Bytes;

pub use demux::Demux;
pub use hosts::{HostName, HostResolver, ResolvedHost};
pub use interfaces::{NetConfig, is_local, local_addresses};
pub use mdns::{MdnsEvent, MdnsResolver};
pub use poller::{Poller, Ready, Waker};
pub use receive::ReceiveBuffers;
pub use send_queue::SEND_QUEUE_PACKETS;
pub use socket::{Flushed, SocketCounters, UdpSocket};
pub use sockets::{AddressChange, Sockets};
pub use stun::{ReflexiveEvent, ReflexiveGatherer, reflexive_server};
pub use watch::NetworkWatch;

/// A datagram on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The local address of the socket that must send it.
    pub local: SocketAddr,
    /// Where it goes.
    pub remote: SocketAddr,
    /// The payload.
    pub data: Bytes,
}

/// A datagram that arrived. The payload is borrowed from the receive buffers for the length of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The local address of the socket that received it.
    pub local: SocketAddr,
    /// Where it came from.
    pub remote: SocketAddr,
    /// The payload.
    pub data: &'a [u8],
}
