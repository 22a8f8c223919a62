//! Numbers that wrap, and a window of items in their order.
//!
//! RTP sequence numbers have 16 bits and time stamps 32. Both are unwrapped to 64 bits here, relative to the
//! highest seen, starting far enough above zero that nothing goes below it.

use std::collections::VecDeque;

/// Where unwrapped numbers start: a multiple of both moduli, so low bits stay those of the wire.
const ORIGIN: u64 = 1 << 40;
/// How many sequence numbers back it is known whether a packet arrived. Older ones count as late, never as
/// duplicates.
const HISTORY: u64 = 4096;
/// How many old packets in a row, numbered one after the other with no new one between, mean that the sender
/// started over. Retransmissions and probes come in shorter runs.
const RESTART_RUN: u32 = 32;

/// Unwraps RTP time stamps.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TimestampUnwrapper {
    highest: Option<u64>,
}

impl TimestampUnwrapper {
    pub(crate) fn unwrap(&mut self, timestamp: u32) -> u64 {
        let highest = self.highest.unwrap_or(ORIGIN + u64::from(timestamp));
        let distance = timestamp.wrapping_sub(highest as u32) as i32;
        let unwrapped = highest.saturating_add_signed(i64::from(distance));
        self.highest = Some(highest.max(unwrapped));
        unwrapped
    }
}

/// What a sequence number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// A packet that is wanted.
    New(u64),
    /// A packet that came before.
    Duplicate,
    /// A packet that nobody waits for any more; it did not come before.
    Late,
    /// The first packet after the sender started over; its number is above all earlier ones.
    Restart(u64),
}

/// Unwraps sequence numbers and remembers which packets arrived.
#[derive(Debug)]
pub(crate) struct Arrivals {
    /// The first and the highest number since the start or restart.
    span: Option<(u64, u64)>,
    /// One bit for each of the last [`HISTORY`] numbers, at the number modulo [`HISTORY`].
    seen: [u64; (HISTORY / 64) as usize],
    old_run: u32,
    last_old: u64,
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self { span: None, seen: [0; (HISTORY / 64) as usize], old_run: 0, last_old: 0 }
    }

    /// Notes the arrival of a packet; numbers below `floor` are not wanted any more.
    pub(crate) fn note(&mut self, sequence: u16, floor: u64) -> Arrival {
        let Some((first, highest)) = self.span else {
            return Arrival::New(self.start(ORIGIN + u64::from(sequence)));
        };
        let distance = sequence.wrapping_sub(highest as u16) as i16;
        let number = highest.saturating_add_signed(i64::from(distance));
        if number > highest {
            for skipped in highest.max(number.saturating_sub(HISTORY)) + 1..=number {
                self.set(skipped, false);
            }
        }
        let came_before = number + HISTORY <= highest || self.seen(number);
        if number >= floor && !came_before {
            self.set(number, true);
            self.span = Some((first.min(number), highest.max(number)));
            self.old_run = 0;
            return Arrival::New(number);
        }
        self.old_run = if number == self.last_old + 1 { self.old_run + 1 } else { 1 };
        self.last_old = number;
        if self.old_run >= RESTART_RUN {
            let above = (highest | 0xffff) + 0x1_0001;
            return Arrival::Restart(self.start(above + u64::from(sequence)));
        }
        if number + HISTORY <= highest {
            return Arrival::Late;
        }
        if self.seen(number) {
            return Arrival::Duplicate;
        }
        self.set(number, true);
        Arrival::Late
    }

    /// Returns the highest number so far.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.span.map(|(_, highest)| highest)
    }

    /// Returns the lowest number since the start or restart: nothing below it was ever expected.
    pub(crate) fn first(&self) -> u64 {
        self.span.map_or(u64::MAX, |(first, _)| first)
    }

    fn start(&mut self, number: u64) -> u64 {
        *self = Self { span: Some((number, number)), ..Self::new() };
        self.set(number, true);
        number
    }

    fn seen(&self, number: u64) -> bool {
        self.seen[(number % HISTORY / 64) as usize] >> (number % 64) & 1 != 0
    }

    fn set(&mut self, number: u64, seen: bool) {
        let (word, bit) = (&mut self.seen[(number % HISTORY / 64) as usize], 1 << (number % 64));
        *word = if seen { *word | bit } else { *word & !bit };
    }
}

/// Items by number, from a base on, with holes; grows to what it needs and no further than its capacity.
#[derive(Debug)]
pub(crate) struct Window<T> {
    base: u64,
    slots: VecDeque<Option<T>>,
    capacity: u64,
}

impl<T> Window<T> {
    pub(crate) fn new(capacity: u64) -> Self {
        Self { base: 0, slots: VecDeque::new(), capacity }
    }

    /// Empties the window and moves its base.
    pub(crate) fn reset(&mut self, base: u64) {
        self.slots.clear();
        self.base = base;
    }

    /// Returns the lowest number that the window may hold.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Returns the number behind the highest one held, or the base when there is none.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.slots.len() as u64
    }

    /// Returns the base that the window must be moved to before it can hold `number`.
    pub(crate) fn base_for(&self, number: u64) -> u64 {
        self.base.max((number + 1).saturating_sub(self.capacity))
    }

    /// Puts an item in; `number` must be at least the base, and [`Self::base_for`] it must be the base.
    pub(crate) fn put(&mut self, number: u64, item: T) {
        debug_assert_eq!(self.base_for(number), self.base);
        let index = (number - self.base) as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(item);
    }

    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.slots.get(index)?.as_ref()
    }

    /// Returns the items with their numbers, lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        (self.base..).zip(&self.slots).filter_map(|(number, slot)| Some((number, slot.as_ref()?)))
    }

    /// Moves the base up to `base`, handing every number passed and what was there to `passed`.
    pub(crate) fn advance(&mut self, base: u64, mut passed: impl FnMut(u64, Option<T>)) {
        while self.base < base {
            passed(self.base, self.slots.pop_front().flatten());
            self.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn time_stamps_unwrap_forwards_and_backwards_over_the_edge() {
        let mut unwrapper = TimestampUnwrapper::default();
        let start = unwrapper.unwrap(u32::MAX - 10);
        assert_eq!(unwrapper.unwrap(20), start + 31);
        assert_eq!(unwrapper.unwrap(u32::MAX), start + 10);
        assert_eq!(unwrapper.unwrap(21), start + 32);
    }

    #[test]
    fn a_packet_is_new_once_then_a_duplicate_and_late_below_the_floor() {
        let mut arrivals = Arrivals::new();
        let Arrival::New(first) = arrivals.note(65_534, 0) else { panic!() };
        assert_eq!(arrivals.note(1, 0), Arrival::New(first + 3));
        assert_eq!(arrivals.note(65_535, 0), Arrival::New(first + 1));
        assert_eq!(arrivals.note(65_535, 0), Arrival::Duplicate);
        assert_eq!(arrivals.note(0, first + 4), Arrival::Late);
        assert_eq!(arrivals.note(0, first + 4), Arrival::Duplicate);
        assert_eq!(arrivals.note(65_000, 0), Arrival::New(first - 534));
        assert_eq!(arrivals.first(), first - 534);
    }

    #[test]
    fn a_number_that_comes_round_again_is_new() {
        let mut arrivals = Arrivals::new();
        for number in 0..200_000_u64 {
            assert_eq!(arrivals.note(number as u16, 0), Arrival::New(ORIGIN + number));
        }
    }

    #[test]
    fn a_jump_forgets_what_lay_between() {
        let mut arrivals = Arrivals::new();
        arrivals.note(100, 0);
        assert_eq!(arrivals.note(100 + 20_000, 0), Arrival::New(ORIGIN + 20_100));
        assert_eq!(arrivals.note(100 + 19_999, 0), Arrival::New(ORIGIN + 20_099));
    }

    #[test]
    fn a_sender_that_starts_over_is_recognised_by_a_run_of_old_numbers() {
        let mut arrivals = Arrivals::new();
        arrivals.note(30_000, 0);
        let floor = arrivals.highest().unwrap() + 1;
        let restart = (1..100).find_map(|step| match arrivals.note(500 + step, floor) {
            Arrival::Restart(number) => Some((step, number)),
            _ => None,
        });
        let (step, number) = restart.unwrap();
        assert_eq!(u32::from(step), RESTART_RUN);
        assert!(number > floor && number as u16 == 500 + step);
        assert_eq!(arrivals.note(501 + step, floor), Arrival::New(number + 1));
    }

    #[test]
    fn retransmissions_of_old_packets_between_new_ones_are_no_restart() {
        let mut arrivals = Arrivals::new();
        for number in 0..2000 {
            assert!(matches!(arrivals.note(number, 0), Arrival::New(_)));
            if number > 50 {
                assert_eq!(arrivals.note(number - 50, 0), Arrival::Duplicate);
            }
        }
    }

    #[test]
    fn a_window_hands_out_items_and_holes_in_order() {
        let mut window = Window::new(8);
        window.reset(100);
        window.put(103, 'd');
        window.put(101, 'b');
        assert_eq!(
            (window.get(101), window.get(100), window.get(99), window.end()),
            (Some(&'b'), None, None, 104)
        );
        assert_eq!(window.iter().collect::<Vec<_>>(), [(101, &'b'), (103, &'d')]);
        let mut passed = Vec::new();
        window.advance(105, |number, item| passed.push((number, item)));
        assert_eq!(passed, [(100, None), (101, Some('b')), (102, None), (103, Some('d')), (104, None)]);
        assert_eq!(
            (window.base(), window.end(), window.base_for(112), window.base_for(113)),
            (105, 105, 105, 106)
        );
    }

    proptest! {
        #[test]
        fn the_history_agrees_with_a_set(steps in proptest::collection::vec(-300i64..320, 1..400)) {
            let mut arrivals = Arrivals::new();
            let mut model = std::collections::BTreeSet::new();
            let (mut position, mut highest) = (70_000_i64, 0);
            let mut old_run = 0;
            for step in steps {
                position = (position + step).max(60_000);
                highest = highest.max(position);
                let duplicate = model.contains(&position) && highest - position < HISTORY as i64;
                old_run = if duplicate { old_run + 1 } else { 0 };
                prop_assume!(old_run < RESTART_RUN);
                let arrival = arrivals.note(position as u16, 0);
                let ancient = highest - position >= HISTORY as i64;
                prop_assert_eq!(matches!(arrival, Arrival::New(_)), !duplicate && !ancient);
                prop_assert_eq!(arrival == Arrival::Duplicate, duplicate);
                model.insert(position);
            }
        }
    }
}
