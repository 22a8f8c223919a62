//! Entries that only tests and benches of the libraries call; in neither header nor generated code, and not in what ships.
//! Both binding crates have this file as their module `test_hooks`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

static PANICS: AtomicBool = AtomicBool::new(false);

/// Makes every entry panic from now on, or work again: the test that unwinding works in the library as built.
// SAFETY: no other library of the process has a function of this name.
#[unsafe(no_mangle)]
pub extern "C" fn parlor_test_panics(asked: i32) {
    PANICS.store(asked != 0, Ordering::SeqCst);
}

pub(crate) fn panic_if_asked() {
    assert!(!PANICS.load(Ordering::SeqCst), "asked for by parlor_test_panics");
}

/// What a callback tells.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told {
    Event,
    Frame,
}

/// How many durations are kept of each kind; later ones are not.
const KEPT: usize = 100_000;

static DURATIONS: [Mutex<Vec<u64>>; 2] = [const { Mutex::new(Vec::new()) }; 2];

/// Calls the app and keeps how long it took, from the event or frame of the facade to the app's return.
pub(crate) fn timed<T>(told: Told, call: impl FnOnce() -> T) -> T {
    let (value, elapsed) = elapsed(call);
    let mut durations = DURATIONS[told as usize].lock().unwrap_or_else(PoisonError::into_inner);
    if durations.len() < KEPT {
        durations.push(elapsed);
    }
    value
}

/// Calls and tells for how many nanoseconds.
fn elapsed<T>(call: impl FnOnce() -> T) -> (T, u64) {
    let began = Instant::now();
    let value = call();
    (value, u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// What `told` is for durations of nothing: what reading the clock twice adds to all the others.
const TOLD_NOTHING: i32 = 2;

/// Writes how long callbacks took, in nanoseconds, and forgets them; returns how many there were. `told` is 0 for events
/// and 1 for decoded pictures; for 2, nothing is timed as often as there is room.
///
/// # Safety
///
/// `nanoseconds` is valid for writing `capacity` values.
// SAFETY: no other library of the process has a function of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_test_durations(told: i32, nanoseconds: *mut u64, capacity: usize) -> usize {
    let durations = if told == TOLD_NOTHING {
        (0..capacity).map(|_| elapsed(|| ()).1).collect()
    } else {
        let Some(kept) = usize::try_from(told).ok().and_then(|told| DURATIONS.get(told)) else { return 0 };
        std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner))
    };
    for (index, duration) in durations.iter().take(capacity).enumerate() {
        // SAFETY: below the capacity.
        unsafe { nanoseconds.add(index).write(*duration) };
    }
    durations.len().min(capacity)
}
