//! The checksum of Ogg pages, which the reader checks and the recorder writes.

/// Returns the checksum of a page, whose own checksum field (bytes 22 to 25) counts as zero: a CRC-32 with the
/// polynomial 0x04c11db7, not reflected, starting from zero (RFC 3533 §6).
pub(super) fn checksum(page: &[u8]) -> u32 {
    page.iter().enumerate().fold(0, |crc, (at, byte)| {
        let byte = if (22..26).contains(&at) { 0 } else { *byte };
        crc << 8 ^ TABLE[((crc >> 24) as u8 ^ byte) as usize]
    })
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc & 1 << 31 != 0 { 0x04c1_1db7 } else { 0 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_plain_crc_32_but_for_its_own_field() {
        // CRC-32/CKSUM, whose check value is 0x765e7680, is this one inverted.
        assert_eq!(checksum(b"123456789"), 0x89a1_897f);
        let page = [7; 60];
        let mut other = page;
        other[22..26].fill(99);
        assert_eq!(checksum(&page), checksum(&other));
    }
}
