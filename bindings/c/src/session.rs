//! The session: join a channel by name and meet everyone in it.

use std::ffi::c_char;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use engine::api::{Error, PeerId, RequestId, Result, Session, Status, StreamId, TrackId};

use crate::config::{self, parlor_session_config};
use crate::event::{self, ListenerBridge, parlor_listener};
use crate::guard;
use crate::handle;
use crate::sink::{self, Registration, parlor_audio_sink, parlor_video_sink};
use crate::sized;
use crate::status::parlor_status;
use crate::stream::parlor_stream;
use crate::strings::{self, parlor_str};
use crate::userdata::{Destroy, Userdata};

/// A call: one connection to the server, one channel, one link to each remote peer.
pub struct parlor_session {
    pub(crate) facade: Session,
    listener: Arc<Userdata>,
    /// What ends the registrations of this session's sinks, by track. The facade owns the sinks themselves.
    sinks: Mutex<Vec<(u64, Weak<Userdata>)>>,
}

/// Makes a session; it does not connect yet.
///
/// - Ownership: the caller ends it with `parlor_session_destroy`. `config` and `listener` are copied; the listener's
///   `userdata` is the library's until its `destroy`, if the call works.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when the URL, the credential or an ICE server is not well-formed,
///   `PARLOR_STATUS_UNSUPPORTED_CODEC` when a codec is not compiled in, `PARLOR_STATUS_NULL_POINTER`,
///   `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_UNSUPPORTED_FIELD`, `PARLOR_STATUS_CONNECTION_FAILED` when the
///   default engine can open no socket.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_create(
    config: *const parlor_session_config,
    listener: *const parlor_listener,
    out_session: *mut *mut parlor_session,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_session, "out_session")?;
        // SAFETY: as the caller promises.
        let (config, given) = unsafe { (config::read(config)?, sized::read(listener, "listener")?) };
        let on_event =
            given.on_event.ok_or_else(|| Error::new(Status::NullPointer, "listener.on_event is NULL"))?;
        let listener = Arc::new(Userdata::new(given.userdata));
        let facade = Session::create(config, Arc::new(ListenerBridge::new(on_event, listener.clone())))?;
        listener.adopt(given.destroy);
        let session = parlor_session { facade, listener, sinks: Mutex::default() };
        // SAFETY: checked above.
        unsafe { out_session.write(handle::give(session)) };
        Ok(())
    })
}

/// Takes one more reference to a session, such as for another thread; returns it, or NULL for NULL.
///
/// Once the session is destroyed, the reference answers `PARLOR_STATUS_CLOSED`.
///
/// - Ownership: the caller gives the reference back with `parlor_session_release` or `parlor_session_destroy`.
/// - Threads: any, also event callbacks.
/// - Errors: NULL for NULL.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_retain(session: *mut parlor_session) -> *mut parlor_session {
    guard::value(std::ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        Ok(Arc::into_raw(unsafe { handle::share(session, "session") }?).cast_mut())
    })
}

/// Gives one reference back; NULL does nothing. The last one ends the session as `parlor_session_destroy` does.
///
/// - Ownership: the reference must not be used again.
/// - Threads: any, also event callbacks.
/// - Errors: none.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_release(session: *mut parlor_session) {
    guard::value((), || {
        // SAFETY: as the caller promises.
        drop(unsafe { handle::take(session) });
        Ok(())
    });
}

/// Ends the session and gives the reference back; NULL does nothing.
///
/// A joined session leaves in the background. When this returns, no callback of the session runs and none will be
/// called, the `destroy` of its listener and sinks included. Called from inside one of those callbacks it does not
/// wait for that one, whose `destroy` follows when it returns.
///
/// - Ownership: the reference must not be used again. Others answer `PARLOR_STATUS_CLOSED` from now on.
/// - Threads: any, also event callbacks.
/// - Errors: none.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_destroy(session: *mut parlor_session) {
    guard::value((), || {
        // SAFETY: as the caller promises.
        if let Some(session) = unsafe { handle::take(session) } {
            session.end();
        }
        Ok(())
    });
}

/// Starts joining a channel. Ends with `PARLOR_EVENT_REQUEST_DONE`, and `PARLOR_EVENT_JOINED` before it
/// when it worked.
///
/// - Ownership: `channel` is copied; `out_request_id` may be NULL.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` for a name that no server accepts, `PARLOR_STATUS_INVALID_STATE` when
///   the session is in a channel, `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_join(
    session: *mut parlor_session,
    channel: parlor_str,
    out_request_id: *mut u64,
) -> parlor_status {
    // SAFETY: as the caller promises.
    unsafe { request(session, out_request_id, |session| session.join(channel.text("channel")?)) }
}

/// Starts leaving. Ends with `PARLOR_EVENT_LEFT` and `PARLOR_EVENT_REQUEST_DONE` within a bound, whatever
/// the network does. Streams stay added, and the session may join again.
///
/// - Ownership: `out_request_id` may be NULL.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_leave(
    session: *mut parlor_session,
    out_request_id: *mut u64,
) -> parlor_status {
    // SAFETY: as the caller promises.
    unsafe { request(session, out_request_id, Session::leave) }
}

/// Adds a stream; everyone in the channel gets it, now or when the session joins.
///
/// `metadata` is a JSON object that receivers get with `PARLOR_EVENT_STREAM_ADDED`; empty for none.
///
/// - Ownership: the session keeps a reference to the stream; the caller's stays the caller's.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when the metadata is no JSON object or the stream has no tracks or was
///   added before, `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_add_stream(
    session: *mut parlor_session,
    stream: *const parlor_stream,
    metadata: parlor_str,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (session, stream, metadata) = unsafe {
            (
                handle::share(session, "session")?,
                handle::share(stream, "stream")?,
                metadata.optional_text("metadata")?,
            )
        };
        session.facade.add_stream(&stream.0, metadata)
    })
}

/// Takes a stream back, by the id that `parlor_stream_id` tells.
///
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when the session does not have it, `PARLOR_STATUS_CLOSED`,
///   `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_remove_stream(
    session: *mut parlor_session,
    stream_id: u64,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        unsafe { handle::share(session, "session") }?.facade.remove_stream(StreamId::new(stream_id))
    })
}

/// Sends a JSON text to one peer, or with a `peer_id` of 0 to everyone in the channel. Ends with
/// `PARLOR_EVENT_REQUEST_DONE`. It goes through the server, whose protocol carries JSON alone: bytes travel on data
/// channels (`parlor_session_send_channel`).
///
/// - Ownership: `data` is copied; `out_request_id` may be NULL.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when `data` is no JSON, `PARLOR_STATUS_UNKNOWN_ID` when there is no such
///   peer, `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_send(
    session: *mut parlor_session,
    peer_id: u64,
    data: parlor_str,
    out_request_id: *mut u64,
) -> parlor_status {
    let peer = (peer_id != 0).then_some(PeerId::new(peer_id));
    // SAFETY: as the caller promises.
    unsafe { request(session, out_request_id, |session| session.send(peer, data.text("data")?)) }
}

/// Answers `PARLOR_EVENT_TOKEN_NEEDED`; an empty token means that there is none and the attempt fails.
///
/// - Ownership: `token` is copied.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_UTF8`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_provide_token(
    session: *mut parlor_session,
    request_id: u64,
    token: parlor_str,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (session, token) = unsafe { (handle::share(session, "session")?, token.optional_text("token")?) };
        session.facade.provide_token(RequestId::new(request_id), token)
    })
}

/// Says that the device is on another network, for systems that do not tell the engine: on phones, from the platform's
/// own notice; Linux needs no call.
///
/// Sockets are opened on the addresses that are there now, paths are checked at once, what was lost is restarted at
/// once. Harmless when nothing changed.
///
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// `session` is NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_network_changed(session: *mut parlor_session) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        unsafe { handle::share(session, "session")? }.facade.network_changed()
    })
}

/// Sets where a remote video track goes; NULL stops it.
///
/// When this returns the sink before is not called any more and its `destroy` has been called, except from inside
/// one of its own callbacks, where that follows.
///
/// - Ownership: `sink` is copied; its `userdata` is the library's until its `destroy`, if the call works.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such remote video track, `PARLOR_STATUS_CLOSED`,
///   `PARLOR_STATUS_NULL_POINTER` also when the sink has no callback, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_set_video_sink(
    session: *mut parlor_session,
    track_id: u64,
    sink: *const parlor_video_sink,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let session = unsafe { handle::share(session, "session") }?;
        // SAFETY: as the caller promises.
        let sink = if sink.is_null() { None } else { Some(unsafe { sink::read_video(sink) }?) };
        let (bridge, owner) = split(sink);
        session.replace_sink(track_id, owner, |facade| facade.set_video_sink(TrackId::new(track_id), bridge))
    })
}

/// Sets where a remote audio track goes; NULL stops it. Otherwise as `parlor_session_set_video_sink`.
///
/// - Ownership: `sink` is copied; its `userdata` is the library's until its `destroy`, if the call works.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such remote audio track, `PARLOR_STATUS_CLOSED`,
///   `PARLOR_STATUS_NULL_POINTER` also when the sink has no callback, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_set_audio_sink(
    session: *mut parlor_session,
    track_id: u64,
    sink: *const parlor_audio_sink,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let session = unsafe { handle::share(session, "session") }?;
        // SAFETY: as the caller promises.
        let sink = if sink.is_null() { None } else { Some(unsafe { sink::read_audio(sink) }?) };
        let (bridge, owner) = split(sink);
        session.replace_sink(track_id, owner, |facade| facade.set_audio_sink(TrackId::new(track_id), bridge))
    })
}

/// Gets the session's state, a `PARLOR_STATE_...` value.
///
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_state(
    session: *const parlor_session,
    out_state: *mut i32,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_state, "out_state")?;
        // SAFETY: as the caller promises.
        let session = unsafe { handle::share(session, "session") }?;
        // SAFETY: checked above.
        unsafe { out_state.write(event::session_state(session.facade.state()) as i32) };
        Ok(())
    })
}

/// Gets this session's own peer id on the wire.
///
/// `out_length` may be NULL; it gets the length without the NUL also when `buffer` is too short, so that a capacity
/// of 0 asks.
///
/// - Ownership: the text and a NUL are written into `buffer`, which stays the caller's.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_STATE` before the server has given one, `PARLOR_STATUS_BUFFER_TOO_SMALL`,
///   `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_peer_id(
    session: *const parlor_session,
    buffer: *mut c_char,
    capacity: usize,
    out_length: *mut usize,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let session = unsafe { handle::share(session, "session") }?;
        let id = session.facade.peer_id();
        let id = id.ok_or_else(|| Error::new(Status::InvalidState, "the session has no peer id yet"))?;
        // SAFETY: as the caller promises.
        unsafe { strings::write(&id, buffer, capacity, out_length) }
    })
}

impl parlor_session {
    /// Gives a track another sink, a recording or none; when this returns the one before is done.
    pub(crate) fn replace_sink(
        &self,
        track: u64,
        owner: Option<(Arc<Userdata>, Destroy)>,
        replace: impl FnOnce(&Session) -> Result<()>,
    ) -> Result<()> {
        // Whom this call replaces is settled before it, so that two calls at once cannot end each other's sink.
        let before: Vec<_> = self.registered().iter().filter(|(of, _)| *of == track).cloned().collect();
        replace(&self.facade)?;
        if let Some((userdata, destroy)) = owner {
            userdata.adopt(destroy);
            let mut sinks = self.registered();
            sinks.retain(|(_, userdata)| userdata.strong_count() > 0);
            sinks.push((track, Arc::downgrade(&userdata)));
        }
        before.iter().filter_map(|(_, userdata)| userdata.upgrade()).for_each(|userdata| userdata.retire());
        Ok(())
    }

    fn end(&self) {
        self.facade.close();
        self.listener.retire();
        let sinks = std::mem::take(&mut *self.registered());
        sinks.iter().filter_map(|(_, userdata)| userdata.upgrade()).for_each(|userdata| userdata.retire());
    }

    fn registered(&self) -> MutexGuard<'_, Vec<(u64, Weak<Userdata>)>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for parlor_session {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes a request and writes its id.
///
/// # Safety
///
/// `session` is NULL or live, `out_request_id` is NULL or writable.
unsafe fn request(
    session: *mut parlor_session,
    out_request_id: *mut u64,
    make: impl FnOnce(&Session) -> Result<RequestId>,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let session = unsafe { handle::share(session, "session") }?;
        let request = make(&session.facade)?;
        // SAFETY: as the caller promises.
        unsafe { handle::write_optional(out_request_id, request.get()) };
        Ok(())
    })
}

type Owner = (Arc<Userdata>, Destroy);

fn split<T: ?Sized>(sink: Option<Registration<T>>) -> (Option<Arc<T>>, Option<Owner>) {
    sink.map(|sink| (sink.bridge, (sink.userdata, sink.destroy))).unzip()
}
