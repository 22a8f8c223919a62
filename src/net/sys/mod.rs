//! System calls for batches of datagrams.
//!
//! Each module offers the same functions: `probe_segmentation`, `enable_coalescing`, `enable_drop_reports`,
//! `receive` and `send`. Linux and Android use `recvmmsg`, `sendmmsg` and UDP segmentation offload;
//! everything else moves one datagram a call.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use linux::{enable_coalescing, enable_drop_reports, probe_segmentation, receive, send};

#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod portable;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use portable::{enable_coalescing, enable_drop_reports, probe_segmentation, receive, send};

use std::net::SocketAddr;

/// What one received message holds: one datagram, or several of equal size that the kernel coalesced.
pub(super) struct Received<'a> {
    /// The sender.
    pub remote: SocketAddr,
    /// One or more datagrams, back to back.
    pub data: &'a [u8],
    /// The size of each datagram in `data`; the last may be shorter.
    pub stride: usize,
    /// Whether the message was longer than the buffer, so that its end is missing.
    pub truncated: bool,
    /// How many datagrams the kernel has dropped at this socket so far, when it says so.
    pub kernel_drops: Option<u32>,
}
