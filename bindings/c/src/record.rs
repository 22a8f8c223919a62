//! Recording a remote track into a file.

use engine::api::TrackId;

use crate::guard;
use crate::handle;
use crate::session::parlor_session;
use crate::status::parlor_status;
use crate::strings::parlor_str;

/// Records a remote track into a file, replacing one that is there.
///
/// The name's end says what is written: `.ivf` a video track's frames as they came, `.ogg` an audio track's packets
/// as they came, `.wav` an audio track's sound as it is played. The recording takes the place of the track's sink;
/// it ends when the track ends or gets another sink or none.
///
/// - Ownership: `path` is copied.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such track of that kind, `PARLOR_STATUS_MEDIA_FILE` when
///   the file cannot be made, `PARLOR_STATUS_INVALID_ARGUMENT` for another end of the name,
///   `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_record(
    session: *mut parlor_session,
    track_id: u64,
    path: parlor_str,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (session, path) = unsafe { (handle::share(session, "session")?, path.path()?) };
        session.replace_sink(track_id, None, |facade| facade.record(TrackId::new(track_id), path))
    })
}
