//! Two connections of libdatachannel, by its Rust crate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use datachannel::{
    DataChannelHandler, DataChannelInfo, IceCandidate, PeerConnectionHandler, RtcConfig, RtcDataChannel,
    RtcPeerConnection, SessionDescription,
};
use parlor::api::{Error, Result, Status};

use super::{CONNECT_BOUND, Pair, ROOM_BOUND, Received, wait_until};

/// How much may wait in the channel; the sender goes on when a quarter is left.
const HIGH: usize = 4 << 20;

pub(super) struct LibDataChannel {
    channel: Box<RtcDataChannel<Ear>>,
    ear: Ear,
    _connections: [Box<RtcPeerConnection<End>>; 2],
}

enum Signal {
    Description(SessionDescription),
    Candidate(IceCandidate),
}

/// What a channel hears.
#[derive(Clone, Default)]
struct Ear {
    received: Arc<Received>,
    open: Arc<AtomicBool>,
    room: Arc<(Mutex<bool>, Condvar)>,
}

impl DataChannelHandler for Ear {
    fn on_open(&mut self) {
        self.open.store(true, Ordering::Release);
    }

    fn on_message(&mut self, message: &[u8]) {
        self.received.take(message.len());
    }

    fn on_buffered_amount_low(&mut self) {
        *self.room.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.room.1.notify_all();
    }
}

/// One connection's handler.
struct End {
    signals: Sender<Signal>,
    ear: Ear,
    incoming: Option<Box<RtcDataChannel<Ear>>>,
}

impl PeerConnectionHandler for End {
    type DCH = Ear;

    fn data_channel_handler(&mut self, _: DataChannelInfo) -> Ear {
        self.ear.clone()
    }

    fn on_description(&mut self, description: SessionDescription) {
        // The other end may be gone.
        let _ = self.signals.send(Signal::Description(description));
    }

    fn on_candidate(&mut self, candidate: IceCandidate) {
        let _ = self.signals.send(Signal::Candidate(candidate));
    }

    fn on_data_channel(&mut self, channel: Box<RtcDataChannel<Ear>>) {
        self.incoming = Some(channel);
    }
}

type Connection = Box<RtcPeerConnection<End>>;

fn open(ear: Ear) -> Result<(Connection, Receiver<Signal>)> {
    let (signals, received) = channel();
    let end = End { signals, ear, incoming: None };
    let config = RtcConfig::new::<&str>(&[]);
    Ok((RtcPeerConnection::new(&config, end).map_err(failed)?, received))
}

fn hand_over(from: &Receiver<Signal>, to: &mut Connection) {
    while let Ok(signal) = from.try_recv() {
        // One that is of no use does not stop the others.
        let _ = match signal {
            Signal::Description(description) => to.set_remote_description(&description),
            Signal::Candidate(candidate) => to.add_remote_candidate(&candidate),
        };
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(Status::Internal, format!("libdatachannel: {error}"))
}

impl Pair for LibDataChannel {
    const NAME: &'static str = "libdatachannel";

    fn connect(received: Arc<Received>) -> Result<Self> {
        let ear = Ear::default();
        let (mut first, from_first) = open(ear.clone())?;
        let (mut second, from_second) = open(Ear { received, ..Ear::default() })?;
        let mut channel = first.create_data_channel("bench", ear.clone()).map_err(failed)?;
        channel.set_buffered_amount_low_threshold(HIGH / 4).map_err(failed)?;
        wait_until(CONNECT_BOUND, "opening a channel", || {
            hand_over(&from_first, &mut second);
            hand_over(&from_second, &mut first);
            ear.open.load(Ordering::Acquire)
        })?;
        Ok(Self { channel, ear, _connections: [first, second] })
    }

    fn send(&mut self, message: &[u8]) -> Result<bool> {
        if self.channel.buffered_amount() >= HIGH {
            return Ok(false);
        }
        self.channel.send(message).map_err(failed)?;
        Ok(true)
    }

    fn wait_for_room(&mut self) -> Result<()> {
        let room = self.ear.room.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ear.room.1.wait_timeout_while(room, ROOM_BOUND, |has_room| !*has_room);
        let (mut has_room, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        *has_room = false;
        if timeout.timed_out() {
            return Err(Error::new(Status::TimedOut, "the channel stands still"));
        }
        Ok(())
    }
}
