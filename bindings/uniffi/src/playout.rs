//! Sound for an app that plays by itself.

use std::sync::Arc;

use engine::api;

use crate::error::{ParlorError, Result};
use crate::guard::guard;
use crate::memory;

/// A mixer that an app pulls its sound from when its device asks, 48 kHz stereo.
#[derive(uniffi::Object)]
pub struct AudioPlayout(pub(crate) api::AudioPlayout);

#[uniffi::export]
impl AudioPlayout {
    /// Makes a mixer without tracks; `play` of a remote track adds it.
    #[uniffi::constructor]
    pub fn new() -> Result<Arc<Self>> {
        guard(|| Ok::<_, api::Error>(Arc::new(Self(api::AudioPlayout::new()))))
    }

    /// Writes `sample_count` samples of interleaved 16-bit stereo at `address`, silence where no track has sound;
    /// returns how many samples some track had. It never waits.
    ///
    /// Errors: `NullPointer`; `InvalidArgument` when the address is not aligned.
    pub fn pull(&self, address: u64, sample_count: u64) -> Result<u64> {
        guard(|| {
            // SAFETY: this crate's rules ask the app for writable memory.
            let samples = unsafe { memory::write::<i16>(address, sample_count, "address") }?;
            Ok::<_, ParlorError>(self.0.pull(samples) as u64)
        })
    }
}
