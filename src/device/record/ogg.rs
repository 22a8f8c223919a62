//! Recording Opus packets into Ogg (RFC 3533 pages, RFC 7845 content).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use media::frame::EncodedFrame;
use media::opus::{OpusPacket, SAMPLE_RATE};
use units::Codec;

use super::refused;
use crate::device::ogg_crc::checksum;

/// The number of the only stream in the file; it only has to differ from other streams in the same file.
const SERIAL: u32 = 1;
/// Samples at the start that a player throws away: what the usual encoder looks ahead (6.5 ms).
const PRE_SKIP: u16 = 312;
/// Flags of the first and the last page.
const FIRST: u8 = 2;
const LAST: u8 = 4;
/// The most segments of a page.
const SEGMENTS: usize = 255;
/// The longest packet: all segments of a page, the last of them not full.
const LONGEST: usize = SEGMENTS * 255 - 1;
/// Samples after which a page is full, so that a player finds its way in steps of a second.
const PAGE_SAMPLES: u64 = SAMPLE_RATE as u64;

/// Writes Opus packets into an Ogg file.
///
/// The packets follow each other without gaps: where one was lost, the recording is shorter by it. A recording
/// without packets is an empty file.
pub struct OggRecorder<W: Write = BufWriter<File>> {
    out: W,
    /// The number of the next page; nothing is written before the first packet.
    pages: u32,
    /// Samples of all packets so far.
    total: u64,
    /// The page under construction: its packets' segments, bytes and samples. One packet is always kept back, since
    /// the last page must say that it is the last one.
    segments: Vec<u8>,
    body: Vec<u8>,
    samples: u64,
}

impl OggRecorder {
    /// Creates a file, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// The system's error when the file cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self::new(BufWriter::new(File::create(path)?)))
    }
}

impl<W: Write> OggRecorder<W> {
    /// Makes a recorder that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, pages: 0, total: 0, segments: Vec::new(), body: Vec::new(), samples: 0 }
    }

    /// Writes a packet; the first one says whether the file is mono or stereo.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] when it is not an Opus packet, else the system's error.
    pub fn write(&mut self, packet: &EncodedFrame) -> io::Result<()> {
        if packet.codec != Codec::Opus {
            return Err(refused("only Opus can be recorded into Ogg"));
        }
        let outline = OpusPacket::parse(&packet.data).filter(|_| packet.data.len() <= LONGEST);
        let Some(outline) = outline else { return Err(refused("an Opus packet is broken")) };
        if self.pages == 0 {
            let stereo = packet.data[0] & 4 != 0;
            self.write_headers(if stereo { 2 } else { 1 })?;
        }
        let full = packet.data.len() / 255;
        if self.segments.len() + full + 1 > SEGMENTS || self.samples >= PAGE_SAMPLES {
            self.flush_page(0)?;
        }
        self.segments.resize(self.segments.len() + full, 255);
        self.segments.push((packet.data.len() % 255) as u8);
        self.body.extend_from_slice(&packet.data);
        self.samples += u64::from(outline.samples);
        self.total += u64::from(outline.samples);
        Ok(())
    }

    /// Writes what is left and ends the file; returns what was written to.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.segments.is_empty() {
            self.flush_page(LAST)?;
        }
        self.out.flush()?;
        Ok(self.out)
    }

    /// Writes the identification and the comment header (RFC 7845 §5), each on its own page.
    fn write_headers(&mut self, channels: u8) -> io::Result<()> {
        let mut head = Vec::from(*b"OpusHead\x01");
        head.push(channels);
        head.extend(PRE_SKIP.to_le_bytes());
        head.extend(SAMPLE_RATE.to_le_bytes());
        // No gain, the simple channel mapping.
        head.extend([0, 0, 0]);
        self.write_page(FIRST, 0, &[head.len() as u8], &head)?;
        const VENDOR: &[u8] = b"parlor";
        let mut tags = Vec::from(*b"OpusTags");
        tags.extend((VENDOR.len() as u32).to_le_bytes());
        tags.extend(VENDOR);
        // No comments.
        tags.extend([0; 4]);
        self.write_page(0, 0, &[tags.len() as u8], &tags)
    }

    fn flush_page(&mut self, flags: u8) -> io::Result<()> {
        let (segments, body) = (std::mem::take(&mut self.segments), std::mem::take(&mut self.body));
        self.samples = 0;
        self.write_page(flags, self.total, &segments, &body)
    }

    fn write_page(&mut self, flags: u8, position: u64, segments: &[u8], body: &[u8]) -> io::Result<()> {
        let mut page = Vec::from(*b"OggS\0");
        page.push(flags);
        page.extend(position.to_le_bytes());
        page.extend(SERIAL.to_le_bytes());
        page.extend(self.pages.to_le_bytes());
        page.extend([0; 4]);
        page.push(segments.len() as u8);
        page.extend(segments);
        page.extend(body);
        let sum = checksum(&page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        self.pages = self.pages.wrapping_add(1);
        self.out.write_all(&page)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use units::Time;

    use super::*;
    use crate::device::file::ogg::OggOpus;

    /// A CELT packet of 20 ms with `length` bytes.
    fn packet(stereo: bool, length: usize) -> EncodedFrame {
        let mut data = vec![5; length];
        data[0] = 31 << 3 | if stereo { 4 } else { 0 };
        EncodedFrame {
            codec: Codec::Opus,
            timestamp: Time::ZERO,
            duration: Duration::from_millis(20),
            keyframe: true,
            data: Bytes::from(data),
        }
    }

    fn recorded(packets: &[EncodedFrame]) -> Vec<u8> {
        let mut recorder = OggRecorder::new(Vec::new());
        for packet in packets {
            recorder.write(packet).unwrap();
        }
        recorder.finish().unwrap()
    }

    /// Returns flags and position of every page.
    fn pages(mut bytes: &[u8]) -> Vec<(u8, u64)> {
        let mut pages = Vec::new();
        while !bytes.is_empty() {
            let table = usize::from(bytes[26]);
            let body: usize = bytes[27..27 + table].iter().map(|segment| usize::from(*segment)).sum();
            pages.push((bytes[5], u64::from_le_bytes(bytes[6..14].try_into().unwrap())));
            bytes = &bytes[27 + table + body..];
        }
        pages
    }

    #[test]
    fn a_recording_can_be_played() {
        let packets: Vec<_> = [1, 254, 255, 256, 510, 40].map(|length| packet(true, length)).into();
        let opus = OggOpus::parse(Bytes::from(recorded(&packets))).unwrap();
        assert_eq!((opus.channels, opus.pre_skip), (2, 312));
        assert_eq!(opus.playable, 6 * 960 - 312);
        let read: Vec<_> = opus.packets.iter().map(|packet| packet.data.clone()).collect();
        assert_eq!(read, packets.iter().map(|packet| packet.data.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn pages_count_samples_and_the_last_one_says_so() {
        let file = recorded(&vec![packet(false, 40); 120]);
        assert_eq!(pages(&file), [(FIRST, 0), (0, 0), (0, 48_000), (0, 96_000), (LAST, 115_200)]);
        assert_eq!(OggOpus::parse(Bytes::from(file)).unwrap().channels, 1);
        let exact = recorded(&vec![packet(false, 40); 50]);
        assert_eq!(pages(&exact).last(), Some(&(LAST, 48_000)));
    }

    #[test]
    fn long_packets_fill_a_page_earlier() {
        let packets = vec![packet(false, 20_000); 5];
        let opus = OggOpus::parse(Bytes::from(recorded(&packets))).unwrap();
        assert_eq!(opus.packets.len(), 5);
        let longest = recorded(&[packet(false, LONGEST)]);
        assert_eq!(OggOpus::parse(Bytes::from(longest)).unwrap().packets[0].data.len(), LONGEST);
    }

    #[test]
    fn a_recording_of_nothing_is_an_empty_file() {
        assert!(recorded(&[]).is_empty());
    }

    #[test]
    fn what_is_not_opus_is_refused() {
        let mut recorder = OggRecorder::new(Vec::new());
        let pictures = EncodedFrame { codec: Codec::Vp8, ..packet(false, 40) };
        let empty = EncodedFrame { data: Bytes::new(), ..packet(false, 40) };
        for broken in [pictures, empty, packet(false, LONGEST + 1)] {
            assert_eq!(recorder.write(&broken).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
