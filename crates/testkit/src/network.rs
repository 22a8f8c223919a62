//! A network in memory: datagrams between addresses, with delay, jitter, loss, reordering, duplication and
//! partitions.
//!
//! * Inputs: datagrams, the paths' properties, which hosts cannot reach each other.
//! * Outputs: datagrams at the time of their arrival.
//! * State: the datagrams under way, ordered by arrival and, at the same time, by sending.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use units::Time;

use crate::random::Random;

/// Most datagrams under way; further ones are lost, as in any queue that overflows.
const MAX_UNDER_WAY: usize = 1 << 20;

/// What happens to datagrams from one host to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path {
    /// The shortest time to the other end.
    pub delay: Duration,
    /// How much longer it may take. Jitter alone never lets one datagram overtake another.
    pub jitter: Duration,
    /// The share of datagrams that are lost, 0.0..=1.0.
    pub loss: f64,
    /// The share of datagrams that arrive twice, 0.0..=1.0.
    pub duplication: f64,
    /// The share of datagrams that later ones may overtake, 0.0..=1.0: they take up to `jitter` and once the
    /// delay longer.
    pub reordering: f64,
}

impl Path {
    /// Makes a path with this delay and nothing else.
    pub const fn with_delay(delay: Duration) -> Self {
        Self { delay, jitter: Duration::ZERO, loss: 0.0, duplication: 0.0, reordering: 0.0 }
    }
}

/// A datagram that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Who sent it.
    pub from: SocketAddr,
    /// Whom it is for.
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
    cut: BTreeSet<(IpAddr, IpAddr)>,
    under_way: BTreeMap<(Time, u64), Arrival>,
    latest: BTreeMap<(IpAddr, IpAddr), Time>,
    sent: u64,
}

impl Network {
    /// Makes a network whose paths all have these properties.
    pub fn new(seed: u64, path: Path) -> Self {
        Self {
            random: Random::new(seed),
            default_path: path,
            paths: BTreeMap::new(),
            cut: BTreeSet::new(),
            under_way: BTreeMap::new(),
            latest: BTreeMap::new(),
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

    /// Undoes all cuts.
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// Sends a datagram at `now`.
    pub fn send(&mut self, now: Time, from: SocketAddr, to: SocketAddr, data: Bytes) {
        let hosts = (from.ip(), to.ip());
        let path = self.paths.get(&hosts).copied().unwrap_or(self.default_path);
        if self.cut.contains(&hosts) || self.random.chance(path.loss) {
            return;
        }
        let copies = 1 + usize::from(self.random.chance(path.duplication));
        for _ in 0..copies {
            let mut at = now + path.delay + self.random.below(path.jitter);
            if self.random.chance(path.reordering) {
                at += path.delay + self.random.below(path.jitter);
            } else {
                let latest = self.latest.entry(hosts).or_default();
                at = at.max(*latest);
                *latest = at;
            }
            if self.under_way.len() < MAX_UNDER_WAY {
                self.sent += 1;
                self.under_way.insert((at, self.sent), Arrival { from, to, data: data.clone() });
            }
        }
    }

    /// Takes the next datagram that has arrived at `now`.
    pub fn receive(&mut self, now: Time) -> Option<Arrival> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Returns when the next datagram arrives.
    pub fn next_arrival(&self) -> Option<Time> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
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
}
