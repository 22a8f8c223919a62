//! What a receiver of sound says about what it does.

use std::time::Duration;

use crate::level::Level;
use crate::opus::SAMPLE_RATE;

/// What the samples of a pull are; of several kinds the last in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Playout {
    /// Silence: nothing to play yet, or the sender paused.
    Silence,
    /// Sound as it was sent.
    Normal,
    /// Background noise for a time in which the sender sent nothing on purpose.
    ComfortNoise,
    /// A lost packet's sound, from the copy in the packet after it.
    Recovered,
    /// Made up.
    Concealed,
}

/// What happened so far. Samples are per channel.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AudioReceiverStats {
    /// Packets that arrived, without duplicates.
    pub packets: u64,
    /// Packets that had arrived before.
    pub duplicates: u64,
    /// Packets that arrived when their turn was over.
    pub late: u64,
    /// Packets that had not arrived when their turn came, recovered and late ones included.
    pub lost: u64,
    /// Packets that are not Opus packets or that the decoder refused.
    pub malformed: u64,
    /// Packets that were dropped because too much sound was waiting.
    pub discarded: u64,
    /// Samples played, without [`Playout::Silence`].
    pub total_samples: u64,
    /// Samples made up in place of sound that did not come in time.
    pub concealed_samples: u64,
    /// Runs of such samples.
    pub concealment_events: u64,
    /// Samples of lost packets recovered from the packets after them.
    pub recovered_samples: u64,
    /// Samples of noise where the sender sent nothing on purpose.
    pub comfort_samples: u64,
    /// Samples left out to play faster.
    pub removed_samples: u64,
    /// Samples put in to play slower.
    pub inserted_samples: u64,
    /// How long decoded samples had waited since their packet arrived, summed over samples: divided by
    /// `delayed_samples` it is the mean (the W3C's `jitterBufferDelay`).
    pub delay_sum: Duration,
    /// How many samples `delay_sum` is about.
    pub delayed_samples: u64,
    /// How long sound is meant to be held back now.
    pub target_delay: Duration,
    /// How loud the sound of the last pull was.
    pub level: Level,
}

impl AudioReceiverStats {
    /// Returns how much sound was made up.
    pub fn concealed(&self) -> Duration {
        Duration::from_micros(self.concealed_samples * 1_000_000 / u64::from(SAMPLE_RATE))
    }

    /// Returns the mean time that samples waited.
    pub fn mean_delay(&self) -> Duration {
        let nanos = self.delay_sum.as_nanos() / u128::from(self.delayed_samples.max(1));
        Duration::from_nanos(nanos as u64)
    }
}
