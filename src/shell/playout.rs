//! Sound for an app that plays by itself: what the tracks play is mixed, and the app pulls it when its device asks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use media::frame::AudioFrame;

use super::sink::AudioSink;

/// Interleaved channels of received sound.
const CHANNELS: usize = 2;
/// The most sound that waits for a device that pulls slower than real time: 200 ms at 48 kHz. The oldest is dropped.
const MAX_WAITING: usize = 9_600 * CHANNELS;

/// A mixer that an app pulls its sound from, 48 kHz stereo. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct AudioPlayout(Arc<Mutex<Vec<Weak<Track>>>>);

#[derive(Debug, Default)]
struct Track(Mutex<VecDeque<i16>>);

impl AudioPlayout {
    /// Makes a mixer without tracks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a sink whose sound is mixed in for as long as a track holds it.
    pub fn sink(&self) -> Arc<dyn AudioSink> {
        let track = Arc::<Track>::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&track));
        track
    }

    /// Fills `samples` with interleaved stereo, and with silence what no track has; returns how many samples some
    /// track had. It never waits: a device's callback may call it.
    pub fn pull(&self, samples: &mut [i16]) -> usize {
        samples.fill(0);
        let mut tracks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut filled = 0;
        tracks.retain(|track| {
            let Some(track) = track.upgrade() else { return false };
            let mut waiting = track.0.lock().unwrap_or_else(PoisonError::into_inner);
            let length = waiting.len().min(samples.len());
            for (to, sample) in samples.iter_mut().zip(waiting.drain(..length)) {
                *to = to.saturating_add(sample);
            }
            filled = filled.max(length);
            true
        });
        filled
    }
}

impl AudioSink for Track {
    fn on_frame(&self, frame: &AudioFrame) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(&frame.samples);
        let excess = waiting.len().saturating_sub(MAX_WAITING);
        waiting.drain(..excess.next_multiple_of(CHANNELS));
    }
}

#[cfg(test)]
mod tests {
    use units::Time;

    use super::*;

    fn frame(sample: i16, instants: usize) -> AudioFrame {
        let samples = vec![sample; instants * CHANNELS];
        AudioFrame { timestamp: Time::ZERO, sample_rate: 48_000, channels: 2, samples }
    }

    #[test]
    fn tracks_are_added_up_and_clipped_and_the_rest_is_silence() {
        let playout = AudioPlayout::new();
        let (one, two) = (playout.sink(), playout.sink());
        one.on_frame(&frame(30_000, 2));
        two.on_frame(&frame(10_000, 1));
        let mut samples = [7; 6];
        assert_eq!(playout.pull(&mut samples), 4);
        assert_eq!(samples, [32_767, 32_767, 30_000, 30_000, 0, 0]);
        assert_eq!(playout.pull(&mut samples), 0);
        assert_eq!(samples, [0; 6]);
    }

    #[test]
    fn a_track_that_ended_is_forgotten() {
        let playout = AudioPlayout::new();
        let track = playout.sink();
        track.on_frame(&frame(5, 1));
        drop(track);
        assert_eq!(playout.pull(&mut [0; 2]), 0);
        assert!(playout.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_device_that_does_not_pull_loses_the_oldest_sound() {
        let playout = AudioPlayout::new();
        let track = playout.sink();
        track.on_frame(&frame(1, 960));
        for _ in 0..10 {
            track.on_frame(&frame(2, 960));
        }
        let mut samples = vec![0; MAX_WAITING + 2];
        assert_eq!(playout.pull(&mut samples), MAX_WAITING);
        assert_eq!(samples[0], 2);
    }
}
