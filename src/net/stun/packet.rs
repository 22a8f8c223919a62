//! As much of a STUN message as routing needs, read in place (RFC 8489 sections 5 and 14).

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER_BYTES: usize = 20;
const METHOD_MASK: u16 = 0x3eef;
const METHOD_BINDING: u16 = 0x0001;
const ATTRIBUTE_USERNAME: u16 = 0x0006;

/// The class of a STUN message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Asks for an answer.
    Request,
    /// Wants no answer.
    Indication,
    /// Answers well.
    Success,
    /// Answers badly.
    Error,
}

/// A STUN Binding message whose header is right. The attributes are not checked.
#[derive(Debug, Clone, Copy)]
pub struct StunPacket<'a> {
    kind: u16,
    transaction_id: [u8; 12],
    attributes: &'a [u8],
}

impl<'a> StunPacket<'a> {
    /// Reads the header; none when the datagram is anything but a Binding message.
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        // DTLS, SRTP and TURN channel data begin with other bits (RFC 7983), so this ends here for media.
        if *data.first()? >= 4 || data.len() < HEADER_BYTES || data[4..8] != MAGIC_COOKIE {
            return None;
        }
        let kind = u16::from_be_bytes([data[0], data[1]]);
        let length = usize::from(u16::from_be_bytes([data[2], data[3]]));
        let attributes = &data[HEADER_BYTES..];
        if kind & METHOD_MASK != METHOD_BINDING || length % 4 != 0 || length != attributes.len() {
            return None;
        }
        let transaction_id = data[8..HEADER_BYTES].try_into().ok()?;
        Some(Self { kind, transaction_id, attributes })
    }

    /// Returns the class.
    pub fn class(&self) -> Class {
        match self.kind & 0x0110 {
            0x0000 => Class::Request,
            0x0010 => Class::Indication,
            0x0100 => Class::Success,
            _ => Class::Error,
        }
    }

    /// Returns the id that a request and its response share.
    pub fn transaction_id(&self) -> [u8; 12] {
        self.transaction_id
    }

    /// Returns the part of USERNAME before the colon: the user fragment of whoever receives the request
    /// (RFC 8445 section 7.2.2).
    pub fn receiver_ufrag(&self) -> Option<&'a str> {
        let username = std::str::from_utf8(self.attribute(ATTRIBUTE_USERNAME)?).ok()?;
        let (ufrag, _) = username.split_once(':')?;
        (!ufrag.is_empty()).then_some(ufrag)
    }

    fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        let mut rest = self.attributes;
        loop {
            let header = rest.get(..4)?;
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let value = rest.get(4..4 + length)?;
            if u16::from_be_bytes([header[0], header[1]]) == kind {
                return Some(value);
            }
            rest = rest.get(4 + length.next_multiple_of(4)..)?;
        }
    }
}

#[cfg(test)]
pub(in crate::net) mod tests {
    use proptest::prelude::*;
    use rtc_stun::attributes::{ATTR_SOFTWARE, ATTR_USERNAME};
    use rtc_stun::message::{
        BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Message, MessageType, Setter, TransactionId,
    };
    use rtc_stun::textattrs::TextAttribute;

    use super::*;

    /// Builds a STUN message the way the independent library does.
    pub fn message(kind: MessageType, id: [u8; 12], username: Option<&str>) -> Vec<u8> {
        let mut setters: Vec<Box<dyn Setter>> = vec![
            Box::new(kind),
            Box::new(TransactionId(id)),
            Box::new(TextAttribute::new(ATTR_SOFTWARE, "odd".into())),
        ];
        if let Some(username) = username {
            setters.push(Box::new(TextAttribute::new(ATTR_USERNAME, username.into())));
        }
        let mut message = Message::new();
        message.build(&setters).unwrap();
        message.raw
    }

    /// Builds a connectivity check towards the owner of `ufrag`.
    pub fn check(id: [u8; 12], ufrag: &str) -> Vec<u8> {
        message(BINDING_REQUEST, id, Some(&format!("{ufrag}:theirs")))
    }

    #[test]
    fn a_check_names_our_user_fragment() {
        let data = check([7; 12], "ours");
        let packet = StunPacket::parse(&data).unwrap();
        assert_eq!(packet.class(), Class::Request);
        assert_eq!(packet.transaction_id(), [7; 12]);
        assert_eq!(packet.receiver_ufrag(), Some("ours"));
    }

    #[test]
    fn classes_are_told_apart() {
        let class = |kind| StunPacket::parse(&message(kind, [1; 12], None)).unwrap().class();
        assert_eq!(class(BINDING_SUCCESS), Class::Success);
        assert_eq!(class(BINDING_ERROR), Class::Error);
    }

    #[test]
    fn a_username_without_two_parts_names_nobody() {
        for username in ["ours", ":theirs", ""] {
            let data = message(BINDING_REQUEST, [1; 12], Some(username));
            assert_eq!(StunPacket::parse(&data).unwrap().receiver_ufrag(), None, "{username:?}");
        }
        let data = message(BINDING_REQUEST, [1; 12], None);
        assert_eq!(StunPacket::parse(&data).unwrap().receiver_ufrag(), None);
    }

    #[test]
    fn what_is_not_a_binding_message_is_not_one() {
        let good = check([1; 12], "ours");
        let mut wrong_cookie = good.clone();
        wrong_cookie[4] ^= 1;
        let mut allocate = good.clone();
        allocate[1] = 3;
        let mut trailing = good.clone();
        trailing.extend([0; 4]);
        let dtls = [[22, 254, 253].as_slice(), &[0; 40]].concat();
        for data in [&wrong_cookie, &allocate, &trailing, &dtls, &good[..good.len() - 4].to_vec(), &vec![]] {
            assert!(StunPacket::parse(data).is_none());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(packet) = StunPacket::parse(&data) {
                let _ = (packet.class(), packet.receiver_ufrag());
            }
        }

        #[test]
        fn no_damage_to_a_good_message_makes_the_parser_panic(
            at in 0_usize..60, byte: u8, cut in 0_usize..60, fix_length: bool,
        ) {
            let mut data = check([9; 12], "some");
            let last = data.len() - 1;
            data[at.min(last)] = byte;
            data.truncate(data.len().saturating_sub(cut));
            if fix_length && data.len() >= HEADER_BYTES {
                let length = (data.len() - HEADER_BYTES) as u16;
                data[2..4].copy_from_slice(&length.to_be_bytes());
            }
            if let Some(packet) = StunPacket::parse(&data) {
                let _ = (packet.class(), packet.receiver_ufrag());
            }
        }
    }
}
