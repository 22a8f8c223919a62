//! The VP8 payload descriptor (RFC 7741 §4.2), written.

use bytes::{BufMut, Bytes};

use super::{even_pieces, room};

/// The bits of a long picture id.
pub(super) const PICTURE_ID_MASK: u16 = 0x7fff;

/// Flags octet, extension octet, picture id of two octets.
const DESCRIPTOR: usize = 4;
/// X: the extension octet follows.
const EXTENDED: u8 = 0x80;
/// S: a partition begins with the first byte of this payload.
const STARTS_PARTITION: u8 = 0x10;
/// I: the picture id follows.
const HAS_PICTURE_ID: u8 = 0x80;
/// M: the picture id has 15 bits.
const LONG_PICTURE_ID: u16 = 0x8000;

/// Cuts one frame. Partitions are not looked for: all payloads say partition 0 and only the first says that it
/// begins one, as §4.2 allows.
pub(super) fn packetize(data: &[u8], picture_id: u16, max_payload: usize) -> Vec<Bytes> {
    let pieces = even_pieces(data, max_payload - DESCRIPTOR);
    let mut buffer = room(data.len(), pieces.len(), DESCRIPTOR);
    let mut payloads = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.enumerate() {
        buffer.put_u8(if index == 0 { EXTENDED | STARTS_PARTITION } else { EXTENDED });
        buffer.put_u8(HAS_PICTURE_ID);
        buffer.put_u16(LONG_PICTURE_ID | picture_id);
        buffer.put_slice(piece);
        payloads.push(buffer.split().freeze());
    }
    payloads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_carries_the_long_picture_id_and_only_the_first_starts_the_frame() {
        let payloads = packetize(&[0xaa; 150], 0x1234, 64);
        let headers: Vec<_> = payloads.iter().map(|p| p[..4].to_vec()).collect();
        assert_eq!(headers, [[0x90, 0x80, 0x92, 0x34], [0x80, 0x80, 0x92, 0x34], [0x80, 0x80, 0x92, 0x34]]);
        assert_eq!(payloads.iter().map(|p| p.len()).collect::<Vec<_>>(), [54, 54, 54]);
    }
}
