//! Many WebSocket clients on one thread, with nothing in them but what a load needs.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use parlor::api::{Error, Result, Status};

use crate::bench::failed;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Sockets that are opened at once.
const BATCH: usize = 100;

/// Clients of one server.
pub struct Crowd {
    poll: Poll,
    events: Events,
    sockets: Vec<Socket>,
    inbox: VecDeque<(usize, Vec<u8>)>,
}

struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
    unwritten: Vec<u8>,
    is_open: bool,
}

impl Crowd {
    pub fn new() -> Result<Self> {
        let poll = Poll::new().map_err(|error| failed("no poll", error))?;
        Ok(Self { poll, events: Events::with_capacity(4_096), sockets: Vec::new(), inbox: VecDeque::new() })
    }

    /// Opens sockets until there are `count`; `path` gets each one's number. When it returns, every upgrade is
    /// answered.
    pub fn open(&mut self, address: SocketAddr, count: usize, path: impl Fn(usize) -> String) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.sockets.len() < count {
            let first = self.sockets.len();
            for index in first..count.min(first + BATCH) {
                let mut stream =
                    TcpStream::connect(address).map_err(|error| failed("cannot connect", error))?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                let registered = self.poll.registry().register(&mut stream, Token(index), interest);
                registered.map_err(|error| failed("cannot watch a socket", error))?;
                // The key is an example from RFC 6455 §1.3; nothing here depends on its freshness.
                let request = format!(
                    "GET {} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                    path(index)
                );
                let unwritten = request.into_bytes();
                self.sockets.push(Socket { stream, read: Vec::new(), unwritten, is_open: false });
            }
            while self.sockets[first..].iter().any(|socket| !socket.is_open) {
                self.turn(Duration::from_millis(100))?;
                if Instant::now() > deadline {
                    return Err(Error::new(Status::TimedOut, "the server does not answer upgrades"));
                }
            }
        }
        Ok(())
    }

    /// Sends a text frame.
    pub fn send(&mut self, index: usize, text: &str) -> Result<()> {
        self.sockets[index].queue(TEXT, text.as_bytes());
        self.sockets[index].write()
    }

    /// Waits for something to happen, at most this long, and takes it in. Pings are answered.
    pub fn turn(&mut self, wait: Duration) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(failed("poll failed", error)),
            _ => {}
        }
        for event in &self.events {
            let Token(index) = event.token();
            let socket = &mut self.sockets[index];
            if event.is_writable() {
                socket.write()?;
            }
            if event.is_readable() {
                socket.read(index, &mut self.inbox)?;
            }
        }
        Ok(())
    }

    /// Returns the next text frame, with the number of its socket.
    pub fn next(&mut self) -> Option<(usize, Vec<u8>)> {
        self.inbox.pop_front()
    }
}

impl Socket {
    fn queue(&mut self, opcode: u8, payload: &[u8]) {
        self.unwritten.push(0x80 | opcode);
        match payload.len() {
            short @ 0..126 => self.unwritten.push(0x80 | short as u8),
            long => {
                self.unwritten.push(0x80 | 126);
                self.unwritten.extend((long as u16).to_be_bytes());
            }
        }
        // A mask of zeros leaves the payload as it is.
        self.unwritten.extend([0; 4]);
        self.unwritten.extend(payload);
    }

    fn write(&mut self) -> Result<()> {
        while !self.unwritten.is_empty() {
            match self.stream.write(&self.unwritten) {
                Ok(written) => drop(self.unwritten.drain(..written)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(());
                }
                Err(error) => return Err(failed("a socket broke", error)),
            }
        }
        self.unwritten = Vec::new();
        Ok(())
    }

    fn read(&mut self, index: usize, inbox: &mut VecDeque<(usize, Vec<u8>)>) -> Result<()> {
        let mut buffer = [0; 16_384];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Error::new(Status::Internal, "the server closed a socket")),
                Ok(length) => self.read.extend(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(failed("a socket broke", error)),
            }
        }
        if !self.is_open {
            let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") else {
                return Ok(());
            };
            if !self.read.starts_with(b"HTTP/1.1 101") {
                return Err(Error::new(Status::Internal, "the server refused an upgrade"));
            }
            self.is_open = true;
            self.read.drain(..end + 4);
        }
        let mut start = 0;
        while let Some((opcode, head, length)) = header(&self.read[start..]) {
            if self.read.len() < start + head + length {
                break;
            }
            let payload = self.read[start + head..start + head + length].to_vec();
            start += head + length;
            match opcode {
                TEXT => inbox.push_back((index, payload)),
                PING => self.queue(PONG, &payload),
                CLOSE => return Err(Error::new(Status::Internal, "the server closed a socket")),
                _ => {}
            }
        }
        self.read.drain(..start);
        if self.read.is_empty() {
            self.read = Vec::new();
        }
        self.write()
    }
}

/// Reads an unmasked frame's opcode, the length of its header and that of its payload.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let opcode = bytes.first()? & 15;
    match bytes.get(1)? & 127 {
        126 => Some((opcode, 4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)))),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            Some((opcode, 10, usize::try_from(length).ok()?))
        }
        short => Some((opcode, 2, usize::from(short))),
    }
}
