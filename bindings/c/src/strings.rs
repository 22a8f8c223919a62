//! Strings across the border: in as pointer and length, out into the caller's buffer.

use std::ffi::{CStr, c_char};
use std::path::Path;

use engine::api::{Error, Result, Status};

use crate::guard;
use crate::handle;

/// A UTF-8 text: pointer and length, not NUL-terminated.
///
/// As an argument it is copied before the call returns. In an event it is borrowed for the length of the
/// callback. A text that is absent has `data` NULL and `len` 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_str {
    /// The bytes; NULL only when `len` is 0.
    pub data: *const c_char,
    /// How many bytes.
    pub len: usize,
}

impl parlor_str {
    /// The absent text.
    pub(crate) const NONE: Self = Self { data: std::ptr::null(), len: 0 };

    /// Lends a text to C.
    pub(crate) fn lend(text: &str) -> Self {
        Self::lend_bytes(text.as_bytes())
    }

    /// Lends bytes to C that may not be a text.
    pub(crate) fn lend_bytes(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr().cast(), len: bytes.len() }
    }

    /// Lends a text that may be absent.
    pub(crate) fn lend_optional(text: Option<&str>) -> Self {
        text.map_or(Self::NONE, Self::lend)
    }

    /// Borrows the text.
    ///
    /// # Safety
    ///
    /// `data` is NULL or readable for `len` bytes for as long as `'a`.
    pub(crate) unsafe fn text<'a>(self, name: &str) -> Result<&'a str> {
        // SAFETY: as the caller promises.
        let bytes = unsafe { handle::slice(self.data.cast::<u8>(), self.len, name) }?;
        str::from_utf8(bytes).map_err(|_| Error::new(Status::InvalidUtf8, format!("{name} is not UTF-8")))
    }

    /// Borrows a text of which an empty one means none.
    ///
    /// # Safety
    ///
    /// As for [`parlor_str::text`].
    pub(crate) unsafe fn optional_text<'a>(self, name: &str) -> Result<Option<&'a str>> {
        // SAFETY: as the caller promises.
        let text = unsafe { self.text(name) }?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// Borrows a file name.
    ///
    /// # Safety
    ///
    /// As for [`parlor_str::text`].
    pub(crate) unsafe fn path<'a>(self) -> Result<&'a Path> {
        // SAFETY: as the caller promises.
        let text = unsafe { self.text("path") }?;
        if text.is_empty() || text.contains('\0') {
            return Err(Error::new(Status::InvalidArgument, "path is empty or holds a NUL"));
        }
        Ok(Path::new(text))
    }
}

/// Writes a text and a NUL into the caller's buffer.
///
/// The length, without the NUL, is written whenever `out_len` is there and the text is known: also when the
/// buffer is too short, so that the caller can ask with a capacity of 0.
///
/// # Safety
///
/// `buffer` is NULL or writable for `capacity` bytes, `out_len` is NULL or writable.
pub(crate) unsafe fn write(
    text: &str,
    buffer: *mut c_char,
    capacity: usize,
    out_len: *mut usize,
) -> Result<()> {
    if capacity > 0 {
        handle::require(buffer, "buffer")?;
    }
    // SAFETY: as the caller promises.
    unsafe { handle::write_optional(out_len, text.len()) };
    if capacity <= text.len() {
        let needed = text.len() + 1;
        return Err(Error::new(
            Status::BufferTooSmall,
            format!("the text needs {needed} bytes with its NUL"),
        ));
    }
    // SAFETY: the buffer holds `capacity` bytes, which is more than the text's; our text is not in it.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, text.len());
        buffer.add(text.len()).write(0);
    }
    Ok(())
}

/// Makes a [`parlor_str`] of a C string; NULL becomes the absent text.
///
/// - Ownership: nothing is copied; the result lasts as long as `text`.
/// - Threads: any, also media callbacks.
/// - Errors: none.
/// - Since: 0.1.0
///
/// # Safety
///
/// `text` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_str_of(text: *const c_char) -> parlor_str {
    guard::value(parlor_str::NONE, || {
        if text.is_null() {
            return Ok(parlor_str::NONE);
        }
        // SAFETY: not NULL; that it is NUL-terminated is the caller's promise.
        let len = unsafe { CStr::from_ptr(text) }.count_bytes();
        Ok(parlor_str { data: text, len })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_must_be_utf8_and_null_only_when_empty() {
        let status = |text: parlor_str| {
            // SAFETY: the bytes are static or absent.
            unsafe { text.text("text") }.map_err(|error| error.status())
        };
        assert_eq!(status(parlor_str::lend("hé")), Ok("hé"));
        assert_eq!(status(parlor_str::NONE), Ok(""));
        assert_eq!(status(parlor_str { len: 1, ..parlor_str::NONE }), Err(Status::NullPointer));
        let broken = b"\xff\xfe";
        assert_eq!(status(parlor_str { data: broken.as_ptr().cast(), len: 2 }), Err(Status::InvalidUtf8));
    }

    #[test]
    fn a_short_buffer_gets_the_length_and_nothing_else() {
        let mut buffer = [b'#'.cast_signed() as c_char; 8];
        let mut len = 0;
        let mut put = |capacity| {
            // SAFETY: the buffer holds eight bytes, capacities below are at most that.
            let outcome = unsafe { write("four", buffer.as_mut_ptr(), capacity, &raw mut len) };
            (outcome.map_err(|error| error.status()), len, buffer.map(|byte| byte as u8))
        };
        assert_eq!(put(4), (Err(Status::BufferTooSmall), 4, *b"########"));
        assert_eq!(put(5), (Ok(()), 4, *b"four\0###"));
    }
}
