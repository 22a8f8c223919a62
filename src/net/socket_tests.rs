use std::os::fd::AsFd;

use super::*;

impl UdpSocket {
    /// Brings the socket into the state after the kernel had no room.
    pub(in crate::net) fn block(&mut self) {
        self.blocked = true;
    }
}

fn pair(offload: bool) -> (UdpSocket, UdpSocket) {
    let bind = || UdpSocket::bind("127.0.0.1:0".parse().unwrap(), offload).unwrap();
    (bind(), bind())
}

/// Waits until the socket is readable, so that tests neither spin nor sleep.
fn await_readable(socket: &UdpSocket) {
    let mut poll = libc::pollfd {
        fd: std::os::fd::AsRawFd::as_raw_fd(&socket.socket.as_fd()),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd that outlives the call.
    let ready = unsafe { libc::poll(&mut poll, 1, 10_000) };
    assert_eq!(ready, 1, "nothing arrived");
}

/// The payload of datagram `index`: its number, then bytes that follow from it, in runs of varying size.
fn payload(index: u32) -> Bytes {
    let length = [1200, 1200, 1200, 1200, 90, 4, 1200, 1200][(index / 16 % 8) as usize];
    let mut data = index.to_be_bytes().to_vec();
    data.extend((4..length).map(|offset| (index as usize + offset) as u8));
    Bytes::from(data)
}

fn exchange(count: u32, sender: &mut UdpSocket, receiver: &mut UdpSocket) {
    let mut buffers = ReceiveBuffers::new();
    let to = receiver.local_addr();
    let from = sender.local_addr();
    let mut next = 0;
    while next < count {
        // Bursts that fit the receive buffer, since UDP may drop what does not.
        let burst = (next + 256).min(count);
        for index in next..burst {
            sender.queue(to, payload(index));
        }
        assert_eq!(sender.flush(), Flushed::Done);
        while next < burst {
            await_readable(receiver);
            while receiver.receive(&mut buffers, &mut |datagram| {
                assert_eq!((datagram.local, datagram.remote), (to, from));
                assert_eq!(datagram.data, payload(next), "datagram {next}");
                next += 1;
            }) {}
        }
    }
}

#[test]
fn ten_thousand_datagrams_arrive_intact_with_offload() {
    let (mut sender, mut receiver) = pair(true);
    println!("segmentation {}, coalescing {}", sender.segments(), receiver.coalesces());
    exchange(10_000, &mut sender, &mut receiver);
    let (sent, received) = (sender.counters(), receiver.counters());
    println!("sent {sent:?}\nreceived {received:?}");
    assert_eq!((sent.datagrams_sent, received.datagrams_received), (10_000, 10_000));
    assert_eq!(sent.bytes_sent, received.bytes_received);
    assert_eq!((sent.send_errors, sent.dropped_full, received.kernel_drops), (0, 0, 0));
    if sender.segments() {
        assert!(sent.segmented_messages >= 10_000 / 64, "runs have 64 datagrams at most");
        assert_eq!(sent.send_calls, 10_000_u64.div_ceil(256), "one call a burst");
    }
    if receiver.coalesces() && sender.segments() {
        assert_eq!(
            received.coalesced_messages, sent.segmented_messages,
            "on loopback a run arrives as it left"
        );
    }
}

#[test]
fn ten_thousand_datagrams_arrive_intact_without_offload() {
    let (mut sender, mut receiver) = pair(false);
    assert!(!sender.segments() && !receiver.coalesces());
    exchange(10_000, &mut sender, &mut receiver);
    let (sent, received) = (sender.counters(), receiver.counters());
    println!("sent {sent:?}\nreceived {received:?}");
    assert_eq!((sent.datagrams_sent, received.datagrams_received), (10_000, 10_000));
    assert_eq!((sent.segmented_messages, received.coalesced_messages), (0, 0));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    assert!(sent.send_calls < 200, "64 datagrams a call");
}

#[test]
fn a_coalesced_message_is_split_for_a_receiver_without_coalescing_and_back() {
    for (sends, receives) in [(true, false), (false, true)] {
        let bind = |offload| UdpSocket::bind("127.0.0.1:0".parse().unwrap(), offload).unwrap();
        let (mut sender, mut receiver) = (bind(sends), bind(receives));
        exchange(1000, &mut sender, &mut receiver);
    }
}

#[test]
fn empty_and_largest_datagrams_pass() {
    let (mut sender, mut receiver) = pair(true);
    let largest = Bytes::from(vec![7; 65_507]);
    let to = receiver.local_addr();
    sender.queue(to, Bytes::new());
    sender.queue(to, largest.clone());
    sender.queue(to, Bytes::from_static(b"end"));
    assert_eq!(sender.flush(), Flushed::Done);
    let mut buffers = ReceiveBuffers::new();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        await_readable(&receiver);
        while receiver.receive(&mut buffers, &mut |datagram| seen.push(datagram.data.to_vec())) {}
    }
    assert_eq!(seen, [vec![], largest.to_vec(), b"end".to_vec()]);
}

#[test]
fn a_refused_datagram_is_dropped_and_counted_and_the_rest_goes_on() {
    let (mut sender, mut receiver) = pair(true);
    let to = receiver.local_addr();
    sender.queue(to, Bytes::from_static(b"first"));
    // Larger than a datagram can be; port zero; a family that the socket cannot reach.
    sender.queue(to, Bytes::from(vec![0; 70_000]));
    sender.queue("127.0.0.1:0".parse().unwrap(), Bytes::from_static(b"nowhere"));
    sender.queue("[2001:db8::1]:9".parse().unwrap(), Bytes::from_static(b"nowhere"));
    sender.queue(to, Bytes::from_static(b"last"));
    assert_eq!(sender.flush(), Flushed::Done);
    let mut buffers = ReceiveBuffers::new();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        await_readable(&receiver);
        while receiver.receive(&mut buffers, &mut |datagram| seen.push(datagram.data.to_vec())) {}
    }
    assert_eq!(seen, [b"first".to_vec(), b"last".to_vec()]);
    assert_eq!((sender.counters().datagrams_sent, sender.counters().send_errors), (2, 3));
}

#[test]
fn a_run_to_an_invalid_destination_does_not_switch_segmentation_off() {
    let (mut sender, mut receiver) = pair(true);
    let segments = sender.segments();
    for _ in 0..4 {
        sender.queue("127.0.0.1:0".parse().unwrap(), Bytes::from_static(b"nowhere"));
    }
    assert_eq!(sender.flush(), Flushed::Done);
    assert_eq!(sender.counters().send_errors, 4);
    assert_eq!(sender.limits.max_segment, if segments { u16::MAX } else { 0 });
    exchange(500, &mut sender, &mut receiver);
}

#[test]
fn a_segment_that_only_goes_alone_lowers_the_limit() {
    let (mut sender, _) = pair(true);
    let run = Run { remote: sender.local_addr(), packets: 2, segment: Some(1400) };
    sender.limits.max_segment = u16::MAX;
    for _ in 0..2 {
        sender.queue(run.remote, Bytes::from(vec![0; 1400]));
    }
    sender.note_refused(run, &io::Error::from_raw_os_error(libc::EINVAL));
    assert_eq!((sender.queued(), sender.limits.single), (2, 2), "nothing is dropped");
    assert_eq!(sender.flush(), Flushed::Done);
    assert_eq!(sender.limits.max_segment, 1399);
    assert_eq!((sender.counters().datagrams_sent, sender.counters().segmented_messages), (2, 0));
}

#[test]
fn a_device_without_segmentation_switches_it_off_and_loses_nothing() {
    let (mut sender, mut receiver) = pair(true);
    let run = Run { remote: receiver.local_addr(), packets: 16, segment: Some(1200) };
    sender.note_refused(run, &io::Error::from_raw_os_error(libc::EIO));
    assert!(!sender.segments());
    exchange(1000, &mut sender, &mut receiver);
    assert_eq!((sender.counters().datagrams_sent, sender.counters().segmented_messages), (1000, 0));
}

#[test]
fn a_blocked_socket_keeps_at_most_its_bound_and_drops_the_oldest() {
    let (mut sender, receiver) = pair(false);
    sender.block();
    for index in 0..5000 {
        sender.queue(receiver.local_addr(), payload(index));
    }
    assert_eq!(sender.flush(), Flushed::Blocked);
    assert_eq!(sender.queued(), crate::net::SEND_QUEUE_PACKETS);
    assert_eq!(sender.counters().dropped_full, 5000 - crate::net::SEND_QUEUE_PACKETS as u64);
    assert_eq!(sender.counters().send_calls, 0);
}

#[test]
fn datagrams_that_the_kernel_drops_are_counted() {
    let (mut sender, mut receiver) = pair(false);
    SockRef::from(&receiver.socket).set_recv_buffer_size(1).unwrap();
    for index in 0..64 {
        sender.queue(receiver.local_addr(), payload(index));
    }
    sender.flush();
    let mut buffers = ReceiveBuffers::new();
    let drain = |receiver: &mut UdpSocket, buffers: &mut ReceiveBuffers| {
        await_readable(receiver);
        while receiver.receive(buffers, &mut |_| {}) {}
    };
    drain(&mut receiver, &mut buffers);
    // The count comes with the first message that finds room again.
    sender.queue(receiver.local_addr(), Bytes::from_static(b"after"));
    sender.flush();
    drain(&mut receiver, &mut buffers);
    let counters = receiver.counters();
    #[cfg(any(target_os = "linux", target_os = "android"))]
    assert_eq!(counters.datagrams_received + counters.kernel_drops, 65, "{counters:?}");
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    assert!(counters.datagrams_received < 65);
}

#[test]
fn the_kernel_grants_large_buffers() {
    let (socket, _) = pair(true);
    let (receive, send) = socket.kernel_buffers();
    println!("kernel buffers: receive {receive}, send {send}");
    assert!(receive > 0 && send > 0);
}

#[test]
fn ipv6_sockets_work_the_same() {
    let bind = || UdpSocket::bind("[::1]:0".parse().unwrap(), true);
    let (Ok(mut sender), Ok(mut receiver)) = (bind(), bind()) else {
        println!("no IPv6 loopback here: not tested");
        return;
    };
    exchange(1000, &mut sender, &mut receiver);
}
