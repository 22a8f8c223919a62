//! Structs that carry their size, so that a program and a library of different ages understand each other.
//!
//! In: fields that an older program does not have take their defaults, which are zero; a newer program may use
//! fields that this library does not know only as long as they are zero. Out: an older program gets the fields
//! that it has room for; what a newer one has beyond them is zeroed.

use engine::api::{Error, Result, Status};

use crate::handle;

/// More than any version of any struct will need; a larger size is garbage.
const MAX_SIZE: usize = 4096;

/// A struct that starts with `struct_size: usize`.
///
/// # Safety
///
/// The type is `repr(C)`, its first field is `struct_size: usize`, it has neither padding nor fields for which
/// zero bytes or any bytes that C writes are not valid, and `SIZES` ends with its size.
pub(crate) unsafe trait Versioned: Copy {
    /// The size of each version that was ever released, oldest first.
    const SIZES: &'static [usize];
}

/// Declares the versions of a struct: `sized!(type)` for the first; later ones are named by the first field that
/// they added.
macro_rules! sized {
    ($type:ty $(, $added:ident)*) => {
        // SAFETY: the size is checked here; layout and contents are those of a struct that C fills.
        unsafe impl $crate::sized::Versioned for $type {
            const SIZES: &'static [usize] =
                &[$(std::mem::offset_of!($type, $added),)* size_of::<$type>()];
        }
        const _: () = assert!(std::mem::offset_of!($type, struct_size) == 0);
    };
}
pub(crate) use sized;

/// Reads a struct that C filled.
///
/// # Safety
///
/// `pointer` is NULL or readable for as many bytes as its `struct_size` says.
pub(crate) unsafe fn read<T: Versioned>(pointer: *const T, name: &str) -> Result<T> {
    handle::require(pointer, name)?;
    // SAFETY: every struct starts with its size.
    let size = unsafe { checked_size::<T>(pointer.cast(), name) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: the struct is `size` bytes long.
    let tail = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    if tail.iter().any(|byte| *byte != 0) {
        return Err(refused(name, "uses fields that this library does not know"));
    }
    // SAFETY: zero bytes are valid for the type, and so are those that C wrote; `known` fits both.
    unsafe {
        let mut value = std::mem::zeroed::<T>();
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut value).cast::<u8>(), known);
        Ok(value)
    }
}

/// Reads an array of structs, all of the size of the first.
///
/// # Safety
///
/// `pointer` is NULL or readable for `count` structs, each of the size that the first one says.
pub(crate) unsafe fn read_array<T: Versioned>(pointer: *const T, count: usize, name: &str) -> Result<Vec<T>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    handle::require(pointer, name)?;
    // SAFETY: there is at least one.
    let stride = unsafe { checked_size::<T>(pointer.cast(), name) }?;
    (0..count)
        .map(|index| {
            let offset = index.checked_mul(stride).ok_or_else(|| refused(name, "is longer than memory"))?;
            // SAFETY: within the array.
            let element = unsafe { pointer.byte_add(offset) };
            // SAFETY: within the array; every struct starts with its size.
            if unsafe { element.cast::<usize>().read_unaligned() } != stride {
                return Err(refused(name, "holds structs of different sizes"));
            }
            // SAFETY: within the array.
            unsafe { read(element, name) }
        })
        .collect()
}

/// Checks that a struct of C can be filled later; the work in between may fail without a trace.
///
/// # Safety
///
/// `pointer` is NULL or writable for as many bytes as its `struct_size` says.
pub(crate) unsafe fn check_out<T: Versioned>(pointer: *const T, name: &str) -> Result<()> {
    handle::require(pointer, name)?;
    // SAFETY: every struct starts with its size.
    unsafe { checked_size::<T>(pointer.cast(), name) }.map(drop)
}

/// Fills a struct of C; its `struct_size` stays.
///
/// # Safety
///
/// As for [`check_out`].
pub(crate) unsafe fn write<T: Versioned>(pointer: *mut T, value: &T, name: &str) -> Result<()> {
    handle::require(pointer, name)?;
    // SAFETY: every struct starts with its size.
    let size = unsafe { checked_size::<T>(pointer.cast(), name) }?;
    let known = size.min(size_of::<T>());
    let header = size_of::<usize>();
    let to = pointer.cast::<u8>();
    // SAFETY: both are at least `known` bytes long and the caller's is `size`; they do not overlap.
    unsafe {
        std::ptr::copy_nonoverlapping(
            std::ptr::from_ref(value).cast::<u8>().add(header),
            to.add(header),
            known - header,
        );
        to.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

/// Reads the size that leads a struct, and refuses what is no version's.
///
/// # Safety
///
/// `pointer` is readable for one `usize`.
unsafe fn checked_size<T: Versioned>(pointer: *const usize, name: &str) -> Result<usize> {
    // SAFETY: as the caller promises.
    let size = unsafe { pointer.read_unaligned() };
    if T::SIZES.contains(&size) || (size_of::<T>()..=MAX_SIZE).contains(&size) {
        Ok(size)
    } else {
        Err(refused(name, "has a struct_size that no version has"))
    }
}

fn refused(name: &str, what: &str) -> Error {
    Error::new(Status::UnsupportedField, format!("{name} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Grown {
        struct_size: usize,
        first: u64,
        second: u64,
    }
    sized!(Grown, second);

    #[repr(C)]
    #[derive(Debug, Clone, Copy)]
    struct Newer {
        known: Grown,
        third: u64,
    }

    const OLD: usize = 16;
    const NOW: usize = size_of::<Grown>();

    fn read_back(size: usize, third: u64) -> std::result::Result<Grown, Status> {
        let given = Newer { known: Grown { struct_size: size, first: 1, second: 2 }, third };
        // SAFETY: the sizes below are at most that of `Newer` or refused before anything else is read.
        unsafe { read((&raw const given).cast::<Grown>(), "given") }.map_err(|error| error.status())
    }

    #[test]
    fn an_older_struct_takes_defaults_for_what_it_lacks() {
        assert_eq!(read_back(OLD, 0), Ok(Grown { struct_size: OLD, first: 1, second: 0 }));
        assert_eq!(read_back(NOW, 9), Ok(Grown { struct_size: NOW, first: 1, second: 2 }));
    }

    #[test]
    fn a_newer_struct_is_taken_only_while_its_new_fields_are_unused() {
        assert_eq!(read_back(NOW + 8, 0).map(|given| given.second), Ok(2));
        assert_eq!(read_back(NOW + 8, 1), Err(Status::UnsupportedField));
    }

    #[test]
    fn a_size_that_no_version_has_is_refused() {
        for size in [0, 8, OLD - 1, OLD + 4, usize::MAX] {
            assert_eq!(read_back(size, 0), Err(Status::UnsupportedField), "{size}");
        }
    }

    #[test]
    fn filling_stays_inside_the_caller_s_struct_and_zeroes_what_is_unknown() {
        let value = Grown { struct_size: NOW, first: 3, second: 4 };
        let fill = |size| {
            let mut given = Newer { known: Grown { struct_size: size, first: 0, second: 7 }, third: 7 };
            // SAFETY: `given` is at least as long as the sizes below.
            unsafe { write((&raw mut given).cast::<Grown>(), &value, "given") }.unwrap();
            (given.known.struct_size, given.known.first, given.known.second, given.third)
        };
        assert_eq!(fill(OLD), (OLD, 3, 7, 7));
        assert_eq!(fill(NOW), (NOW, 3, 4, 7));
        assert_eq!(fill(NOW + 8), (NOW + 8, 3, 4, 0));
    }

    #[test]
    fn the_structs_of_an_array_must_agree_on_their_size() {
        let mut all = [Grown { struct_size: NOW, first: 1, second: 0 }; 3];
        // SAFETY: three structs of the size that they say.
        assert_eq!(unsafe { read_array(all.as_ptr(), 3, "all") }.unwrap().len(), 3);
        all[1].struct_size = OLD;
        // SAFETY: as above; the odd one is refused.
        let refused = unsafe { read_array(all.as_ptr(), 3, "all") };
        assert_eq!(refused.unwrap_err().status(), Status::UnsupportedField);
    }
}
