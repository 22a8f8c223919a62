//! The message of this thread's last failure.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

use engine::api::Error;

thread_local! {
    static MESSAGE: RefCell<CString> = RefCell::default();
}

/// Keeps the message of a failure for [`parlor_last_error_message`].
pub(crate) fn set(error: &Error) {
    let text = error.message().replace('\0', " ");
    let text = CString::new(text).unwrap_or_default();
    // A thread that is going away has lost its slot, and with it anybody who could ask.
    let _ = MESSAGE.try_with(|message| message.replace(text));
}

/// Returns the message of the calling thread's last failure, one sentence for people; empty when none failed.
///
/// Success does not clear it.
///
/// - Ownership: the library keeps the text; it lasts until the next call on this thread that fails.
/// - Threads: any, also media callbacks; each thread has its own message.
/// - Errors: none, never NULL.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn parlor_last_error_message() -> *const c_char {
    MESSAGE.try_with(|message| message.borrow().as_ptr()).unwrap_or(<&CStr>::default().as_ptr())
}

#[cfg(test)]
mod tests {
    use engine::api::Status;

    use super::*;

    fn message() -> String {
        // SAFETY: the pointer is NUL-terminated and lasts until the next failure on this thread.
        unsafe { CStr::from_ptr(parlor_last_error_message()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn each_thread_has_its_own_message() {
        set(&Error::new(Status::Busy, "a\0b"));
        assert_eq!(message(), "a b");
        assert_eq!(std::thread::spawn(message).join().unwrap(), "");
    }
}
