//! The shell: owns the clock, the threads and the sockets, and lets the deciders decide.
//!
//! One network thread per engine ([`network`]) runs every session, link and receiver of that engine; apps and
//! other threads reach it through its [`queue`]. Encoder and feeding threads belong to sources ([`source`]),
//! decoder threads and the playout thread to what is received ([`receive`]), a dispatcher thread to each
//! session ([`dispatch`]).

pub(crate) mod clock;
mod dispatch;
mod engine;
mod events;
mod handle;
mod network;
mod queue;
mod receive;
mod runner;
mod slot;
mod source;
mod worker;

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use engine::Engine;
pub(crate) use handle::SessionHandle;
pub(crate) use source::{AudioSource, TrackSource, VideoSource};

/// Returns a number that was not used before in this process; never zero.
pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
