//! A tone to send where there is no microphone.

use std::time::Duration;

use media::frame::AudioFrame;
use media::opus::SAMPLE_RATE;
use units::Time;

use super::sample_clock::SampleClock;

/// The peak of the tone: −12 dB of full scale.
const PEAK: f64 = 8_231.0;

/// A sine tone: mono, 48 kHz, its peaks 12 dB below full scale.
#[derive(Debug)]
pub struct Tone {
    /// Full turns of the sine per sample.
    step: f64,
    /// Where in its turn the next sample is, in 0..1.
    phase: f64,
    clock: SampleClock,
}

impl Tone {
    /// Makes a tone of a frequency in hertz.
    pub fn new(frequency: f32) -> Self {
        Self {
            step: f64::from(frequency) / f64::from(SAMPLE_RATE),
            phase: 0.0,
            clock: SampleClock::default(),
        }
    }

    /// Returns the next sound; it continues the last one without a break.
    ///
    /// Gives at most 10 seconds at once.
    pub fn next(&mut self, length: Duration, timestamp: Time) -> AudioFrame {
        let samples = (0..self.clock.samples(length))
            .map(|_| {
                let sample = (self.phase * std::f64::consts::TAU).sin() * PEAK;
                self.phase = (self.phase + self.step).fract();
                sample.round() as i16
            })
            .collect();
        AudioFrame { timestamp, sample_rate: SAMPLE_RATE, channels: 1, samples }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    #[test]
    fn a_tone_peaks_12_db_below_full_scale() {
        let frame = Tone::new(1000.0).next(STEP, Time::from_millis(7));
        let peak = frame.samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((20.0 * (f64::from(peak) / 32_768.0).log10() + 12.0).abs() < 0.01);
        assert_eq!((frame.timestamp, frame.sample_rate, frame.channels), (Time::from_millis(7), 48_000, 1));
        assert_eq!(frame.samples.len(), 960);
    }

    #[test]
    fn a_tone_has_its_frequency() {
        let samples = Tone::new(440.0).next(Duration::from_secs(1), Time::ZERO).samples;
        let rises = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
        assert!((439..=440).contains(&rises), "{rises}");
    }

    #[test]
    fn a_tone_goes_on_where_it_stopped() {
        let whole = Tone::new(441.7).next(STEP * 3, Time::ZERO).samples;
        let mut tone = Tone::new(441.7);
        let parts: Vec<i16> = (0..3).flat_map(|_| tone.next(STEP, Time::ZERO).samples).collect();
        assert_eq!(parts, whole);
    }
}
