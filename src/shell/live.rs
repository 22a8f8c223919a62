//! How many objects of the engine are alive in this process: what an app or a binding forgot to give back shows here.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many objects are alive in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveObjects {
    /// Engines, the default one included.
    pub engines: u64,
    /// Sessions; one that leaves in the background counts no more.
    pub sessions: u64,
    /// Streams of this process; a session keeps those that were added to it.
    pub streams: u64,
    /// Sources of pictures and of sound; a stream keeps its own.
    pub sources: u64,
    /// Received pictures, sound and encoded frames that a binding handed to its app.
    pub frames: u64,
}

/// Returns how many objects are alive.
pub fn live_objects() -> LiveObjects {
    let count = |kind: Kind| COUNTS[kind as usize].load(Ordering::Relaxed);
    LiveObjects {
        engines: count(Kind::Engine),
        sessions: count(Kind::Session),
        streams: count(Kind::Stream),
        sources: count(Kind::Source),
        frames: count(Kind::Frame),
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Engine,
    Session,
    Stream,
    Source,
    Frame,
}

static COUNTS: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];

/// Counts the object that holds it.
#[derive(Debug)]
pub struct Live(Kind);

impl Live {
    pub(crate) fn new(kind: Kind) -> Self {
        COUNTS[kind as usize].fetch_add(1, Ordering::Relaxed);
        Self(kind)
    }

    pub(crate) fn stream() -> Self {
        Self::new(Kind::Stream)
    }

    /// Counts a frame that a binding hands to its app.
    pub fn frame() -> Self {
        Self::new(Kind::Frame)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        COUNTS[self.0 as usize].fetch_sub(1, Ordering::Relaxed);
    }
}
