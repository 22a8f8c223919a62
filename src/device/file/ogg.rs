//! Reading Opus from Ogg (RFC 3533 pages, RFC 7845 content).

use bytes::{Buf, Bytes, BytesMut};
use media::opus::OpusPacket;

use super::FormatError;
use crate::device::ogg_crc::checksum;

/// Bytes of a page before its table of segments.
const PAGE_HEADER: usize = 27;
/// Flags of a page.
const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
/// The granule position of a page on which no packet ends.
const NO_POSITION: u64 = u64::MAX;

/// The content of an Ogg Opus file.
#[derive(Debug, Clone)]
pub(in crate::device) struct OggOpus {
    /// 1 or 2.
    pub(in crate::device) channels: u16,
    /// Samples per channel at the start that warm the decoder up and are not played.
    pub(in crate::device) pre_skip: usize,
    /// What decoded samples are multiplied with.
    pub(in crate::device) gain: f32,
    /// The packets, all of them lawful.
    pub(in crate::device) packets: Vec<SoundPacket>,
    /// Samples per channel that are played, without pre-skip and what is cut off at the end; not zero.
    pub(in crate::device) playable: usize,
}

/// One Opus packet.
#[derive(Debug, Clone)]
pub(in crate::device) struct SoundPacket {
    /// Samples per channel.
    pub(in crate::device) samples: u32,
    /// The encoded bytes.
    pub(in crate::device) data: Bytes,
}

impl OggOpus {
    /// Reads a file: the first Opus stream in it, to its end.
    pub(in crate::device) fn parse(bytes: Bytes) -> Result<Self, FormatError> {
        let mut pages = Pages { bytes };
        let (serial, head) = opus_head(&mut pages)?;
        let mut stream = Stream::default();
        while let Some(page) = pages.next()? {
            if page.serial == serial && stream.add(page)? {
                break;
            }
        }
        stream.finish(head)
    }
}

/// The fields of the identification header (RFC 7845 §5.1).
struct Head {
    channels: u16,
    pre_skip: usize,
    gain: f32,
}

/// Finds the first Opus stream: the first pages of all streams come before anything else.
fn opus_head(pages: &mut Pages) -> Result<(u32, Head), FormatError> {
    while let Some(page) = pages.next()? {
        if page.flags & FIRST == 0 {
            break;
        }
        if page.body.starts_with(b"OpusHead") {
            return Ok((page.serial, Head::parse(page.body)?));
        }
    }
    Err(FormatError::Kind("an Ogg file with Opus sound"))
}

impl Head {
    fn parse(mut body: Bytes) -> Result<Self, FormatError> {
        if body.len() < 19 {
            return Err(FormatError::Truncated("its Opus header"));
        }
        body.advance(8);
        let (version, channels, pre_skip) = (body.get_u8(), body.get_u8(), body.get_u16_le());
        body.advance(4);
        let (gain, family) = (body.get_i16_le(), body.get_u8());
        if version > 15 {
            return Err(FormatError::Unsupported(format!("Opus of version {version}")));
        }
        if family != 0 || !(1..=2).contains(&channels) {
            return Err(FormatError::Unsupported(format!(
                "sound of {channels} channels; only 1 and 2 can be played"
            )));
        }
        let gain = 10_f32.powf(f32::from(gain) / (20.0 * 256.0));
        Ok(Self { channels: channels.into(), pre_skip: pre_skip.into(), gain })
    }
}

/// The packets of one logical stream as its pages come in.
#[derive(Default)]
struct Stream {
    /// The packet that goes on in the next page.
    partial: Option<BytesMut>,
    /// Whether the comment header, which is not played, went by.
    commented: bool,
    packets: Vec<SoundPacket>,
    /// Samples of all packets.
    total: u64,
    /// The position that the stream begins at; known at the end of the first page on which a packet ends.
    start: Option<u64>,
    /// The position at the end.
    end: u64,
}

impl Stream {
    /// Takes a page; returns whether it was the last one.
    fn add(&mut self, page: Page) -> Result<bool, FormatError> {
        if (page.flags & CONTINUED != 0) != self.partial.is_some() {
            return Err(FormatError::Broken("a page is missing: a packet of it is torn"));
        }
        let mut body = page.body;
        let mut length = 0;
        for &segment in &page.segments {
            length += usize::from(segment);
            // A segment of 255 bytes says that its packet goes on.
            if segment < 255 {
                let data = body.split_to(length);
                length = 0;
                let whole = match self.partial.take() {
                    Some(mut partial) => {
                        partial.extend_from_slice(&data);
                        partial.freeze()
                    }
                    None => data,
                };
                self.packet(whole)?;
            }
        }
        if page.segments.last() == Some(&255) {
            self.partial.get_or_insert_default().extend_from_slice(&body);
        }
        let last = page.flags & LAST != 0;
        if page.position != NO_POSITION && !self.packets.is_empty() {
            // The end of a stream may be cut off, so a last page does not tell where the stream begins.
            let start = if last { 0 } else { page.position.saturating_sub(self.total) };
            self.start.get_or_insert(start);
            self.end = page.position;
        }
        Ok(last)
    }

    fn packet(&mut self, data: Bytes) -> Result<(), FormatError> {
        if !self.commented {
            self.commented = true;
            return if data.starts_with(b"OpusTags") {
                Ok(())
            } else {
                Err(FormatError::Broken("its Opus comment header is missing"))
            };
        }
        let packet = OpusPacket::parse(&data).ok_or(FormatError::Broken("it has a broken Opus packet"))?;
        self.total += u64::from(packet.samples);
        self.packets.push(SoundPacket { samples: packet.samples, data });
        Ok(())
    }

    fn finish(self, head: Head) -> Result<OggOpus, FormatError> {
        if self.partial.is_some() {
            return Err(FormatError::Truncated("a packet"));
        }
        let positioned = self.end.saturating_sub(self.start.unwrap_or(0));
        // Without a believable end, everything is played.
        let played = if positioned == 0 { self.total } else { positioned.min(self.total) };
        let playable = usize::try_from(played).unwrap_or(usize::MAX).saturating_sub(head.pre_skip);
        if playable == 0 {
            return Err(FormatError::Broken("it has no sound"));
        }
        let Head { channels, pre_skip, gain } = head;
        Ok(OggOpus { channels, pre_skip, gain, packets: self.packets, playable })
    }
}

/// One page.
struct Page {
    flags: u8,
    position: u64,
    serial: u32,
    segments: Bytes,
    body: Bytes,
}

/// The pages of a file.
struct Pages {
    bytes: Bytes,
}

impl Pages {
    /// Returns the next page, nothing at the end.
    fn next(&mut self) -> Result<Option<Page>, FormatError> {
        let bytes = &mut self.bytes;
        if bytes.is_empty() {
            return Ok(None);
        }
        if !bytes.starts_with(&b"OggS\0"[..bytes.len().min(5)]) {
            return Err(FormatError::Kind("an Ogg file, or a page of it is broken"));
        }
        if bytes.len() < PAGE_HEADER {
            return Err(FormatError::Truncated("a page"));
        }
        let table = usize::from(bytes[PAGE_HEADER - 1]);
        let Some(segments) = bytes.get(PAGE_HEADER..PAGE_HEADER + table) else {
            return Err(FormatError::Truncated("a page"));
        };
        let length =
            PAGE_HEADER + table + segments.iter().map(|segment| usize::from(*segment)).sum::<usize>();
        if length > bytes.len() {
            return Err(FormatError::Truncated("a page"));
        }
        let mut page = bytes.split_to(length);
        let computed = checksum(&page);
        page.advance(5);
        let (flags, position, serial) = (page.get_u8(), page.get_u64_le(), page.get_u32_le());
        page.advance(4);
        if page.get_u32_le() != computed {
            return Err(FormatError::Broken("a page of it has a wrong checksum"));
        }
        page.advance(1);
        let segments = page.split_to(table);
        Ok(Some(Page { flags, position, serial, segments, body: page }))
    }
}

#[cfg(test)]
pub(in crate::device) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An Opus packet of 20 ms (CELT, mono) of `length` bytes.
    pub(in super::super) fn packet(length: usize) -> Vec<u8> {
        let mut packet = vec![7; length];
        packet[0] = 31 << 3;
        packet
    }

    fn head(pre_skip: u16) -> Vec<u8> {
        let mut head = Vec::from(*b"OpusHead\x01\x01");
        head.extend(pre_skip.to_le_bytes());
        head.extend([0x80, 0xbb, 0, 0, 0, 0, 0]);
        head
    }

    /// Makes a page; a body that ends with a full segment goes on in the next page.
    fn page(flags: u8, position: u64, segments: &[u8], body: &[u8]) -> Vec<u8> {
        let mut page = Vec::from(*b"OggS\0");
        page.push(flags);
        page.extend(position.to_le_bytes());
        page.extend([9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        page.push(segments.len() as u8);
        page.extend(segments);
        page.extend(body);
        let sum = checksum(&page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        page
    }

    fn headers(pre_skip: u16) -> Vec<u8> {
        let mut file = page(FIRST, 0, &[19], &head(pre_skip));
        file.extend(page(0, 0, &[16], b"OpusTags\0\0\0\0\0\0\0\0"));
        file
    }

    /// A file of `packets` packets of 20 ms, one a page, that ends at `end`.
    pub(in super::super) fn file(pre_skip: u16, packets: u64, end: u64) -> Vec<u8> {
        let mut file = headers(pre_skip);
        for index in 1..=packets {
            let (flags, position) = if index == packets { (LAST, end) } else { (0, index * 960) };
            file.extend(page(flags, position, &[40], &packet(40)));
        }
        file
    }

    fn parse(bytes: &[u8]) -> Result<OggOpus, FormatError> {
        OggOpus::parse(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn packets_come_with_their_length_and_the_ends_are_cut_off() {
        let opus = parse(&file(312, 3, 2500)).unwrap();
        assert_eq!((opus.channels, opus.pre_skip, opus.playable), (1, 312, 2500 - 312));
        assert_eq!(opus.gain, 1.0);
        assert_eq!(opus.packets.iter().map(|packet| packet.samples).collect::<Vec<_>>(), [960; 3]);
        assert_eq!(opus.packets[2].data, packet(40)[..]);
    }

    #[test]
    fn a_stream_may_begin_late_and_end_without_saying_so() {
        let mut late = headers(0);
        late.extend(page(0, 96_000, &[40], &packet(40)));
        late.extend(page(0, 96_960, &[40], &packet(40)));
        assert_eq!(parse(&late).unwrap().playable, 1920);
    }

    #[test]
    fn a_packet_may_go_on_in_the_next_page() {
        let long = packet(600);
        let mut file = headers(0);
        file.extend(page(0, NO_POSITION, &[255], &long[..255]));
        file.extend(page(CONTINUED | LAST, 1920, &[255, 90, 40], &[&long[255..], &packet(40)].concat()));
        let opus = parse(&file).unwrap();
        assert_eq!(opus.packets[0].data, long);
        assert_eq!(opus.packets[1].data, packet(40));
        assert_eq!(opus.playable, 1920);
    }

    #[test]
    fn other_streams_in_the_file_are_ignored() {
        let mut other = page(FIRST, 0, &[3], b"foo");
        other[14] = 77;
        other[22..26].fill(0);
        let sum = checksum(&other);
        other[22..26].copy_from_slice(&sum.to_le_bytes());
        let mut file_with_both = other;
        file_with_both.extend(file(0, 1, 960));
        assert_eq!(parse(&file_with_both).unwrap().packets.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = file(0, 2, 1920);
        assert!(matches!(parse(b"RIFF"), Err(FormatError::Kind(_))));
        assert!(matches!(parse(b""), Err(FormatError::Kind(_))));
        assert_eq!(parse(&good[..good.len() - 1]).unwrap_err(), FormatError::Truncated("a page"));
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert_eq!(parse(&flipped).unwrap_err(), FormatError::Broken("a page of it has a wrong checksum"));
        assert_eq!(parse(&headers(0)).unwrap_err(), FormatError::Broken("it has no sound"));
        assert_eq!(parse(&file(2000, 2, 1920)).unwrap_err(), FormatError::Broken("it has no sound"));
        let mut torn = headers(0);
        torn.extend(page(CONTINUED, 960, &[40], &packet(40)));
        assert!(parse(&torn).unwrap_err().to_string().contains("torn"));
        let mut unfinished = headers(0);
        unfinished.extend(page(0, NO_POSITION, &[255], &packet(255)));
        assert_eq!(parse(&unfinished).unwrap_err(), FormatError::Truncated("a packet"));
        let mut surround = head(0);
        (surround[9], surround[18]) = (6, 1);
        assert!(matches!(parse(&page(FIRST, 0, &[19], &surround)), Err(FormatError::Unsupported(_))));
    }

    proptest! {
        #[test]
        fn bytes_that_were_tampered_with_are_refused_or_read(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
            length in any::<proptest::sample::Index>(),
            repair: bool,
        ) {
            let mut bytes = file(312, 4, 3840);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if repair {
                // With good checksums the change gets past the first check.
                let mut at = 0;
                while let Some(page) = bytes.get_mut(at..).filter(|rest| rest.len() >= PAGE_HEADER) {
                    let table = usize::from(page[26]);
                    let Some(segments) = page.get(27..27 + table) else { break };
                    let length = 27 + table + segments.iter().map(|s| usize::from(*s)).sum::<usize>();
                    let Some(page) = page.get_mut(..length) else { break };
                    let sum = checksum(page);
                    page[22..26].copy_from_slice(&sum.to_le_bytes());
                    at += length;
                }
            }
            bytes.truncate(length.index(bytes.len() + 1).max(if repair { bytes.len() } else { 0 }));
            if let Ok(opus) = parse(&bytes) {
                let total: usize = opus.packets.iter().map(|packet| packet.samples as usize).sum();
                prop_assert!(opus.playable > 0 && opus.playable + opus.pre_skip <= total);
            }
        }
    }
}
