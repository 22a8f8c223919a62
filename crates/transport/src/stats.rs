//! What a link measured.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use units::{ReceiverId, Time, TrackId};

use crate::candidates::CandidateKind;
use crate::event::LinkState;
use crate::feedback::Feedback;
use crate::link::Link;

/// Most connectivity checks whose answer is waited for. Past it the oldest is forgotten: it only costs one
/// measurement.
const MAX_OPEN_CHECKS: usize = 64;
/// What to assume of a path before the first measurement.
const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(100);

/// What a link measured since it was made; taken with [`Link::stats`].
#[derive(Debug, Clone, PartialEq)]
pub struct LinkStats {
    /// The state of the link.
    pub state: LinkState,
    /// Time to the other side and back, smoothed, from connectivity checks.
    pub round_trip: Option<Duration>,
    /// Bytes of datagrams sent, without IP and UDP headers.
    pub bytes_sent: u64,
    /// Bytes of datagrams received.
    pub bytes_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Kind of the local and of the remote end of the path in use.
    pub path: Option<(CandidateKind, CandidateKind)>,
    /// Local tracks, in the order in which they were added.
    pub senders: Vec<SenderStats>,
    /// Remote tracks.
    pub receivers: Vec<ReceiverStats>,
}

/// What was measured of a local track.
#[derive(Debug, Clone, PartialEq)]
pub struct SenderStats {
    /// The track.
    pub track: TrackId,
    /// Packets sent, without retransmissions.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Packets that the other side asked for again.
    pub requested_again: u64,
    /// Times that the other side asked for a keyframe.
    pub keyframe_requests: u64,
    /// Share of packets lost, 0.0..=1.0, in the newest report of the other side (RFC 3550 section 6.4.1).
    pub fraction_lost: f32,
    /// Packets lost in all, as the other side counts them.
    pub packets_lost: u32,
    /// Jitter that the other side reports, in the units of the codec's clock.
    pub jitter: u32,
}

/// What was measured of a remote track.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiverStats {
    /// The receiving half.
    pub receiver: ReceiverId,
    /// Packets received, retransmitted and repeated ones included.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Packets that never came.
    pub packets_lost: u64,
    /// Packets asked for again, counted every time.
    pub requested_again: u64,
    /// Keyframes asked for.
    pub keyframe_requests: u64,
    /// Interarrival jitter (RFC 3550 appendix A.8).
    pub jitter: Duration,
}

/// Counters of a local track.
#[derive(Debug, Default)]
pub(crate) struct SenderCounters {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    requested_again: u64,
    keyframe_requests: u64,
    fraction_lost: u8,
    packets_lost: u32,
    jitter: u32,
}

impl SenderCounters {
    /// Counts what the other side reported.
    pub(crate) fn take(&mut self, feedback: &Feedback) {
        match *feedback {
            Feedback::KeyframeRequest { .. } => self.keyframe_requests += 1,
            Feedback::Nack { packets, .. } => self.requested_again += u64::from(packets),
            Feedback::Reception { fraction_lost, total_lost, jitter, .. } => {
                (self.fraction_lost, self.packets_lost, self.jitter) = (fraction_lost, total_lost, jitter);
            }
        }
    }
}

/// Counters of a remote track.
#[derive(Debug, Default)]
pub(crate) struct ReceiverCounters {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) requested_again: u64,
    pub(crate) keyframe_requests: u64,
}

/// Counters of the link as a whole.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) datagrams_sent: u64,
    pub(crate) datagrams_received: u64,
    /// Local and remote end of the newest datagram that was not a connectivity check.
    pub(crate) path: Option<(SocketAddr, SocketAddr)>,
}

/// Measures round trips by the connectivity checks that pass (RFC 8489 section 5 for their layout).
#[derive(Debug, Default)]
pub(crate) struct RoundTrips {
    open: VecDeque<([u8; 12], Time)>,
    smoothed: Option<Duration>,
}

impl RoundTrips {
    const REQUEST: [u8; 2] = [0x00, 0x01];
    const SUCCESS: [u8; 2] = [0x01, 0x01];

    /// Notes a datagram on its way out. Returns whether it is a check.
    pub(crate) fn sent(&mut self, now: Time, datagram: &[u8]) -> bool {
        let Some(id) = transaction(datagram, Self::REQUEST) else { return false };
        if self.open.len() == MAX_OPEN_CHECKS {
            self.open.pop_front();
        }
        self.open.push_back((id, now));
        true
    }

    /// Returns the smoothed round trip, once there was one.
    pub(crate) fn measured(&self) -> Option<Duration> {
        self.smoothed
    }

    /// Notes a datagram on its way in. Returns whether it answers a check.
    pub(crate) fn received(&mut self, now: Time, datagram: &[u8]) -> bool {
        let Some(id) = transaction(datagram, Self::SUCCESS) else { return false };
        let Some(position) = self.open.iter().position(|(open, _)| *open == id) else { return false };
        if let Some((_, sent)) = self.open.remove(position) {
            let sample = now - sent;
            self.smoothed = Some(self.smoothed.map_or(sample, |old| old - old / 8 + sample / 8));
        }
        true
    }
}

fn transaction(datagram: &[u8], kind: [u8; 2]) -> Option<[u8; 12]> {
    datagram.strip_prefix(&kind)?.get(6..18)?.try_into().ok()
}

impl Link {
    /// Returns what was measured so far.
    pub fn stats(&self) -> LinkStats {
        let counters = &self.counters;
        let path = counters.path.map(|(local, remote)| {
            let local = self.candidates.local_kind(local).unwrap_or(CandidateKind::Host);
            (local, self.candidates.remote_kind(remote))
        });
        LinkStats {
            state: self.state,
            round_trip: self.round_trips.smoothed,
            bytes_sent: counters.bytes_sent,
            bytes_received: counters.bytes_received,
            datagrams_sent: counters.datagrams_sent,
            datagrams_received: counters.datagrams_received,
            path,
            senders: self
                .senders
                .iter()
                .map(|sender| SenderStats {
                    track: sender.id,
                    packets: sender.counters.packets,
                    bytes: sender.counters.bytes,
                    requested_again: sender.counters.requested_again,
                    keyframe_requests: sender.counters.keyframe_requests,
                    fraction_lost: f32::from(sender.counters.fraction_lost) / 256.0,
                    packets_lost: sender.counters.packets_lost,
                    jitter: sender.counters.jitter,
                })
                .collect(),
            receivers: self
                .receivers
                .iter()
                .map(|receiver| ReceiverStats {
                    receiver: receiver.id,
                    packets: receiver.counters.packets,
                    bytes: receiver.counters.bytes,
                    packets_lost: receiver.log.lost(),
                    requested_again: receiver.counters.requested_again,
                    keyframe_requests: receiver.counters.keyframe_requests,
                    jitter: receiver.log.jitter(),
                })
                .collect(),
        }
    }

    /// Returns the round trip to reckon with.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trips.smoothed.unwrap_or(DEFAULT_ROUND_TRIP)
    }
}
