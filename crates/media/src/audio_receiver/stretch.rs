//! Playing faster or slower without changing the pitch, by leaving out or repeating a period of the sound
//! (waveform-similarity overlap-add).
//!
//! The first [`NEEDED`] samples are looked at. The lag at which the sound is most like its beginning is left
//! out or put in once, and the seam is cross-faded over 5 ms. Where nothing is alike enough, nothing is done
//! unless it is forced.

/// Samples per channel that are looked at: 20 ms.
pub(super) const NEEDED: usize = LONGEST_LAG + OVERLAP;
/// The seam: 5 ms.
const OVERLAP: usize = 240;
/// The shortest and the longest stretch of sound that is left out or repeated: 2.5 and 15 ms, a pitch from
/// 67 to 400 Hz or multiples.
const SHORTEST_LAG: usize = 120;
const LONGEST_LAG: usize = 720;
/// The coarse search looks at the mean of so many samples at a time.
const COARSE: usize = 4;
/// How alike the sound must be, as a normalized correlation.
const ALIKE: f32 = 0.85;
/// Sound below this mean square, about -60 dBFS, can be cut anywhere.
const QUIET: f32 = 1000.0;
/// What is left out or repeated of quiet sound: 10 ms.
const QUIET_LAG: usize = 480;

/// Leaves out a piece; returns how many samples per channel it had, or nothing when there is too little sound
/// or nothing is alike.
pub(super) fn shorten(pcm: &mut Vec<i16>, channels: usize, force: bool) -> Option<usize> {
    let lag = lag(pcm, channels, force)?;
    for at in 0..OVERLAP * channels {
        pcm[at] = fade(pcm[at], pcm[at + lag * channels], at / channels);
    }
    pcm.drain(OVERLAP * channels..(OVERLAP + lag) * channels);
    Some(lag)
}

/// Repeats a piece; returns how many samples per channel it has, or nothing when there is too little sound or
/// nothing is alike.
pub(super) fn lengthen(pcm: &mut Vec<i16>, channels: usize, force: bool) -> Option<usize> {
    let lag = lag(pcm, channels, force)?;
    let inserted = lag * channels;
    pcm.extend_from_within(..inserted);
    pcm.rotate_right(inserted);
    // After the first period, what came next fades into the beginning of the period.
    for at in 0..OVERLAP * channels {
        pcm[inserted + at] = fade(pcm[2 * inserted + at], pcm[inserted + at], at / channels);
    }
    Some(lag)
}

fn fade(from: i16, to: i16, step: usize) -> i16 {
    let (step, steps) = (step as i32 + 1, OVERLAP as i32 + 1);
    ((i32::from(from) * (steps - step) + i32::from(to) * step) / steps) as i16
}

/// Returns the lag at which the sound is most like its beginning.
fn lag(pcm: &[i16], channels: usize, force: bool) -> Option<usize> {
    let looked_at = pcm.get(..NEEDED * channels)?;
    let mut mono = [0.0_f32; NEEDED];
    for (sum, instant) in mono.iter_mut().zip(looked_at.chunks_exact(channels)) {
        *sum = instant.iter().map(|&sample| f32::from(sample)).sum::<f32>() / channels as f32;
    }
    if mono.iter().map(|sample| sample * sample).sum::<f32>() / (NEEDED as f32) < QUIET {
        return Some(QUIET_LAG);
    }
    let mut coarse = [0.0_f32; NEEDED / COARSE];
    for (mean, samples) in coarse.iter_mut().zip(mono.chunks_exact(COARSE)) {
        *mean = samples.iter().sum::<f32>() / COARSE as f32;
    }
    let (_, around) = best(&coarse, OVERLAP / COARSE, SHORTEST_LAG / COARSE, LONGEST_LAG / COARSE);
    let around = around * COARSE;
    let (likeness, lag) = best(
        &mono,
        OVERLAP,
        around.saturating_sub(COARSE).max(SHORTEST_LAG),
        (around + COARSE).min(LONGEST_LAG),
    );
    (likeness >= ALIKE || force).then_some(lag)
}

/// Returns the greatest normalized correlation of the first `length` samples with those from a lag on, and that
/// lag.
fn best(samples: &[f32], length: usize, shortest: usize, longest: usize) -> (f32, usize) {
    let beginning = &samples[..length];
    let energy = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
    let beginning_energy = energy(beginning);
    let likeness = |lag: usize| {
        let shifted = &samples[lag..lag + length];
        let product: f32 = beginning.iter().zip(shifted).map(|(a, b)| a * b).sum();
        product / (beginning_energy * energy(shifted)).sqrt().max(1.0)
    };
    (shortest..=longest)
        .map(|lag| (likeness(lag), lag))
        .fold((f32::MIN, shortest), |best, next| if next.0 > best.0 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f64, samples: usize, channels: usize) -> Vec<i16> {
        let sample =
            |n: usize| ((n as f64 * hertz * std::f64::consts::TAU / 48_000.0).sin() * 10_000.0) as i16;
        (0..samples).flat_map(|n| vec![sample(n); channels]).collect()
    }

    /// The greatest step between neighbouring samples of a channel.
    fn roughness(pcm: &[i16], channels: usize) -> u16 {
        (channels..pcm.len()).map(|at| pcm[at].abs_diff(pcm[at - channels])).max().unwrap()
    }

    #[test]
    fn a_tone_gets_shorter_and_longer_without_a_click() {
        for hertz in [85.0, 220.0, 440.0, 1234.5] {
            for channels in [1, 2] {
                let original = tone(hertz, 1200, channels);
                let limit = roughness(&original, channels) + roughness(&original, channels) / 10 + 2;
                let mut pcm = original.clone();
                let removed = shorten(&mut pcm, channels, false).unwrap();
                assert_eq!(pcm.len(), (1200 - removed) * channels);
                assert!(roughness(&pcm, channels) <= limit, "{hertz} Hz shortened by {removed}");
                let mut pcm = original.clone();
                let inserted = lengthen(&mut pcm, channels, false).unwrap();
                assert_eq!(pcm.len(), (1200 + inserted) * channels);
                assert!(roughness(&pcm, channels) <= limit, "{hertz} Hz lengthened by {inserted}");
            }
        }
    }

    #[test]
    fn the_sound_before_and_behind_the_seam_is_untouched() {
        let original = tone(300.0, 1500, 1);
        let mut pcm = original.clone();
        let removed = shorten(&mut pcm, 1, false).unwrap();
        assert_eq!(pcm[OVERLAP..], original[OVERLAP + removed..]);
        assert!(pcm[0].abs_diff(original[0]) < 100);
        let mut pcm = original.clone();
        let inserted = lengthen(&mut pcm, 1, false).unwrap();
        assert_eq!(pcm[..inserted], original[..inserted]);
        assert_eq!(pcm[inserted + OVERLAP..], original[OVERLAP..]);
    }

    #[test]
    fn noise_is_left_alone_unless_forced() {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16 / 4
        };
        let original: Vec<i16> = (0..1000).map(|_| noise()).collect();
        let mut pcm = original.clone();
        assert_eq!(shorten(&mut pcm, 1, false), None);
        assert_eq!(lengthen(&mut pcm, 1, false), None);
        assert_eq!(pcm, original);
        assert!(shorten(&mut pcm, 1, true).is_some());
    }

    #[test]
    fn silence_can_be_cut_anywhere_and_too_little_sound_nowhere() {
        assert_eq!(shorten(&mut vec![0; 2 * NEEDED], 2, false), Some(QUIET_LAG));
        assert_eq!(lengthen(&mut vec![0; 2 * NEEDED - 2], 2, true), None);
    }
}
