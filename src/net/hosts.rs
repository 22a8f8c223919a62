//! Host names to addresses, on helper threads.
//!
//! The system's resolver blocks, for many seconds when the network is gone, so it never runs on the network
//! thread.

use std::collections::VecDeque;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::poller::Waker;

/// How many look-ups run at once, each on a thread of its own; more wait.
const MAX_RUNNING: usize = 4;

/// How many look-ups wait at most; one more fails at once.
const MAX_WAITING: usize = 64;

/// A host to look up, and the port to put into the results.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName {
    /// A name or the text of an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The end of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedHost {
    /// What was looked up.
    pub host: HostName,
    /// Its addresses in the system's order of preference; empty when it has none or the look-up failed.
    pub addresses: Vec<SocketAddr>,
}

/// Looks host names up without blocking the thread that asks.
///
/// Dropping it abandons what is under way: the threads end by themselves when the system answers them.
pub struct HostResolver {
    waker: Waker,
    results: Receiver<ResolvedHost>,
    /// Bounded by the look-ups under way, of which there are few.
    sender: Sender<ResolvedHost>,
    running: usize,
    waiting: VecDeque<HostName>,
    /// Answers that no thread gives.
    immediate: VecDeque<ResolvedHost>,
}

impl HostResolver {
    /// Makes a resolver that uses `waker` whenever a result is there.
    pub fn new(waker: Waker) -> Self {
        let (sender, results) = channel();
        let (waiting, immediate) = (VecDeque::new(), VecDeque::new());
        Self { waker, results, sender, running: 0, waiting, immediate }
    }

    /// Starts a look-up. Exactly one result comes from [`HostResolver::poll`], for an address in text form at
    /// once.
    pub fn resolve(&mut self, host: HostName) {
        if let Ok(address) = host.host.parse() {
            let addresses = vec![SocketAddr::new(address, host.port)];
            self.immediate.push_back(ResolvedHost { host, addresses });
        } else if self.waiting.len() >= MAX_WAITING {
            self.immediate.push_back(ResolvedHost { host, addresses: Vec::new() });
        } else {
            self.waiting.push_back(host);
            self.start_waiting();
        }
    }

    /// Returns the next result; never blocks.
    pub fn poll(&mut self) -> Option<ResolvedHost> {
        if let Some(result) = self.immediate.pop_front() {
            return Some(result);
        }
        let result = self.results.try_recv().ok()?;
        self.running -= 1;
        self.start_waiting();
        Some(result)
    }

    fn start_waiting(&mut self) {
        while self.running < MAX_RUNNING {
            let Some(host) = self.waiting.pop_front() else { return };
            let (sender, waker, name) = (self.sender.clone(), self.waker.clone(), host.clone());
            let look_up = move || {
                let addresses = (name.host.as_str(), name.port)
                    .to_socket_addrs()
                    .map_or_else(|_| Vec::new(), |addresses| addresses.collect());
                // Nobody listens any more when the resolver was dropped.
                if sender.send(ResolvedHost { host: name, addresses }).is_ok() {
                    waker.wake();
                }
            };
            match thread::Builder::new().name("parlor-resolve".into()).spawn(look_up) {
                Ok(_) => self.running += 1,
                Err(_) => self.immediate.push_back(ResolvedHost { host, addresses: Vec::new() }),
            }
        }
    }
}

impl fmt::Debug for HostResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostResolver")
            .field("running", &self.running)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::Poller;

    fn host(host: &str, port: u16) -> HostName {
        HostName { host: host.into(), port }
    }

    fn await_results(poller: &mut Poller, resolver: &mut HostResolver, count: usize) -> Vec<ResolvedHost> {
        let mut results = Vec::new();
        loop {
            results.extend(std::iter::from_fn(|| resolver.poll()));
            if results.len() >= count {
                return results;
            }
            poller.wait(Some(Duration::from_secs(30))).unwrap();
            assert!(poller.woken(), "only {} of {count} look-ups ended", results.len());
        }
    }

    #[test]
    fn a_name_is_resolved_and_the_waker_used() {
        let mut poller = Poller::new().unwrap();
        let mut resolver = HostResolver::new(poller.waker());
        resolver.resolve(host("localhost", 99));
        let results = await_results(&mut poller, &mut resolver, 1);
        assert_eq!(results[0].host, host("localhost", 99));
        assert!(
            results[0].addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 99)
        );
        assert!(!results[0].addresses.is_empty());
    }

    #[test]
    fn an_address_in_text_form_needs_no_thread() {
        let mut resolver = HostResolver::new(Poller::new().unwrap().waker());
        resolver.resolve(host("2001:db8::1", 9));
        let result = resolver.poll().unwrap();
        assert_eq!(result.addresses, ["[2001:db8::1]:9".parse::<SocketAddr>().unwrap()]);
        assert_eq!(resolver.running, 0);
    }

    #[test]
    fn every_look_up_gets_one_result_also_beyond_the_bounds() {
        let mut poller = Poller::new().unwrap();
        let mut resolver = HostResolver::new(poller.waker());
        let count = MAX_RUNNING + MAX_WAITING + 5;
        for port in 1..=count {
            // A name with an empty label fails in the system's resolver without any traffic.
            resolver.resolve(host("bad..name", port as u16));
            assert!(resolver.running <= MAX_RUNNING && resolver.waiting.len() <= MAX_WAITING);
        }
        let mut ports: Vec<_> =
            await_results(&mut poller, &mut resolver, count).iter().map(|result| result.host.port).collect();
        ports.sort_unstable();
        assert_eq!(ports, (1..=count as u16).collect::<Vec<_>>());
    }
}
