//! The randomness of this process, which follows from the seed of the call.
//!
//! The stack draws numbers that its behaviour hangs on: what its hash maps are ordered by, tie-breakers, ids. They all
//! come from the operating system by `getrandom` of the C library, and this binary has its own. A thread's numbers follow
//! from the seed that it was given, so a call that has a thread to itself is the same in every run. Keys and signatures
//! are still random, for the crypto library asks the kernel itself; that shows in nothing but their lengths, by a few
//! bytes.

use std::cell::Cell;

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Lets everything that this thread draws follow from a seed.
pub fn seed(seed: u64) {
    STATE.set(seed);
}

/// Fills a buffer as getrandom(2) does.
///
/// # Safety
/// `buffer` must be valid for writes of `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    for index in 0..length {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        STATE.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // SAFETY: `index` lies within the buffer, which the caller gives to be written to.
        unsafe { buffer.add(index).write((mixed >> 56) as u8) };
    }
    length as isize
}
