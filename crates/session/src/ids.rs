//! The numbers that a session gives out.

use units::{ChannelId, LinkId, PeerId, RequestId, StreamId, TrackId};

/// The lowest id that a session makes itself; an app's own ids lie below.
pub const FIRST_SESSION_ID: u64 = 1 << 32;

/// Gives out ids, each number once over all kinds.
#[derive(Debug)]
pub(crate) struct Ids {
    next: u64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self { next: FIRST_SESSION_ID }
    }

    pub(crate) fn peer(&mut self) -> PeerId {
        PeerId::new(self.take())
    }

    pub(crate) fn channel(&mut self) -> ChannelId {
        ChannelId::new(self.take())
    }

    pub(crate) fn link(&mut self) -> LinkId {
        LinkId::new(self.take())
    }

    pub(crate) fn stream(&mut self) -> StreamId {
        StreamId::new(self.take())
    }

    pub(crate) fn track(&mut self) -> TrackId {
        TrackId::new(self.take())
    }

    pub(crate) fn request(&mut self) -> RequestId {
        RequestId::new(self.take())
    }

    fn take(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }
}
