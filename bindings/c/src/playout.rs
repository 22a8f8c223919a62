//! Sound for an app that plays by itself.

use engine::api::{AudioPlayout, Result, TrackId};

use crate::guard;
use crate::handle;
use crate::session::parlor_session;
use crate::status::parlor_status;

/// A mixer that an app pulls its sound from when its device asks, 48 kHz stereo.
pub struct parlor_audio_playout(AudioPlayout);

/// Makes a mixer without tracks.
///
/// - Ownership: the caller releases it with `parlor_audio_playout_release`.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_playout_create(
    out_playout: *mut *mut parlor_audio_playout,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_playout, "out_playout")?;
        // SAFETY: checked above.
        unsafe { out_playout.write(handle::give(parlor_audio_playout(AudioPlayout::new()))) };
        Ok(())
    })
}

/// Mixes a remote audio track into what a playout plays, in place of the track's sink. It ends when the track ends or
/// gets another sink or none.
///
/// - Ownership: the track keeps what it needs of the playout; the caller's reference stays the caller's.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such remote audio track, `PARLOR_STATUS_CLOSED`,
///   `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_play(
    session: *mut parlor_session,
    track_id: u64,
    playout: *const parlor_audio_playout,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (session, playout) =
            unsafe { (handle::share(session, "session")?, handle::share(playout, "playout")?) };
        session.facade.set_audio_sink(TrackId::new(track_id), Some(playout.0.sink()))
    })
}

/// Fills `samples` with interleaved 16-bit stereo, and with silence where no track has sound. It never waits.
///
/// `sample_count` counts the samples of both channels together. `out_filled` may be NULL; it gets how many samples some
/// track had.
///
/// - Ownership: `samples` stays the caller's.
/// - Threads: any, also media callbacks and a device's own.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`; `PARLOR_STATUS_INVALID_ARGUMENT` when `samples` is not aligned.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_playout_pull(
    playout: *const parlor_audio_playout,
    samples: *mut i16,
    sample_count: usize,
    out_filled: *mut usize,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (playout, samples) =
            unsafe { (handle::share(playout, "playout")?, writable(samples, sample_count)?) };
        let filled = playout.0.pull(samples);
        // SAFETY: as the caller promises.
        unsafe { handle::write_optional(out_filled, filled) };
        Ok(())
    })
}

/// Gives the playout back; NULL does nothing. Tracks that are mixed in go on into nowhere.
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
pub unsafe extern "C" fn parlor_audio_playout_release(playout: *mut parlor_audio_playout) {
    guard::value((), || {
        // SAFETY: as the caller promises.
        drop(unsafe { handle::take(playout) });
        Ok(())
    });
}

/// Borrows the caller's samples.
///
/// # Safety
///
/// `samples` is NULL or valid for reading and writing `count` samples for as long as `'a`.
unsafe fn writable<'a>(samples: *mut i16, count: usize) -> Result<&'a mut [i16]> {
    // SAFETY: as the caller promises; the bounds are checked there.
    let length = unsafe { handle::slice(samples.cast_const(), count, "samples") }?.len();
    if length == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as above, and nothing else borrows them.
    Ok(unsafe { std::slice::from_raw_parts_mut(samples, length) })
}
