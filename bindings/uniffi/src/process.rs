//! What holds for the whole process.

use engine::api;

use crate::error::Result;
use crate::guard::guard;

/// How many objects are alive in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct LiveObjects {
    /// Engines, the default one included.
    pub engines: u64,
    /// Sessions; one that leaves in the background counts no more.
    pub sessions: u64,
    /// Streams of this process; a session keeps those that were added to it.
    pub streams: u64,
    /// Sources of pictures and of sound; a stream keeps its own.
    pub sources: u64,
    /// Received pictures, sound and encoded frames that were handed to the app and not released yet.
    pub frames: u64,
}

/// Returns how many objects are alive: what was forgotten shows here.
#[uniffi::export]
pub fn live_objects() -> Result<LiveObjects> {
    guard(|| {
        let api::LiveObjects { engines, sessions, streams, sources, frames } = api::live_objects();
        Ok::<_, api::Error>(LiveObjects { engines, sessions, streams, sources, frames })
    })
}

/// Returns the time on the clock of every time stamp of this process, in microseconds.
#[uniffi::export]
pub fn time_us() -> Result<u64> {
    guard(|| Ok::<_, api::Error>(api::time_us()))
}

/// Returns the library's version, such as `0.1.0`.
#[uniffi::export]
pub fn version() -> Result<String> {
    guard(|| Ok::<_, api::Error>(env!("CARGO_PKG_VERSION").to_owned()))
}
