//! Streams: what an app adds to a session.

use engine::api::MediaStream;

use crate::guard;
use crate::handle;
use crate::source::{parlor_audio_source, parlor_video_source};
use crate::status::parlor_status;

/// A set of tracks that belong together, such as a camera and its microphone.
///
/// Its tracks are added before it is added to a session.
pub struct parlor_stream(pub(crate) MediaStream);

/// Makes a stream without tracks.
///
/// - Ownership: the caller releases it with `parlor_stream_release`.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_stream_create(out_stream: *mut *mut parlor_stream) -> parlor_status {
    guard::status(|| {
        handle::require(out_stream, "out_stream")?;
        // SAFETY: checked above.
        unsafe { out_stream.write(handle::give(parlor_stream(MediaStream::new()))) };
        Ok(())
    })
}

/// Gets the stream's id, unique in the process.
///
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_stream_id(stream: *const parlor_stream, out_id: *mut u64) -> parlor_status {
    guard::status(|| {
        handle::require(out_id, "out_id")?;
        // SAFETY: as the caller promises; checked above.
        unsafe { out_id.write(handle::share(stream, "stream")?.0.id().get()) };
        Ok(())
    })
}

/// Adds a video track.
///
/// - Ownership: the stream keeps a reference to the source; the caller's stays the caller's. `out_track_id` may be
///   NULL.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`; `PARLOR_STATUS_INVALID_STATE` when the stream has 8 tracks.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_stream_add_video(
    stream: *mut parlor_stream,
    source: *const parlor_video_source,
    out_track_id: *mut u64,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (stream, source) =
            unsafe { (handle::share(stream, "stream")?, handle::share(source, "source")?) };
        let track = stream.0.add_video(&source.0)?;
        // SAFETY: as the caller promises.
        unsafe { handle::write_optional(out_track_id, track.get()) };
        Ok(())
    })
}

/// Adds an audio track.
///
/// - Ownership: the stream keeps a reference to the source; the caller's stays the caller's. `out_track_id` may be
///   NULL.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`; `PARLOR_STATUS_INVALID_STATE` when the stream has 8 tracks.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_stream_add_audio(
    stream: *mut parlor_stream,
    source: *const parlor_audio_source,
    out_track_id: *mut u64,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (stream, source) =
            unsafe { (handle::share(stream, "stream")?, handle::share(source, "source")?) };
        let track = stream.0.add_audio(&source.0)?;
        // SAFETY: as the caller promises.
        unsafe { handle::write_optional(out_track_id, track.get()) };
        Ok(())
    })
}

/// Gives the stream back; NULL does nothing. Sessions that have it keep it.
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
pub unsafe extern "C" fn parlor_stream_release(stream: *mut parlor_stream) {
    guard::value((), || {
        // SAFETY: as the caller promises.
        drop(unsafe { handle::take(stream) });
        Ok(())
    });
}
