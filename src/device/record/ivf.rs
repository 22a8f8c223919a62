//! Recording encoded pictures into IVF.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use media::frame::EncodedFrame;
use units::{Codec, Time};

use super::refused;

/// Ticks per second of the times in the file: those of [`Time`].
const RATE: u32 = 1_000_000;
/// Where the header holds the number of frames.
const COUNT_AT: u64 = 24;

/// Writes VP8 frames into an IVF file.
///
/// Frames before the first keyframe, which nobody can decode, are left out; the file's size and start come from it.
pub struct IvfRecorder<W: Write + Seek = BufWriter<File>> {
    out: W,
    start: Option<Time>,
    frames: u32,
}

impl IvfRecorder {
    /// Creates a file, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// The system's error when the file cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::new(BufWriter::new(File::create(path)?)))
    }
}

impl<W: Write + Seek> IvfRecorder<W> {
    /// Makes a recorder that writes from where `out` stands, which must be its beginning.
    pub fn new(out: W) -> Self {
        Self { out, start: None, frames: 0 }
    }

    /// Writes a frame.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] when it is not a VP8 frame, else the system's error.
    pub fn write(&mut self, frame: &EncodedFrame) -> io::Result<()> {
        if frame.codec != Codec::Vp8 {
            return Err(refused("only VP8 can be recorded into IVF"));
        }
        let start = match self.start {
            Some(start) => start,
            None if !frame.keyframe => return Ok(()),
            None => {
                let size = size(&frame.data).ok_or_else(|| refused("a VP8 keyframe is broken"))?;
                self.write_header(size)?;
                *self.start.insert(frame.timestamp)
            }
        };
        let length = u32::try_from(frame.data.len()).map_err(|_| refused("a frame is larger than 4 GiB"))?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&((frame.timestamp - start).as_micros() as u64).to_le_bytes())?;
        self.out.write_all(&frame.data)?;
        self.frames = self.frames.saturating_add(1);
        Ok(())
    }

    /// Writes the number of frames into the header and ends the file; returns what was written to.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn finish(mut self) -> io::Result<W> {
        if self.start.is_none() {
            self.write_header([0; 4])?;
        }
        self.out.seek(SeekFrom::Start(COUNT_AT))?;
        self.out.write_all(&self.frames.to_le_bytes())?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Writes the header of 32 bytes; the size is width and height as they are in the file.
    fn write_header(&mut self, size: [u8; 4]) -> io::Result<()> {
        self.out.write_all(b"DKIF\0\0\x20\0VP80")?;
        self.out.write_all(&size)?;
        self.out.write_all(&RATE.to_le_bytes())?;
        self.out.write_all(&1_u32.to_le_bytes())?;
        self.out.write_all(&[0; 8])
    }
}

/// Reads width and height of a VP8 keyframe as they are in an IVF header too (RFC 6386 §9.1): 16 bits each, of which
/// the upper two of the keyframe's are a scale that is no part of the size.
fn size(keyframe: &[u8]) -> Option<[u8; 4]> {
    match *keyframe.get(3..10)? {
        [0x9d, 0x01, 0x2a, w0, w1, h0, h1] => Some([w0, w1 & 0x3f, h0, h1 & 0x3f]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::device::file::ivf::Ivf;

    /// The start of a keyframe of 320x180, scaled by 5/4 when it is shown, and of another frame.
    const KEY: &[u8] = &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x41, 180, 0];
    const DELTA: &[u8] = &[0x11, 0, 0, 7];

    fn frame(codec: Codec, millis: u64, data: &'static [u8]) -> EncodedFrame {
        EncodedFrame {
            codec,
            timestamp: Time::from_millis(millis),
            duration: Duration::ZERO,
            keyframe: data == KEY,
            data: Bytes::from_static(data),
        }
    }

    #[test]
    fn a_recording_can_be_played() {
        let mut recorder = IvfRecorder::new(Cursor::new(Vec::new()));
        for (millis, data) in [(1000, DELTA), (1033, KEY), (1066, DELTA), (1099, DELTA)] {
            recorder.write(&frame(Codec::Vp8, millis, data)).unwrap();
        }
        let bytes = recorder.finish().unwrap().into_inner();
        assert_eq!(bytes[12..16], [0x40, 0x01, 180, 0]);
        assert_eq!(bytes[24..28], [3, 0, 0, 0]);
        let ivf = Ivf::parse(Bytes::from(bytes)).unwrap();
        assert_eq!((ivf.codec, ivf.interval), (Codec::Vp8, Duration::from_millis(33)));
        assert_eq!(ivf.frames.iter().map(|frame| &frame.data[..]).collect::<Vec<_>>(), [KEY, DELTA, DELTA]);
    }

    #[test]
    fn a_recording_of_nothing_is_a_file_without_frames() {
        let bytes = IvfRecorder::new(Cursor::new(Vec::new())).finish().unwrap().into_inner();
        assert_eq!(bytes.len(), 32);
        assert!(bytes.starts_with(b"DKIF"));
    }

    #[test]
    fn what_is_not_vp8_is_refused() {
        let mut recorder = IvfRecorder::new(Cursor::new(Vec::new()));
        let error = recorder.write(&frame(Codec::H264, 0, KEY)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let broken = EncodedFrame { keyframe: true, ..frame(Codec::Vp8, 0, DELTA) };
        assert_eq!(recorder.write(&broken).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
