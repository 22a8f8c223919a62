//! Which library this is.

use std::ffi::{CStr, c_char};

/// The binary interface that this header describes; a program runs with libraries of the same number. The shared
/// library's soname ends with it.
pub const PARLOR_ABI_VERSION: u32 = 0;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version holds no NUL"),
};

/// Returns the `PARLOR_ABI_VERSION` that the library was built with.
///
/// - Threads: any, also media callbacks.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn parlor_abi_version() -> u32 {
    PARLOR_ABI_VERSION
}

/// Returns the library's version, such as `0.1.0`.
///
/// - Ownership: the text is static.
/// - Threads: any, also media callbacks.
/// - Errors: none, never NULL.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn parlor_version_string() -> *const c_char {
    VERSION.as_ptr()
}

/// Returns the time on the clock of every time stamp of this process, in microseconds.
///
/// - Threads: any, also media callbacks.
/// - Errors: none.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn parlor_time_us() -> u64 {
    crate::guard::value(0, || Ok(engine::api::time_us()))
}
