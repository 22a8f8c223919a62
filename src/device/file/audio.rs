//! Playing an audio file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use media::codec::AudioDecoder;
use media::frame::{AudioFrame, EncodedFrame};
use media::opus::SAMPLE_RATE;
use units::{Codec, Time};

use super::ogg::OggOpus;
use super::wav::Wav;
use super::{FileError, FormatError, format_error, read};
use crate::codec;
use crate::device::sample_clock::SampleClock;

/// An audio file (Opus in Ogg, or WAV at 48 kHz) that plays for ever.
pub struct AudioFile {
    path: PathBuf,
    content: Content,
    clock: SampleClock,
}

enum Content {
    Opus(Box<Opus>),
    Wav { wav: Wav, next: usize },
}

/// An Opus file and where it is being played.
struct Opus {
    file: OggOpus,
    /// The packet that is passed through next.
    sent: usize,
    decoder: Option<Box<dyn AudioDecoder>>,
    /// The packet that is decoded next.
    next: usize,
    /// Samples per channel that are still to be thrown away, then still to be played, in this round.
    skip: usize,
    left: usize,
    /// Decoded and not yet given out.
    decoded: Vec<i16>,
}

impl AudioFile {
    /// Opens a file and reads it into memory; no codec is needed yet.
    ///
    /// # Errors
    ///
    /// [`FileError`] when the file cannot be read or is not a whole file of a kind that can be played.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::parse(path, read(path)?)
    }

    /// Takes the content of a file; the path is for errors.
    fn parse(path: &Path, bytes: Bytes) -> Result<Self, FileError> {
        let content = Content::parse(bytes).map_err(format_error(path))?;
        Ok(Self { path: path.to_owned(), content, clock: SampleClock::default() })
    }

    /// Returns whether the file has Opus packets that can be passed through.
    pub fn is_opus(&self) -> bool {
        matches!(self.content, Content::Opus(_))
    }

    /// Returns the channels of the sound, 1 or 2.
    pub fn channels(&self) -> u16 {
        match &self.content {
            Content::Opus(opus) => opus.file.channels,
            Content::Wav { wav, .. } => wav.channels,
        }
    }

    /// Returns the next sound; after the end it goes on from the start.
    ///
    /// Gives at most 10 seconds at once.
    ///
    /// # Errors
    ///
    /// [`FileError`] when a packet cannot be decoded; the next call goes on after it.
    pub fn next_sound(&mut self, length: Duration, timestamp: Time) -> Result<AudioFrame, FileError> {
        let channels = self.channels();
        let wanted = self.clock.samples(length) * usize::from(channels);
        let samples = match &mut self.content {
            Content::Wav { wav, next } => {
                let samples = wav.samples.iter().cycle().skip(*next).take(wanted).copied().collect();
                *next = (*next + wanted) % wav.samples.len();
                samples
            }
            Content::Opus(opus) => {
                while opus.decoded.len() < wanted {
                    opus.decode_next(&self.path)?;
                }
                opus.decoded.drain(..wanted).collect()
            }
        };
        Ok(AudioFrame { timestamp, sample_rate: SAMPLE_RATE, channels, samples })
    }

    /// Returns the next Opus packet as it is in the file; after the end it goes on from the start.
    ///
    /// # Errors
    ///
    /// [`FileError::NotOpus`] for a file that is not an Opus file.
    pub fn next_packet(&mut self, timestamp: Time) -> Result<EncodedFrame, FileError> {
        let Content::Opus(opus) = &mut self.content else {
            return Err(FileError::NotOpus { path: self.path.clone() });
        };
        let packet = &opus.file.packets[opus.sent];
        opus.sent = (opus.sent + 1) % opus.file.packets.len();
        Ok(EncodedFrame {
            codec: Codec::Opus,
            timestamp,
            duration: Duration::from_micros(u64::from(packet.samples) * 1_000_000 / u64::from(SAMPLE_RATE)),
            keyframe: true,
            data: packet.data.clone(),
        })
    }
}

impl Content {
    fn parse(bytes: Bytes) -> Result<Self, FormatError> {
        if bytes.starts_with(b"RIFF") {
            return Ok(Self::Wav { wav: Wav::parse(bytes)?, next: 0 });
        }
        if !bytes.starts_with(b"OggS") {
            return Err(FormatError::Kind("an Ogg or a WAV file"));
        }
        let file = OggOpus::parse(bytes)?;
        let (skip, left) = (file.pre_skip, file.playable);
        Ok(Self::Opus(Box::new(Opus {
            file,
            sent: 0,
            decoder: None,
            next: 0,
            skip,
            left,
            decoded: Vec::new(),
        })))
    }
}

impl Opus {
    /// Decodes one packet and keeps what of it is to be played; a round ends where the file says that it ends.
    fn decode_next(&mut self, path: &Path) -> Result<(), FileError> {
        if self.left == 0 || self.next == self.file.packets.len() {
            (self.next, self.skip, self.left) = (0, self.file.pre_skip, self.file.playable);
            self.decoder = None;
        }
        let frame = self.next;
        self.next += 1;
        let channels = usize::from(self.file.channels);
        let before = self.decoded.len();
        let packet = &self.file.packets[frame];
        let outcome = match &mut self.decoder {
            Some(decoder) => decoder.decode(&packet.data, &mut self.decoded),
            none => codec::audio_decoder(self.file.channels)
                .and_then(|new| none.insert(new).decode(&packet.data, &mut self.decoded)),
        };
        if let Err(source) = outcome {
            self.decoded.truncate(before);
            return Err(FileError::Decode { path: path.to_owned(), frame, source });
        }
        let samples = (self.decoded.len() - before) / channels;
        if samples != packet.samples as usize {
            self.decoded.truncate(before);
            return Err(FileError::Empty { path: path.to_owned(), frame });
        }
        let skipped = self.skip.min(samples);
        let played = (samples - skipped).min(self.left);
        self.skip -= skipped;
        self.left -= played;
        self.decoded.drain(before..before + skipped * channels);
        self.decoded.truncate(before + played * channels);
        if self.file.gain != 1.0 {
            for sample in &mut self.decoded[before..] {
                *sample = (f32::from(*sample) * self.file.gain).round() as i16;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::file::{ogg, wav};

    const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/media/speech.ogg");
    const STEP: Duration = Duration::from_millis(20);

    fn file(bytes: Vec<u8>) -> AudioFile {
        AudioFile::parse(Path::new("sound"), Bytes::from(bytes)).unwrap()
    }

    #[test]
    fn wav_sound_plays_for_ever_without_a_gap() {
        let mut file = file(wav::tests::file(2, &[1, 2, 3, 4, 5, 6]));
        assert_eq!((file.is_opus(), file.channels()), (false, 2));
        let sound = file.next_sound(STEP, Time::from_millis(9)).unwrap();
        assert_eq!((sound.timestamp, sound.sample_rate, sound.channels), (Time::from_millis(9), 48_000, 2));
        assert_eq!(sound.duration(), STEP);
        let short = Duration::from_nanos(4 * 1_000_000_000 / 48_000 + 1);
        let next = file.next_sound(short, Time::ZERO).unwrap();
        let played: Vec<i16> = sound.samples.into_iter().chain(next.samples).collect();
        let expected: Vec<i16> = (1..=6).cycle().take(964 * 2).collect();
        assert_eq!(played, expected);
    }

    #[test]
    fn wav_has_no_packets() {
        let error = file(wav::tests::file(1, &[1])).next_packet(Time::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "sound has no Opus packets: only Ogg Opus files can be passed through");
    }

    #[test]
    fn packets_come_with_their_length_and_start_again_after_the_end() {
        let mut file = file(ogg::tests::file(312, 3, 2880));
        assert_eq!((file.is_opus(), file.channels()), (true, 1));
        for _ in 0..7 {
            let packet = file.next_packet(Time::from_millis(4)).unwrap();
            assert_eq!((packet.codec, packet.timestamp), (Codec::Opus, Time::from_millis(4)));
            assert_eq!((packet.duration, packet.keyframe), (STEP, true));
            assert_eq!(packet.data, ogg::tests::packet(40));
        }
    }

    #[test]
    fn opus_sound_is_as_long_as_the_file_says_and_sounds_the_same_in_every_round() {
        let mut file = AudioFile::open(Path::new(SPEECH)).unwrap();
        let Content::Opus(opus) = &file.content else { panic!("an Opus file") };
        let playable = opus.file.playable;
        let mut sound = Vec::new();
        while sound.len() < playable * 2 {
            sound.extend(file.next_sound(STEP, Time::ZERO).unwrap().samples);
        }
        assert!(sound[..playable].iter().any(|sample| sample.unsigned_abs() > 1000));
        assert!(sound[..playable] == sound[playable..playable * 2]);
    }

    #[test]
    fn what_is_no_sound_is_refused() {
        let error = AudioFile::parse(Path::new("clip"), Bytes::from_static(b"DKIF")).err().unwrap();
        assert_eq!(error.to_string(), "clip cannot be played: it is not an Ogg or a WAV file");
    }
}
