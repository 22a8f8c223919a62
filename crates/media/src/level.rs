//! How loud sound is.

/// The level of digital silence, and the lowest that is reported, in dB below full scale (RFC 6464 §3).
pub const SILENCE: f32 = -127.0;

/// The loudness of a piece of sound in dB relative to full scale; [`SILENCE`] to 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The root of the mean square: -3.01 for a sine that just does not clip.
    pub rms: f32,
    /// The greatest sample.
    pub peak: f32,
}

impl Default for Level {
    /// Returns the level of silence.
    fn default() -> Self {
        Self { rms: SILENCE, peak: SILENCE }
    }
}

impl Level {
    /// Measures samples, the channels together. No samples are silence.
    pub fn of(samples: &[i16]) -> Self {
        let energy: u64 = samples.iter().map(|&s| u64::from(s.unsigned_abs()).pow(2)).sum();
        let peak = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
        let mean = energy as f64 / samples.len().max(1) as f64;
        Self { rms: decibels(mean.sqrt()), peak: decibels(f64::from(peak)) }
    }
}

fn decibels(amplitude: f64) -> f32 {
    const FULL_SCALE: f64 = 32_768.0;
    let level = 20.0 * (amplitude / FULL_SCALE).log10();
    (level as f32).clamp(SILENCE, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_nothing_are_at_the_floor() {
        assert_eq!(Level::of(&[0; 480]), Level::default());
        assert_eq!(Level::of(&[]), Level::default());
    }

    #[test]
    fn a_full_scale_square_is_at_zero_and_a_sine_three_decibels_below() {
        assert_eq!(Level::of(&[i16::MIN; 480]), Level { rms: 0.0, peak: 0.0 });
        let sine: Vec<i16> = (0..4800)
            .map(|n| ((f64::from(n) * 0.01 * std::f64::consts::TAU).sin() * 32_767.0) as i16)
            .collect();
        let level = Level::of(&sine);
        assert!((level.rms + 3.01).abs() < 0.01 && level.peak > -0.01, "{level:?}");
    }

    #[test]
    fn half_the_amplitude_is_six_decibels_less() {
        assert!((Level::of(&[16_384, -16_384]).rms + 6.02).abs() < 0.01);
    }
}
