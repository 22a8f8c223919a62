//! Recording sound into WAV.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use media::frame::AudioFrame;
use media::opus::SAMPLE_RATE;

use super::refused;

/// The most samples of a file, whose length field has 32 bits; leaves room for the headers.
const MOST_SAMPLES: usize = (u32::MAX as usize - 1024) / 2;

/// Writes sound at 48 kHz into a WAV file of 16-bit samples.
pub struct WavRecorder<W: Write + Seek = BufWriter<File>> {
    writer: WavWriter<W>,
    channels: u16,
    samples: usize,
}

impl WavRecorder {
    /// Creates a file for sound of 1 or 2 channels, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for another number of channels, else the system's error.
    pub fn create(path: &Path, channels: u16) -> io::Result<Self> {
        check_channels(channels)?;
        Self::new(BufWriter::new(File::create(path)?), channels)
    }
}

impl<W: Write + Seek> WavRecorder<W> {
    /// Makes a recorder that writes sound of 1 or 2 channels to `out`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] for another number of channels, else the system's error.
    pub fn new(out: W, channels: u16) -> io::Result<Self> {
        check_channels(channels)?;
        let spec = WavSpec {
            channels,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        Ok(Self { writer: WavWriter::new(out, spec).map_err(io_error)?, channels, samples: 0 })
    }

    /// Writes sound.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] when its rate or channels are not those of the file,
    /// [`io::ErrorKind::FileTooLarge`] at 4 GiB, else the system's error.
    pub fn write(&mut self, sound: &AudioFrame) -> io::Result<()> {
        let whole = sound.samples.len().is_multiple_of(usize::from(self.channels));
        if sound.sample_rate != SAMPLE_RATE || sound.channels != self.channels || !whole {
            return Err(refused("the sound has another rate or other channels than the recording"));
        }
        if self.samples + sound.samples.len() > MOST_SAMPLES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        for sample in &sound.samples {
            self.writer.write_sample(*sample).map_err(io_error)?;
        }
        self.samples += sound.samples.len();
        Ok(())
    }

    /// Writes the length into the header and ends the file.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn finish(self) -> io::Result<()> {
        self.writer.finalize().map_err(io_error)
    }
}

fn check_channels(channels: u16) -> io::Result<()> {
    if matches!(channels, 1 | 2) { Ok(()) } else { Err(refused("a recording has 1 or 2 channels")) }
}

fn io_error(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use units::Time;

    use super::*;

    fn sound(sample_rate: u32, channels: u16, samples: &[i16]) -> AudioFrame {
        AudioFrame { timestamp: Time::ZERO, sample_rate, channels, samples: samples.to_vec() }
    }

    #[test]
    fn a_recording_holds_the_sound() {
        let mut bytes = Cursor::new(Vec::new());
        let mut recorder = WavRecorder::new(&mut bytes, 2).unwrap();
        recorder.write(&sound(48_000, 2, &[1, -2])).unwrap();
        recorder.write(&sound(48_000, 2, &[i16::MAX, i16::MIN])).unwrap();
        recorder.finish().unwrap();
        let reader = hound::WavReader::new(Cursor::new(bytes.into_inner())).unwrap();
        assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 48_000));
        let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
        assert_eq!(samples, [1, -2, i16::MAX, i16::MIN]);
    }

    #[test]
    fn sound_of_another_shape_is_refused() {
        assert!(WavRecorder::new(Cursor::new(Vec::new()), 3).is_err());
        let mut recorder = WavRecorder::new(Cursor::new(Vec::new()), 2).unwrap();
        for other in [sound(44_100, 2, &[1, 2]), sound(48_000, 1, &[1]), sound(48_000, 2, &[1])] {
            assert_eq!(recorder.write(&other).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
