//! How many objects are alive in this process.

use engine::api;

use crate::guard;
use crate::sized::{self, sized};
use crate::status::parlor_status;

/// How many objects are alive in this process: what was forgotten shows here. Set `struct_size` before you ask.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_live_objects {
    /// `sizeof(parlor_live_objects)`, set by the caller.
    pub struct_size: usize,
    /// Engines, the default one included.
    pub engines: u64,
    /// Sessions; one that leaves in the background counts no more.
    pub sessions: u64,
    /// Streams of this process; a session keeps those that were added to it.
    pub streams: u64,
    /// Sources of pictures and of sound; a stream keeps its own.
    pub sources: u64,
    /// Pictures that the app holds a reference to, or is being lent.
    pub frames: u64,
}
sized!(parlor_live_objects);

/// Gets how many objects are alive in this process.
///
/// - Ownership: the caller sets `out_objects->struct_size`; the library fills the rest.
/// - Threads: any, also media callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_live_objects_get(out_objects: *mut parlor_live_objects) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        unsafe { sized::check_out(out_objects, "out_objects") }?;
        let api::LiveObjects { engines, sessions, streams, sources, frames } = api::live_objects();
        let struct_size = size_of::<parlor_live_objects>();
        let objects = parlor_live_objects { struct_size, engines, sessions, streams, sources, frames };
        // SAFETY: as the caller promises.
        unsafe { sized::write(out_objects, &objects, "out_objects") }
    })
}
