//! Answering an INIT of SCTP that comes again (RFC 9260 sections 5.1 and 6.3.1).
//!
//! Inputs: the encrypted datagrams both ways. Output: a datagram that is to be sent again. States: nothing came yet, an
//! INIT came, and it was answered.
//!
//! An INIT comes again where its INIT ACK was lost. The stack takes it for that of another association and makes a second
//! one; the other side knows only of the one, and data channels are opened on either. So a repeated INIT does not reach
//! the stack: the same INIT ACK goes out once more. It is the same DTLS record, which is new to whom it is meant for or
//! else a replay.
//!
//! This is for the side that is called, the server of the DTLS handshake. Nothing is readable there, but what a caller
//! says is known: first INIT, then COOKIE ECHO when the answer came and INIT again when it did not. They differ in
//! length.

use bytes::BytesMut;

/// Content type of records of application data (RFC 6347 section 4.1).
const APPLICATION_DATA: u8 = 23;
/// The length of a datagram with a COOKIE ECHO: the stack's cookie has 32 bytes, and AES-GCM adds 37. An INIT that is as
/// long cannot be told apart; those of browsers and of the stack are not.
const COOKIE_ECHO: usize = 12 + 4 + 32 + 37;

/// An association that the other side begins.
#[derive(Debug, Default)]
pub(crate) struct Association {
    /// The length of the INIT.
    init: Option<usize>,
    answer: Option<BytesMut>,
}

impl Association {
    /// Notes a datagram that came in. Returns what to send instead of giving it to the stack.
    pub(crate) fn received(&mut self, datagram: &[u8]) -> Option<BytesMut> {
        if datagram.first() != Some(&APPLICATION_DATA) {
            return None;
        }
        let is_first = self.init.is_none();
        let init = *self.init.get_or_insert(datagram.len());
        let is_repetition = !is_first && datagram.len() == init && init != COOKIE_ECHO;
        self.answer.clone().filter(|_| is_repetition)
    }

    /// Notes a datagram that the stack sends.
    pub(crate) fn sent(&mut self, datagram: &BytesMut) {
        let is_answer = self.init.is_some() && datagram.first() == Some(&APPLICATION_DATA);
        if is_answer && self.answer.is_none() {
            self.answer = Some(datagram.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(length: usize) -> BytesMut {
        let mut record = BytesMut::zeroed(length);
        record[0] = APPLICATION_DATA;
        record
    }

    fn called_with(init: usize) -> Association {
        let mut association = Association::default();
        association.sent(&record(90));
        assert_eq!(association.received(&[22; 77]), None, "still the handshake");
        assert_eq!(association.received(&record(init)), None);
        association.sent(&record(113));
        association.sent(&record(114));
        association
    }

    #[test]
    fn a_repeated_init_gets_the_same_answer() {
        let mut association = called_with(77);
        assert_eq!(association.received(&record(77)), Some(record(113)));
        assert_eq!(association.received(&record(COOKIE_ECHO)), None);
        assert_eq!(association.received(&record(77)), Some(record(113)));
    }

    #[test]
    fn what_may_be_a_cookie_echo_reaches_the_stack() {
        assert_eq!(called_with(COOKIE_ECHO).received(&record(COOKIE_ECHO)), None);
    }
}
