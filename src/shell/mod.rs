//! The shell: owns the clock, the threads and the sockets, and lets the deciders decide.
//!
//! One network thread per engine ([`network`]) runs every session, link and receiver of that engine; apps and
//! other threads reach it through its [`queue`]. Encoder and feeding threads belong to sources ([`source`]),
//! decoder threads and the playout thread to what is received ([`receive`]), a dispatcher thread to each
//! session ([`dispatch`]).

mod backlog;
mod channels;
pub(crate) mod clock;
mod config;
mod dispatch;
mod engine;
mod error;
mod event;
mod events;
mod handle;
mod link;
mod live;
mod log;
mod network;
mod picture;
mod playout;
mod queue;
mod receive;
mod record;
mod runner;
mod sink;
mod slot;
mod source;
mod stats;
mod wires;
mod worker;

use std::sync::atomic::{AtomicU64, Ordering};

pub use clock::time_us;
pub use config::{Credential, EngineConfig, IceServer, SessionConfig};
pub use engine::Engine;
pub use error::{Error, Result, Status};
pub use event::{Event, Listener, MessageKind, PeerState, RequestOutcome, SessionState};
pub(crate) use handle::SessionHandle;
pub use live::{Live, LiveObjects, live_objects};
pub use log::{LogLevel, LogSink, set_log_sink};
pub use picture::{Reference, convert, write_png};
pub use playout::AudioPlayout;
pub(crate) use record::Recording;
pub use sink::{AudioSink, VideoSink};
pub(crate) use source::{AudioSource, TrackSource, VideoSource};
pub use source::{EncodedSourceObserver, FileMode};
pub use stats::{PeerInfo, PeerStats, TrackStats};

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
