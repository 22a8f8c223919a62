//! Questions about remote peers and their tracks.

use std::ffi::c_char;

use engine::api::{Error, PeerId, PeerInfo, Result, Status, TrackId};

use crate::event;
use crate::guard;
use crate::handle;
use crate::session::parlor_session;
use crate::sized;
use crate::stats::{parlor_peer_stats, parlor_track_stats};
use crate::status::parlor_status;
use crate::strings;

/// Gets the ids of the remote peers, in the order in which they came.
///
/// `out_count` may be NULL; it gets how many there are also when `ids` is too short, so that a capacity of 0 asks.
///
/// - Ownership: `ids` stays the caller's; `capacity` counts ids.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_BUFFER_TOO_SMALL`, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_peers(
    session: *const parlor_session,
    ids: *mut u64,
    capacity: usize,
    out_count: *mut usize,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let session = unsafe { handle::share(session, "session") }?;
        if capacity > 0 {
            handle::require(ids, "ids")?;
        }
        let peers = session.facade.peers();
        // SAFETY: as the caller promises.
        unsafe { handle::write_optional(out_count, peers.len()) };
        if capacity < peers.len() {
            return Err(Error::new(Status::BufferTooSmall, format!("there are {} peers", peers.len())));
        }
        for (index, peer) in peers.iter().enumerate() {
            // SAFETY: below the capacity.
            unsafe { ids.add(index).write(peer.peer.get()) };
        }
        Ok(())
    })
}

/// Gets the state of the connection to a remote peer, a `PARLOR_PEER_STATE_...` value.
///
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_peer_state(
    session: *const parlor_session,
    peer_id: u64,
    out_state: *mut i32,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_state, "out_state")?;
        // SAFETY: as the caller promises.
        let peer = unsafe { handle::share(session, "session") }?.peer(peer_id)?;
        // SAFETY: checked above.
        unsafe { out_state.write(event::peer_state(peer.state) as i32) };
        Ok(())
    })
}

/// Gets a remote peer's id on the wire.
///
/// `out_length` may be NULL; it gets the length without the NUL also when `buffer` is too short, so that a capacity
/// of 0 asks.
///
/// - Ownership: the text and a NUL are written into `buffer`, which stays the caller's.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_BUFFER_TOO_SMALL`,
///   `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_peer_wire_id(
    session: *const parlor_session,
    peer_id: u64,
    buffer: *mut c_char,
    capacity: usize,
    out_length: *mut usize,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let peer = unsafe { handle::share(session, "session") }?.peer(peer_id)?;
        // SAFETY: as the caller promises.
        unsafe { strings::write(&peer.id, buffer, capacity, out_length) }
    })
}

/// Gets what the server says of a remote peer, a JSON object; an empty text when it says nothing.
///
/// `out_length` may be NULL; it gets the length without the NUL also when `buffer` is too short, so that a capacity
/// of 0 asks.
///
/// - Ownership: the text and a NUL are written into `buffer`, which stays the caller's.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_BUFFER_TOO_SMALL`,
///   `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_peer_metadata(
    session: *const parlor_session,
    peer_id: u64,
    buffer: *mut c_char,
    capacity: usize,
    out_length: *mut usize,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let peer = unsafe { handle::share(session, "session") }?.peer(peer_id)?;
        // SAFETY: as the caller promises.
        unsafe { strings::write(peer.metadata.as_deref().unwrap_or(""), buffer, capacity, out_length) }
    })
}

/// Gets the figures of the connection to a remote peer.
///
/// - Ownership: the caller sets `out_stats->struct_size`; the library fills the rest.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_CLOSED`,
///   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_peer_stats(
    session: *const parlor_session,
    peer_id: u64,
    out_stats: *mut parlor_peer_stats,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let session = unsafe {
            sized::check_out(out_stats, "out_stats")?;
            handle::share(session, "session")?
        };
        let stats = session.facade.peer_stats(PeerId::new(peer_id))?;
        // SAFETY: as the caller promises.
        unsafe { sized::write(out_stats, &parlor_peer_stats::from(&stats), "out_stats") }
    })
}

/// Gets the figures of a remote track.
///
/// - Ownership: the caller sets `out_stats->struct_size`; the library fills the rest.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such remote track, `PARLOR_STATUS_CLOSED`,
///   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_track_stats(
    session: *const parlor_session,
    track_id: u64,
    out_stats: *mut parlor_track_stats,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let session = unsafe {
            sized::check_out(out_stats, "out_stats")?;
            handle::share(session, "session")?
        };
        let stats = session.facade.track_stats(TrackId::new(track_id))?;
        // SAFETY: as the caller promises.
        unsafe { sized::write(out_stats, &parlor_track_stats::from(&stats), "out_stats") }
    })
}

impl parlor_session {
    fn peer(&self, id: u64) -> Result<PeerInfo> {
        let peers = self.facade.peers();
        let peer = peers.into_iter().find(|peer| peer.peer.get() == id);
        peer.ok_or_else(|| Error::new(Status::UnknownId, "there is no such peer"))
    }
}
