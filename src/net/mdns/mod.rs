//! Addresses of `.local` candidates, by multicast DNS (RFC 6762; browsers hide host addresses behind such
//! names).
//!
//! Only asks, never answers. The socket is opened by the first question and closed after the last, so that
//! the chatter of a network does not wake a call. No error comes out of here: a machine without multicast has
//! unresolved names.
//!
//! Responders answer by multicast to port 5353, which every asker on a machine shares.

mod packet;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use units::Time;

use super::interfaces::multicast_interfaces;
use super::poller::{Poller, Ready};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5353;

/// The wait before a question is repeated; it doubles each time (RFC 6762 section 5.2).
const INITIAL_INTERVAL: Duration = Duration::from_secs(1);

/// How long a name is asked for: questions leave after 0, 1 and 3 s.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many names are asked for at once; one more is unresolved at once.
const MAX_QUERIES: usize = 64;

/// How many wait for one name; one more is told at once that it is unresolved.
const MAX_WAITERS: usize = 32;

/// How many messages are read in one turn; the rest of a flood is read in the next.
const MAX_MESSAGES: usize = 64;

/// The largest message that may come (RFC 6762 section 17).
const MESSAGE_BYTES: usize = 9000;

/// How asking for a name ended. Exactly one comes for each call of [`MdnsResolver::resolve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MdnsEvent<K> {
    /// The name has this address.
    Resolved {
        /// What the caller named its question.
        waiter: K,
        /// The first address that an answer told.
        address: IpAddr,
    },
    /// Nobody answered in time, the name is no `.local` host name, or too many are asked for.
    Unresolved {
        /// What the caller named its question.
        waiter: K,
    },
}

/// Resolves `.local` names on one shared multicast socket. `K` is what the caller calls its question.
#[derive(Debug)]
pub struct MdnsResolver<K> {
    registry: Registry,
    token: Token,
    interfaces: Vec<Ipv4Addr>,
    port: u16,
    socket: Option<UdpSocket>,
    buffer: Vec<u8>,
    /// More may wait than one turn read.
    readable: bool,
    queries: Vec<Query<K>>,
    events: VecDeque<MdnsEvent<K>>,
}

#[derive(Debug)]
struct Query<K> {
    name: String,
    waiters: Vec<K>,
    interval: Duration,
    next_send: Time,
    deadline: Time,
}

impl<K> MdnsResolver<K> {
    /// Makes a resolver that asks on the interfaces of these local addresses, IPv4 only. Opens nothing yet.
    ///
    /// # Errors
    /// The system's error for want of a file descriptor.
    pub fn new(poller: &mut Poller, addresses: impl IntoIterator<Item = IpAddr>) -> io::Result<Self> {
        Ok(Self {
            registry: poller.registry().try_clone()?,
            token: poller.new_token(),
            interfaces: multicast_interfaces(addresses.into_iter()),
            port: PORT,
            socket: None,
            buffer: Vec::new(),
            readable: false,
            queries: Vec::new(),
            events: VecDeque::new(),
        })
    }

    /// Asks on the interfaces of these addresses from the next socket on.
    pub fn set_interfaces(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.interfaces = multicast_interfaces(addresses.into_iter());
    }

    /// Asks for the address of `name`. The end comes as an event for `waiter`.
    pub fn resolve(&mut self, now: Time, name: &str, waiter: K) {
        let Some(name) = packet::normalize(name) else {
            self.events.push_back(MdnsEvent::Unresolved { waiter });
            return;
        };
        if let Some(query) = self.queries.iter_mut().find(|query| query.name == name) {
            if query.waiters.len() < MAX_WAITERS {
                query.waiters.push(waiter);
            } else {
                self.events.push_back(MdnsEvent::Unresolved { waiter });
            }
            return;
        }
        if self.queries.len() >= MAX_QUERIES {
            self.events.push_back(MdnsEvent::Unresolved { waiter });
            return;
        }
        self.send(&name);
        self.queries.push(Query {
            name,
            waiters: vec![waiter],
            interval: INITIAL_INTERVAL,
            next_send: now + INITIAL_INTERVAL,
            deadline: now + QUERY_TIMEOUT,
        });
    }

    /// Takes what the poller reported and reads answers. Returns false when the token is not this socket's.
    pub fn note_ready(&mut self, ready: Ready) -> bool {
        if ready.token != self.token {
            return false;
        }
        self.readable = true;
        self.receive();
        true
    }

    /// Repeats and gives up questions that are due, and reads on where a flood was left.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.readable {
            self.receive();
        }
        let mut due = Vec::new();
        let events = &mut self.events;
        self.queries.retain_mut(|query| {
            if query.deadline <= now {
                events.extend(query.waiters.drain(..).map(|waiter| MdnsEvent::Unresolved { waiter }));
                return false;
            }
            if query.next_send <= now {
                query.interval *= 2;
                query.next_send = now + query.interval;
                due.push(query.name.clone());
            }
            true
        });
        for name in due {
            self.send(&name);
        }
        self.close_when_idle();
    }

    /// Returns when [`MdnsResolver::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.readable {
            return Some(Time::ZERO);
        }
        self.queries.iter().map(|query| query.next_send.min(query.deadline)).min()
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<MdnsEvent<K>> {
        self.events.pop_front()
    }

    /// Asks on every interface. Failing is the same as an answer that does not come.
    fn send(&mut self, name: &str) {
        if self.socket.is_none() {
            self.socket = self.open().ok();
        }
        let Some(socket) = &self.socket else { return };
        let message = packet::question(name);
        let group = SocketAddr::from((GROUP, self.port));
        for interface in &self.interfaces {
            if SockRef::from(socket).set_multicast_if_v4(interface).is_ok() {
                let _ = socket.send_to(&message, group);
            }
        }
    }

    fn open(&self) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // The port is shared with other askers and with the machine's responder.
        socket.set_reuse_address(true)?;
        #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
        socket.set_reuse_port(true)?;
        socket.set_multicast_ttl_v4(255)?;
        // Bound to the group, Linux keeps unicast packets to the port away; other systems only take the
        // wildcard.
        let group_only = cfg!(any(target_os = "linux", target_os = "android"));
        let address = if group_only { GROUP } else { Ipv4Addr::UNSPECIFIED };
        socket.bind(&SocketAddrV4::new(address, self.port).into())?;
        let mut last_error = io::Error::new(io::ErrorKind::NotFound, "no interface");
        let mut joined = false;
        for interface in &self.interfaces {
            match socket.join_multicast_v4(&GROUP, interface) {
                Ok(()) => joined = true,
                Err(error) => last_error = error,
            }
        }
        if !joined {
            return Err(last_error);
        }
        let mut socket = UdpSocket::from_std(socket.into());
        self.registry.register(&mut socket, self.token, Interest::READABLE)?;
        Ok(socket)
    }

    fn receive(&mut self) {
        self.readable = false;
        self.buffer.resize(MESSAGE_BYTES, 0);
        for _ in 0..MAX_MESSAGES {
            let Some(socket) = &self.socket else { return };
            match socket.recv_from(&mut self.buffer) {
                // Answers from another port are not multicast DNS (RFC 6762 section 6).
                Ok((length, from)) if from.port() == self.port => {
                    for (name, address) in packet::answers(&self.buffer[..length]) {
                        self.settle(&name, address);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.close_when_idle();
                    return;
                }
                // A packet of no interest, or a pending error, which reading has cleared.
                Ok(_) | Err(_) => {}
            }
        }
        self.readable = true;
        self.close_when_idle();
    }

    fn settle(&mut self, name: &str, address: IpAddr) {
        if address.is_unspecified() || address.is_multicast() {
            return;
        }
        let Some(index) = self.queries.iter().position(|query| query.name == name) else { return };
        let query = self.queries.swap_remove(index);
        let resolved = query.waiters.into_iter().map(|waiter| MdnsEvent::Resolved { waiter, address });
        self.events.extend(resolved);
    }

    fn close_when_idle(&mut self) {
        if self.queries.is_empty() {
            self.readable = false;
            if let Some(mut socket) = self.socket.take() {
                // Closing the socket takes it off the poller as well.
                let _ = self.registry.deregister(&mut socket);
            }
        }
    }
}

#[cfg(test)]
mod tests;
