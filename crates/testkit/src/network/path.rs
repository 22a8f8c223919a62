//! What happens to datagrams on the way from one host to another.

use std::time::Duration;

use units::{BitRate, Time};

use crate::random::Random;

/// What happens to datagrams from one host to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path {
    /// The shortest time to the other end.
    pub delay: Duration,
    /// How much longer it may take. Jitter alone never lets one datagram overtake another.
    pub jitter: Duration,
    /// The share of datagrams that are lost, each for itself, 0.0..=1.0.
    pub loss: f64,
    /// Losses in a row, beside those.
    pub bursts: Option<Bursts>,
    /// The share of datagrams that arrive twice, 0.0..=1.0.
    pub duplication: f64,
    /// The share of datagrams that later ones may overtake, 0.0..=1.0: they take up to `jitter` and once the
    /// delay longer.
    pub reordering: f64,
    /// The narrowest place on the way.
    pub bottleneck: Option<Bottleneck>,
}

/// Losses that come in bursts: the model of Gilbert (1960), in which everything is lost while a burst lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bursts {
    /// The share of datagrams that begin a burst, 0.0..=1.0.
    pub begin: f64,
    /// The share of datagrams in a burst that end it, 0.0..=1.0; a burst has one over this many datagrams on average.
    pub end: f64,
}

/// What sizes are rounded up to at a bottleneck, in bytes. The lengths of DTLS messages vary by some bytes with their
/// signatures, of which the stack alone knows; two runs of a call shall not differ in when they leave.
const SIZE_CLASS: usize = 100;

/// A place that lets only so much through, with a queue in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bottleneck {
    /// How much it lets through.
    pub rate: BitRate,
    /// How long a datagram may wait; one that would wait longer is lost.
    pub queue: Duration,
}

impl Path {
    /// Makes a path with this delay and nothing else.
    pub const fn with_delay(delay: Duration) -> Self {
        Self {
            delay,
            jitter: Duration::ZERO,
            loss: 0.0,
            bursts: None,
            duplication: 0.0,
            reordering: 0.0,
            bottleneck: None,
        }
    }
}

/// What a path remembers of the datagrams before.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// When the bottleneck is free again.
    free: Time,
    in_burst: bool,
    /// The arrival that no later datagram overtakes.
    latest: Time,
}

impl Line {
    /// Puts a datagram of this size on the way; returns when its copies arrive.
    pub(super) fn take(&mut self, random: &mut Random, path: &Path, now: Time, size: usize) -> Vec<Time> {
        let mut leaves = now;
        if let Some(Bottleneck { rate, queue }) = path.bottleneck {
            let begins = self.free.max(now);
            if begins - now > queue {
                return Vec::new();
            }
            let micros = size.next_multiple_of(SIZE_CLASS) as u64 * 8 * 1_000_000 / rate.bps().max(1);
            self.free = begins + Duration::from_micros(micros);
            leaves = self.free;
        }
        if self.is_lost(random, path) {
            return Vec::new();
        }
        let copies = 1 + usize::from(random.chance(path.duplication));
        (0..copies).map(|_| self.arrival(random, path, leaves)).collect()
    }

    fn is_lost(&mut self, random: &mut Random, path: &Path) -> bool {
        if let Some(Bursts { begin, end }) = path.bursts {
            self.in_burst = if self.in_burst { !random.chance(end) } else { random.chance(begin) };
        } else {
            self.in_burst = false;
        }
        self.in_burst || random.chance(path.loss)
    }

    fn arrival(&mut self, random: &mut Random, path: &Path, leaves: Time) -> Time {
        let at = leaves + path.delay + random.below(path.jitter);
        if random.chance(path.reordering) {
            return at + path.delay + random.below(path.jitter);
        }
        self.latest = self.latest.max(at);
        self.latest
    }
}
