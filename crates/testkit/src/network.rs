//! A network in memory: datagrams between addresses, with delay, jitter, loss, reordering, duplication, bottlenecks,
//! partitions, translated addresses and hosts that move.
//!
//! * Inputs: datagrams, the paths' properties, which hosts cannot reach each other, which addresses hosts have.
//! * Outputs: datagrams at the time of their arrival.
//! * State: the datagrams under way, ordered by arrival and, at the same time, by sending.
//!
//! A host is called by its first address, whatever addresses it gets later.

mod nat;
mod path;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use units::Time;

use crate::random::Random;

pub use self::path::{Bottleneck, Bursts, Path};

use self::nat::Nat;
use self::path::Line;

/// Most datagrams under way; further ones are lost, as in any queue that overflows.
const MAX_UNDER_WAY: usize = 1 << 20;

/// A datagram that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Who sent it, as the receiver sees it.
    pub from: SocketAddr,
    /// Whom it is for: the receiver's own address.
    pub to: SocketAddr,
    /// What it carries.
    pub data: Bytes,
}

/// A network in memory.
#[derive(Debug)]
pub struct Network {
    random: Random,
    default_path: Path,
    paths: BTreeMap<(IpAddr, IpAddr), Path>,
    lines: BTreeMap<(IpAddr, IpAddr), Line>,
    cut: BTreeSet<(IpAddr, IpAddr)>,
    /// The host behind each address that is not its first one.
    aliases: BTreeMap<IpAddr, IpAddr>,
    /// Addresses that nobody has any more.
    dead: BTreeSet<IpAddr>,
    nats: BTreeMap<IpAddr, Nat>,
    under_way: BTreeMap<(Time, u64), Arrival>,
    most_under_way: usize,
    sent: u64,
}

impl Network {
    /// Makes a network whose paths all have these properties.
    pub fn new(seed: u64, path: Path) -> Self {
        Self {
            random: Random::new(seed),
            default_path: path,
            paths: BTreeMap::new(),
            lines: BTreeMap::new(),
            cut: BTreeSet::new(),
            aliases: BTreeMap::new(),
            dead: BTreeSet::new(),
            nats: BTreeMap::new(),
            under_way: BTreeMap::new(),
            most_under_way: 0,
            sent: 0,
        }
    }

    /// Changes all paths; those set for a pair of hosts, too.
    pub fn set_path(&mut self, path: Path) {
        self.default_path = path;
        self.paths.clear();
    }

    /// Changes the path from one host to another, in this direction only.
    pub fn set_path_between(&mut self, from: IpAddr, to: IpAddr, path: Path) {
        self.paths.insert((from, to), path);
    }

    /// Cuts two hosts off from each other; what is under way between them still arrives.
    pub fn cut(&mut self, one: IpAddr, other: IpAddr) {
        self.cut.extend([(one, other), (other, one)]);
    }

    /// Undoes the cut between two hosts.
    pub fn heal_between(&mut self, one: IpAddr, other: IpAddr) {
        self.cut.remove(&(one, other));
        self.cut.remove(&(other, one));
    }

    /// Undoes all cuts.
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// Gives a host another address. The one it had is dead: what comes from there or goes there is lost.
    pub fn move_host(&mut self, host: IpAddr, from: IpAddr, to: IpAddr) {
        self.dead.insert(from);
        self.aliases.insert(to, host);
    }

    /// Puts an address translator in front of a host, whose public side has this address.
    pub fn add_nat(&mut self, host: IpAddr, outside: IpAddr) {
        self.aliases.insert(outside, host);
        self.nats.insert(host, Nat::new(outside));
    }

    /// Lets the translator in front of a host forget its mappings; others see the host elsewhere from now on.
    pub fn rebind(&mut self, host: IpAddr) {
        if let Some(nat) = self.nats.get_mut(&host) {
            nat.forget();
        }
    }

    /// Returns what a STUN server would say to a datagram from this address; `None` when it is not translated.
    pub fn reflexive(&mut self, address: SocketAddr) -> Option<SocketAddr> {
        let host = self.host(address.ip());
        self.nats.get_mut(&host).map(|nat| nat.map(address))
    }

    /// Sends a datagram at `now`.
    pub fn send(&mut self, now: Time, from: SocketAddr, to: SocketAddr, data: Bytes) {
        let hosts = (self.host(from.ip()), self.host(to.ip()));
        if self.dead.contains(&from.ip()) {
            return;
        }
        let from = match self.nats.get_mut(&hosts.0) {
            Some(nat) => nat.outbound(from, to),
            None => from,
        };
        if self.cut.contains(&hosts) {
            return;
        }
        let path = self.paths.get(&hosts).copied().unwrap_or(self.default_path);
        let line = self.lines.entry(hosts).or_default();
        for at in line.take(&mut self.random, &path, now, data.len()) {
            if self.under_way.len() < MAX_UNDER_WAY {
                self.sent += 1;
                self.under_way.insert((at, self.sent), Arrival { from, to, data: data.clone() });
            }
        }
        self.most_under_way = self.most_under_way.max(self.under_way.len());
    }

    /// Takes the next datagram that has arrived at `now`.
    pub fn receive(&mut self, now: Time) -> Option<Arrival> {
        loop {
            let first = self.under_way.first_entry().filter(|first| first.key().0 <= now)?;
            let arrival = first.remove();
            if let Some(to) = self.destination(&arrival) {
                return Some(Arrival { to, ..arrival });
            }
        }
    }

    /// Returns when the next datagram arrives.
    pub fn next_arrival(&self) -> Option<Time> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// Returns how many datagrams were under way at the same time, at most.
    pub fn most_under_way(&self) -> usize {
        self.most_under_way
    }

    fn host(&self, address: IpAddr) -> IpAddr {
        self.aliases.get(&address).copied().unwrap_or(address)
    }

    /// Returns where a datagram arrives; `None` when it does not.
    fn destination(&self, arrival: &Arrival) -> Option<SocketAddr> {
        if self.dead.contains(&arrival.to.ip()) {
            return None;
        }
        match self.nats.get(&self.host(arrival.to.ip())) {
            // A private address means nothing on the other side.
            Some(nat) => nat.inbound(arrival.from, arrival.to),
            None => Some(arrival.to),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use units::BitRate;

    use super::*;

    const A: SocketAddr = address(1);
    const B: SocketAddr = address(2);

    const fn address(host: u8) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, host)), 5000)
    }

    fn send(network: &mut Network, millis: u64, number: u16) {
        network.send(Time::from_millis(millis), A, B, Bytes::copy_from_slice(&number.to_be_bytes()));
    }

    /// Returns what arrives, with its time in milliseconds.
    fn arrivals(network: &mut Network) -> Vec<(u64, u16)> {
        std::iter::from_fn(|| {
            let at = network.next_arrival()?;
            let arrival = network.receive(at).expect("what is due arrives");
            assert_eq!((arrival.from, arrival.to), (A, B));
            Some((at.as_millis(), u16::from_be_bytes([arrival.data[0], arrival.data[1]])))
        })
        .collect()
    }

    fn path(millis: u64) -> Path {
        Path::with_delay(Duration::from_millis(millis))
    }

    #[test]
    fn datagrams_arrive_after_the_delay_and_not_before() {
        let mut network = Network::new(1, path(20));
        send(&mut network, 5, 7);
        assert_eq!(network.receive(Time::from_millis(24)), None);
        assert_eq!(arrivals(&mut network), [(25, 7)]);
        assert_eq!(network.next_arrival(), None);
    }

    #[test]
    fn jitter_delays_but_keeps_the_order() {
        let jitter = Duration::from_millis(50);
        let mut network = Network::new(1, Path { jitter, ..path(20) });
        (0..200).for_each(|number| send(&mut network, u64::from(number), number));
        let arrived = arrivals(&mut network);
        assert!(arrived.iter().map(|(_, number)| *number).eq(0..200));
        assert!(arrived.iter().any(|(at, number)| at - u64::from(*number) > 40));
        assert!(arrived.iter().all(|(at, number)| (20..=120).contains(&(at - u64::from(*number)))));
    }

    #[test]
    fn loss_duplication_and_reordering_happen_about_as_often_as_they_should() {
        let mut network = Network::new(3, Path { loss: 0.1, ..path(1) });
        (0..2000).for_each(|number| send(&mut network, u64::from(number), number));
        assert!((1700..1900).contains(&arrivals(&mut network).len()));

        let mut network = Network::new(3, Path { duplication: 0.1, ..path(1) });
        (0..2000).for_each(|number| send(&mut network, u64::from(number), number));
        assert!((2100..2300).contains(&arrivals(&mut network).len()));

        let mut network = Network::new(3, Path { reordering: 0.1, ..path(20) });
        (0..2000).for_each(|number| send(&mut network, u64::from(number), number));
        let arrived = arrivals(&mut network);
        let overtaken = arrived.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
        assert!((100..300).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn equal_seeds_give_equal_arrivals_and_others_do_not() {
        let run = |seed| {
            let jitter = Duration::from_millis(30);
            let mut network = Network::new(seed, Path { jitter, loss: 0.2, ..path(10) });
            (0..100).for_each(|number| send(&mut network, u64::from(number), number));
            arrivals(&mut network)
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
    }

    #[test]
    fn hosts_that_are_cut_off_reach_each_other_after_healing() {
        let mut network = Network::new(1, path(1));
        network.cut(B.ip(), A.ip());
        send(&mut network, 0, 1);
        network.heal();
        send(&mut network, 0, 2);
        assert_eq!(arrivals(&mut network), [(1, 2)]);
    }

    #[test]
    fn a_path_between_two_hosts_has_its_own_properties() {
        let mut network = Network::new(1, path(1));
        network.set_path_between(A.ip(), B.ip(), path(30));
        send(&mut network, 0, 1);
        assert_eq!(arrivals(&mut network), [(30, 1)]);
        network.set_path(path(2));
        send(&mut network, 40, 2);
        assert_eq!(arrivals(&mut network), [(42, 2)]);
    }

    #[test]
    fn losses_come_in_bursts_of_about_the_length_that_they_should_have() {
        let bursts = Some(Bursts { begin: 0.02, end: 0.2 });
        let mut network = Network::new(4, Path { bursts, ..path(1) });
        (0..20_000).for_each(|number| send(&mut network, u64::from(number), number));
        let arrived = arrivals(&mut network);
        let gaps = arrived.windows(2).map(|pair| pair[1].1 - pair[0].1 - 1).filter(|gap| *gap > 0);
        let gaps: Vec<u16> = gaps.collect();
        let lost = gaps.iter().map(|gap| usize::from(*gap)).sum::<usize>();
        assert!((1_500..2_200).contains(&lost), "{lost}");
        assert!((4..7).contains(&(lost / gaps.len())), "{lost} in {} bursts", gaps.len());
    }

    #[test]
    fn a_bottleneck_delays_what_comes_too_fast_and_loses_what_would_wait_too_long() {
        // One datagram of the smallest class of sizes in 10 ms, and a queue of 50 ms.
        let bottleneck = Bottleneck { rate: BitRate::from_kbps(80), queue: Duration::from_millis(50) };
        let mut network = Network::new(1, Path { bottleneck: Some(bottleneck), ..path(1) });
        (0..10).for_each(|number| send(&mut network, 0, number));
        assert_eq!(arrivals(&mut network), [(11, 0), (21, 1), (31, 2), (41, 3), (51, 4), (61, 5)]);
        send(&mut network, 100, 11);
        assert_eq!(arrivals(&mut network), [(111, 11)]);
    }

    #[test]
    fn one_cut_is_healed_and_the_others_stay() {
        let mut network = Network::new(1, path(1));
        network.cut(A.ip(), B.ip());
        network.cut(A.ip(), address(3).ip());
        network.heal_between(B.ip(), A.ip());
        send(&mut network, 0, 1);
        network.send(Time::ZERO, A, address(3), Bytes::new());
        assert_eq!(arrivals(&mut network), [(1, 1)]);
    }

    #[test]
    fn a_host_that_moved_is_reached_at_its_new_address_only_and_keeps_its_paths() {
        let mut network = Network::new(1, path(1));
        network.set_path_between(A.ip(), B.ip(), path(30));
        network.move_host(A.ip(), A.ip(), address(9).ip());
        send(&mut network, 0, 1);
        network.send(Time::ZERO, B, A, Bytes::new());
        network.send(Time::ZERO, address(9), B, Bytes::new());
        assert_eq!(network.next_arrival(), Some(Time::from_millis(1)));
        assert_eq!(network.receive(Time::from_millis(29)), None);
        let arrival = network.receive(Time::from_millis(30)).unwrap();
        assert_eq!((arrival.from, arrival.to), (address(9), B));
    }

    #[test]
    fn a_host_behind_a_translator_is_seen_elsewhere_and_hears_only_whom_it_spoke_to() {
        let (mut network, now) = (Network::new(1, path(0)), Time::ZERO);
        let send = |network: &mut Network, from, to| {
            network.send(now, from, to, Bytes::new());
            network.receive(now).map(|arrival| (arrival.from, arrival.to))
        };
        network.add_nat(A.ip(), address(200).ip());
        let public = network.reflexive(A).unwrap();
        assert_eq!((public.ip(), network.reflexive(B)), (address(200).ip(), None));
        assert_eq!(send(&mut network, B, public), None, "not before it was spoken to");
        assert_eq!(send(&mut network, A, B), Some((public, B)));
        assert_eq!(send(&mut network, B, public), Some((B, A)));
        assert_eq!(send(&mut network, address(3), public), None);
        assert_eq!(send(&mut network, B, A), None, "a private address cannot be reached");
        network.rebind(A.ip());
        assert_eq!(send(&mut network, B, public), None);
        let (seen, _) = send(&mut network, A, B).unwrap();
        assert_ne!(seen, public);
        assert_eq!(send(&mut network, B, seen), Some((B, A)));
    }
}
