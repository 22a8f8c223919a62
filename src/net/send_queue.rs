//! Datagrams waiting to be sent by one socket, and how they are grouped into system calls.
//!
//! A run is a group of consecutive datagrams to one destination that the kernel can be handed as one message:
//! all of one size, except that the last may be shorter.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

/// How many datagrams wait at one socket at most (about 5 MB of media). When it is full the oldest is dropped
/// and counted: late media is worth less than fresh media, and everything reliable is retransmitted.
pub const SEND_QUEUE_PACKETS: usize = 4096;

/// How many runs one system call carries at most.
pub(super) const MAX_BATCH_RUNS: usize = 64;

/// How many datagrams one system call carries at most.
pub(super) const MAX_BATCH_PACKETS: usize = 512;

/// How many datagrams one run has at most (the kernel's `UDP_MAX_SEGMENTS` before Linux 6.9).
const MAX_RUN_PACKETS: usize = 64;

/// How many payload bytes one run has at most: an IP packet's 65 535 less the largest headers, rounded down.
const MAX_RUN_BYTES: usize = 65_000;

/// A datagram waiting to be sent.
#[derive(Debug)]
pub(super) struct Packet {
    pub remote: SocketAddr,
    pub data: Bytes,
}

/// One message of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Where its datagrams go.
    pub remote: SocketAddr,
    /// How many datagrams it has, at least one.
    pub packets: usize,
    /// The size at which the kernel cuts it; none for a single datagram.
    pub segment: Option<u16>,
}

/// How runs may be formed.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunLimits {
    /// The largest segment that the path accepts; zero switches segmentation off.
    pub max_segment: u16,
    /// How many datagrams at the front must go out one by one, because they failed as a run.
    pub single: usize,
}

/// A bounded first-in first-out queue of datagrams.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    packets: VecDeque<Packet>,
}

impl SendQueue {
    /// Appends a datagram. Returns false when the oldest one had to go for it.
    pub fn push(&mut self, remote: SocketAddr, data: Bytes) -> bool {
        let full = self.packets.len() >= SEND_QUEUE_PACKETS;
        if full {
            self.packets.pop_front();
        }
        self.packets.push_back(Packet { remote, data });
        !full
    }

    /// Returns how many datagrams wait.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Returns whether none waits.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Returns the waiting datagrams, oldest first.
    pub fn packets(&self) -> &VecDeque<Packet> {
        &self.packets
    }

    /// Removes `count` datagrams from the front and returns how many bytes they held.
    pub fn remove(&mut self, count: usize) -> usize {
        self.packets.drain(..count.min(self.packets.len())).map(|packet| packet.data.len()).sum()
    }

    /// Groups the front of the queue into the runs of one batch.
    pub fn plan(&self, limits: RunLimits, runs: &mut Vec<Run>) {
        runs.clear();
        let mut planned = 0;
        while runs.len() < MAX_BATCH_RUNS && planned < MAX_BATCH_PACKETS {
            let segmentable = planned >= limits.single && limits.max_segment > 0;
            let room = (MAX_BATCH_PACKETS - planned).min(MAX_RUN_PACKETS);
            let most = if segmentable { room } else { 1 };
            let Some(run) = self.run_at(planned, most, limits.max_segment) else { break };
            planned += run.packets;
            runs.push(run);
        }
    }

    /// Returns the longest run that begins with datagram `first`.
    fn run_at(&self, first: usize, most: usize, max_segment: u16) -> Option<Run> {
        let mut waiting = self.packets.range(first.min(self.packets.len())..);
        let head = waiting.next()?;
        let size = head.data.len();
        let mut run = Run { remote: head.remote, packets: 1, segment: None };
        let segment = match u16::try_from(size) {
            Ok(segment) if segment > 0 && segment <= max_segment => segment,
            _ => return Some(run),
        };
        let mut bytes = size;
        for packet in waiting.take(most - 1) {
            let length = packet.data.len();
            // An empty datagram cannot be a segment.
            let fits = length > 0 && length <= size && bytes + length <= MAX_RUN_BYTES;
            if packet.remote != head.remote || !fits {
                break;
            }
            run.packets += 1;
            bytes += length;
            if length < size {
                break;
            }
        }
        if run.packets > 1 {
            run.segment = Some(segment);
        }
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFLOAD: RunLimits = RunLimits { max_segment: u16::MAX, single: 0 };

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn queue(packets: &[(u16, usize)]) -> SendQueue {
        let mut queue = SendQueue::default();
        for &(port, length) in packets {
            queue.push(address(port), Bytes::from(vec![0; length]));
        }
        queue
    }

    fn plan(queue: &SendQueue, limits: RunLimits) -> Vec<(u16, usize, Option<u16>)> {
        let mut runs = Vec::new();
        queue.plan(limits, &mut runs);
        runs.iter().map(|run| (run.remote.port(), run.packets, run.segment)).collect()
    }

    #[test]
    fn equal_sizes_to_one_destination_make_a_run_that_a_shorter_one_ends() {
        let queue = queue(&[(1, 1200), (1, 1200), (1, 300), (1, 300), (2, 300), (1, 300)]);
        assert_eq!(
            plan(&queue, OFFLOAD),
            [(1, 3, Some(1200)), (1, 1, None), (2, 1, None), (1, 1, None)],
            "a run ends after a shorter datagram and at another destination"
        );
    }

    #[test]
    fn a_longer_datagram_begins_a_new_run() {
        assert_eq!(plan(&queue(&[(1, 100), (1, 200), (1, 200)]), OFFLOAD), [(1, 1, None), (1, 2, Some(200))]);
    }

    #[test]
    fn runs_keep_below_the_limits_of_count_and_bytes() {
        let small = vec![(1, 10); 130];
        assert_eq!(plan(&queue(&small), OFFLOAD), [(1, 64, Some(10)), (1, 64, Some(10)), (1, 2, Some(10))]);
        let large = vec![(1, 1200); 60];
        assert_eq!(plan(&queue(&large), OFFLOAD), [(1, 54, Some(1200)), (1, 6, Some(1200))]);
    }

    #[test]
    fn a_batch_keeps_below_the_limits_of_runs_and_datagrams() {
        let many: Vec<_> = (0..200).map(|index| (1 + index % 2, 50)).collect();
        assert_eq!(plan(&queue(&many), OFFLOAD).len(), MAX_BATCH_RUNS);
        let many = vec![(1, 50); 2000];
        let planned: usize = plan(&queue(&many), OFFLOAD).iter().map(|run| run.1).sum();
        assert_eq!(planned, MAX_BATCH_PACKETS);
    }

    #[test]
    fn without_segmentation_every_datagram_goes_alone() {
        let queue = queue(&[(1, 100), (1, 100)]);
        assert_eq!(plan(&queue, RunLimits { max_segment: 0, single: 0 }), [(1, 1, None), (1, 1, None)]);
        assert_eq!(plan(&queue, RunLimits { max_segment: 99, single: 0 }), [(1, 1, None), (1, 1, None)]);
    }

    #[test]
    fn datagrams_that_failed_as_a_run_go_alone_and_later_ones_do_not() {
        let queue = queue(&[(1, 100), (1, 100), (1, 100), (1, 100)]);
        let limits = RunLimits { max_segment: u16::MAX, single: 2 };
        assert_eq!(plan(&queue, limits), [(1, 1, None), (1, 1, None), (1, 2, Some(100))]);
    }

    #[test]
    fn empty_datagrams_are_sent_alone() {
        assert_eq!(plan(&queue(&[(1, 0), (1, 0), (1, 5)]), OFFLOAD).len(), 3);
    }

    #[test]
    fn a_full_queue_drops_its_oldest() {
        let mut queue = SendQueue::default();
        for index in 0..SEND_QUEUE_PACKETS {
            assert!(queue.push(address(1), Bytes::from(index.to_be_bytes().to_vec())));
        }
        assert!(!queue.push(address(1), Bytes::from_static(b"newest")));
        assert_eq!(queue.len(), SEND_QUEUE_PACKETS);
        assert_eq!(queue.packets()[0].data, &1usize.to_be_bytes()[..]);
    }
}
