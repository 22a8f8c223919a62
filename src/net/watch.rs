//! Hearing that the network changed: interfaces, addresses, routes.
//!
//! Linux tells by netlink (rtnetlink(7)). Android tells only its own services, and other systems are not watched
//! yet; there the app says so, by `network_changed`.

use std::io;

use super::poller::{Poller, Ready};

/// A change of the network is waited for with the sockets, on the same poller.
#[derive(Debug)]
pub struct NetworkWatch {
    #[cfg(target_os = "linux")]
    netlink: Option<netlink::Netlink>,
}

impl NetworkWatch {
    /// Starts to watch. On a system that does not tell, nothing is ever heard.
    pub fn open(poller: &mut Poller) -> Self {
        #[cfg(target_os = "linux")]
        return Self {
            netlink: netlink::Netlink::open(poller)
                .inspect_err(|error| tracing::warn!(%error, "changes of the network will not be noticed"))
                .ok(),
        };
        #[cfg(not(target_os = "linux"))]
        {
            let _ = poller;
            Self {}
        }
    }

    /// Takes what the poller reported. Returns whether the network may have changed.
    pub fn note_ready(&mut self, ready: Ready) -> bool {
        #[cfg(target_os = "linux")]
        return self.netlink.as_ref().is_some_and(|netlink| netlink.note_ready(ready));
        #[cfg(not(target_os = "linux"))]
        {
            let _ = ready;
            false
        }
    }
}

#[cfg(target_os = "linux")]
mod netlink {
    use std::os::fd::AsRawFd as _;

    use mio::unix::SourceFd;
    use mio::{Interest, Token};
    use netlink_sys::protocols::NETLINK_ROUTE;
    use netlink_sys::{Socket, SocketAddr};

    use super::{Poller, Ready, io};

    /// The multicast groups of rtnetlink(7) that tell of links, addresses and routes, as bits.
    const GROUPS: u32 = (libc::RTMGRP_LINK
        | libc::RTMGRP_IPV4_IFADDR
        | libc::RTMGRP_IPV4_ROUTE
        | libc::RTMGRP_IPV6_IFADDR
        | libc::RTMGRP_IPV6_ROUTE) as u32;

    /// How many messages are read at once at most; more are news all the same.
    const MAX_MESSAGES: usize = 1_000;

    #[derive(Debug)]
    pub(super) struct Netlink {
        socket: Socket,
        token: Token,
    }

    impl Netlink {
        pub(super) fn open(poller: &mut Poller) -> io::Result<Self> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind(&SocketAddr::new(0, GROUPS))?;
            socket.set_non_blocking(true)?;
            let token = poller.new_token();
            poller.registry().register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self { socket, token })
        }

        pub(super) fn note_ready(&self, ready: Ready) -> bool {
            if ready.token != self.token {
                return false;
            }
            // What a message says is of no interest: whoever hears of it looks at the interfaces themselves.
            let mut buffer = Vec::with_capacity(4_096);
            let mut heard = false;
            for _ in 0..MAX_MESSAGES {
                buffer.clear();
                match self.socket.recv(&mut buffer, 0) {
                    Ok(_) => heard = true,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // The kernel had to drop messages (ENOBUFS), so there were some.
                    Err(_) => heard = true,
                }
            }
            heard
        }
    }
}
