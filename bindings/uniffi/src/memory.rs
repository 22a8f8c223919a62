//! Memory that an app tells by address and length.

use engine::api::Status;

use crate::error::{Result, failed};

/// Borrows memory of the app's.
///
/// # Safety
///
/// `address` is 0 or the start of `count` readable values that nobody changes for as long as `'a`.
pub(crate) unsafe fn read<'a, T>(address: u64, count: u64, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    let (pointer, count) = check::<T>(address, count, name)?;
    // SAFETY: not null, aligned, its size fits; that it is readable is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// Borrows memory of the app's for writing.
///
/// # Safety
///
/// `address` is 0 or the start of `count` values that only the caller reads and writes for as long as `'a`.
pub(crate) unsafe fn write<'a, T>(address: u64, count: u64, name: &str) -> Result<&'a mut [T]> {
    if count == 0 {
        return Ok(&mut []);
    }
    let (pointer, count) = check::<T>(address, count, name)?;
    // SAFETY: not null, aligned, its size fits; that it is writable is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

fn check<T>(address: u64, count: u64, name: &str) -> Result<(*mut T, usize)> {
    let wrong = |what: &str| failed(Status::InvalidArgument, format!("{name} {what}"));
    let pointer = usize::try_from(address).map_err(|_| wrong("is no address"))? as *mut T;
    if pointer.is_null() {
        return Err(failed(Status::NullPointer, format!("{name} is 0")));
    }
    if !pointer.is_aligned() {
        return Err(wrong("is not aligned"));
    }
    let bytes = count.checked_mul(size_of::<T>() as u64);
    let fits = bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if !fits {
        return Err(wrong("is longer than memory"));
    }
    Ok((pointer, count as usize))
}

/// Tells where bytes lie.
pub(crate) fn address<T>(values: &[T]) -> u64 {
    values.as_ptr() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_unaligned_and_absurd_memory_is_refused() {
        let values = [1i16, 2, 3];
        let at = address(&values);
        // SAFETY: valid, or refused before it is read.
        unsafe {
            assert_eq!(read::<i16>(at, 3, "samples").unwrap(), values);
            assert!(read::<i16>(0, 1, "samples").is_err());
            assert!(read::<i16>(0, 0, "samples").unwrap().is_empty());
            assert!(read::<i16>(at + 1, 1, "samples").is_err());
            assert!(read::<i16>(at, u64::MAX / 2, "samples").is_err());
        }
    }
}
