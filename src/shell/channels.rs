//! Data channels between the app, which sends whenever it likes, and the links, which take what fits.
//!
//! What the app sends waits in its channel until the channel is open and its link has room. It goes there by the
//! [`Outbox`] that both sides share, which bounds how much waits; the network thread is called once for all that came
//! since it looked last.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use transport::{Link, LinkError};
use units::{ChannelId, LinkChannelId, LinkId, PeerId, Time};

use crate::shell::{Error, Result, Status};

/// How many messages may wait in a channel beside those that its link has taken. One more is refused.
const MAX_WAITING_MESSAGES: usize = 256;
/// How many bytes may wait in a channel beside those that its link has taken. More are refused, unless it is a
/// single message.
const MAX_WAITING_BYTES: usize = 1024 * 1024;
/// A refused sender is told to go on when no more than this waits.
const LOW_WATER_BYTES: usize = 256 * 1024;
/// The same for the number of messages.
const LOW_WATER_MESSAGES: usize = 64;
/// Largest message before the peer has said what it takes, in bytes (RFC 8841 section 6.1).
const DEFAULT_MAX_MESSAGE: u64 = 65_536;

/// A message to be sent.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) binary: bool,
    pub(crate) data: Bytes,
}

#[derive(Debug)]
struct Posted {
    /// What the network thread has not fetched yet.
    messages: VecDeque<Message>,
    /// The network thread was called and has not fetched since.
    called: bool,
    /// How many messages the link has not taken, fetched or not.
    waiting: usize,
    /// How many bytes these have.
    bytes: usize,
    max_message: u64,
    refused: bool,
}

/// The app's end of a channel. The app's threads fill it, the network thread drains it.
#[derive(Debug)]
pub(crate) struct Outbox(Mutex<Posted>);

impl Outbox {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Posted {
            messages: VecDeque::new(),
            called: false,
            waiting: 0,
            bytes: 0,
            max_message: DEFAULT_MAX_MESSAGE,
            refused: false,
        })))
    }

    /// Takes a message, and has the network thread `call`ed if it does not know yet that something waits. The outbox is
    /// locked meanwhile: the network thread fetches nothing while it holds a lock of its own.
    ///
    /// # Errors
    ///
    /// [`Status::PayloadTooLarge`]; [`Status::Busy`] when the channel is full; what calling failed with. Nothing was
    /// taken then.
    pub(crate) fn post(&self, message: Message, call: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut posted = self.lock();
        let size = message.data.len();
        if size as u64 > posted.max_message {
            let message = format!("the peer takes messages of at most {} bytes", posted.max_message);
            return Err(Error::new(Status::PayloadTooLarge, message));
        }
        let has_room = posted.waiting < MAX_WAITING_MESSAGES && posted.bytes + size <= MAX_WAITING_BYTES;
        if posted.waiting > 0 && !has_room {
            posted.refused = true;
            return Err(Error::new(Status::Busy, "the channel is full; wait for channel-writable"));
        }
        if !posted.called {
            call()?;
            posted.called = true;
        }
        posted.waiting += 1;
        posted.bytes += size;
        posted.messages.push_back(message);
        Ok(())
    }

    /// Fetches all that was posted.
    fn fetch(&self) -> VecDeque<Message> {
        let mut posted = self.lock();
        posted.called = false;
        std::mem::take(&mut posted.messages)
    }

    /// Notes that so many messages of so many bytes wait no more; returns whether a refused sender may go on.
    fn let_out(&self, messages: usize, bytes: usize) -> bool {
        let mut posted = self.lock();
        posted.waiting -= messages;
        posted.bytes -= bytes;
        let low = posted.waiting <= LOW_WATER_MESSAGES && posted.bytes <= LOW_WATER_BYTES;
        low && std::mem::take(&mut posted.refused)
    }

    /// Returns how many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn set_max_message(&self, max_message: u64) {
        self.lock().max_message = max_message;
    }

    fn lock(&self) -> MutexGuard<'_, Posted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Channel {
    peer: PeerId,
    outbox: Arc<Outbox>,
    /// What carries it at present; none before its peer has a link.
    carrier: Option<(LinkId, LinkChannelId)>,
    open: bool,
    /// What was fetched from the outbox and not taken by the link yet.
    fetched: VecDeque<Message>,
}

/// The data channels of one session on the network thread.
#[derive(Debug, Default)]
pub(super) struct Channels {
    by_id: BTreeMap<ChannelId, Channel>,
    by_carrier: BTreeMap<(LinkId, LinkChannelId), ChannelId>,
}

impl Channels {
    /// Takes a channel that the app opens.
    pub(super) fn add(&mut self, channel: ChannelId, peer: PeerId, outbox: Arc<Outbox>) {
        let entry = Channel { peer, outbox, carrier: None, open: false, fetched: VecDeque::new() };
        self.by_id.insert(channel, entry);
    }

    /// Takes a channel that the peer opened.
    pub(super) fn add_received(
        &mut self,
        channel: ChannelId,
        peer: PeerId,
        carrier: (LinkId, LinkChannelId),
        max_message: u64,
    ) -> Arc<Outbox> {
        let outbox = Outbox::new();
        self.add(channel, peer, Arc::clone(&outbox));
        self.carry(channel, carrier);
        self.opened(carrier, max_message);
        outbox
    }

    /// Notes what carries a channel from now on.
    pub(super) fn carry(&mut self, channel: ChannelId, carrier: (LinkId, LinkChannelId)) {
        if let Some(entry) = self.by_id.get_mut(&channel) {
            entry.open = false;
            let former = entry.carrier.replace(carrier);
            if let Some(former) = former {
                self.by_carrier.remove(&former);
            }
            self.by_carrier.insert(carrier, channel);
        }
    }

    /// Returns the channel that a link knows by this id, and whom it leads to.
    pub(super) fn find(&self, carrier: (LinkId, LinkChannelId)) -> Option<(ChannelId, PeerId)> {
        let channel = self.by_carrier.get(&carrier)?;
        self.by_id.get(channel).map(|entry| (*channel, entry.peer))
    }

    /// Returns what carries a channel at present.
    pub(super) fn carrier(&self, channel: ChannelId) -> Option<(LinkId, LinkChannelId)> {
        self.by_id.get(&channel)?.carrier
    }

    /// Notes that a channel is open, and how large its messages may be.
    pub(super) fn opened(&mut self, carrier: (LinkId, LinkChannelId), max_message: u64) {
        let channel = self.by_carrier.get(&carrier);
        if let Some(entry) = channel.and_then(|channel| self.by_id.get_mut(channel)) {
            entry.open = true;
            entry.outbox.set_max_message(max_message);
        }
    }

    /// Forgets a channel and what waits in it.
    pub(super) fn remove(&mut self, channel: ChannelId) {
        if let Some(Channel { carrier: Some(carrier), .. }) = self.by_id.remove(&channel) {
            self.by_carrier.remove(&carrier);
        }
    }

    /// Hands a link as much as it takes; returns whom to tell that the channel has room again.
    pub(super) fn flush(&mut self, now: Time, channel: ChannelId, link: &mut Link) -> Option<PeerId> {
        let entry = self.by_id.get_mut(&channel).filter(|entry| entry.open)?;
        let (_, carrier) = entry.carrier?;
        let (mut messages, mut bytes) = (0, 0);
        loop {
            if entry.fetched.is_empty() {
                entry.fetched = entry.outbox.fetch();
            }
            let Some(message) = entry.fetched.front() else { break };
            match link.send_channel(now, carrier, message.binary, &message.data) {
                Ok(()) => {}
                Err(LinkError::Backpressure { .. }) => break,
                // Its size was checked when it was posted, so the channel is closing, or its link was replaced
                // by one that takes less.
                Err(error) => tracing::debug!(%error, "a message on a data channel was lost"),
            }
            messages += 1;
            bytes += message.data.len();
            entry.fetched.pop_front();
        }
        (messages > 0 && entry.outbox.let_out(messages, bytes)).then_some(entry.peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(result: Result<()>) -> Status {
        result.map_or_else(|error| error.status(), |()| Status::Ok)
    }

    fn post(outbox: &Outbox, size: usize) -> Result<()> {
        let message = Message { binary: true, data: Bytes::from(vec![0; size]) };
        outbox.post(message, || Ok(()))
    }

    #[test]
    fn a_full_channel_refuses_and_says_once_when_it_has_room_again() {
        let outbox = Outbox::new();
        for _ in 0..16 {
            post(&outbox, 65_536).unwrap();
        }
        assert_eq!(status(post(&outbox, 1)), Status::Busy);
        let told: Vec<bool> = (0..16).map(|_| outbox.let_out(1, 65_536)).collect();
        assert_eq!(told.iter().position(|told| *told), Some(11), "at 256 KiB");
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn the_number_of_messages_is_bounded_too() {
        let outbox = Outbox::new();
        for _ in 0..MAX_WAITING_MESSAGES {
            post(&outbox, 0).unwrap();
        }
        assert_eq!(status(post(&outbox, 0)), Status::Busy);
        outbox.fetch();
        assert_eq!(status(post(&outbox, 0)), Status::Busy, "what was fetched waits as well");
    }

    #[test]
    fn a_message_larger_than_the_peer_takes_is_refused_whatever_waits() {
        let outbox = Outbox::new();
        assert_eq!(status(post(&outbox, 65_537)), Status::PayloadTooLarge);
        outbox.set_max_message(2 * 1024 * 1024);
        assert_eq!(status(post(&outbox, 2 * 1024 * 1024)), Status::Ok, "a single message always fits");
        assert_eq!(status(post(&outbox, 1)), Status::Busy);
    }

    #[test]
    fn the_network_thread_is_called_once_for_all_that_it_has_not_fetched() {
        let outbox = Outbox::new();
        let mut calls = 0;
        let mut post = |text: &'static str, called: Result<()>| {
            let message = Message { binary: false, data: Bytes::from_static(text.as_bytes()) };
            outbox.post(message, || {
                calls += 1;
                called
            })
        };
        let busy = Error::new(Status::Busy, "too many calls");
        assert_eq!(status(post("lost", Err(busy))), Status::Busy);
        ["a", "b"].into_iter().for_each(|text| post(text, Ok(())).unwrap());
        let fetched = outbox.fetch();
        post("c", Ok(())).unwrap();
        assert_eq!(calls, 3, "one failed, one for a and b, one for c");
        let texts: Vec<_> = fetched.into_iter().chain(outbox.fetch()).map(|message| message.data).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }
}
