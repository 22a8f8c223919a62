//! Waiting for sockets, a waker or a timeout.
//!
//! Timeouts are as precise as the kernel's timers. `mio` hands `epoll_wait` whole milliseconds, rounded up,
//! which would turn a pacer's 300 µs into up to 1 ms; here Linux and Android wait with `epoll_pwait2`
//! (nanoseconds, kernel 5.11 and later) on mio's epoll instance, and with mio's rounding on kernels without
//! it. Other systems go through mio, whose `kevent` takes nanoseconds. A timeout is never shortened, so
//! waiting for a point in time does not turn into a busy loop; Linux may add the thread's timer slack (50 µs
//! unless changed).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token};

/// The token of the poller's own waker; those of sources count up from there.
const WAKER_TOKEN: Token = Token(0);

/// How many readiness reports one wait returns at most; the rest come with the next wait.
const MAX_READY: usize = 64;

/// What a wait reported about one registered source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// The token that the source was registered with.
    pub token: Token,
    /// Reading will not block, or reports an error.
    pub readable: bool,
    /// Writing will not block, or reports an error.
    pub writable: bool,
}

/// Wakes the thread that waits on a [`Poller`]. Cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Waker(Arc<mio::Waker>);

impl Waker {
    /// Ends the current or the next wait. Several calls before that end it once.
    pub fn wake(&self) {
        // The counter behind it cannot be full here: mio empties it when it is. What remains is a closed
        // poller, and then nobody waits.
        let _ = self.0.wake();
    }
}

/// The one place where the network thread sleeps.
#[derive(Debug)]
pub struct Poller {
    poll: Poll,
    events: Events,
    ready: Vec<Ready>,
    woken: bool,
    waker: Waker,
    next_token: usize,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    precise: precise::PreciseWait,
}

impl Poller {
    /// Makes a poller with its waker.
    ///
    /// # Errors
    /// The system's error, usually a lack of file descriptors.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker(Arc::new(mio::Waker::new(poll.registry(), WAKER_TOKEN)?));
        Ok(Self {
            poll,
            events: Events::with_capacity(MAX_READY),
            ready: Vec::with_capacity(MAX_READY),
            woken: false,
            waker,
            next_token: WAKER_TOKEN.0 + 1,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            precise: precise::PreciseWait::default(),
        })
    }

    /// Returns where sources register. Registrations are edge-triggered: read until nothing is left.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Returns a token that nothing else of this poller has or will have.
    pub fn new_token(&mut self) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        token
    }

    /// Returns a handle that ends a wait from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits until something is ready, the waker is used or `timeout` has passed; without a timeout, for
    /// ever. Zero only looks. An interrupt ends the wait early with nothing ready.
    ///
    /// # Errors
    /// The system's error; it does not happen while the poller is whole.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.ready.clear();
        self.woken = false;
        match self.wait_for_events(timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let before = self.ready.len();
        self.ready.retain(|ready| ready.token != WAKER_TOKEN);
        self.woken = self.ready.len() < before;
        Ok(())
    }

    /// Returns what the last wait found ready.
    pub fn ready(&self) -> &[Ready] {
        &self.ready
    }

    /// Returns whether the waker was used before or during the last wait.
    pub fn woken(&self) -> bool {
        self.woken
    }

    fn wait_for_events(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.precise.wait(&self.poll, timeout, &mut self.ready)? {
            return Ok(());
        }
        self.poll.poll(&mut self.events, timeout)?;
        self.ready.extend(self.events.iter().map(|event| Ready {
            token: event.token(),
            readable: event.is_readable() || event.is_error() || event.is_read_closed(),
            writable: event.is_writable() || event.is_error() || event.is_write_closed(),
        }));
        Ok(())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod precise {
    use std::io;
    use std::os::fd::AsRawFd;
    use std::ptr;
    use std::time::Duration;

    use libc::c_long;
    use mio::{Poll, Token};

    use super::{MAX_READY, Ready};

    /// `epoll_pwait2`; new system calls have one number on every architecture. libc has no wrapper for all C
    /// libraries.
    const SYS_EPOLL_PWAIT2: c_long = 441;

    /// `struct __kernel_timespec`, which is 64 bits wide on every architecture.
    #[repr(C)]
    struct KernelTimespec {
        seconds: i64,
        nanoseconds: i64,
    }

    /// Waits with nanosecond timeouts where the kernel can.
    #[derive(Debug, Default)]
    pub(super) struct PreciseWait {
        missing: bool,
    }

    impl PreciseWait {
        /// Waits and appends what is ready. Returns false, without having waited, when the kernel cannot.
        pub fn wait(
            &mut self,
            poll: &Poll,
            timeout: Option<Duration>,
            ready: &mut Vec<Ready>,
        ) -> io::Result<bool> {
            if self.missing {
                return Ok(false);
            }
            let timeout = timeout.map(|timeout| KernelTimespec {
                seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
                nanoseconds: timeout.subsec_nanos().into(),
            });
            let mut events = [libc::epoll_event { events: 0, u64: 0 }; MAX_READY];
            // SAFETY: the events and the optional timeout outlive the call, the count is the events' length,
            // and a null signal mask makes its size irrelevant.
            let result = unsafe {
                libc::syscall(
                    SYS_EPOLL_PWAIT2,
                    poll.as_raw_fd(),
                    events.as_mut_ptr(),
                    MAX_READY,
                    timeout.as_ref().map_or(ptr::null(), ptr::from_ref),
                    ptr::null::<libc::sigset_t>(),
                    0_usize,
                )
            };
            let Ok(count) = usize::try_from(result) else {
                let error = io::Error::last_os_error();
                // A kernel before 5.11, or a sandbox that does not know the call.
                if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) {
                    self.missing = true;
                    return Ok(false);
                }
                return Err(error);
            };
            ready.extend(events.iter().take(count).map(|event| {
                let (events, token) = (event.events as i32, event.u64 as usize);
                let failed = events & (libc::EPOLLERR | libc::EPOLLHUP) != 0;
                Ready {
                    token: Token(token),
                    readable: failed || events & (libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLRDHUP) != 0,
                    writable: failed || events & libc::EPOLLOUT != 0,
                }
            }));
            Ok(true)
        }

        /// Makes the next wait go through mio.
        #[cfg(test)]
        pub fn switch_off(&mut self) {
            self.missing = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use mio::Interest;
    use mio::net::UdpSocket;

    use super::*;

    fn each_kind(test: impl Fn(Poller)) {
        test(Poller::new().unwrap());
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let mut poller = Poller::new().unwrap();
            poller.precise.switch_off();
            test(poller);
        }
    }

    #[test]
    fn a_short_timeout_is_neither_cut_to_nothing_nor_lost() {
        each_kind(|mut poller| {
            let timeout = Duration::from_micros(300);
            let start = Instant::now();
            poller.wait(Some(timeout)).unwrap();
            let took = start.elapsed();
            println!("a wait of 300 µs took {took:?}");
            assert!(took >= timeout, "a shortened wait makes a busy loop");
            assert!(poller.ready().is_empty() && !poller.woken());
        });
    }

    #[test]
    fn a_zero_timeout_only_looks() {
        each_kind(|mut poller| {
            poller.wait(Some(Duration::ZERO)).unwrap();
            assert!(poller.ready().is_empty() && !poller.woken());
        });
    }

    #[test]
    fn the_waker_ends_a_wait_of_another_thread() {
        each_kind(|mut poller| {
            let waker = poller.waker();
            let thread = thread::spawn(move || waker.wake());
            poller.wait(None).unwrap();
            assert!(poller.woken() && poller.ready().is_empty());
            thread.join().unwrap();
        });
    }

    #[test]
    fn waking_before_the_wait_is_not_lost_and_wakes_once() {
        each_kind(|mut poller| {
            poller.waker().wake();
            poller.waker().wake();
            poller.wait(None).unwrap();
            assert!(poller.woken());
            poller.wait(Some(Duration::ZERO)).unwrap();
            assert!(!poller.woken());
        });
    }

    #[test]
    fn readiness_names_the_source_and_the_direction() {
        each_kind(|mut poller| {
            let mut socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
            poller.registry().register(&mut socket, Token(7), Interest::READABLE).unwrap();
            socket.send_to(b"hello", socket.local_addr().unwrap()).unwrap();
            poller.wait(None).unwrap();
            assert_eq!(poller.ready(), [Ready { token: Token(7), readable: true, writable: false }]);
            poller
                .registry()
                .reregister(&mut socket, Token(7), Interest::READABLE | Interest::WRITABLE)
                .unwrap();
            poller.wait(None).unwrap();
            assert!(poller.ready()[0].writable);
        });
    }
}
