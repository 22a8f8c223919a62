//! `recvmmsg` with coalescing and `sendmmsg` with segmentation.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

use libc::{c_int, c_uint, c_void, socklen_t};
use mio::net::UdpSocket;

use super::Received;
use crate::net::receive::{RECEIVE_BATCH, ReceiveBuffers};
use crate::net::send_queue::{MAX_BATCH_PACKETS, MAX_BATCH_RUNS, Packet, Run};

/// `SOL_UDP`, `UDP_SEGMENT` and `UDP_GRO` of `linux/udp.h`; libc does not define all of them for every C
/// library.
const SOL_UDP: c_int = 17;
const UDP_SEGMENT: c_int = 103;
const UDP_GRO: c_int = 104;
/// `SO_RXQ_OVFL` of `asm-generic/socket.h`.
const SO_RXQ_OVFL: c_int = 40;

// SAFETY: CMSG_SPACE only computes a size.
const SEGMENT_SPACE: usize = unsafe { libc::CMSG_SPACE(mem::size_of::<u16>() as c_uint) } as usize;
// SAFETY: as above. Room for UDP_GRO (an int) and SO_RXQ_OVFL (a u32).
const RECEIVE_SPACE: usize = 2 * unsafe { libc::CMSG_SPACE(mem::size_of::<c_int>() as c_uint) } as usize;

/// A control message buffer with the alignment that `cmsghdr` needs.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control<const N: usize>([u8; N]);

/// A socket address as the kernel reads and writes it.
#[repr(C)]
#[derive(Clone, Copy)]
union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawAddress {
    fn zeroed() -> Self {
        // SAFETY: sockaddr_in6 is plain integers and covers the whole union.
        Self { v6: unsafe { mem::zeroed() } }
    }

    fn encode(address: SocketAddr) -> (Self, socklen_t) {
        let mut raw = Self::zeroed();
        match address {
            SocketAddr::V4(address) => {
                raw.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: address.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                    sin_zero: [0; 8],
                };
                (raw, mem::size_of::<libc::sockaddr_in>() as socklen_t)
            }
            SocketAddr::V6(address) => {
                raw.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                    sin6_scope_id: address.scope_id(),
                };
                (raw, mem::size_of::<libc::sockaddr_in6>() as socklen_t)
            }
        }
    }

    /// Reads the address. The IPv6 flow label is left out, so that equal endpoints compare equal.
    fn decode(&self) -> Option<SocketAddr> {
        // SAFETY: every variant begins with the family, and the union starts out zeroed.
        let family = c_int::from(unsafe { self.family });
        if family == libc::AF_INET {
            // SAFETY: the union is fully initialised plain data and the family says IPv4.
            let raw = unsafe { self.v4 };
            let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(raw.sin_port)).into())
        } else if family == libc::AF_INET6 {
            // SAFETY: the union is fully initialised plain data and the family says IPv6.
            let raw = unsafe { self.v6 };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(raw.sin6_port), 0, raw.sin6_scope_id).into())
        } else {
            None
        }
    }
}

fn set_int(fd: RawFd, level: c_int, name: c_int, value: c_int) -> bool {
    // SAFETY: the pointer and the length describe `value`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            ptr::from_ref(&value).cast::<c_void>(),
            mem::size_of::<c_int>() as socklen_t,
        )
    };
    result == 0
}

/// Returns whether the kernel can cut one large send into datagrams (Linux 4.18 and later).
pub fn probe_segmentation(socket: &UdpSocket) -> bool {
    // Zero means «off by default», so that only the messages that ask for it are cut.
    set_int(socket.as_raw_fd(), SOL_UDP, UDP_SEGMENT, 0)
}

/// Asks the kernel to hand over equal datagrams of one sender as one message (Linux 5.0 and later).
pub fn enable_coalescing(socket: &UdpSocket) -> bool {
    set_int(socket.as_raw_fd(), SOL_UDP, UDP_GRO, 1)
}

/// Asks the kernel to say with each message how many datagrams it had to drop for want of buffer space.
pub fn enable_drop_reports(socket: &UdpSocket) -> bool {
    set_int(socket.as_raw_fd(), libc::SOL_SOCKET, SO_RXQ_OVFL, 1)
}

/// Receives one batch and hands each message over. Returns how many messages there were.
///
/// # Errors
/// `WouldBlock` when nothing waits; anything else is the socket's pending error.
pub fn receive(
    socket: &UdpSocket,
    buffers: &mut ReceiveBuffers,
    each: &mut dyn FnMut(Received<'_>),
) -> io::Result<usize> {
    let mut names = [RawAddress::zeroed(); RECEIVE_BATCH];
    let mut controls = [Control([0; RECEIVE_SPACE]); RECEIVE_BATCH];
    let mut slices = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; RECEIVE_BATCH];
    // SAFETY: mmsghdr is integers and pointers, for which zero is a valid value.
    let mut headers: [libc::mmsghdr; RECEIVE_BATCH] = unsafe { mem::zeroed() };
    let parts = names.iter_mut().zip(&mut controls).zip(&mut slices).zip(buffers.slots_mut());
    for (header, (((name, control), slice), slot)) in headers.iter_mut().zip(parts) {
        *slice = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
        let header = &mut header.msg_hdr;
        header.msg_name = ptr::from_mut(name).cast();
        header.msg_namelen = mem::size_of::<RawAddress>() as socklen_t;
        header.msg_iov = slice;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = RECEIVE_SPACE as _;
    }
    // SAFETY: every header points at a name, a slice and a control buffer of the stated sizes, each used by
    // that header alone, and all of them outlive the call.
    let result = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            RECEIVE_BATCH as c_uint,
            libc::MSG_DONTWAIT as _,
            ptr::null_mut(),
        )
    };
    let count = usize::try_from(result).map_err(|_| io::Error::last_os_error())?;
    for (index, header) in headers.iter().take(count).enumerate() {
        let Some(remote) = names[index].decode() else { continue };
        let length = header.msg_len as usize;
        let (stride, kernel_drops) = read_controls(&header.msg_hdr);
        each(Received {
            remote,
            data: &buffers.slot(index)[..length],
            stride: stride.unwrap_or(length),
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            kernel_drops,
        });
    }
    Ok(count)
}

/// Reads the size of coalesced datagrams and the drop count, each when present.
fn read_controls(header: &libc::msghdr) -> (Option<usize>, Option<u32>) {
    let (mut stride, mut drops) = (None, None);
    // SAFETY: the kernel filled the control buffer that the header points at and set its length.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR return null or a header inside the control buffer.
        let (level, kind) = unsafe { ((*next).cmsg_level, (*next).cmsg_type) };
        // SAFETY: both messages carry four bytes, and the kernel writes a control message whole or not at
        // all.
        let read = || unsafe { ptr::read_unaligned(libc::CMSG_DATA(next).cast::<u32>()) };
        match (level, kind) {
            (SOL_UDP, UDP_GRO) => stride = usize::try_from(read()).ok().filter(|&size| size > 0),
            (libc::SOL_SOCKET, SO_RXQ_OVFL) => drops = Some(read()),
            _ => {}
        }
        // SAFETY: `next` came from the same header.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    (stride, drops)
}

/// Sends the runs, which are consecutive from the front of `packets`, in one call. Returns how many runs went
/// out.
///
/// # Errors
/// The error of the first run; when a later one fails, the call succeeds with the runs before it.
pub fn send(socket: &UdpSocket, packets: &VecDeque<Packet>, runs: &[Run]) -> io::Result<usize> {
    debug_assert!(runs.len() <= MAX_BATCH_RUNS);
    let mut names = [RawAddress::zeroed(); MAX_BATCH_RUNS];
    let mut controls = [Control([0; SEGMENT_SPACE]); MAX_BATCH_RUNS];
    let mut slices = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; MAX_BATCH_PACKETS];
    // SAFETY: mmsghdr is integers and pointers, for which zero is a valid value.
    let mut headers: [libc::mmsghdr; MAX_BATCH_RUNS] = unsafe { mem::zeroed() };
    let mut waiting = packets.iter();
    let mut free_slices = slices.as_mut_slice();
    let parts = names.iter_mut().zip(&mut controls).zip(&mut headers);
    for (run, ((name, control), header)) in runs.iter().zip(parts) {
        let (run_slices, rest) = mem::take(&mut free_slices).split_at_mut(run.packets);
        free_slices = rest;
        for (slice, packet) in run_slices.iter_mut().zip(&mut waiting) {
            let base = packet.data.as_ptr().cast_mut().cast();
            *slice = libc::iovec { iov_base: base, iov_len: packet.data.len() };
        }
        let name_length;
        (*name, name_length) = RawAddress::encode(run.remote);
        let header = &mut header.msg_hdr;
        header.msg_name = ptr::from_mut(name).cast();
        header.msg_namelen = name_length;
        header.msg_iov = run_slices.as_mut_ptr();
        header.msg_iovlen = run.packets as _;
        if let Some(size) = run.segment {
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = SEGMENT_SPACE as _;
            write_segment_size(header, size);
        }
    }
    // SAFETY: every header points at a name, slices and a control buffer of the stated sizes that outlive the
    // call. The kernel does not write through the slices of a send.
    let result = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            runs.len() as c_uint,
            libc::MSG_DONTWAIT as _,
        )
    };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Writes the one control message that asks for segments of `size` bytes.
fn write_segment_size(header: &libc::msghdr, size: u16) {
    // SAFETY: the header's control buffer is aligned and holds CMSG_SPACE(2) bytes, so the first header and
    // its two bytes of data lie inside it.
    unsafe {
        let control = libc::CMSG_FIRSTHDR(header);
        (*control).cmsg_level = SOL_UDP;
        (*control).cmsg_type = UDP_SEGMENT;
        (*control).cmsg_len = libc::CMSG_LEN(mem::size_of::<u16>() as c_uint) as _;
        ptr::write_unaligned(libc::CMSG_DATA(control).cast::<u16>(), size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_to_the_kernel_and_back() {
        for text in ["127.0.0.1:9", "203.0.113.7:65535", "[::1]:9", "[2001:db8::7]:443"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(RawAddress::encode(address).0.decode(), Some(address));
        }
        assert_eq!(RawAddress::zeroed().decode(), None);
    }

    #[test]
    fn the_flow_label_of_a_sender_is_left_out() {
        let (mut raw, _) = RawAddress::encode("[2001:db8::7]:443".parse().unwrap());
        raw.v6.sin6_flowinfo = 7;
        assert_eq!(raw.decode(), Some("[2001:db8::7]:443".parse().unwrap()));
    }
}
