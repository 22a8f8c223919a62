//! Reading WAV.

use std::io::Cursor;

use bytes::Bytes;
use hound::{SampleFormat, WavReader};
use media::opus::SAMPLE_RATE;

use super::FormatError;

/// The content of a WAV file.
#[derive(Debug, Clone)]
pub(super) struct Wav {
    /// 1 or 2.
    pub(super) channels: u16,
    /// Interleaved samples, whole ones for each instant; not empty.
    pub(super) samples: Vec<i16>,
}

impl Wav {
    /// Reads a file of 16-bit integers or 32-bit floats at 48 kHz.
    pub(super) fn parse(bytes: Bytes) -> Result<Self, FormatError> {
        if !bytes.starts_with(b"RIFF") {
            return Err(FormatError::Kind("a WAV file"));
        }
        let reader = WavReader::new(Cursor::new(&bytes)).map_err(refused)?;
        let spec = reader.spec();
        if spec.sample_rate != SAMPLE_RATE {
            return Err(FormatError::Unsupported(format!(
                "sound of {} samples a second; only {SAMPLE_RATE} can be played",
                spec.sample_rate
            )));
        }
        if !(1..=2).contains(&spec.channels) {
            return Err(FormatError::Unsupported(format!(
                "sound of {} channels; only 1 and 2 can be played",
                spec.channels
            )));
        }
        // The header may promise more samples than there are bytes, so nothing is reserved by it.
        let mut samples = Vec::new();
        match (spec.sample_format, spec.bits_per_sample) {
            (SampleFormat::Int, 16) => {
                for sample in reader.into_samples::<i16>() {
                    samples.push(sample.map_err(refused)?);
                }
            }
            (SampleFormat::Float, 32) => {
                for sample in reader.into_samples::<f32>() {
                    samples.push((sample.map_err(refused)? * 32_768.0).round() as i16);
                }
            }
            (format, bits) => {
                return Err(FormatError::Unsupported(format!(
                    "{bits}-bit {} samples; only 16-bit int and 32-bit float can be played",
                    if format == SampleFormat::Int { "int" } else { "float" }
                )));
            }
        }
        samples.truncate(samples.len() - samples.len() % usize::from(spec.channels));
        if samples.is_empty() {
            return Err(FormatError::Broken("it has no sound"));
        }
        Ok(Self { channels: spec.channels, samples })
    }
}

fn refused(error: hound::Error) -> FormatError {
    match error {
        hound::Error::IoError(_) => FormatError::Truncated("its sound"),
        hound::Error::FormatError(reason) => FormatError::Broken(reason),
        other => FormatError::Unsupported(format!("something else than plain sound: {other}")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use hound::{WavSpec, WavWriter};
    use proptest::prelude::*;

    use super::*;

    fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
        WavSpec { channels, sample_rate, bits_per_sample, sample_format }
    }

    fn written<S: hound::Sample + Copy>(spec: WavSpec, samples: &[S]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for sample in samples {
            writer.write_sample(*sample).unwrap();
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    pub(in super::super) fn file(channels: u16, samples: &[i16]) -> Vec<u8> {
        written(spec(channels, 48_000, 16, SampleFormat::Int), samples)
    }

    fn parse(bytes: &[u8]) -> Result<Wav, FormatError> {
        Wav::parse(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn integers_come_as_they_are_and_floats_at_the_same_scale() {
        let wav = parse(&file(2, &[1, -2, 3, -4])).unwrap();
        assert_eq!((wav.channels, wav.samples), (2, vec![1, -2, 3, -4]));
        let floats = written(spec(1, 48_000, 32, SampleFormat::Float), &[0.5_f32, -1.0, 2.0]);
        assert_eq!(parse(&floats).unwrap().samples, [16_384, -32_768, 32_767]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let slow = written(spec(1, 44_100, 16, SampleFormat::Int), &[1_i16]);
        assert!(parse(&slow).unwrap_err().to_string().contains("44100"));
        let deep = written(spec(1, 48_000, 24, SampleFormat::Int), &[1_i32]);
        assert!(parse(&deep).unwrap_err().to_string().contains("24-bit int"));
        let surround = written(spec(3, 48_000, 16, SampleFormat::Int), &[1_i16, 2, 3]);
        assert!(parse(&surround).unwrap_err().to_string().contains("3 channels"));
        assert_eq!(parse(b"OggS").unwrap_err(), FormatError::Kind("a WAV file"));
        assert_eq!(parse(&file(1, &[])).unwrap_err(), FormatError::Broken("it has no sound"));
        let good = file(1, &[1; 100]);
        assert_eq!(parse(&good[..good.len() - 1]).unwrap_err(), FormatError::Truncated("its sound"));
    }

    proptest! {
        #[test]
        fn bytes_that_were_tampered_with_are_refused_or_read(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
            length in any::<proptest::sample::Index>(),
        ) {
            let mut bytes = file(2, &[1, 2, 3, 4, 5, 6]);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(length.index(bytes.len() + 1));
            if let Ok(wav) = parse(&bytes) {
                prop_assert_eq!(wav.samples.len() % usize::from(wav.channels), 0);
            }
        }
    }
}
