//! Comparing what came with what was sent.

use engine::api::Reference;

use crate::frame::parlor_video_frame;
use crate::guard;
use crate::handle;
use crate::status::parlor_status;
use crate::strings::parlor_str;

/// The pictures that were sent, to compare with those that came. The stamps that Parlor's own sources draw into their
/// pictures name them.
pub struct parlor_reference(Reference);

/// Opens a VP8 file in IVF that somebody in the call plays with `PARLOR_FILE_MODE_DECODE`.
///
/// - Ownership: the caller releases it with `parlor_reference_release`. `path` is copied.
/// - Threads: any, also event callbacks. It reads the file before it returns.
/// - Errors: `PARLOR_STATUS_MEDIA_FILE` when the file cannot be read or is something else,
///   `PARLOR_STATUS_INVALID_ARGUMENT`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_reference_create_from_file(
    path: parlor_str,
    out_reference: *mut *mut parlor_reference,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_reference, "out_reference")?;
        // SAFETY: as the caller promises.
        let reference = Reference::file(unsafe { path.path() }?)?;
        // SAFETY: checked above.
        unsafe { out_reference.write(handle::give(parlor_reference(reference))) };
        Ok(())
    })
}

/// Makes the reference of the test pattern, for pictures of one size.
///
/// - Ownership: the caller releases it with `parlor_reference_release`.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when the size is out of range, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_reference_create_test_pattern(
    width: u32,
    height: u32,
    out_reference: *mut *mut parlor_reference,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_reference, "out_reference")?;
        let reference = Reference::test_pattern(width, height)?;
        // SAFETY: checked above.
        unsafe { out_reference.write(handle::give(parlor_reference(reference))) };
        Ok(())
    })
}

/// Gets the peak signal-to-noise ratio of a received picture in dB, all samples together, against the picture that
/// the stamp in it names.
///
/// Pictures are best asked for in the order in which they came: going back means decoding from the start.
///
/// - Threads: any, also media callbacks, one at a time. It takes about as long as decoding the picture did.
/// - Errors: `PARLOR_STATUS_INVALID_FRAME` when the picture has no readable stamp or another size than the reference's,
///   `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_reference_psnr(
    reference: *const parlor_reference,
    frame: *const parlor_video_frame,
    out_db: *mut f64,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_db, "out_db")?;
        // SAFETY: as the caller promises.
        let (reference, frame) =
            unsafe { (handle::share(reference, "reference")?, handle::share(frame, "frame")?) };
        let psnr = reference.0.psnr(frame.picture())?;
        // SAFETY: checked above.
        unsafe { out_db.write(psnr) };
        Ok(())
    })
}

/// Gives the file back; NULL does nothing.
///
/// - Ownership: the handle must not be used again.
/// - Threads: any, also event callbacks.
/// - Errors: none.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_reference_release(reference: *mut parlor_reference) {
    guard::value((), || {
        // SAFETY: as the caller promises.
        drop(unsafe { handle::take(reference) });
        Ok(())
    });
}
