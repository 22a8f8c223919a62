//! Server-reflexive candidates: asking STUN servers how the world sees our sockets (RFC 8445 section
//! 5.1.1.2).
//!
//! Sans-IO. Inputs: requests, resolved host names, datagrams, the time. Outputs: datagrams, host names to
//! resolve, events. States of an exchange (one per socket and server, whatever the number of requests that
//! wait for it): *waiting* → *answered* or *failed*; both ends are remembered for a while, so that the next
//! link starts warm.

mod packet;
mod servers;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use rtc_stun::attributes::ATTR_MAPPED_ADDRESS;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;
use units::Time;

use super::Transmit;
use super::hosts::{HostName, ResolvedHost};

#[cfg(test)]
pub(super) use packet::tests as packet_tests;
pub(super) use packet::{Class, StunPacket};
pub use servers::reflexive_server;

/// The wait before the first retransmission; it doubles each time (RFC 8489 section 6.2.1 starts at 500 ms,
/// meant for paths of unknown delay; half of that is still above nearly every path to a server).
const INITIAL_RTO: Duration = Duration::from_millis(250);

/// How long an exchange is tried: requests leave after 0, 250, 750, 1750 and 3750 ms.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(7);

/// How long a request waits for host names.
const HOST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a mapped address is taken as still true: NAT bindings without traffic live for two minutes or
/// less (RFC 4787 section 4.3), some only for 30 s, but links and their checks keep ours in use.
const MAPPED_LIFETIME: Duration = Duration::from_secs(60);

/// How long the addresses of a host name are used without asking again.
const HOST_LIFETIME: Duration = Duration::from_secs(300);

/// How long a failure is remembered, so that a dead server delays one link and not each.
const FAILURE_LIFETIME: Duration = Duration::from_secs(10);

/// How many exchanges run at once; a request beyond that goes without the answer.
const MAX_EXCHANGES: usize = 128;

/// What the gatherer found, for the request that it was told with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReflexiveEvent<K> {
    /// A server sees the socket `local` as `mapped`. Each pair comes once a request, and not when there is no
    /// NAT between, so that both are the same.
    Mapped {
        /// Who asked.
        request: K,
        /// The socket, which is the base of the candidate.
        local: SocketAddr,
        /// The address that the server saw.
        mapped: SocketAddr,
    },
    /// Nothing more comes for this request. Exactly one comes, unless the request is cancelled.
    Finished {
        /// Who asked.
        request: K,
    },
}

/// Asks STUN servers for mapped addresses. `K` names a request, usually the link that it is made for.
#[derive(Debug)]
pub struct ReflexiveGatherer<K> {
    requests: Vec<Request<K>>,
    exchanges: Vec<Exchange>,
    /// Outcomes per socket and server, with the time until which they hold.
    outcomes: HashMap<(SocketAddr, SocketAddr), (Option<SocketAddr>, Time)>,
    hosts: HashMap<HostName, Host>,
    transmits: VecDeque<Transmit>,
    lookups: VecDeque<HostName>,
    events: VecDeque<ReflexiveEvent<K>>,
}

#[derive(Debug)]
struct Request<K> {
    key: K,
    locals: Vec<SocketAddr>,
    waiting_hosts: Vec<HostName>,
    host_deadline: Time,
    /// The exchanges that it waits for, as socket and server.
    waiting: Vec<(SocketAddr, SocketAddr)>,
    reported: Vec<(SocketAddr, SocketAddr)>,
}

#[derive(Debug)]
struct Exchange {
    id: [u8; 12],
    local: SocketAddr,
    server: SocketAddr,
    data: Bytes,
    rto: Duration,
    next_send: Time,
    deadline: Time,
}

#[derive(Debug)]
enum Host {
    /// The name was handed out to be resolved.
    Asked,
    Known {
        addresses: Vec<SocketAddr>,
        until: Time,
    },
}

impl<K: Copy + Eq> ReflexiveGatherer<K> {
    /// Makes a gatherer that knows nothing.
    pub fn new() -> Self {
        Self {
            requests: Vec::new(),
            exchanges: Vec::new(),
            outcomes: HashMap::new(),
            hosts: HashMap::new(),
            transmits: VecDeque::new(),
            lookups: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Asks every server from every socket of its address family. What is known already is told at once; a
    /// request with the same key is replaced.
    pub fn start(
        &mut self,
        now: Time,
        key: K,
        locals: impl IntoIterator<Item = SocketAddr>,
        servers: impl IntoIterator<Item = HostName>,
    ) {
        self.cancel(key);
        self.outcomes.retain(|_, (_, until)| *until > now);
        self.hosts.retain(|_, host| match host {
            Host::Asked => true,
            Host::Known { until, .. } => *until > now,
        });
        let mut request = Request {
            key,
            locals: locals.into_iter().collect(),
            waiting_hosts: Vec::new(),
            host_deadline: now + HOST_TIMEOUT,
            waiting: Vec::new(),
            reported: Vec::new(),
        };
        for server in servers {
            if let Ok(address) = server.host.parse::<IpAddr>() {
                self.ask(now, &mut request, &[SocketAddr::new(address, server.port)]);
                continue;
            }
            match self.hosts.get(&server) {
                Some(Host::Known { addresses, .. }) => {
                    let addresses = addresses.clone();
                    self.ask(now, &mut request, &addresses);
                    continue;
                }
                Some(Host::Asked) => {}
                None => {
                    self.hosts.insert(server.clone(), Host::Asked);
                    self.lookups.push_back(server.clone());
                }
            }
            if !request.waiting_hosts.contains(&server) {
                request.waiting_hosts.push(server);
            }
        }
        self.requests.push(request);
        self.finish_requests();
    }

    /// Forgets a request; no more events come for it.
    pub fn cancel(&mut self, key: K) {
        self.requests.retain(|request| request.key != key);
        self.events.retain(|event| match event {
            ReflexiveEvent::Mapped { request, .. } | ReflexiveEvent::Finished { request } => *request != key,
        });
    }

    /// Forgets what servers and resolvers said, because the network is another. Requests under way go on.
    pub fn forget(&mut self) {
        self.outcomes.clear();
        self.hosts.retain(|_, host| matches!(host, Host::Asked));
    }

    /// Takes the addresses of a host name that [`ReflexiveGatherer::poll_lookup`] asked for.
    pub fn handle_resolved(&mut self, now: Time, resolved: ResolvedHost) {
        let ResolvedHost { host, addresses } = resolved;
        let lifetime = if addresses.is_empty() { FAILURE_LIFETIME } else { HOST_LIFETIME };
        let mut requests = std::mem::take(&mut self.requests);
        for request in &mut requests {
            let before = request.waiting_hosts.len();
            request.waiting_hosts.retain(|waiting| *waiting != host);
            if request.waiting_hosts.len() < before {
                self.ask(now, request, &addresses);
            }
        }
        self.requests = requests;
        self.hosts.insert(host, Host::Known { addresses, until: now + lifetime });
        self.finish_requests();
    }

    /// Takes a received datagram if it is the answer of a server to one of our requests; returns whether it
    /// was.
    pub fn handle_datagram(&mut self, now: Time, local: SocketAddr, remote: SocketAddr, data: &[u8]) -> bool {
        let Some(packet) = StunPacket::parse(data) else { return false };
        if !matches!(packet.class(), Class::Success | Class::Error) {
            return false;
        }
        let id = packet.transaction_id();
        let found = self
            .exchanges
            .iter()
            .position(|exchange| exchange.id == id && exchange.local == local && exchange.server == remote);
        let Some(index) = found else { return false };
        let exchange = self.exchanges.swap_remove(index);
        self.settle(now, &exchange, mapped_address(data));
        self.finish_requests();
        true
    }

    /// Retransmits and gives up what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        let mut index = 0;
        while let Some(exchange) = self.exchanges.get_mut(index) {
            if exchange.deadline <= now {
                let exchange = self.exchanges.swap_remove(index);
                self.settle(now, &exchange, None);
                continue;
            }
            if exchange.next_send <= now {
                exchange.rto *= 2;
                exchange.next_send = now + exchange.rto;
                self.transmits.push_back(exchange.transmit());
            }
            index += 1;
        }
        for request in &mut self.requests {
            if request.host_deadline <= now {
                request.waiting_hosts.clear();
            }
        }
        self.finish_requests();
    }

    /// Returns when [`ReflexiveGatherer::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let exchanges = self.exchanges.iter().map(|exchange| exchange.next_send.min(exchange.deadline));
        let hosts = self.requests.iter().filter(|request| !request.waiting_hosts.is_empty());
        exchanges.chain(hosts.map(|request| request.host_deadline)).min()
    }

    /// Returns the next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// Returns the next host name to resolve; answer with [`ReflexiveGatherer::handle_resolved`].
    pub fn poll_lookup(&mut self) -> Option<HostName> {
        self.lookups.pop_front()
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<ReflexiveEvent<K>> {
        self.events.pop_front()
    }

    /// Asks the first address of each family from every socket that can reach it.
    fn ask(&mut self, now: Time, request: &mut Request<K>, addresses: &[SocketAddr]) {
        let v4 = addresses.iter().find(|address| address.is_ipv4());
        let v6 = addresses.iter().find(|address| address.is_ipv6());
        for &server in v4.into_iter().chain(v6) {
            for local in request.locals.clone() {
                if can_reach(local, server) {
                    self.ask_from(now, request, local, server);
                }
            }
        }
    }

    fn ask_from(&mut self, now: Time, request: &mut Request<K>, local: SocketAddr, server: SocketAddr) {
        if let Some((mapped, _)) = self.outcomes.get(&(local, server)).filter(|(_, until)| *until > now) {
            let mapped = *mapped;
            self.report(request, local, mapped);
            return;
        }
        let under_way =
            self.exchanges.iter().any(|exchange| exchange.local == local && exchange.server == server);
        if !under_way {
            if self.exchanges.len() >= MAX_EXCHANGES {
                return;
            }
            let Some(exchange) = Exchange::new(now, local, server) else { return };
            self.transmits.push_back(exchange.transmit());
            self.exchanges.push(exchange);
        }
        if !request.waiting.contains(&(local, server)) {
            request.waiting.push((local, server));
        }
    }

    /// Remembers the outcome of an exchange and tells those who wait for it.
    fn settle(&mut self, now: Time, exchange: &Exchange, mapped: Option<SocketAddr>) {
        let key = (exchange.local, exchange.server);
        let lifetime = if mapped.is_some() { MAPPED_LIFETIME } else { FAILURE_LIFETIME };
        self.outcomes.insert(key, (mapped, now + lifetime));
        let mut requests = std::mem::take(&mut self.requests);
        for request in &mut requests {
            let before = request.waiting.len();
            request.waiting.retain(|waiting| *waiting != key);
            if request.waiting.len() < before {
                self.report(request, exchange.local, mapped);
            }
        }
        self.requests = requests;
    }

    fn report(&mut self, request: &mut Request<K>, local: SocketAddr, mapped: Option<SocketAddr>) {
        let Some(mapped) = mapped.filter(|mapped| *mapped != local) else { return };
        if !request.reported.contains(&(local, mapped)) {
            request.reported.push((local, mapped));
            self.events.push_back(ReflexiveEvent::Mapped { request: request.key, local, mapped });
        }
    }

    fn finish_requests(&mut self) {
        let events = &mut self.events;
        self.requests.retain(|request| {
            let finished = request.waiting_hosts.is_empty() && request.waiting.is_empty();
            if finished {
                events.push_back(ReflexiveEvent::Finished { request: request.key });
            }
            !finished
        });
    }
}

impl<K: Copy + Eq> Default for ReflexiveGatherer<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl Exchange {
    fn new(now: Time, local: SocketAddr, server: SocketAddr) -> Option<Self> {
        let id = TransactionId::new();
        let mut message = Message::new();
        message.build(&[Box::new(BINDING_REQUEST), Box::new(id)]).ok()?;
        Some(Self {
            id: id.0,
            local,
            server,
            data: Bytes::from(message.raw),
            rto: INITIAL_RTO,
            next_send: now + INITIAL_RTO,
            deadline: now + EXCHANGE_TIMEOUT,
        })
    }

    fn transmit(&self) -> Transmit {
        Transmit { local: self.local, remote: self.server, data: self.data.clone() }
    }
}

/// Returns whether a packet from `local` can reach `server` at all.
fn can_reach(local: SocketAddr, server: SocketAddr) -> bool {
    local.is_ipv4() == server.is_ipv4() && (!local.ip().is_loopback() || server.ip().is_loopback())
}

/// Reads the mapped address of a success response, also from servers older than RFC 5389.
fn mapped_address(data: &[u8]) -> Option<SocketAddr> {
    let mut message = Message::new();
    message.write(data).ok()?;
    if message.typ != BINDING_SUCCESS {
        return None;
    }
    let mut xor = XorMappedAddress::default();
    let mapped = if xor.get_from(&message).is_ok() {
        SocketAddr::new(xor.ip, xor.port)
    } else {
        let mut plain = rtc_stun::addr::MappedAddress::default();
        plain.get_from_as(&message, ATTR_MAPPED_ADDRESS).ok()?;
        SocketAddr::new(plain.ip, plain.port)
    };
    let usable = mapped.port() != 0 && !mapped.ip().is_unspecified() && !mapped.ip().is_multicast();
    usable.then_some(mapped)
}

#[cfg(test)]
mod tests;
