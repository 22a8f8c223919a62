//! Two sessions of this engine, as an app would use them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use parlor::api::{ChannelId, ChannelOptions, Error, Event, Listener, PeerId, Result, Session, Status};

use super::{CONNECT_BOUND, Pair, ROOM_BOUND, Received, wait_until};
use crate::demo::LocalServer;

pub(super) struct Sessions {
    sender: Session,
    receiver: Session,
    channel: ChannelId,
    ear: Arc<Ear>,
    _server: LocalServer,
}

/// What the sending session hears.
#[derive(Default)]
struct Ear {
    heard: Mutex<Heard>,
    news: Condvar,
}

#[derive(Default)]
struct Heard {
    peer: Option<PeerId>,
    open: bool,
    has_room: bool,
}

impl Ear {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Ear {
    fn on_event(&self, event: &Event) {
        match event {
            Event::PeerJoined { peer, .. } => self.lock().peer = Some(*peer),
            Event::ChannelOpen { .. } => self.lock().open = true,
            Event::ChannelWritable { .. } => self.lock().has_room = true,
            _ => return,
        }
        self.news.notify_all();
    }
}

struct Counter(Arc<Received>);

impl Listener for Counter {
    fn on_event(&self, event: &Event) {
        if let Event::ChannelMessage { data, .. } = event {
            self.0.take(data.len());
        }
    }
}

impl Pair for Sessions {
    const NAME: &'static str = "parlor";

    fn connect(received: Arc<Received>) -> Result<Self> {
        let server = LocalServer::start()?;
        let ear = Arc::new(Ear::default());
        let sender = Session::create(server.config()?, Arc::clone(&ear) as Arc<dyn Listener>)?;
        let receiver = Session::create(server.config()?, Arc::new(Counter(received)))?;
        sender.join("bench")?;
        receiver.join("bench")?;
        wait_until(CONNECT_BOUND, "joining", || ear.lock().peer.is_some())?;
        let Some(peer) = ear.lock().peer else {
            return Err(Error::new(Status::Internal, "the peer is gone"));
        };
        let channel = sender.open_channel(peer, "bench", ChannelOptions::default())?;
        wait_until(CONNECT_BOUND, "opening a channel", || ear.lock().open)?;
        Ok(Self { sender, receiver, channel, ear, _server: server })
    }

    fn send(&mut self, message: &[u8]) -> Result<bool> {
        match self.sender.send_channel(self.channel, message, true) {
            Ok(()) => Ok(true),
            Err(error) if error.status() == Status::Busy => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn wait_for_room(&mut self) -> Result<()> {
        let heard = self.ear.lock();
        let waited = self.ear.news.wait_timeout_while(heard, ROOM_BOUND, |heard| !heard.has_room);
        let (mut heard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        heard.has_room = false;
        if timeout.timed_out() {
            return Err(Error::new(Status::TimedOut, "the channel stands still"));
        }
        Ok(())
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.sender.close();
        self.receiver.close();
    }
}
