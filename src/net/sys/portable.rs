//! One datagram a call, for systems without batches.

use std::collections::VecDeque;
use std::io;

use mio::net::UdpSocket;

use super::Received;
use crate::net::receive::{RECEIVE_BATCH, ReceiveBuffers};
use crate::net::send_queue::{Packet, Run};

/// Returns that the system cannot cut one large send into datagrams.
pub fn probe_segmentation(_socket: &UdpSocket) -> bool {
    false
}

/// Returns that the system cannot coalesce received datagrams.
pub fn enable_coalescing(_socket: &UdpSocket) -> bool {
    false
}

/// Returns that the system does not report dropped datagrams.
pub fn enable_drop_reports(_socket: &UdpSocket) -> bool {
    false
}

/// Receives up to one batch and hands each datagram over. Returns how many there were.
///
/// # Errors
/// `WouldBlock` when nothing waits; anything else is the socket's pending error.
pub fn receive(
    socket: &UdpSocket,
    buffers: &mut ReceiveBuffers,
    each: &mut dyn FnMut(Received<'_>),
) -> io::Result<usize> {
    for count in 0..RECEIVE_BATCH {
        let slot = buffers.slot_mut(0);
        match socket.recv_from(slot) {
            Ok((length, remote)) => each(Received {
                remote,
                data: &slot[..length],
                stride: length,
                // Not told apart here; the slot is as large as a datagram can be.
                truncated: false,
                kernel_drops: None,
            }),
            Err(error) if count == 0 => return Err(error),
            Err(_) => return Ok(count),
        }
    }
    Ok(RECEIVE_BATCH)
}

/// Sends the first datagram of each run, which are consecutive from the front of `packets`. Returns how many
/// went out.
///
/// # Errors
/// The error of the first run; when a later one fails, the call succeeds with the runs before it.
pub fn send(socket: &UdpSocket, packets: &VecDeque<Packet>, runs: &[Run]) -> io::Result<usize> {
    for (sent, (run, packet)) in runs.iter().zip(packets).enumerate() {
        debug_assert!(run.packets == 1 && run.segment.is_none());
        match socket.send_to(&packet.data, packet.remote) {
            Ok(_) => {}
            Err(error) if sent == 0 => return Err(error),
            Err(_) => return Ok(sent),
        }
    }
    Ok(runs.len())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::net::send_queue::{RunLimits, SendQueue};

    #[test]
    fn datagrams_move_one_by_one_in_order() {
        let bind = || UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (sender, receiver) = (bind(), bind());
        assert!(!probe_segmentation(&sender) && !enable_coalescing(&sender) && !enable_drop_reports(&sender));
        let mut queue = SendQueue::default();
        for number in 0..40 {
            queue.push(receiver.local_addr().unwrap(), Bytes::from(vec![number; 100]));
        }
        let mut runs = Vec::new();
        queue.plan(RunLimits { max_segment: 0, single: 0 }, &mut runs);
        assert_eq!(send(&sender, queue.packets(), &runs).unwrap(), 40);
        let mut buffers = ReceiveBuffers::new();
        let mut seen = Vec::new();
        let mut receive_batch = || {
            receive(&receiver, &mut buffers, &mut |message| {
                assert_eq!(message.remote, sender.local_addr().unwrap());
                assert_eq!((message.data.len(), message.stride), (100, 100));
                seen.push(message.data[0]);
            })
        };
        // On loopback what was sent is there.
        assert_eq!(receive_batch().unwrap(), RECEIVE_BATCH);
        assert_eq!(receive_batch().unwrap(), 40 - RECEIVE_BATCH);
        assert_eq!(receive_batch().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(seen, (0..40).collect::<Vec<u8>>());
    }

    #[test]
    fn a_refused_datagram_ends_the_batch_before_it() {
        let sender = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut queue = SendQueue::default();
        queue.push(sender.local_addr().unwrap(), Bytes::from_static(b"good"));
        queue.push("127.0.0.1:0".parse().unwrap(), Bytes::from_static(b"nowhere"));
        let mut runs = Vec::new();
        queue.plan(RunLimits { max_segment: 0, single: 0 }, &mut runs);
        assert_eq!(send(&sender, queue.packets(), &runs).unwrap(), 1);
        queue.remove(1);
        queue.plan(RunLimits { max_segment: 0, single: 0 }, &mut runs);
        assert!(send(&sender, queue.packets(), &runs).is_err());
    }
}
