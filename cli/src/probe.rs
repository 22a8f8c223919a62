//! Sinks that measure what a session receives.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use media::psnr::psnr;
use parlor::api::{AudioFrame, AudioSink, TrackStats, VideoFrame, VideoSink, time_us};
use parlor::device::{Reference, Stamp, write_png};

use crate::report::{AudioReport, VideoReport};

/// What stands in for the infinite ratio of two equal pictures.
const BEST_DB: f64 = 99.0;

/// Measures received pictures.
pub struct VideoProbe {
    joined_us: u64,
    state: Mutex<VideoState>,
}

struct VideoState {
    reference: Option<Reference>,
    first_frame_us: Option<u64>,
    frames: u64,
    psnr: Mean,
    stamps: Option<(u32, u32)>,
    last: Option<VideoFrame>,
    stats: TrackStats,
}

impl VideoProbe {
    /// Makes a probe; without a reference only the pattern can be compared.
    pub fn new(joined_us: u64, reference: Option<Reference>) -> Self {
        let state = VideoState {
            reference,
            first_frame_us: None,
            frames: 0,
            psnr: Mean::default(),
            stamps: None,
            last: None,
            stats: TrackStats::default(),
        };
        Self { joined_us, state: Mutex::new(state) }
    }

    /// Takes the engine's figures of the track.
    pub fn update(&self, stats: TrackStats) {
        self.lock().stats = stats;
    }

    /// Returns how many pictures came so far.
    pub fn frames(&self) -> u64 {
        self.lock().frames
    }

    /// Returns when the first picture was decoded, in milliseconds since join().
    pub fn first_frame_ms(&self) -> Option<f64> {
        let first = self.lock().first_frame_us?;
        Some(first.saturating_sub(self.joined_us) as f64 / 1000.0)
    }

    /// Writes the last picture as a PNG file; does nothing when none came.
    pub fn snapshot(&self, path: &Path) -> std::io::Result<()> {
        let last = self.lock().last.clone();
        last.map_or(Ok(()), |frame| write_png(&frame, path))
    }

    /// Returns what came to be.
    pub fn report(&self) -> VideoReport {
        let first_frame_ms = self.first_frame_ms();
        let state = self.lock();
        VideoReport {
            codec: state.stats.codec.map(|codec| codec.name()),
            width: state.stats.width,
            height: state.stats.height,
            frames: state.frames,
            first_frame_ms,
            psnr_db: state.psnr.mean(),
            freezes: state.stats.freezes,
            frames_sent: state.stamps.map(|(first, last)| u64::from(last.wrapping_sub(first)) + 1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VideoState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VideoSink for VideoProbe {
    fn on_frame(&self, frame: &VideoFrame) {
        let now = time_us();
        let mut state = self.lock();
        state.first_frame_us.get_or_insert(now);
        state.frames += 1;
        state.last = Some(frame.clone());
        let Some(stamp) = Stamp::read(frame) else { return };
        let first = state.stamps.map_or(stamp.frame, |(first, _)| first);
        state.stamps = Some((first, stamp.frame));
        let source = match &mut state.reference {
            Some(reference) => reference.frame(&stamp),
            None => {
                let mut pattern = Reference::pattern(frame.width(), frame.height());
                let source = pattern.frame(&stamp);
                state.reference = Some(pattern);
                source
            }
        };
        if let Some(db) = source.and_then(|source| psnr(&source, frame).ok()) {
            state.psnr.add(db.all.min(BEST_DB));
        }
    }
}

/// Measures received sound.
#[derive(Default)]
pub struct AudioProbe(Mutex<AudioState>);

#[derive(Default)]
struct AudioState {
    energy: f64,
    samples: u64,
    stats: TrackStats,
}

impl AudioProbe {
    /// Takes the engine's figures of the track.
    pub fn update(&self, stats: TrackStats) {
        self.lock().stats = stats;
    }

    /// Returns what came to be.
    pub fn report(&self) -> AudioReport {
        let state = self.lock();
        let mean = state.energy / state.samples.max(1) as f64;
        AudioReport {
            codec: state.stats.codec.map(|codec| codec.name()),
            seconds: state.stats.audio_played.as_secs_f64(),
            concealed_ms: state.stats.audio_concealed.as_secs_f64() * 1000.0,
            level_db: if mean > 0.0 { (10.0 * mean.log10()).max(-127.0) } else { -127.0 },
        }
    }

    fn lock(&self) -> MutexGuard<'_, AudioState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AudioSink for AudioProbe {
    fn on_frame(&self, frame: &AudioFrame) {
        let energy: f64 = frame.samples.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum();
        let mut state = self.lock();
        state.energy += energy;
        state.samples += frame.samples.len() as u64;
    }
}

/// A mean of decibels.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}
