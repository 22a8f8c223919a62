//! What an Opus packet says about itself without being decoded (RFC 6716 §3).

/// Samples per second and channel of the clock that Opus counts in.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples per channel of the shortest frame, 2.5 ms; all durations are multiples of it.
pub const SHORTEST_FRAME: u32 = 120;
/// Samples per channel of the longest packet, 120 ms.
pub const LONGEST_PACKET: u32 = 5_760;

/// The outline of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusPacket {
    /// How long one frame of the packet lasts, in samples per channel at 48 kHz.
    pub frame_samples: u32,
    /// How long the whole packet lasts, in samples per channel at 48 kHz.
    pub samples: u32,
    /// Whether the packet also carries a coarse copy of the frame before it (in-band forward error
    /// correction, RFC 6716 §4.2.5).
    pub recovers: bool,
    /// Whether the packet says that nothing but background noise follows until the next packet
    /// (discontinuous transmission).
    pub discontinuous: bool,
}

impl OpusPacket {
    /// Reads the outline of a packet; nothing when the bytes are not an Opus packet.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let toc = *packet.first()?;
        let frame_samples = frame_samples(toc >> 3);
        let (count, first) = frames(packet)?;
        let samples = frame_samples * count;
        if count == 0 || samples > LONGEST_PACKET {
            return None;
        }
        Some(Self {
            frame_samples,
            samples,
            recovers: recovers(toc, frame_samples, first),
            discontinuous: packet.len() <= 2,
        })
    }
}

/// Returns the length of one frame for a configuration number (RFC 6716 table 2).
fn frame_samples(config: u8) -> u32 {
    match config {
        0..=11 => [480, 960, 1920, 2880][usize::from(config % 4)],
        12..=15 => [480, 960][usize::from(config % 2)],
        _ => [120, 240, 480, 960][usize::from(config % 4)],
    }
}

/// Returns how many frames the packet holds and the bytes of the first one (RFC 6716 §3.2).
fn frames(packet: &[u8]) -> Option<(u32, &[u8])> {
    let (toc, body) = packet.split_first()?;
    match toc & 3 {
        0 => Some((1, body)),
        1 => (body.len() % 2 == 0).then(|| (2, &body[..body.len() / 2])),
        2 => {
            let (size, rest) = length(body)?;
            Some((2, rest.get(..size)?))
        }
        _ => counted_frames(body),
    }
}

/// Reads a packet of code 3: a count, optional padding, optional lengths (RFC 6716 §3.2.5).
fn counted_frames(body: &[u8]) -> Option<(u32, &[u8])> {
    let (&head, mut rest) = body.split_first()?;
    let count = usize::from(head & 0x3f);
    if count == 0 {
        return None;
    }
    if head & 0x40 != 0 {
        let mut padding = 0;
        loop {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            // 255 stands for 254 bytes of padding and says that another count follows.
            padding += if byte == 255 { 254 } else { usize::from(byte) };
            if byte != 255 {
                break;
            }
        }
        rest = rest.get(..rest.len().checked_sub(padding)?)?;
    }
    let first = if head & 0x80 != 0 {
        let mut sizes = [0; 64];
        for size in &mut sizes[..count - 1] {
            (*size, rest) = length(rest)?;
        }
        let others: usize = sizes[1..count].iter().sum();
        let size = if count == 1 { rest.len() } else { sizes[0] };
        rest.len().checked_sub(if count == 1 { 0 } else { size + others })?;
        size
    } else {
        if rest.len() % count != 0 {
            return None;
        }
        rest.len() / count
    };
    Some((count as u32, rest.get(..first)?))
}

/// Reads a frame length of one or two bytes (RFC 6716 §3.2.1).
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [first @ 0..=251, ref rest @ ..] => Some((usize::from(first), rest)),
        [first, second, ref rest @ ..] => Some((usize::from(second) * 4 + usize::from(first), rest)),
        _ => None,
    }
}

/// Returns whether the first frame has the low bit-rate redundancy flag set for any channel.
///
/// The flags are the first symbols of a SILK frame and coded with even odds, so they lie open at the top of
/// its first byte: for each channel one voice flag per 20 ms, then the redundancy flag (RFC 6716 §4.2.3).
fn recovers(toc: u8, frame_samples: u32, first: &[u8]) -> bool {
    let silk = toc >> 3 < 16;
    let (true, Some(&flags)) = (silk, first.first()) else {
        return false;
    };
    let voice_flags = (frame_samples / 960).max(1);
    let mono = flags >> (7 - voice_flags) & 1 != 0;
    let stereo = toc & 4 != 0 && flags >> (6 - 2 * voice_flags) & 1 != 0;
    mono || stereo
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// SILK wideband, 20 ms, mono, one frame.
    const SILK_20: u8 = 9 << 3;
    /// CELT fullband, 20 ms, stereo, one frame.
    const CELT_20_STEREO: u8 = 31 << 3 | 4;

    fn samples(packet: &[u8]) -> Option<u32> {
        OpusPacket::parse(packet).map(|packet| packet.samples)
    }

    #[test]
    fn the_duration_follows_the_configuration_and_the_frame_count() {
        assert_eq!(samples(&[SILK_20, 0, 1, 2]), Some(960));
        assert_eq!(samples(&[CELT_20_STEREO, 0, 1, 2]), Some(960));
        assert_eq!(samples(&[16 << 3, 0, 1]), Some(120));
        assert_eq!(samples(&[11 << 3, 0, 1]), Some(2880));
        assert_eq!(samples(&[SILK_20 | 1, 1, 2, 3, 4]), Some(1920));
        assert_eq!(samples(&[SILK_20 | 2, 1, 2, 3, 4]), Some(1920));
        assert_eq!(samples(&[SILK_20 | 3, 3, 1, 2, 3]), Some(2880));
        assert_eq!(samples(&[SILK_20 | 3, 0x83, 1, 1, 1, 2, 3]), Some(2880));
        assert_eq!(samples(&[SILK_20 | 3, 0x42, 1, 1, 2, 0]), Some(1920));
        let padded = |padding: usize| [&[SILK_20 | 3, 0x42, 255, 1, 7, 7][..], &vec![0; padding]].concat();
        assert_eq!(samples(&padded(255)), Some(1920), "254 and 1 bytes of padding");
        assert_eq!(samples(&padded(254)), None, "no two equal frames");
    }

    #[test]
    fn packets_that_break_the_framing_rules_are_refused() {
        assert_eq!(samples(&[]), None);
        assert_eq!(samples(&[SILK_20 | 1, 1]), None, "two equal frames of an odd length");
        assert_eq!(samples(&[SILK_20 | 2, 9, 1]), None, "a length beyond the end");
        assert_eq!(samples(&[SILK_20 | 3, 0]), None, "no frames");
        assert_eq!(samples(&[SILK_20 | 3, 7, 1, 2, 3, 4, 5, 6, 7]), None, "140 ms");
        assert_eq!(samples(&[SILK_20 | 3, 0x41, 9, 1]), None, "more padding than bytes");
        assert_eq!(samples(&[SILK_20 | 3, 0x83, 9, 9, 1]), None, "lengths beyond the end");
    }

    #[test]
    fn forward_error_correction_is_seen_in_the_flags_of_the_first_frame() {
        let recovers = |packet: &[u8]| OpusPacket::parse(packet).unwrap().recovers;
        assert!(recovers(&[SILK_20, 0b0100_0000, 0, 0]));
        assert!(!recovers(&[SILK_20, 0b1000_0000, 0, 0]));
        assert!(recovers(&[SILK_20 | 4, 0b0001_0000, 0, 0]), "only the side channel");
        assert!(!recovers(&[SILK_20, 0b0001_0000, 0, 0]));
        assert!(recovers(&[11 << 3, 0b0001_0000, 0, 0]), "60 ms has three voice flags first");
        assert!(!recovers(&[CELT_20_STEREO, 0xff, 0, 0]), "CELT has none");
        assert!(!recovers(&[SILK_20]), "an empty frame has none");
    }

    #[test]
    fn a_packet_of_at_most_two_bytes_announces_silence() {
        assert!(OpusPacket::parse(&[SILK_20]).unwrap().discontinuous);
        assert!(!OpusPacket::parse(&[SILK_20, 1, 2]).unwrap().discontinuous);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_of_lawful_length_or_refused(
            data in proptest::collection::vec(any::<u8>(), 0..64)
        ) {
            if let Some(packet) = OpusPacket::parse(&data) {
                prop_assert!(packet.samples >= SHORTEST_FRAME && packet.samples <= LONGEST_PACKET);
                prop_assert_eq!(packet.samples % packet.frame_samples, 0);
            }
        }
    }
}
