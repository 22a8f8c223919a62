//! The two DNS messages that resolving needs: a question and the answers to it (RFC 1035 section 4, RFC
//! 6762).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// The top bit of a record's class tells caches to flush (RFC 6762 section 10.2).
const CLASS_MASK: u16 = 0x7fff;
const HEADER_BYTES: usize = 12;
const FLAG_RESPONSE: u16 = 0x8000;
/// Operation and response code; both must be zero (RFC 6762 section 18).
const FLAGS_CODES: u16 = 0x780f;
const MAX_NAME_BYTES: usize = 255;
const MAX_LABEL_BYTES: usize = 63;
/// How many records of one message are looked at; a responder for candidates answers with one or two.
const MAX_RECORDS: usize = 64;

/// Brings a candidate's name into the form that answers are compared in; none when it is no `.local` host
/// name.
pub fn normalize(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let labels_fit = name
        .split('.')
        .all(|label| (1..=MAX_LABEL_BYTES).contains(&label.len()) && label.bytes().all(is_label_byte));
    let local = name.strip_suffix(".local").is_some_and(|host| !host.is_empty());
    (labels_fit && local && name.len() + 2 <= MAX_NAME_BYTES).then_some(name)
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Builds the question for both kinds of addresses of a normalized name. Answers come by multicast.
pub fn question(name: &str) -> Vec<u8> {
    let mut message = vec![0; HEADER_BYTES];
    message[5] = 2;
    let name_at = message.len();
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend([TYPE_A.to_be_bytes(), CLASS_IN.to_be_bytes()].as_flattened());
    let pointer = 0xc000 | name_at as u16;
    message.extend([pointer.to_be_bytes(), TYPE_AAAA.to_be_bytes(), CLASS_IN.to_be_bytes()].as_flattened());
    message
}

/// Returns the names and addresses that a response tells; nothing for a question or a malformed message.
pub fn answers(message: &[u8]) -> Vec<(String, IpAddr)> {
    let mut found = Vec::new();
    // What was read before a malformed record is as good as if the rest had been lost.
    let _ = read_answers(message, &mut found);
    found
}

fn read_answers(message: &[u8], found: &mut Vec<(String, IpAddr)>) -> Option<()> {
    let mut reader = Reader { message, at: 2 };
    let flags = reader.u16()?;
    if flags & FLAG_RESPONSE == 0 || flags & FLAGS_CODES != 0 {
        return None;
    }
    let questions = reader.u16()?;
    let records = usize::from(reader.u16()?) + usize::from(reader.u16()?) + usize::from(reader.u16()?);
    for _ in 0..questions {
        reader.name()?;
        reader.bytes(4)?;
    }
    for _ in 0..records.min(MAX_RECORDS) {
        let name = reader.name()?;
        let (kind, class) = (reader.u16()?, reader.u16()?);
        reader.bytes(4)?;
        let length = reader.u16()?.into();
        let data = reader.bytes(length)?;
        let address = match kind {
            TYPE_A => <[u8; 4]>::try_from(data).ok().map(|octets| IpAddr::from(Ipv4Addr::from(octets))),
            TYPE_AAAA => <[u8; 16]>::try_from(data).ok().map(|octets| IpAddr::from(Ipv6Addr::from(octets))),
            _ => None,
        };
        if let (Some(name), Some(address), CLASS_IN) = (name, address, class & CLASS_MASK) {
            found.push((name, address));
        }
    }
    Some(())
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.message.get(self.at..self.at + count)?;
        self.at += count;
        Some(bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Reads a name in lower case: none when it is malformed, an inner none when it is well formed but no
    /// host name.
    fn name(&mut self) -> Option<Option<String>> {
        let mut name = String::new();
        let mut is_host_name = true;
        let mut after_pointer = None;
        // A pointer must lead before the name that it stands in, so that following pointers ends.
        let mut limit = self.at;
        loop {
            match usize::from(self.bytes(1)?[0]) {
                0 => break,
                length @ 1..=MAX_LABEL_BYTES => {
                    let label = self.bytes(length)?;
                    if name.len() + length + 1 > MAX_NAME_BYTES {
                        return None;
                    }
                    is_host_name &= label.iter().copied().all(is_label_byte);
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
                }
                high if high & 0xc0 == 0xc0 => {
                    let target = (high & 0x3f) << 8 | usize::from(self.bytes(1)?[0]);
                    after_pointer.get_or_insert(self.at);
                    if target >= limit {
                        return None;
                    }
                    limit = target;
                    self.at = target;
                }
                _ => return None,
            }
        }
        if let Some(at) = after_pointer {
            self.at = at;
        }
        Some(is_host_name.then_some(name))
    }
}

#[cfg(test)]
pub(in crate::net) mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";

    /// Answers a question the way a responder does: the question is left out, the cache is to be flushed.
    pub fn response(question: &[u8], address: IpAddr) -> Vec<u8> {
        let name_end =
            question.iter().skip(HEADER_BYTES).position(|&byte| byte == 0).unwrap() + HEADER_BYTES + 1;
        let name = &question[HEADER_BYTES..name_end];
        let (kind, data) = match address {
            IpAddr::V4(address) => (TYPE_A, address.octets().to_vec()),
            IpAddr::V6(address) => (TYPE_AAAA, address.octets().to_vec()),
        };
        let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        message.extend(name);
        message.extend(kind.to_be_bytes());
        message.extend([0x80, 1, 0, 0, 0, 120]);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(data);
        message
    }

    /// Returns the normalized name that a question asks for.
    pub fn asked_name(message: &[u8]) -> Option<String> {
        let mut reader = Reader { message, at: 2 };
        if reader.u16()? & FLAG_RESPONSE != 0 {
            return None;
        }
        reader.at = HEADER_BYTES;
        reader.name()?
    }

    #[test]
    fn only_local_host_names_are_asked_for() {
        assert_eq!(normalize(&NAME.to_uppercase()).as_deref(), Some(NAME));
        assert_eq!(normalize("a.local.").as_deref(), Some("a.local"));
        let long_label = format!("{}.local", "a".repeat(64));
        let long_name = format!("{}local", "abcdefg.".repeat(32));
        for name in [
            "",
            ".",
            "local",
            ".local",
            "a.example",
            "a..local",
            "a b.local",
            "ä.local",
            &long_label,
            &long_name,
        ] {
            assert_eq!(normalize(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_question_asks_for_both_kinds_of_addresses() {
        let message = question("ab.local");
        assert_eq!(
            message,
            [b"\0\0\0\0\0\x02\0\0\0\0\0\0\x02ab\x05local\0".as_slice(), &[0, 1, 0, 1, 0xc0, 12, 0, 28, 0, 1]]
                .concat()
        );
        assert_eq!(asked_name(&message).as_deref(), Some("ab.local"));
        assert_eq!(answers(&message), [], "a question tells nothing");
    }

    #[test]
    fn answers_of_both_kinds_are_read() {
        for address in ["192.0.2.7", "2001:db8::7"] {
            let address = address.parse().unwrap();
            let message = response(&question(&NAME.to_uppercase()), address);
            assert_eq!(answers(&message), [(NAME.to_owned(), address)]);
        }
    }

    #[test]
    fn compressed_names_and_other_records_are_stepped_over() {
        let mut message = vec![0, 0, 0x84, 0, 0, 1, 0, 2, 0, 0, 0, 1];
        message.extend(b"\x01a\x05local\0\0\x01\0\x01");
        // A text record of a name with a space; then A of «b» before the suffix of the question; then A of
        // the question.
        message.extend(b"\x03x y\xc0\x0e\0\x10\0\x01\0\0\0\x01\0\x02\x01t");
        message.extend(b"\x01B\xc0\x0e\0\x01\x80\x01\0\0\0\x01\0\x04\xc0\0\x02\x01");
        message.extend(b"\xc0\x0c\0\x01\x80\x01\0\0\0\x01\0\x04\xc0\0\x02\x02");
        let address = |last| IpAddr::from([192, 0, 2, last]);
        assert_eq!(
            answers(&message),
            [("b.local".to_owned(), address(1)), ("a.local".to_owned(), address(2))]
        );
    }

    #[test]
    fn pointers_that_do_not_lead_backwards_are_refused() {
        for target in [12_u8, 13, 200] {
            let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, target];
            message.extend(b"\0\x01\0\x01\0\0\0\x01\0\x04\xc0\0\x02\x01");
            assert_eq!(answers(&message), [], "pointer to {target}");
        }
    }

    #[test]
    fn a_truncated_message_gives_what_was_whole() {
        let message = response(&question(NAME), "192.0.2.7".parse().unwrap());
        for length in 0..message.len() {
            assert_eq!(answers(&message[..length]), []);
        }
    }

    proptest! {
        #[test]
        fn no_message_makes_the_parser_panic_or_loop(
            mut message in proptest::collection::vec(any::<u8>(), 0..300), response: bool,
        ) {
            if response && message.len() > HEADER_BYTES {
                message[2..4].copy_from_slice(&[0x84, 0]);
                message[4..6].copy_from_slice(&[0, 0]);
            }
            let found = answers(&message);
            prop_assert!(found.len() <= MAX_RECORDS);
        }

        #[test]
        fn what_is_asked_is_what_was_normalized(name in "[a-z0-9-]{1,63}(\\.[a-z0-9_-]{1,20}){0,3}\\.local") {
            let normalized = normalize(&name).unwrap();
            prop_assert_eq!(asked_name(&question(&normalized)), Some(normalized));
        }
    }
}
