//! Entries that only tests of the library call; not in the header and not in what ships.

use crate::guard;
use crate::status::parlor_status;

/// Panics inside an entry: the test that unwinding works in the library as built.
#[unsafe(no_mangle)]
pub extern "C" fn parlor_test_panic() -> parlor_status {
    guard::status(|| panic!("asked for by parlor_test_panic"))
}
