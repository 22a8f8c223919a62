//! Data channels: messages straight to a peer.

use engine::api::{ChannelId, ChannelOptions, Error, PeerId, Result, Status};

use crate::config::flag;
use crate::guard;
use crate::handle;
use crate::session::parlor_session;
use crate::sized::{self, sized};
use crate::status::parlor_status;
use crate::strings::parlor_str;

/// How a data channel delivers. A zeroed struct with its `struct_size` is the default: ordered and reliable.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_channel_options {
    /// `sizeof(parlor_channel_options)`.
    pub struct_size: usize,
    /// 1 when messages may overtake each other, else 0.
    pub unordered: i32,
    /// 1 when a message is sent again at most `max_retransmits` times, else 0.
    pub has_max_retransmits: i32,
    /// How often a message is sent again before it is given up, at most 65,535.
    pub max_retransmits: u32,
    /// For how many milliseconds a message is sent again before it is given up, at most 65,535; 0 for no limit. Not
    /// with `has_max_retransmits`.
    pub max_lifetime_ms: u32,
}
sized!(parlor_channel_options);

/// Opens a data channel to a peer (RFC 8831): straight to it, not through the server.
///
/// It is open at `PARLOR_EVENT_CHANNEL_OPEN`; what is sent before waits. When the link to the peer is replaced it is
/// opened again by itself, and the event comes again; what the old link had not delivered is lost. It ends with
/// `PARLOR_EVENT_CHANNEL_CLOSE`.
///
/// - Ownership: `label` and `options` are copied; `options` may be NULL for the default.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such peer, `PARLOR_STATUS_INVALID_ARGUMENT` for a label of more
///   than 65,535 bytes or a wrong option, `PARLOR_STATUS_CLOSED`, `PARLOR_STATUS_NULL_POINTER`,
///   `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_open_channel(
    session: *mut parlor_session,
    peer_id: u64,
    label: parlor_str,
    options: *const parlor_channel_options,
    out_channel_id: *mut u64,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_channel_id, "out_channel_id")?;
        // SAFETY: as the caller promises.
        let (session, label) = unsafe { (handle::share(session, "session")?, label.text("label")?) };
        let options = if options.is_null() {
            ChannelOptions::default()
        } else {
            // SAFETY: as the caller promises.
            read_options(&unsafe { sized::read(options, "options") }?)?
        };
        let channel = session.facade.open_channel(PeerId::new(peer_id), label, options)?;
        // SAFETY: checked above.
        unsafe { out_channel_id.write(channel.get()) };
        Ok(())
    })
}

/// Sends a message on a data channel, whoever opened it.
///
/// At most 1 MiB and 256 messages wait in a channel beside the 1 MiB that its link has in flight. A message that does
/// not fit is refused as a whole with `PARLOR_STATUS_BUSY`; `PARLOR_EVENT_CHANNEL_WRITABLE` says when to go on.
///
/// - `binary`: 1 for bytes, 0 for a text in UTF-8.
/// - Ownership: `data` is copied.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_BUSY`, `PARLOR_STATUS_PAYLOAD_TOO_LARGE` for more than the peer takes (64 KiB until the channel
///   is open, then what the peer said, 128 KiB at most), `PARLOR_STATUS_UNKNOWN_ID` when there is no such channel,
///   `PARLOR_STATUS_INVALID_ARGUMENT`, `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_CLOSED`,
///   `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_send_channel(
    session: *mut parlor_session,
    channel_id: u64,
    data: *const u8,
    size: usize,
    binary: i32,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (session, data) =
            unsafe { (handle::share(session, "session")?, handle::slice(data, size, "data")?) };
        session.facade.send_channel(ChannelId::new(channel_id), data, flag(binary, "binary")?)
    })
}

/// Closes a data channel, whoever opened it; what waits in it is lost.
///
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such channel, `PARLOR_STATUS_CLOSED`,
///   `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_close_channel(
    session: *mut parlor_session,
    channel_id: u64,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        unsafe { handle::share(session, "session")?.facade.close_channel(ChannelId::new(channel_id)) }
    })
}

/// Tells how many bytes wait in a data channel beside those that its link has in flight.
///
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNKNOWN_ID` when there is no such channel, `PARLOR_STATUS_CLOSED`,
///   `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_session_channel_buffered_amount(
    session: *mut parlor_session,
    channel_id: u64,
    out_bytes: *mut usize,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_bytes, "out_bytes")?;
        // SAFETY: as the caller promises.
        let session = unsafe { handle::share(session, "session") }?;
        let bytes = session.facade.channel_buffered_amount(ChannelId::new(channel_id))?;
        // SAFETY: checked above.
        unsafe { out_bytes.write(bytes) };
        Ok(())
    })
}

fn read_options(given: &parlor_channel_options) -> Result<ChannelOptions> {
    let small = |value: u32, name: &str| {
        u16::try_from(value)
            .map_err(|_| Error::new(Status::InvalidArgument, format!("{name} is more than 65,535")))
    };
    let has_max_retransmits = flag(given.has_max_retransmits, "has_max_retransmits")?;
    if !has_max_retransmits && given.max_retransmits != 0 {
        let message = "max_retransmits is set without has_max_retransmits";
        return Err(Error::new(Status::InvalidArgument, message));
    }
    let max_retransmits = small(given.max_retransmits, "max_retransmits")?;
    let max_lifetime_ms = small(given.max_lifetime_ms, "max_lifetime_ms")?;
    Ok(ChannelOptions {
        ordered: !flag(given.unordered, "unordered")?,
        max_retransmits: has_max_retransmits.then_some(max_retransmits),
        max_lifetime_ms: (max_lifetime_ms != 0).then_some(max_lifetime_ms),
    })
}
