//! Entries that only tests of the library call; not in the header and not in what ships.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Makes every entry panic from now on, or work again: the test that unwinding works in the library as built.
#[unsafe(no_mangle)]
pub extern "C" fn parlor_test_panics(asked: i32) {
    ASKED.store(asked != 0, Ordering::SeqCst);
}

pub(crate) fn panic_if_asked() {
    assert!(!ASKED.load(Ordering::SeqCst), "asked for by parlor_test_panics");
}
