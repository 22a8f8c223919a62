//! From sound in chunks of any length to frames of exactly 20 ms.

use std::collections::VecDeque;
use std::time::Duration;

use units::Time;

use crate::frame::{AudioFrame, FrameError};

/// Samples per second and channel.
const SAMPLE_RATE: u32 = 48_000;
/// Samples per channel of a frame: 20 ms.
pub const FRAME_SAMPLES: usize = 960;
const FRAME: Duration = Duration::from_millis(20);
/// How far the time stamp of a chunk may be from where the samples before it end. What an app's clock says is
/// never exact; more than this is a gap.
const TOLERANCE: Duration = Duration::from_millis(40);
/// How many samples per channel wait to be taken as frames: one second. When more are pushed, the oldest whole
/// frames are dropped and counted.
const MAX_WAITING: usize = 50 * FRAME_SAMPLES;

/// Samples of an app, the channels interleaved.
#[derive(Debug, Clone, Copy)]
pub enum Samples<'a> {
    /// Signed 16-bit.
    I16(&'a [i16]),
    /// Floating point; full scale is -1 to 1, more is clipped.
    F32(&'a [f32]),
}

impl Samples<'_> {
    fn len(&self) -> usize {
        match self {
            Self::I16(samples) => samples.len(),
            Self::F32(samples) => samples.len(),
        }
    }

    fn get(&self, index: usize) -> i16 {
        match self {
            Self::I16(samples) => samples[index],
            // The cast saturates and makes zero of what is not a number.
            Self::F32(samples) => (samples[index] * 32_767.0) as i16,
        }
    }
}

/// Collects the sound of one source into frames for its encoder, mixing it to the encoder's channels.
///
/// Frames follow each other without gap as long as the chunks do. A chunk that comes earlier or later than
/// 40 ms from where the one before ends begins a new run: the unfinished frame before it is filled up with
/// silence.
#[derive(Debug)]
pub struct AudioFramer {
    channels: u16,
    waiting: VecDeque<i16>,
    /// When the first waiting sample is due; known from the first chunk on.
    start: Option<Time>,
    /// Frames that were finished before a gap.
    finished: VecDeque<AudioFrame>,
    dropped: u64,
}

impl AudioFramer {
    /// Makes a framer for an encoder of one or two channels.
    ///
    /// # Errors
    ///
    /// [`FrameError::Sound`] for any other number of channels.
    pub fn new(channels: u16) -> Result<Self, FrameError> {
        if !(1..=2).contains(&channels) {
            return Err(FrameError::Sound);
        }
        Ok(Self { channels, waiting: VecDeque::new(), start: None, finished: VecDeque::new(), dropped: 0 })
    }

    /// Adds a chunk whose first sample was captured at `timestamp`. One channel is copied to both of two; two
    /// are averaged to one.
    ///
    /// # Errors
    ///
    /// [`FrameError::Sound`] when the sample rate is not 48 kHz, the channels are not one or two, or the last
    /// instant is not complete. Nothing is added then.
    pub fn push(
        &mut self,
        timestamp: Time,
        sample_rate: u32,
        channels: u16,
        samples: Samples<'_>,
    ) -> Result<(), FrameError> {
        let whole = samples.len().is_multiple_of(usize::from(channels.max(1)));
        if sample_rate != SAMPLE_RATE || !(1..=2).contains(&channels) || !whole {
            return Err(FrameError::Sound);
        }
        match self.end() {
            Some(end) if timestamp - end > TOLERANCE || end - timestamp > TOLERANCE => {
                self.finish();
                self.start = Some(timestamp);
            }
            Some(_) => {}
            None => self.start = Some(timestamp),
        }
        for instant in 0..samples.len() / usize::from(channels) {
            match (channels, self.channels) {
                (1, 1) => self.waiting.push_back(samples.get(instant)),
                (1, _) => self.waiting.extend([samples.get(instant); 2]),
                (_, 1) => {
                    let sum = i32::from(samples.get(2 * instant)) + i32::from(samples.get(2 * instant + 1));
                    self.waiting.push_back((sum / 2) as i16);
                }
                _ => self.waiting.extend([samples.get(2 * instant), samples.get(2 * instant + 1)]),
            }
            if self.waiting.len() > MAX_WAITING * usize::from(self.channels) {
                self.drop_oldest();
            }
        }
        Ok(())
    }

    /// Returns the next frame once its 20 ms are complete.
    pub fn poll(&mut self) -> Option<AudioFrame> {
        if let Some(frame) = self.finished.pop_front() {
            return Some(frame);
        }
        let length = self.frame_len();
        if self.waiting.len() < length {
            return None;
        }
        let timestamp = self.start?;
        Some(self.take_frame(timestamp))
    }

    /// Returns how many frames were dropped because nobody took them.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns when the sample behind the last one is due.
    fn end(&self) -> Option<Time> {
        let instants = (self.waiting.len() / usize::from(self.channels)) as u64;
        Some(self.start? + Duration::from_micros(instants * 1_000_000 / u64::from(SAMPLE_RATE)))
    }

    /// Makes frames of all that waits, the last one filled up with silence.
    fn finish(&mut self) {
        let length = self.frame_len();
        self.waiting.resize(self.waiting.len().next_multiple_of(length), 0);
        while let Some(timestamp) = self.start.filter(|_| !self.waiting.is_empty()) {
            let frame = self.take_frame(timestamp);
            if self.finished.len() * FRAME_SAMPLES == MAX_WAITING {
                self.finished.pop_front();
                self.dropped += 1;
            }
            self.finished.push_back(frame);
        }
    }

    /// Takes the oldest samples as a frame; there must be enough.
    fn take_frame(&mut self, timestamp: Time) -> AudioFrame {
        self.start = Some(timestamp + FRAME);
        let samples = self.waiting.drain(..self.frame_len()).collect();
        AudioFrame { timestamp, sample_rate: SAMPLE_RATE, channels: self.channels, samples }
    }

    fn drop_oldest(&mut self) {
        self.waiting.drain(..self.frame_len());
        self.start = self.start.map(|start| start + FRAME);
        self.dropped += 1;
    }

    fn frame_len(&self) -> usize {
        FRAME_SAMPLES * usize::from(self.channels)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(framer: &mut AudioFramer) -> Vec<AudioFrame> {
        std::iter::from_fn(|| framer.poll()).collect()
    }

    fn stamps(frames: &[AudioFrame]) -> Vec<u64> {
        frames.iter().map(|frame| frame.timestamp.as_millis()).collect()
    }

    #[test]
    fn one_channel_becomes_two_and_two_become_their_average() {
        let mut framer = AudioFramer::new(2).unwrap();
        framer.push(Time::ZERO, 48_000, 1, Samples::I16(&[7; 960])).unwrap();
        assert_eq!(framer.poll().unwrap().samples, [7; 1920]);
        let mut framer = AudioFramer::new(1).unwrap();
        framer.push(Time::ZERO, 48_000, 2, Samples::I16(&[i16::MAX, i16::MAX - 2].repeat(960))).unwrap();
        assert_eq!(framer.poll().unwrap().samples, [i16::MAX - 1; 960]);
    }

    #[test]
    fn floating_point_is_clipped_and_what_is_not_a_number_is_silent() {
        let mut framer = AudioFramer::new(1).unwrap();
        let chunk = [0.5, -1.0, 4.0, -4.0, f32::NAN].repeat(192);
        framer.push(Time::ZERO, 48_000, 1, Samples::F32(&chunk)).unwrap();
        assert_eq!(framer.poll().unwrap().samples[..5], [16_383, -32_767, i16::MAX, i16::MIN, 0]);
    }

    #[test]
    fn a_gap_pads_the_unfinished_frame_and_moves_the_time_stamps() {
        let mut framer = AudioFramer::new(1).unwrap();
        framer.push(Time::from_millis(100), 48_000, 1, Samples::I16(&[1; 1200])).unwrap();
        framer.push(Time::from_millis(500), 48_000, 1, Samples::I16(&[2; 960])).unwrap();
        let frames = frames(&mut framer);
        assert_eq!(stamps(&frames), [100, 120, 500]);
        assert_eq!(frames[1].samples, [[1; 240].to_vec(), [0; 720].to_vec()].concat());
        assert_eq!(frames[2].samples, [2; 960]);
    }

    #[test]
    fn a_clock_that_is_set_back_is_followed() {
        let mut framer = AudioFramer::new(1).unwrap();
        framer.push(Time::from_millis(900), 48_000, 1, Samples::I16(&[1; 960])).unwrap();
        framer.push(Time::from_millis(100), 48_000, 1, Samples::I16(&[2; 960])).unwrap();
        assert_eq!(stamps(&frames(&mut framer)), [900, 100]);
    }

    #[test]
    fn a_clock_that_jitters_within_the_tolerance_makes_no_gap() {
        let mut framer = AudioFramer::new(1).unwrap();
        for n in 0..100_u64 {
            let jitter = n * 7 % 30;
            framer.push(Time::from_millis(n * 10 + jitter), 48_000, 1, Samples::I16(&[1; 480])).unwrap();
        }
        let expected: Vec<_> = (0..50).map(|n| n * 20).collect();
        assert_eq!(stamps(&frames(&mut framer)), expected);
    }

    #[test]
    fn what_nobody_takes_is_dropped_from_the_oldest_on() {
        let mut framer = AudioFramer::new(2).unwrap();
        framer.push(Time::ZERO, 48_000, 1, Samples::I16(&vec![1; 960 * 60])).unwrap();
        let frames = frames(&mut framer);
        assert_eq!((frames.len(), framer.dropped()), (50, 10));
        assert_eq!(frames[0].timestamp, Time::from_millis(200));
    }

    #[test]
    fn sound_of_another_kind_is_refused() {
        let mut framer = AudioFramer::new(2).unwrap();
        assert!(AudioFramer::new(3).is_err());
        for (rate, channels, len) in [(44_100, 2, 4), (48_000, 0, 4), (48_000, 3, 3), (48_000, 2, 3)] {
            let pushed = framer.push(Time::ZERO, rate, channels, Samples::I16(&vec![0; len]));
            assert_eq!(pushed, Err(FrameError::Sound));
        }
    }

    proptest! {
        #[test]
        fn chunks_of_any_length_come_out_in_order_and_whole(
            chunks in proptest::collection::vec(0usize..3000, 1..30),
        ) {
            let mut framer = AudioFramer::new(1).unwrap();
            let (mut pushed, mut out) = (Vec::new(), Vec::new());
            for length in chunks {
                let at = Time::from_micros(pushed.len() as u64 * 1_000_000 / 48_000);
                let chunk: Vec<i16> = (0..length).map(|n| ((pushed.len() + n) % 30_000) as i16).collect();
                pushed.extend_from_slice(&chunk);
                framer.push(at, 48_000, 1, Samples::I16(&chunk)).unwrap();
                for frame in frames(&mut framer) {
                    prop_assert_eq!(frame.samples.len(), FRAME_SAMPLES);
                    prop_assert_eq!(frame.timestamp.as_micros(), out.len() as u64 * 1_000_000 / 48_000);
                    out.extend(frame.samples);
                }
            }
            prop_assert!(pushed.len() - out.len() < FRAME_SAMPLES);
            prop_assert_eq!(&pushed[..out.len()], &out[..]);
        }
    }
}
