//! Bare links over loopback sockets, two at a time; what signalling would carry changes hands at once.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use parlor::api::{Error, Result, Status};
use parlor::net::{NetConfig, Poller, ReceiveBuffers, Sockets};
use transport::{Certificate, Link, LinkConfig, LinkError, LinkEvent, LocalCandidate};
use units::{ChannelOptions, Time};

use super::failed;

/// How long a pair may take to connect.
const BOUND: Duration = Duration::from_secs(10);

/// What runs the links: one clock and one poller for all.
pub struct Driver {
    clock: Instant,
    poller: Poller,
    buffers: ReceiveBuffers,
}

/// Two links with an open data channel between them, and their sockets.
pub struct Pair {
    ends: [End; 2],
}

struct End {
    sockets: Sockets,
    link: Link,
    open: bool,
}

impl Driver {
    /// Makes a driver without links.
    pub fn new() -> Result<Self> {
        let poller = Poller::new().map_err(|error| failed("a poller failed", error))?;
        Ok(Self { clock: Instant::now(), poller, buffers: ReceiveBuffers::new() })
    }

    /// Makes two links and opens a data channel between them; returns them and how long that took.
    pub fn connect(&mut self) -> Result<(Pair, Duration)> {
        let certificates = [Certificate::generate(), Certificate::generate()];
        let [first, second] = certificates.map(|certificate| certificate.map_err(stack));
        let first = LinkConfig::new(self.clock, first?);
        let second = LinkConfig { seed: 1, ..LinkConfig::new(self.clock, second?) };

        let start = self.now();
        let mut ends = [self.open(start, &first)?, self.open(start, &second)?];
        ends[0].link.open_channel("bench", ChannelOptions::default()).map_err(stack)?;
        let offer = ends[0].link.create_offer(self.now(), false).map_err(stack)?;
        let answer = ends[1].link.accept_offer(self.now(), &offer).map_err(stack)?;
        ends[0].link.accept_answer(self.now(), &answer).map_err(stack)?;
        let mut pair = Pair { ends };
        loop {
            pair.turn(self.now(), &mut self.buffers)?;
            if pair.ends.iter().all(|end| end.open) {
                return Ok((pair, self.now() - start));
            }
            if self.now() - start > BOUND {
                return Err(Error::new(Status::TimedOut, "no open channel within 10 seconds"));
            }
            let due = pair.ends.iter_mut().filter_map(|end| end.link.poll_timeout()).min();
            let timeout = due.map(|due| due - self.now());
            self.poller.wait(timeout).map_err(|error| failed("a poller failed", error))?;
            for &ready in self.poller.ready() {
                pair.ends.iter_mut().any(|end| end.sockets.note_ready(ready));
            }
        }
    }

    fn open(&mut self, now: Time, config: &LinkConfig) -> Result<End> {
        let net = NetConfig { bind: Some(vec![Ipv4Addr::LOCALHOST.into()]), ..NetConfig::default() };
        let sockets =
            Sockets::open(&mut self.poller, &net).map_err(|error| failed("a socket failed", error))?;
        let mut link = Link::new(now, config).map_err(stack)?;
        for addr in sockets.local_addresses() {
            link.add_local_candidate(LocalCandidate::Host { addr }).map_err(stack)?;
        }
        link.end_of_local_candidates();
        Ok(End { sockets, link, open: false })
    }

    fn now(&self) -> Time {
        Time::ZERO + self.clock.elapsed()
    }
}

impl Pair {
    /// Does all that there is to do now.
    fn turn(&mut self, now: Time, buffers: &mut ReceiveBuffers) -> Result<()> {
        // A candidate that changes hands may give the other end something to say.
        for _ in 0..2 {
            for from in 0..2 {
                for candidate in self.ends[from].turn(now, buffers) {
                    let to = &mut self.ends[1 - from].link;
                    to.add_remote_candidate(&candidate, None, None, None).map_err(stack)?;
                }
            }
        }
        Ok(())
    }
}

impl End {
    /// Does all that there is to do now; returns the candidates for the other end.
    fn turn(&mut self, now: Time, buffers: &mut ReceiveBuffers) -> Vec<String> {
        let Self { sockets, link, open } = self;
        let mut candidates = Vec::new();
        let mut more = true;
        while more {
            more = sockets.receive(buffers, |datagram| {
                link.handle_datagram(now, datagram.local, datagram.remote, datagram.data);
            });
            if link.poll_timeout().is_some_and(|due| due <= now) {
                link.handle_timeout(now);
            }
            while let Some(event) = link.poll_event() {
                match event {
                    LinkEvent::ChannelOpened { .. } => *open = true,
                    LinkEvent::LocalCandidate(Some(candidate)) => candidates.push(candidate.candidate),
                    _ => {}
                }
            }
            while let Some(transmit) = link.poll_transmit() {
                sockets.queue_from(transmit.local, transmit.remote, transmit.data.into());
            }
            sockets.flush();
        }
        candidates
    }
}

fn stack(error: LinkError) -> Error {
    failed("a link failed", error)
}
