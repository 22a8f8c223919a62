//! Repeating what the DTLS handshake loses (RFC 6347 section 4.2.4).
//!
//! Inputs: the datagrams of the handshake both ways, the time. Outputs: datagrams of the last flight that are to
//! be sent again. States: shaking hands, and done: then the last flight is only sent again when it is asked for.
//!
//! The stack repeats a flight after a whole second, and never again once the other side repeats its own: any
//! message that comes stops its timer. So a repetition of the other side does not reach it; it means that our
//! last flight was lost, and that is sent again at once. And because the round trip is known from ICE, so it is
//! when an answer is overdue by that measure. A repeated datagram is the same bytes, with the same record
//! numbers: to whom it is new it is as good as the first, and who has it already takes it for a replay.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::BytesMut;
use units::Time;

/// Shortest time between two sendings of a flight.
const MIN_INTERVAL: Duration = Duration::from_millis(50);
/// Longest time; from then on it is the stack's timer that counts.
const MAX_INTERVAL: Duration = Duration::from_secs(1);
/// Most datagrams of a flight that are kept. One of certificates of usual size is a single datagram.
const MAX_FLIGHT: usize = 8;
/// Most handshake messages that are told apart; a handshake has about ten from each side.
const MAX_MESSAGES: usize = 128;
/// How long the handshake may take once there is a path.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Content type of handshake records (RFC 6347 section 4.1).
const HANDSHAKE: u8 = 22;
const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;

/// Returns whether a datagram belongs to DTLS (RFC 7983).
fn is_dtls(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (20..64).contains(first))
}

/// What to do with a datagram that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Give it to the stack.
    Take,
    /// Drop it: everything in it came before.
    Repetition,
}

/// A handshake under way.
#[derive(Debug, Default)]
pub(crate) struct Handshake {
    /// When there was a path for it.
    started: Option<Time>,
    done: bool,
    flight: Vec<BytesMut>,
    /// When the flight was made, and sent last.
    made: Time,
    sent: Time,
    repeats: u32,
    /// Something new came since the flight was made.
    answered: bool,
    /// Number and offset of the messages that came.
    seen: BTreeSet<(u16, u32)>,
}

impl Handshake {
    /// Notes that there is a path.
    pub(crate) fn start(&mut self, now: Time) {
        self.started.get_or_insert(now);
    }

    /// Ends it: this side is connected. The other one may still miss the last flight.
    pub(crate) fn finish(&mut self) {
        self.done = true;
    }

    /// Returns whether it has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Notes a datagram that the stack sends.
    pub(crate) fn sent(&mut self, now: Time, datagram: &BytesMut) {
        if self.done || !is_dtls(datagram) {
            return;
        }
        // What the stack sends at another time is either the next flight or its own repetition of this one.
        if self.answered || now != self.made {
            self.repeats = if self.answered { 0 } else { self.repeats };
            self.answered = false;
            self.flight.clear();
            self.made = now;
        }
        self.sent = now;
        if self.flight.len() < MAX_FLIGHT {
            self.flight.push(datagram.clone());
        }
    }

    /// Judges a datagram that came in.
    pub(crate) fn received(&mut self, datagram: &[u8]) -> Verdict {
        if !is_dtls(datagram) || (self.done && datagram.first() != Some(&HANDSHAKE)) {
            return Verdict::Take;
        }
        let messages = messages(datagram);
        let is_known = !messages.is_empty() && messages.iter().all(|message| self.seen.contains(message));
        // Without a flight of ours there is nothing to send again: what came first, came before the stack had
        // started and was lost on it.
        if is_known && !self.flight.is_empty() {
            return Verdict::Repetition;
        }
        if self.seen.len() < MAX_MESSAGES {
            self.seen.extend(messages);
        }
        self.answered = true;
        Verdict::Take
    }

    /// Takes the flight if it is to be sent again now; `asked` says that the other side repeated its own.
    pub(crate) fn due(&mut self, now: Time, round_trip: Duration, asked: bool) -> Vec<BytesMut> {
        let waited = now - self.sent >= MIN_INTERVAL;
        let overdue = self.next(round_trip).is_some_and(|next| next <= now);
        if !(overdue || asked && waited) {
            return Vec::new();
        }
        self.sent = now;
        self.repeats += 1;
        self.flight.clone()
    }

    /// Returns when the flight is overdue for an answer.
    pub(crate) fn next(&self, round_trip: Duration) -> Option<Time> {
        if self.done || self.answered || self.flight.is_empty() {
            return None;
        }
        let interval = (round_trip * 2).max(MIN_INTERVAL) * 2u32.saturating_pow(self.repeats.min(8));
        (interval < MAX_INTERVAL).then(|| self.sent + interval)
    }

    /// Returns when it has taken too long.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.started.filter(|_| !self.done).map(|started| started + TIME_LIMIT)
    }
}

/// Returns number and fragment offset of the messages of a datagram that are not encrypted.
fn messages(mut datagram: &[u8]) -> Vec<(u16, u32)> {
    let mut messages = Vec::new();
    while let Some((header, rest)) = datagram.split_at_checked(RECORD_HEADER) {
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let Some((mut record, next)) = rest.split_at_checked(length) else { break };
        let encrypted = header[3..5] != [0, 0];
        while let (false, HANDSHAKE, Some((message, body))) =
            (encrypted, header[0], record.split_at_checked(MESSAGE_HEADER))
        {
            let number = u16::from_be_bytes([message[4], message[5]]);
            let offset = u32::from_be_bytes([0, message[6], message[7], message[8]]);
            let length = u32::from_be_bytes([0, message[9], message[10], message[11]]) as usize;
            messages.push((number, offset));
            record = body.get(length..).unwrap_or_default();
        }
        datagram = next;
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(40);

    fn ms(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    /// A record of the first epoch with one message of four bytes.
    fn record(number: u16) -> Vec<u8> {
        let mut record = vec![HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 16];
        record.extend([11, 0, 0, 4]);
        record.extend(number.to_be_bytes());
        record.extend([0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
        record
    }

    fn flight(text: &[u8]) -> BytesMut {
        let mut datagram = BytesMut::from(&[HANDSHAKE][..]);
        datagram.extend_from_slice(text);
        datagram
    }

    #[test]
    fn an_unanswered_flight_is_repeated_at_growing_intervals_and_then_left_to_the_stack() {
        let mut handshake = Handshake::default();
        handshake.sent(ms(0), &flight(b"one"));
        let times: Vec<u64> =
            (0..5_000).filter(|&at| !handshake.due(ms(at), RTT, false).is_empty()).collect();
        assert_eq!(times, [80, 240, 560, 1_200]);
        assert_eq!(handshake.next(RTT), None);
    }

    #[test]
    fn what_came_before_the_stack_had_started_is_taken_when_it_comes_again() {
        let mut handshake = Handshake::default();
        assert_eq!(handshake.received(&record(0)), Verdict::Take);
        assert_eq!(handshake.received(&record(0)), Verdict::Take, "the stack has said nothing to it yet");
        handshake.sent(ms(10), &flight(b"answer"));
        assert_eq!(handshake.received(&record(0)), Verdict::Repetition);
    }

    #[test]
    fn an_answer_ends_the_flight_and_the_next_one_replaces_it() {
        let mut handshake = Handshake::default();
        handshake.sent(ms(0), &flight(b"one"));
        assert_eq!(handshake.received(&record(0)), Verdict::Take);
        assert_eq!(handshake.next(RTT), None);
        handshake.sent(ms(10), &flight(b"two"));
        handshake.sent(ms(10), &flight(b"more"));
        assert_eq!(handshake.due(ms(90), RTT, false), [flight(b"two"), flight(b"more")]);
    }

    #[test]
    fn a_repetition_is_kept_from_the_stack_and_answered_by_one() {
        let mut handshake = Handshake::default();
        assert_eq!(handshake.received(&[record(1), record(2)].concat()), Verdict::Take);
        handshake.sent(ms(0), &flight(b"one"));
        assert_eq!(handshake.received(&record(2)), Verdict::Repetition);
        assert!(handshake.due(ms(20), RTT, true).is_empty(), "the flight may still be on its way");
        assert_eq!(handshake.due(ms(60), RTT, true), [flight(b"one")]);
        assert_eq!(handshake.received(&[record(2), record(3)].concat()), Verdict::Take, "part of it is new");
    }

    #[test]
    fn when_it_is_done_the_last_flight_is_sent_again_only_on_request() {
        let mut handshake = Handshake::default();
        handshake.start(ms(0));
        assert_eq!(handshake.deadline(), Some(ms(30_000)));
        handshake.received(&record(1));
        handshake.sent(ms(0), &flight(b"last"));
        handshake.finish();
        handshake.sent(ms(1), &flight(b"not of the handshake"));
        assert_eq!((handshake.next(RTT), handshake.deadline()), (None, None));
        assert!(handshake.due(ms(900), RTT, false).is_empty());
        assert_eq!(handshake.received(&record(1)), Verdict::Repetition);
        assert_eq!(handshake.due(ms(900), RTT, true), [flight(b"last")]);
        assert_eq!(handshake.received(&[23, 0xfe, 0xfd, 0]), Verdict::Take);
    }

    #[test]
    fn nonsense_has_no_messages() {
        for nonsense in [&[HANDSHAKE][..], &[HANDSHAKE; 40], &record(1)[..20], &[255; 500]] {
            assert_eq!(messages(nonsense), []);
        }
    }
}
