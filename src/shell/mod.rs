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
mod link;
mod network;
mod queue;
mod receive;
mod runner;
mod slot;
mod source;
mod wires;
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

/// Returns a seed from the operating system's randomness.
pub(crate) fn random_seed() -> u64 {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    u64::from_ne_bytes(bytes)
}

/// Returns a random id of 32 hexadecimal digits, for streams and tracks on the wire.
pub(crate) fn random_id() -> String {
    let mut bytes = [0; 16];
    fill_random(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives randomness, without which no call is safe");
}
