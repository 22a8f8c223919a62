//! A session's sockets: which link a datagram is for, and which addresses gathering finds behind them.
//!
//! Each session has sockets of its own, shared by all its links. Links of two sessions may lie between the same
//! two hosts; with shared sockets nothing but STUN could tell their packets apart.

use std::net::SocketAddr;

use protocol::ice::IceServer;
use units::{LinkId, Time};

use crate::net::{
    AddressChange, Datagram, Demux, HostResolver, NetConfig, Poller, Ready, ReceiveBuffers, ReflexiveEvent,
    ReflexiveGatherer, Sockets, Transmit, reflexive_server,
};
use crate::shell::{Error, Result, Status};

/// What gathering found for a link.
pub(super) enum Gathered {
    /// How a STUN server sees one of the sockets.
    Reflexive { address: SocketAddr, base: SocketAddr },
    /// There is no more.
    End,
}

/// A session's sockets and what leads to and from them.
pub(super) struct Wires {
    sockets: Sockets,
    demux: Demux<LinkId>,
    gatherer: ReflexiveGatherer<LinkId>,
    hosts: HostResolver,
}

impl Wires {
    /// Opens the sockets.
    pub(super) fn open(poller: &mut Poller, config: &NetConfig) -> Result<Self> {
        let sockets = Sockets::open(poller, config)
            .map_err(|error| Error::new(Status::ConnectionFailed, format!("no socket for media: {error}")))?;
        Ok(Self {
            sockets,
            demux: Demux::new(),
            gatherer: ReflexiveGatherer::new(),
            hosts: HostResolver::new(poller.waker()),
        })
    }

    /// Opens and closes sockets as the machine's addresses are now; `forced` says that what lies behind the addresses
    /// may be another network although they are the same.
    pub(super) fn refresh(&mut self, poller: &mut Poller, config: &NetConfig, forced: bool) -> AddressChange {
        let change = self.sockets.refresh(poller, config).unwrap_or_else(|error| {
            tracing::warn!(%error, "the network interfaces cannot be listed");
            AddressChange::default()
        });
        if forced || !change.is_empty() {
            self.gatherer.forget();
        }
        change
    }

    /// Returns the sockets' addresses.
    pub(super) fn local_addresses(&self) -> Vec<SocketAddr> {
        self.sockets.local_addresses().collect()
    }

    /// Routes connectivity checks for a user name fragment to a link.
    pub(super) fn add_ufrag(&mut self, ufrag: &str, link: LinkId) {
        self.demux.add_ufrag(ufrag, link);
    }

    /// Starts gathering for a link; [`Gathered::End`] comes in any case.
    pub(super) fn gather(&mut self, now: Time, link: LinkId, servers: &[IceServer]) {
        let urls = servers.iter().flat_map(|server| &server.urls);
        self.gatherer.start(
            now,
            link,
            self.sockets.local_addresses(),
            urls.filter_map(|url| reflexive_server(url)),
        );
        self.advance(now);
    }

    /// Forgets a link.
    pub(super) fn remove(&mut self, link: LinkId) {
        self.demux.remove_link(link);
        self.gatherer.cancel(link);
    }

    /// Notes what the poller reported; returns false when it is about another's socket.
    pub(super) fn note_ready(&mut self, ready: Ready) -> bool {
        self.sockets.note_ready(ready)
    }

    /// Reads a batch of datagrams and hands those for links over; returns whether more may wait.
    pub(super) fn receive(
        &mut self,
        now: Time,
        buffers: &mut ReceiveBuffers,
        mut each: impl FnMut(LinkId, Datagram<'_>),
    ) -> bool {
        let Self { sockets, demux, gatherer, .. } = self;
        sockets.receive(buffers, |datagram| {
            let Datagram { local, remote, data } = datagram;
            if !gatherer.handle_datagram(now, local, remote, data)
                && let Some(link) = demux.route(local, remote, data)
            {
                each(link, datagram);
            }
        })
    }

    /// Queues a datagram of a link.
    pub(super) fn queue(&mut self, link: LinkId, transmit: transport::Transmit) {
        let transport::Transmit { local, remote, data } = transmit;
        self.demux.note_sent(link, &data);
        self.sockets.queue(Transmit { local, remote, data: data.into() });
    }

    /// Writes what is queued.
    pub(super) fn flush(&mut self) {
        while let Some(transmit) = self.gatherer.poll_transmit() {
            self.sockets.queue(transmit);
        }
        self.sockets.flush();
    }

    /// Lets time pass, and takes looked-up host names.
    pub(super) fn advance(&mut self, now: Time) {
        while let Some(resolved) = self.hosts.poll() {
            self.gatherer.handle_resolved(now, resolved);
        }
        if self.gatherer.poll_timeout().is_some_and(|due| due <= now) {
            self.gatherer.handle_timeout(now);
        }
        while let Some(host) = self.gatherer.poll_lookup() {
            self.hosts.resolve(host);
        }
    }

    /// Returns when time must pass next.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.gatherer.poll_timeout()
    }

    /// Returns what gathering found next.
    pub(super) fn poll(&mut self) -> Option<(LinkId, Gathered)> {
        Some(match self.gatherer.poll_event()? {
            ReflexiveEvent::Mapped { request, local, mapped } => {
                (request, Gathered::Reflexive { address: mapped, base: local })
            }
            ReflexiveEvent::Finished { request } => (request, Gathered::End),
        })
    }
}
