//! Opaque handles: what C holds is a pointer into an `Arc`.
//!
//! Every entry takes a reference of its own before it does anything, so an object that another thread releases
//! meanwhile lives until the entry returns. A pointer that was released before the call is beyond help.

use std::sync::Arc;

use engine::api::{Error, Result, Status};

/// Makes the pointer that C will hold; the caller owns one reference.
pub(crate) fn give<T>(object: T) -> *mut T {
    Arc::into_raw(Arc::new(object)).cast_mut()
}

/// Takes a reference for the length of a call.
///
/// # Safety
///
/// `handle` is NULL or came from [`give`] and was not released as often as it was given.
pub(crate) unsafe fn share<T>(handle: *const T, name: &str) -> Result<Arc<T>> {
    if handle.is_null() {
        return Err(null(name));
    }
    // SAFETY: the caller owns a reference, so the count is at least one while it is raised.
    unsafe {
        Arc::increment_strong_count(handle);
        Ok(Arc::from_raw(handle))
    }
}

/// Takes the reference back that C owned; none for NULL.
///
/// # Safety
///
/// As for [`share`], and the caller does not use this reference again.
pub(crate) unsafe fn take<T>(handle: *mut T) -> Option<Arc<T>> {
    // SAFETY: the pointer came from `Arc::into_raw` and its reference is handed over.
    (!handle.is_null()).then(|| unsafe { Arc::from_raw(handle) })
}

/// Checks a pointer that must be there.
pub(crate) fn require<T>(pointer: *const T, name: &str) -> Result<()> {
    if pointer.is_null() { Err(null(name)) } else { Ok(()) }
}

/// Writes an out-parameter that may be left out.
///
/// # Safety
///
/// `out` is NULL or valid for writing.
pub(crate) unsafe fn write_optional<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: as the caller promises.
        unsafe { out.write(value) };
    }
}

/// Checks a pointer and a length that describe an array, and borrows it.
///
/// # Safety
///
/// `data` is NULL or valid for reading `len` elements for as long as `'a`.
pub(crate) unsafe fn slice<'a, T>(data: *const T, len: usize, name: &str) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    require(data, name)?;
    if len.checked_mul(size_of::<T>()).is_none_or(|bytes| bytes > isize::MAX.cast_unsigned()) {
        return Err(Error::new(Status::InvalidArgument, format!("{name} is longer than memory")));
    }
    if !data.is_aligned() {
        return Err(Error::new(Status::InvalidArgument, format!("{name} is not aligned")));
    }
    // SAFETY: not NULL, aligned, its size fits; that it is readable is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

fn null(name: &str) -> Error {
    Error::new(Status::NullPointer, format!("{name} is NULL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_in_use_outlives_its_release() {
        let handle = give(String::from("kept"));
        // SAFETY: the handle is live here and released once below.
        let inside = unsafe { share(handle, "handle") }.unwrap();
        // SAFETY: the one reference that `give` made.
        drop(unsafe { take(handle) });
        assert_eq!(*inside, "kept");
    }

    #[test]
    fn null_is_refused_and_releasing_it_does_nothing() {
        // SAFETY: NULL is allowed.
        let (shared, taken) =
            unsafe { (share::<u8>(std::ptr::null(), "x"), take::<u8>(std::ptr::null_mut())) };
        assert_eq!(shared.unwrap_err().status(), Status::NullPointer);
        assert!(taken.is_none());
    }

    #[test]
    fn an_array_longer_than_memory_is_refused() {
        let one = 1u64;
        // SAFETY: nothing is read, the length is refused.
        let refused = unsafe { slice(&raw const one, usize::MAX / 2, "array") };
        assert_eq!(refused.unwrap_err().status(), Status::InvalidArgument);
    }
}
