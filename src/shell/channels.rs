//! Data channels between the app, which sends whenever it likes, and the links, which take what fits.
//!
//! What the app sends waits in its channel until the channel is open and its link has room. The [`Gauge`] that
//! both sides share bounds how much waits.

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

#[derive(Debug)]
struct Level {
    messages: usize,
    bytes: usize,
    max_message: u64,
    refused: bool,
}

/// How full a channel is. The app's threads fill it, the network thread drains it.
#[derive(Debug)]
pub(crate) struct Gauge(Mutex<Level>);

impl Gauge {
    pub(crate) fn new() -> Arc<Self> {
        let level = Level { messages: 0, bytes: 0, max_message: DEFAULT_MAX_MESSAGE, refused: false };
        Arc::new(Self(Mutex::new(level)))
    }

    /// Makes room for a message.
    ///
    /// # Errors
    ///
    /// [`Status::PayloadTooLarge`]; [`Status::Busy`] when the channel is full.
    pub(crate) fn take_in(&self, size: usize) -> Result<()> {
        let mut level = self.lock();
        if size as u64 > level.max_message {
            let message = format!("the peer takes messages of at most {} bytes", level.max_message);
            return Err(Error::new(Status::PayloadTooLarge, message));
        }
        let has_room = level.messages < MAX_WAITING_MESSAGES && level.bytes + size <= MAX_WAITING_BYTES;
        if level.messages > 0 && !has_room {
            level.refused = true;
            return Err(Error::new(Status::Busy, "the channel is full; wait for channel-writable"));
        }
        level.messages += 1;
        level.bytes += size;
        Ok(())
    }

    /// Notes that a message waits no more; returns whether a refused sender may go on.
    pub(crate) fn let_out(&self, size: usize) -> bool {
        let mut level = self.lock();
        level.messages -= 1;
        level.bytes -= size;
        let low = level.messages <= LOW_WATER_MESSAGES && level.bytes <= LOW_WATER_BYTES;
        low && std::mem::take(&mut level.refused)
    }

    /// Returns how many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn set_max_message(&self, max_message: u64) {
        self.lock().max_message = max_message;
    }

    fn lock(&self) -> MutexGuard<'_, Level> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message to be sent.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) binary: bool,
    pub(crate) data: Bytes,
}

#[derive(Debug)]
struct Channel {
    peer: PeerId,
    gauge: Arc<Gauge>,
    /// What carries it at present; none before its peer has a link.
    carrier: Option<(LinkId, LinkChannelId)>,
    open: bool,
    waiting: VecDeque<Message>,
}

/// The data channels of one session on the network thread.
#[derive(Debug, Default)]
pub(super) struct Channels {
    by_id: BTreeMap<ChannelId, Channel>,
    by_carrier: BTreeMap<(LinkId, LinkChannelId), ChannelId>,
}

impl Channels {
    /// Takes a channel that the app opens.
    pub(super) fn add(&mut self, channel: ChannelId, peer: PeerId, gauge: Arc<Gauge>) {
        let entry = Channel { peer, gauge, carrier: None, open: false, waiting: VecDeque::new() };
        self.by_id.insert(channel, entry);
    }

    /// Takes a channel that the peer opened.
    pub(super) fn add_received(
        &mut self,
        channel: ChannelId,
        peer: PeerId,
        carrier: (LinkId, LinkChannelId),
        max_message: u64,
    ) -> Arc<Gauge> {
        let gauge = Gauge::new();
        self.add(channel, peer, Arc::clone(&gauge));
        self.carry(channel, carrier);
        self.opened(carrier, max_message);
        gauge
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
            entry.gauge.set_max_message(max_message);
        }
    }

    /// Forgets a channel and what waits in it.
    pub(super) fn remove(&mut self, channel: ChannelId) {
        if let Some(Channel { carrier: Some(carrier), .. }) = self.by_id.remove(&channel) {
            self.by_carrier.remove(&carrier);
        }
    }

    /// Appends a message; one for a channel that is closed by now goes nowhere.
    pub(super) fn push(&mut self, channel: ChannelId, message: Message) {
        if let Some(entry) = self.by_id.get_mut(&channel) {
            entry.waiting.push_back(message);
        }
    }

    /// Hands a link as much as it takes; returns whom to tell that the channel has room again.
    pub(super) fn flush(&mut self, now: Time, channel: ChannelId, link: &mut Link) -> Option<PeerId> {
        let entry = self.by_id.get_mut(&channel).filter(|entry| entry.open)?;
        let (_, carrier) = entry.carrier?;
        let mut writable = false;
        while let Some(message) = entry.waiting.front() {
            match link.send_channel(now, carrier, message.binary, &message.data) {
                Ok(()) => {}
                Err(LinkError::Backpressure { .. }) => break,
                // Its size was checked when it was taken in, so the channel is closing, or its link was replaced
                // by one that takes less.
                Err(error) => tracing::debug!(%error, "a message on a data channel was lost"),
            }
            writable |= entry.gauge.let_out(message.data.len());
            entry.waiting.pop_front();
        }
        writable.then_some(entry.peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(result: Result<()>) -> Status {
        result.map_or_else(|error| error.status(), |()| Status::Ok)
    }

    #[test]
    fn a_full_channel_refuses_and_says_once_when_it_has_room_again() {
        let gauge = Gauge::new();
        for _ in 0..16 {
            gauge.take_in(65_536).unwrap();
        }
        assert_eq!(status(gauge.take_in(1)), Status::Busy);
        let told: Vec<bool> = (0..16).map(|_| gauge.let_out(65_536)).collect();
        assert_eq!(told.iter().position(|told| *told), Some(11), "at 256 KiB");
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert_eq!(gauge.bytes(), 0);
    }

    #[test]
    fn the_number_of_messages_is_bounded_too() {
        let gauge = Gauge::new();
        for _ in 0..MAX_WAITING_MESSAGES {
            gauge.take_in(0).unwrap();
        }
        assert_eq!(status(gauge.take_in(0)), Status::Busy);
    }

    #[test]
    fn a_message_larger_than_the_peer_takes_is_refused_whatever_waits() {
        let gauge = Gauge::new();
        assert_eq!(status(gauge.take_in(65_537)), Status::PayloadTooLarge);
        gauge.set_max_message(2 * 1024 * 1024);
        assert_eq!(status(gauge.take_in(2 * 1024 * 1024)), Status::Ok, "a single message always fits");
        assert_eq!(status(gauge.take_in(1)), Status::Busy);
    }
}
