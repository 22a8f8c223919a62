//! The set of sockets that share one owner: one per local address.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use mio::{Interest, Registry, Token};

use super::interfaces::{NetConfig, local_addresses};
use super::poller::{Poller, Ready};
use super::receive::ReceiveBuffers;
use super::send_queue::MAX_BATCH_PACKETS;
use super::socket::{Flushed, SocketCounters, UdpSocket};
use super::{Datagram, Transmit};

/// One UDP socket per local address, shared by all links of their owner.
///
/// One turn of the loop: [`Sockets::note_ready`] with what the poller reported; [`Sockets::receive`] and the
/// work that follows from it until it returns false; [`Sockets::queue`] for what is to be sent;
/// [`Sockets::flush`].
#[derive(Debug)]
pub struct Sockets {
    registry: Registry,
    entries: Vec<Entry>,
    unknown_local: u64,
}

#[derive(Debug)]
struct Entry {
    socket: UdpSocket,
    token: Token,
    /// The socket was reported readable and has not been drained since.
    readable: bool,
    /// The poller was asked to report the socket writable.
    awaits_writable: bool,
}

impl Sockets {
    /// Opens a socket on a free port of each address that `config` stands for. Addresses that cannot be bound
    /// are left out, since interfaces come and go.
    ///
    /// # Errors
    /// The last error when no socket could be opened, or when the interfaces could not be listed.
    pub fn open(poller: &mut Poller, config: &NetConfig) -> io::Result<Self> {
        let registry = poller.registry().try_clone()?;
        let mut entries = Vec::new();
        let mut last_error = io::Error::new(io::ErrorKind::AddrNotAvailable, "no local address to bind");
        for address in local_addresses(config)? {
            match Entry::open(poller, SocketAddr::new(address, 0), config.offload) {
                Ok(entry) => entries.push(entry),
                Err(error) => last_error = error,
            }
        }
        if entries.is_empty() {
            return Err(last_error);
        }
        Ok(Self { registry, entries, unknown_local: 0 })
    }

    /// Opens and closes sockets until there is one for each address that `config` stands for now. An address that
    /// stays keeps its socket. When there is none at all, the sockets are kept: their addresses may come back.
    ///
    /// # Errors
    /// The system's error when it cannot list its interfaces; then nothing is changed.
    pub fn refresh(&mut self, poller: &mut Poller, config: &NetConfig) -> io::Result<AddressChange> {
        let addresses = local_addresses(config)?;
        let mut change = AddressChange::default();
        if addresses.is_empty() {
            return Ok(change);
        }
        for address in &addresses {
            if self.entries.iter().any(|entry| entry.socket.local_addr().ip() == *address) {
                continue;
            }
            // An address that cannot be bound yet, such as one that IPv6 still probes for duplicates (RFC 4862
            // section 5.4), is announced again when it can.
            if let Ok(entry) = Entry::open(poller, SocketAddr::new(*address, 0), config.offload) {
                change.added.push(entry.socket.local_addr());
                self.entries.push(entry);
            }
        }
        let mut kept = Vec::with_capacity(self.entries.len());
        for mut entry in self.entries.drain(..) {
            let local = entry.socket.local_addr();
            if addresses.contains(&local.ip()) {
                kept.push(entry);
            } else {
                change.removed.push(local);
                // Closing it takes it off the poller in any case.
                let _ = self.registry.deregister(entry.socket.source());
            }
        }
        self.entries = kept;
        Ok(change)
    }

    /// Returns the address of each socket, in the order in which they were opened.
    pub fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.entries.iter().map(|entry| entry.socket.local_addr())
    }

    /// Notes what the poller reported. Returns false when the token is not of this set.
    pub fn note_ready(&mut self, ready: Ready) -> bool {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.token == ready.token) else {
            return false;
        };
        entry.readable |= ready.readable;
        if ready.writable {
            entry.socket.set_writable();
        }
        true
    }

    /// Receives one batch from each socket that was reported readable, and hands each datagram over. Returns
    /// whether more may wait; then call again, after the work that these datagrams cause, before waiting.
    pub fn receive(&mut self, buffers: &mut ReceiveBuffers, mut each: impl FnMut(Datagram<'_>)) -> bool {
        let mut more = false;
        for entry in self.entries.iter_mut().filter(|entry| entry.readable) {
            entry.readable = entry.socket.receive(buffers, &mut each);
            more |= entry.readable;
        }
        more
    }

    /// Queues a datagram on the socket of `transmit.local`. A full queue drops its oldest datagram and counts
    /// it; long before that, a full batch is sent. A local address without a socket is counted and the
    /// datagram dropped.
    pub fn queue(&mut self, transmit: Transmit) {
        let Transmit { local, remote, data } = transmit;
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.socket.local_addr() == local) else {
            self.unknown_local += 1;
            return;
        };
        entry.socket.queue(remote, data);
        if entry.socket.queued() >= MAX_BATCH_PACKETS && !entry.socket.is_blocked() {
            entry.flush(&self.registry);
        }
    }

    /// Queues a datagram without taking a [`Transmit`] apart; see [`Sockets::queue`].
    pub fn queue_from(&mut self, local: SocketAddr, remote: SocketAddr, data: Bytes) {
        self.queue(Transmit { local, remote, data });
    }

    /// Sends everything queued, one system call per socket unless there is very much. What the kernel has no
    /// room for stays queued until the poller reports the socket writable.
    pub fn flush(&mut self) {
        for entry in &mut self.entries {
            entry.flush(&self.registry);
        }
    }

    /// Returns the sum over all sockets. Datagrams for an unknown local address count as send errors.
    pub fn counters(&self) -> SocketCounters {
        let mut sum = SocketCounters { send_errors: self.unknown_local, ..SocketCounters::default() };
        for entry in &self.entries {
            sum += entry.socket.counters();
        }
        sum
    }
}

/// What a change of the network did to a set of sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressChange {
    /// The addresses of sockets that are new.
    pub added: Vec<SocketAddr>,
    /// The addresses of sockets that are closed.
    pub removed: Vec<SocketAddr>,
}

impl AddressChange {
    /// Returns whether the set is the same as before.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl Entry {
    fn open(poller: &mut Poller, local: SocketAddr, offload: bool) -> io::Result<Self> {
        let mut socket = UdpSocket::bind(local, offload)?;
        let token = poller.new_token();
        poller.registry().register(socket.source(), token, Interest::READABLE)?;
        Ok(Self { socket, token, readable: false, awaits_writable: false })
    }

    fn flush(&mut self, registry: &Registry) {
        let blocked = self.socket.flush() == Flushed::Blocked;
        if blocked == self.awaits_writable {
            return;
        }
        // Interest in writability only while it is needed: the kernel would otherwise wake us for every
        // datagram that leaves its buffer.
        let interest = if blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        // Changing the interest reports the present state anew, so readiness since the flush is not missed.
        // Should the change fail, the next flush tries again.
        if registry.reregister(self.socket.source(), self.token, interest).is_ok() {
            self.awaits_writable = blocked;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::*;

    fn loopback(offload: bool) -> NetConfig {
        NetConfig { bind: Some(vec![Ipv4Addr::LOCALHOST.into()]), offload, ..NetConfig::default() }
    }

    fn set(offload: bool) -> (Poller, Sockets, SocketAddr) {
        let mut poller = Poller::new().unwrap();
        let sockets = Sockets::open(&mut poller, &loopback(offload)).unwrap();
        let local = sockets.local_addresses().next().unwrap();
        (poller, sockets, local)
    }

    fn receive_until(
        poller: &mut Poller,
        sockets: &mut Sockets,
        count: usize,
        mut each: impl FnMut(Datagram<'_>),
    ) {
        let mut buffers = ReceiveBuffers::new();
        let mut received = 0;
        while received < count {
            poller.wait(Some(Duration::from_secs(10))).unwrap();
            assert!(!poller.ready().is_empty(), "only {received} of {count} datagrams came");
            for &ready in poller.ready() {
                assert!(sockets.note_ready(ready));
            }
            let mut more = true;
            while more {
                more = sockets.receive(&mut buffers, |datagram| {
                    received += 1;
                    each(datagram);
                });
            }
            sockets.flush();
        }
    }

    #[test]
    fn a_datagram_reaches_the_socket_of_its_address_with_both_addresses_right() {
        let (_, mut sender, from) = set(true);
        let (mut poller, mut receiver, to) = set(true);
        sender.queue_from(from, to, Bytes::from_static(b"hello"));
        sender.flush();
        let mut seen = Vec::new();
        receive_until(&mut poller, &mut receiver, 1, |datagram| {
            seen.push((datagram.local, datagram.remote, datagram.data.to_vec()));
        });
        assert_eq!(seen, [(to, from, b"hello".to_vec())]);
    }

    #[test]
    fn an_unknown_local_address_is_counted_and_not_sent() {
        let (_, mut sockets, local) = set(true);
        sockets.queue_from("192.0.2.9:9".parse().unwrap(), local, Bytes::from_static(b"x"));
        sockets.flush();
        let counters = sockets.counters();
        assert_eq!((counters.send_errors, counters.datagrams_sent), (1, 0));
    }

    #[test]
    fn a_token_of_another_source_is_left_alone() {
        let (mut poller, mut sockets, _) = set(true);
        let token = poller.new_token();
        assert!(!sockets.note_ready(Ready { token, readable: true, writable: true }));
    }

    #[test]
    fn an_address_that_is_not_ours_is_left_out() {
        let mut poller = Poller::new().unwrap();
        let elsewhere: IpAddr = "192.0.2.250".parse().unwrap();
        let bind = Some(vec![elsewhere, Ipv4Addr::LOCALHOST.into()]);
        let sockets = Sockets::open(&mut poller, &NetConfig { bind, ..NetConfig::default() }).unwrap();
        assert_eq!(sockets.local_addresses().count(), 1);
        let bind = Some(vec![elsewhere]);
        assert!(Sockets::open(&mut poller, &NetConfig { bind, ..NetConfig::default() }).is_err());
    }

    #[test]
    fn a_refresh_opens_what_is_new_closes_what_is_gone_and_keeps_the_rest() {
        let bind = |addresses: &[[u8; 4]]| NetConfig {
            bind: Some(addresses.iter().map(|address| IpAddr::from(*address)).collect()),
            ..NetConfig::default()
        };
        let mut poller = Poller::new().unwrap();
        let mut sockets = Sockets::open(&mut poller, &bind(&[[127, 0, 0, 1], [127, 0, 0, 2]])).unwrap();
        let before: Vec<_> = sockets.local_addresses().collect();
        assert!(sockets.refresh(&mut poller, &bind(&[[127, 0, 0, 2], [127, 0, 0, 1]])).unwrap().is_empty());
        let change = sockets.refresh(&mut poller, &bind(&[[127, 0, 0, 2], [127, 0, 0, 3]])).unwrap();
        assert_eq!(change.removed, [before[0]]);
        assert_eq!(change.added[0].ip(), IpAddr::from([127, 0, 0, 3]));
        assert_eq!(sockets.local_addresses().collect::<Vec<_>>(), [before[1], change.added[0]]);
        let (_, mut other, from) = set(true);
        other.queue_from(from, change.added[0], Bytes::from_static(b"x"));
        other.flush();
        receive_until(&mut poller, &mut sockets, 1, |datagram| assert_eq!(datagram.local, change.added[0]));
    }

    #[test]
    fn without_any_address_the_sockets_are_kept() {
        let (mut poller, mut sockets, local) = set(true);
        let none = NetConfig { bind: Some(Vec::new()), ..NetConfig::default() };
        assert!(sockets.refresh(&mut poller, &none).unwrap().is_empty());
        assert_eq!(sockets.local_addresses().collect::<Vec<_>>(), [local]);
    }

    #[test]
    fn two_sets_on_one_poller_do_not_mix() {
        let mut poller = Poller::new().unwrap();
        let mut first = Sockets::open(&mut poller, &loopback(true)).unwrap();
        let mut second = Sockets::open(&mut poller, &loopback(true)).unwrap();
        let (one, two) = (first.local_addresses().next().unwrap(), second.local_addresses().next().unwrap());
        first.queue_from(one, two, Bytes::from_static(b"x"));
        first.flush();
        poller.wait(Some(Duration::from_secs(10))).unwrap();
        let ready = poller.ready()[0];
        assert!(!first.note_ready(ready) && second.note_ready(ready));
    }

    #[test]
    fn what_the_kernel_had_no_room_for_goes_out_when_the_poller_reports_room() {
        let (mut poller, mut sender, from) = set(true);
        let (mut receiver_poller, mut receiver, to) = set(true);
        // Loopback never fills a send buffer, so the state after a full one is set by hand.
        sender.entries[0].socket.block();
        for number in 0..100 {
            sender.queue_from(from, to, Bytes::from(vec![number; 1000]));
        }
        sender.flush();
        assert!(sender.entries[0].awaits_writable);
        assert_eq!(sender.entries[0].socket.queued(), 100);
        poller.wait(Some(Duration::from_secs(10))).unwrap();
        let ready = poller.ready()[0];
        assert!(ready.writable && sender.note_ready(ready));
        sender.flush();
        let mut numbers = Vec::new();
        receive_until(&mut receiver_poller, &mut receiver, 100, |datagram| numbers.push(datagram.data[0]));
        assert_eq!(numbers, (0..100).collect::<Vec<u8>>());
        // Room alone is no reason to wake any more.
        poller.wait(Some(Duration::ZERO)).unwrap();
        poller.wait(Some(Duration::ZERO)).unwrap();
        assert!(poller.ready().is_empty() && !sender.entries[0].awaits_writable);
    }

    #[test]
    fn a_full_batch_leaves_before_the_flush() {
        let (_, mut sender, from) = set(true);
        let (_, receiver, to) = set(true);
        for _ in 0..MAX_BATCH_PACKETS {
            sender.queue_from(from, to, Bytes::from_static(b"x"));
        }
        assert_eq!(sender.counters().datagrams_sent, MAX_BATCH_PACKETS as u64);
        drop(receiver);
    }
}
