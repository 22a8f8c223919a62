//! One non-blocking UDP socket with batched receive and send.
//!
//! Sending is queued and then flushed, so that what one turn of the loop produced leaves in as few system
//! calls as the kernel allows. States of a socket's sending side:
//!
//! - *open*: a flush sends;
//! - *blocked*: the kernel's buffer is full; a flush does nothing until the socket was reported writable.
//!
//! Segmentation offload is probed once. A device that cannot do it answers `EIO`: then it stays off. A path
//! whose MTU is below the segment size answers `EINVAL`: then the datagrams are sent alone, and if that works
//! the largest segment is lowered.

use std::io;
use std::net::SocketAddr;
use std::ops::AddAssign;

use bytes::Bytes;
use mio::net::UdpSocket as MioSocket;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::receive::{RECEIVE_BATCH, ReceiveBuffers};
use super::send_queue::{Run, RunLimits, SendQueue};
use super::{Datagram, sys};

/// What the kernel is asked to buffer in each direction, in bytes. The default of 208 KiB loses half of a
/// burst of media at 10 % load; the kernel's `rmem_max` and `wmem_max` may grant less.
const KERNEL_BUFFER_BYTES: usize = 2 << 20;

/// How often in a row one flush or receive tries again after an interrupt or a pending error of the socket.
const MAX_RETRIES: usize = 64;

/// What a socket did since it was opened. All counts only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SocketCounters {
    /// Datagrams handed to the kernel.
    pub datagrams_sent: u64,
    /// Payload bytes handed to the kernel.
    pub bytes_sent: u64,
    /// System calls that send.
    pub send_calls: u64,
    /// Messages that the kernel cut into several datagrams.
    pub segmented_messages: u64,
    /// Datagrams dropped because the queue was full.
    pub dropped_full: u64,
    /// Datagrams that the kernel refused, for instance for want of a route.
    pub send_errors: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Payload bytes received.
    pub bytes_received: u64,
    /// System calls that receive.
    pub receive_calls: u64,
    /// Messages that held several datagrams.
    pub coalesced_messages: u64,
    /// Messages dropped because they were longer than the buffer.
    pub truncated: u64,
    /// Pending errors that a receive reported, for instance a refused port.
    pub receive_errors: u64,
    /// Datagrams that the kernel dropped because its receive buffer was full.
    pub kernel_drops: u64,
}

impl AddAssign for SocketCounters {
    fn add_assign(&mut self, other: Self) {
        self.datagrams_sent += other.datagrams_sent;
        self.bytes_sent += other.bytes_sent;
        self.send_calls += other.send_calls;
        self.segmented_messages += other.segmented_messages;
        self.dropped_full += other.dropped_full;
        self.send_errors += other.send_errors;
        self.datagrams_received += other.datagrams_received;
        self.bytes_received += other.bytes_received;
        self.receive_calls += other.receive_calls;
        self.coalesced_messages += other.coalesced_messages;
        self.truncated += other.truncated;
        self.receive_errors += other.receive_errors;
        self.kernel_drops += other.kernel_drops;
    }
}

/// How a flush ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing waits any more.
    Done,
    /// The kernel's buffer is full; the rest waits until the socket is writable.
    Blocked,
}

/// A UDP socket bound to one local address.
#[derive(Debug)]
pub struct UdpSocket {
    socket: MioSocket,
    local: SocketAddr,
    queue: SendQueue,
    /// The runs of the batch at hand; kept for its memory.
    runs: Vec<Run>,
    blocked: bool,
    limits: RunLimits,
    /// The segment size of a run that was refused and is being sent as single datagrams.
    suspect_segment: Option<u16>,
    coalescing: bool,
    counters: SocketCounters,
}

impl UdpSocket {
    /// Opens a socket on `local`; port zero lets the system choose. With `offload` the kernel's segmentation
    /// and coalescing are used where it has them.
    ///
    /// # Errors
    /// The system's error when the socket cannot be made or the address cannot be bound. Failing to enlarge
    /// the buffers or to switch an offload on is none.
    pub fn bind(local: SocketAddr, offload: bool) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        if local.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // Best effort: `kernel_buffers` tells what was granted.
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(KERNEL_BUFFER_BYTES);
        socket.bind(&local.into())?;
        let socket = MioSocket::from_std(socket.into());
        let local = socket.local_addr()?;
        sys::enable_drop_reports(&socket);
        let max_segment = if offload && sys::probe_segmentation(&socket) { u16::MAX } else { 0 };
        let coalescing = offload && sys::enable_coalescing(&socket);
        Ok(Self {
            socket,
            local,
            queue: SendQueue::default(),
            runs: Vec::new(),
            blocked: false,
            limits: RunLimits { max_segment, single: 0 },
            suspect_segment: None,
            coalescing,
            counters: SocketCounters::default(),
        })
    }

    /// Returns the address that the socket is bound to.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Returns what the kernel buffers in bytes: receive, then send. Linux counts its own bookkeeping in and
    /// so reports twice what was asked for.
    pub fn kernel_buffers(&self) -> (usize, usize) {
        let socket = SockRef::from(&self.socket);
        (socket.recv_buffer_size().unwrap_or(0), socket.send_buffer_size().unwrap_or(0))
    }

    /// Returns whether the kernel cuts runs into datagrams at the moment.
    pub fn segments(&self) -> bool {
        self.limits.max_segment > 0
    }

    /// Returns whether the kernel coalesces received datagrams.
    pub fn coalesces(&self) -> bool {
        self.coalescing
    }

    /// Returns the counters.
    pub fn counters(&self) -> SocketCounters {
        self.counters
    }

    /// Returns the source to register with a poller.
    pub(super) fn source(&mut self) -> &mut MioSocket {
        &mut self.socket
    }

    /// Returns how many datagrams wait to be sent.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Returns whether the kernel's send buffer was full at the last flush.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Notes that the socket was reported writable, so that the next flush sends again.
    pub fn set_writable(&mut self) {
        self.blocked = false;
    }

    /// Queues a datagram for the next flush; when [`SEND_QUEUE_PACKETS`](super::SEND_QUEUE_PACKETS) wait
    /// already, the oldest is dropped and counted.
    pub fn queue(&mut self, remote: SocketAddr, data: Bytes) {
        if !self.queue.push(remote, data) {
            self.counters.dropped_full += 1;
            // Whatever was at the front may be what had to go alone.
            self.limits.single = self.limits.single.saturating_sub(1);
        }
    }

    /// Sends what was queued until nothing is left or the kernel's buffer is full. Datagrams that the kernel
    /// refuses are dropped and counted: to ICE an unreachable address is a lost packet.
    pub fn flush(&mut self) -> Flushed {
        let mut interrupts = 0;
        while !self.blocked && !self.queue.is_empty() {
            let mut runs = std::mem::take(&mut self.runs);
            self.queue.plan(self.limits, &mut runs);
            self.counters.send_calls += 1;
            match sys::send(&self.socket, self.queue.packets(), &runs) {
                Ok(sent) => self.note_sent(&runs[..sent.min(runs.len())]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted && interrupts < MAX_RETRIES => {
                    interrupts += 1;
                }
                Err(error) => {
                    if let Some(first) = runs.first() {
                        self.note_refused(*first, &error);
                    }
                }
            }
            self.runs = runs;
        }
        if self.queue.is_empty() { Flushed::Done } else { Flushed::Blocked }
    }

    fn note_sent(&mut self, runs: &[Run]) {
        for run in runs {
            self.counters.datagrams_sent += run.packets as u64;
            self.counters.bytes_sent += self.queue.remove(run.packets) as u64;
            self.counters.segmented_messages += u64::from(run.segment.is_some());
            self.limits.single = self.limits.single.saturating_sub(run.packets);
            // The datagram went out alone and not as a run, so the segment was too large for the path.
            if let Some(size) = self.suspect_segment.take() {
                self.limits.max_segment = self.limits.max_segment.min(size - 1);
            }
        }
    }

    fn note_refused(&mut self, run: Run, error: &io::Error) {
        if let Some(size) = run.segment {
            match refusal(error) {
                Refusal::Offload => {
                    self.limits.max_segment = 0;
                    return;
                }
                Refusal::Invalid => {
                    self.limits.single = run.packets;
                    self.suspect_segment = Some(size);
                    return;
                }
                Refusal::Other => {}
            }
        }
        self.suspect_segment = None;
        self.limits.single = self.limits.single.saturating_sub(run.packets);
        self.queue.remove(run.packets);
        self.counters.send_errors += run.packets as u64;
    }

    /// Receives one batch and hands each datagram over in the order of arrival. Returns whether more may
    /// wait; after false the socket is drained until it is reported readable again.
    pub fn receive(&mut self, buffers: &mut ReceiveBuffers, each: &mut dyn FnMut(Datagram<'_>)) -> bool {
        let local = self.local;
        let counters = &mut self.counters;
        for _ in 0..MAX_RETRIES {
            counters.receive_calls += 1;
            let mut batch = SocketCounters::default();
            let mut kernel_drops = None;
            let result = sys::receive(&self.socket, buffers, &mut |message| {
                kernel_drops = message.kernel_drops.or(kernel_drops);
                if message.truncated {
                    batch.truncated += 1;
                    return;
                }
                batch.coalesced_messages += u64::from(message.data.len() > message.stride);
                batch.bytes_received += message.data.len() as u64;
                if message.data.is_empty() {
                    batch.datagrams_received += 1;
                    each(Datagram { local, remote: message.remote, data: &[] });
                }
                for data in message.data.chunks(message.stride.max(1)) {
                    batch.datagrams_received += 1;
                    each(Datagram { local, remote: message.remote, data });
                }
            });
            *counters += batch;
            if let Some(drops) = kernel_drops {
                counters.kernel_drops = drops.into();
            }
            match result {
                // A batch that is not full took all there was.
                Ok(count) => return count == RECEIVE_BATCH,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Reading such an error clears it, so the next call goes on.
                Err(_) => counters.receive_errors += 1,
            }
        }
        true
    }
}

/// Why the kernel refused a run.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// The device cannot cut runs.
    Offload,
    /// Something about this run is invalid: its segment size, or its destination.
    Invalid,
    /// Nothing that has to do with runs.
    Other,
}

fn refusal(error: &io::Error) -> Refusal {
    #[cfg(unix)]
    match error.raw_os_error() {
        Some(libc::EIO) => return Refusal::Offload,
        Some(libc::EINVAL) => return Refusal::Invalid,
        _ => {}
    }
    #[cfg(not(unix))]
    let _ = error;
    Refusal::Other
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
