//! Bounds on what one socket may cost.

use std::time::Duration;

use protocol::limits::{MAX_CLIENT_FRAME_SIZE, MAX_SERVER_FRAME_SIZE};

/// Most bytes that wait to be written to one socket. A client that lets more pile up is cut off: it reads
/// slower than its channels speak, and will find a fresh roster when it comes back. Room for all that the hub
/// may hold back (two largest frames) and as much again.
pub const MAX_QUEUED_BYTES: usize = 4 * MAX_SERVER_FRAME_SIZE;

/// What a queued frame costs besides its text: the queue's slot and the WebSocket header.
pub const QUEUED_FRAME_OVERHEAD: usize = 64;

/// Largest frame that is read to its end. One over [`MAX_CLIENT_FRAME_SIZE`] is refused with 1009 and a
/// complete closing handshake; one over this is not even read, so that the client may see a reset instead.
pub const MAX_READ_FRAME_SIZE: usize = 4 * MAX_CLIENT_FRAME_SIZE;

/// Read buffer of an idle socket, in bytes. It grows while a larger frame is read.
pub const READ_BUFFER_SIZE: usize = 1_024;

/// Most bytes of frames that are written by one system call.
pub const WRITE_BUFFER_SIZE: usize = 8 * 1_024;

/// Most frames that are written before the client is listened to again.
pub const MAX_BATCH: usize = 32;

/// How long one frame may take to be written before the client is given up.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a closed socket waits for the client's half of the closing handshake (RFC 6455 §7.1.1).
pub const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// Largest request head, in bytes: twice what the longest token needs.
pub const MAX_HEAD_SIZE: usize = 16 * 1024;

/// Most header fields of a request; browsers send some 20.
pub const MAX_HEADERS: usize = 64;

/// How long nothing is accepted after the system had no resources for one more connection.
pub const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What a client behind a proxy is told to wait when its address has too many sockets.
pub const RETRY_AFTER_CROWD: Duration = Duration::from_secs(30);

/// What a client is told to wait before it comes back after a shutdown, in milliseconds.
pub const RETRY_AFTER_MS: u64 = 1_500;
