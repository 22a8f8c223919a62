//! Events: one tagged struct, and the listener that gets them.

use std::ffi::c_void;
use std::sync::Arc;

use engine::api::{Event, Listener, MediaKind, MessageKind, PeerState, SessionState, Status};

use crate::sized::sized;
use crate::status::parlor_status;
use crate::strings::parlor_str;
use crate::timing::{Told, timed};
use crate::userdata::Userdata;

/// What an event tells; values of `parlor_event.type`. Ignore values that you do not know.
///
/// The fields of `parlor_event` that an event uses are named in brackets; the others are 0 or absent.
///
/// cbindgen:rename-all=ScreamingSnakeCase
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "the prefix is that of the C constants")]
pub enum parlor_event_type {
    /// The session is in the channel. [`wire_id`: its own peer id, `channel`]
    ParlorEventJoined = 1,
    /// The session has left the channel; it may join again. [`text`: why, when it was not asked for]
    ParlorEventLeft = 2,
    /// The session's state changed. [`from_state`, `to_state`: `PARLOR_STATE_...`]
    ParlorEventStateChange = 3,
    /// A remote peer is in the channel. [`peer_id`, `wire_id`, `metadata`]
    ParlorEventPeerJoined = 4,
    /// A remote peer has left; its streams went before. [`peer_id`]
    ParlorEventPeerLeft = 5,
    /// The connection to a remote peer changed. [`peer_id`, `from_state`, `to_state`: `PARLOR_PEER_STATE_...`]
    ParlorEventPeerStateChange = 6,
    /// A remote peer sends a stream. [`peer_id`, `stream_id`, `wire_id`, `metadata`: as the sender registered it]
    ParlorEventStreamAdded = 7,
    /// A remote stream has ended. [`peer_id`, `stream_id`]
    ParlorEventStreamRemoved = 8,
    /// A track of a remote stream is there; set a sink to receive it. [`peer_id`, `stream_id`, `track_id`,
    /// `media_kind`]
    ParlorEventTrackAdded = 9,
    /// A track of a remote stream has ended. [`peer_id`, `stream_id`, `track_id`]
    ParlorEventTrackRemoved = 10,
    /// A peer sent a message. [`peer_id`, `data`, `message_kind`, `metadata`: the sender's, where the server gives
    /// it]
    ParlorEventData = 11,
    /// A request has ended; each ends exactly once. [`request_id`, `status`, `text`: why it failed]
    ParlorEventRequestDone = 12,
    /// The link to a peer was built anew; its streams are announced again. [`peer_id`]
    ParlorEventConnectionReset = 13,
    /// Offer and answer with a peer failed; the session tries again by itself. [`peer_id`, `text`]
    ParlorEventNegotiationError = 14,
    /// A token is needed; answer with `parlor_session_provide_token`. [`request_id`]
    ParlorEventTokenNeeded = 15,
    /// The server is going away; the session reconnects by itself. [`retry_after_ms`]
    ParlorEventGoingAway = 16,
    /// Something failed that ends the session or that nobody asked for. [`status`, `text`]
    ParlorEventError = 17,
    /// A data channel is open: one of this session's, for the first time or again after
    /// `PARLOR_EVENT_CONNECTION_RESET`, or one that the peer opened. [`peer_id`, `channel_id`, `label`, `incoming`]
    ParlorEventChannelOpen = 18,
    /// A message came on a data channel. [`peer_id`, `channel_id`, `data`, `binary`]
    ParlorEventChannelMessage = 19,
    /// A data channel that was too full for a message has room again. [`peer_id`, `channel_id`]
    ParlorEventChannelWritable = 20,
    /// A data channel is closed for good, or could not be opened. [`peer_id`, `channel_id`]
    ParlorEventChannelClose = 21,
    /// Some messages that peers sent to this session alone while it was away from the server are lost.
    ParlorEventDataLost = 22,
}

/// The state of a session; 0 is none.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_state {
    /// In no channel.
    Idle = 1,
    /// On the way into a channel.
    Joining = 2,
    /// In the channel.
    Joined = 3,
    /// In the channel, but the connection to the server is being restored.
    Reconnecting = 4,
    /// On the way out.
    Leaving = 5,
    /// Destroyed.
    Closed = 6,
}

/// The state of the connection to a remote peer; 0 is none.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_peer_state {
    /// Nothing was tried yet.
    Idle = 1,
    /// Being built.
    Connecting = 2,
    /// Media can flow.
    Connected = 3,
    /// Lost and being restored.
    Reconnecting = 4,
    /// Ended.
    Closed = 5,
}

/// What a track carries; 0 is none.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_media_kind {
    /// Sound.
    Audio = 1,
    /// Pictures.
    Video = 2,
}

/// How a message came; 0 is none.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_message_kind {
    /// To everyone in the channel.
    Broadcast = 1,
    /// To this session alone.
    Direct = 2,
}

/// One event. It and what it points to are borrowed for the length of the callback.
///
/// Ids are unique within the session and never reused; 0 is none. Newer libraries append fields: look at
/// `struct_size` before you read one that is younger than the library you ask for.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_event {
    /// The size of the library's `parlor_event`.
    pub struct_size: usize,
    /// A `PARLOR_EVENT_...` value.
    pub r#type: i32,
    /// How a request ended or what failed; otherwise `PARLOR_STATUS_OK`.
    pub status: parlor_status,
    /// The request that ended or that is to be answered.
    pub request_id: u64,
    /// The remote peer that it is about.
    pub peer_id: u64,
    /// The remote stream that it is about.
    pub stream_id: u64,
    /// The remote track that it is about.
    pub track_id: u64,
    /// The state before: `PARLOR_STATE_...` or `PARLOR_PEER_STATE_...`.
    pub from_state: i32,
    /// The state now.
    pub to_state: i32,
    /// A `PARLOR_MEDIA_KIND_...` value.
    pub media_kind: i32,
    /// A `PARLOR_MESSAGE_KIND_...` value.
    pub message_kind: i32,
    /// When the server expects to be back, in milliseconds.
    pub retry_after_ms: u64,
    /// The id on the wire of the peer or stream.
    pub wire_id: parlor_str,
    /// The channel.
    pub channel: parlor_str,
    /// A sentence for people.
    pub text: parlor_str,
    /// A message: a JSON text; on a data channel a text, or any bytes if `binary` is 1.
    pub data: parlor_str,
    /// Metadata, a JSON object.
    pub metadata: parlor_str,
    /// The data channel that it is about.
    pub channel_id: u64,
    /// The data channel's label.
    pub label: parlor_str,
    /// 1 when the peer opened the data channel.
    pub incoming: i32,
    /// 1 when the message is bytes.
    pub binary: i32,
}
sized!(parlor_event);

/// Receives the events of a session.
///
/// They come one at a time on a thread of the session's own. The callback may call every function, also
/// `parlor_session_destroy`. A C++ callback must not let an exception out.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_listener {
    /// `sizeof(parlor_listener)`.
    pub struct_size: usize,
    /// Called for each event; not NULL.
    pub on_event: Option<unsafe extern "C" fn(userdata: *mut c_void, event: *const parlor_event)>,
    /// Handed to the callbacks as it is.
    pub userdata: *mut c_void,
    /// Called exactly once, after the last event; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(userdata: *mut c_void)>,
}
sized!(parlor_listener);

/// A listener of C as the facade's.
pub(crate) struct ListenerBridge {
    on_event: unsafe extern "C" fn(*mut c_void, *const parlor_event),
    userdata: Arc<Userdata>,
}

impl ListenerBridge {
    pub(crate) fn new(
        on_event: unsafe extern "C" fn(*mut c_void, *const parlor_event),
        userdata: Arc<Userdata>,
    ) -> Self {
        Self { on_event, userdata }
    }
}

impl Listener for ListenerBridge {
    fn on_event(&self, event: &Event) {
        timed(Told::Event, || {
            let event = translate(event);
            // SAFETY: the app promised a function for this userdata; the event outlives the call.
            self.userdata.call(|userdata| unsafe { (self.on_event)(userdata, &raw const event) });
        });
    }
}

/// Lends an event to C for as long as the facade lends it to us.
pub(crate) fn translate(event: &Event) -> parlor_event {
    use parlor_event_type as tag;
    let none = parlor_event {
        struct_size: size_of::<parlor_event>(),
        r#type: 0,
        status: parlor_status::Ok,
        request_id: 0,
        peer_id: 0,
        stream_id: 0,
        track_id: 0,
        from_state: 0,
        to_state: 0,
        media_kind: 0,
        message_kind: 0,
        retry_after_ms: 0,
        wire_id: parlor_str::NONE,
        channel: parlor_str::NONE,
        text: parlor_str::NONE,
        data: parlor_str::NONE,
        metadata: parlor_str::NONE,
        channel_id: 0,
        label: parlor_str::NONE,
        incoming: 0,
        binary: 0,
    };
    let of = |tag: parlor_event_type| parlor_event { r#type: tag as i32, ..none };
    let lend = parlor_str::lend;
    let lend_optional = |text: &Option<String>| parlor_str::lend_optional(text.as_deref());
    // Exhaustive, so that a new event breaks this build until it is translated.
    match event {
        Event::Joined { peer_id, channel } => {
            parlor_event { wire_id: lend(peer_id), channel: lend(channel), ..of(tag::ParlorEventJoined) }
        }
        Event::Left { reason } => parlor_event { text: lend_optional(reason), ..of(tag::ParlorEventLeft) },
        Event::StateChange { from, to } => parlor_event {
            from_state: session_state(*from) as i32,
            to_state: session_state(*to) as i32,
            ..of(tag::ParlorEventStateChange)
        },
        Event::PeerJoined { peer, id, metadata } => parlor_event {
            peer_id: peer.get(),
            wire_id: lend(id),
            metadata: lend_optional(metadata),
            ..of(tag::ParlorEventPeerJoined)
        },
        Event::PeerLeft { peer } => parlor_event { peer_id: peer.get(), ..of(tag::ParlorEventPeerLeft) },
        Event::PeerStateChange { peer, from, to } => parlor_event {
            peer_id: peer.get(),
            from_state: peer_state(*from) as i32,
            to_state: peer_state(*to) as i32,
            ..of(tag::ParlorEventPeerStateChange)
        },
        Event::StreamAdded { peer, stream, id, metadata } => parlor_event {
            peer_id: peer.get(),
            stream_id: stream.get(),
            wire_id: lend(id),
            metadata: lend_optional(metadata),
            ..of(tag::ParlorEventStreamAdded)
        },
        Event::StreamRemoved { peer, stream } => {
            parlor_event { peer_id: peer.get(), stream_id: stream.get(), ..of(tag::ParlorEventStreamRemoved) }
        }
        Event::TrackAdded { peer, stream, track, kind } => parlor_event {
            peer_id: peer.get(),
            stream_id: stream.get(),
            track_id: track.get(),
            media_kind: media_kind(*kind) as i32,
            ..of(tag::ParlorEventTrackAdded)
        },
        Event::TrackRemoved { peer, stream, track } => parlor_event {
            peer_id: peer.get(),
            stream_id: stream.get(),
            track_id: track.get(),
            ..of(tag::ParlorEventTrackRemoved)
        },
        Event::Data { peer, data, kind, metadata } => parlor_event {
            peer_id: peer.get(),
            data: lend(data),
            message_kind: message_kind(*kind) as i32,
            metadata: lend_optional(metadata),
            ..of(tag::ParlorEventData)
        },
        Event::DataLost => of(tag::ParlorEventDataLost),
        Event::ChannelOpen { peer, channel, label, incoming } => parlor_event {
            peer_id: peer.get(),
            channel_id: channel.get(),
            label: lend(label),
            incoming: i32::from(*incoming),
            ..of(tag::ParlorEventChannelOpen)
        },
        Event::ChannelMessage { peer, channel, binary, data } => parlor_event {
            peer_id: peer.get(),
            channel_id: channel.get(),
            data: parlor_str::lend_bytes(data),
            binary: i32::from(*binary),
            ..of(tag::ParlorEventChannelMessage)
        },
        Event::ChannelWritable { peer, channel } => parlor_event {
            peer_id: peer.get(),
            channel_id: channel.get(),
            ..of(tag::ParlorEventChannelWritable)
        },
        Event::ChannelClose { peer, channel } => parlor_event {
            peer_id: peer.get(),
            channel_id: channel.get(),
            ..of(tag::ParlorEventChannelClose)
        },
        Event::RequestDone { request, outcome } => {
            let (status, text) = match outcome {
                Ok(()) => (Status::Ok, parlor_str::NONE),
                Err(error) => (error.status(), lend(error.message())),
            };
            parlor_event {
                request_id: request.get(),
                status: status.into(),
                text,
                ..of(tag::ParlorEventRequestDone)
            }
        }
        Event::ConnectionReset { peer } => {
            parlor_event { peer_id: peer.get(), ..of(tag::ParlorEventConnectionReset) }
        }
        Event::NegotiationError { peer, message } => parlor_event {
            peer_id: peer.get(),
            status: parlor_status::NegotiationFailed,
            text: lend(message),
            ..of(tag::ParlorEventNegotiationError)
        },
        Event::TokenNeeded { request } => {
            parlor_event { request_id: request.get(), ..of(tag::ParlorEventTokenNeeded) }
        }
        Event::GoingAway { retry_after_ms } => {
            parlor_event { retry_after_ms: *retry_after_ms, ..of(tag::ParlorEventGoingAway) }
        }
        Event::Error { status, message } => {
            parlor_event { status: (*status).into(), text: lend(message), ..of(tag::ParlorEventError) }
        }
    }
}

pub(crate) fn session_state(state: SessionState) -> parlor_state {
    match state {
        SessionState::Idle => parlor_state::Idle,
        SessionState::Joining => parlor_state::Joining,
        SessionState::Joined => parlor_state::Joined,
        SessionState::Reconnecting => parlor_state::Reconnecting,
        SessionState::Leaving => parlor_state::Leaving,
        SessionState::Closed => parlor_state::Closed,
    }
}

pub(crate) fn peer_state(state: PeerState) -> parlor_peer_state {
    match state {
        PeerState::Idle => parlor_peer_state::Idle,
        PeerState::Connecting => parlor_peer_state::Connecting,
        PeerState::Connected => parlor_peer_state::Connected,
        PeerState::Reconnecting => parlor_peer_state::Reconnecting,
        PeerState::Closed => parlor_peer_state::Closed,
    }
}

pub(crate) fn media_kind(kind: MediaKind) -> parlor_media_kind {
    match kind {
        MediaKind::Audio => parlor_media_kind::Audio,
        MediaKind::Video => parlor_media_kind::Video,
    }
}

fn message_kind(kind: MessageKind) -> parlor_message_kind {
    match kind {
        MessageKind::Broadcast => parlor_message_kind::Broadcast,
        MessageKind::Direct => parlor_message_kind::Direct,
    }
}

#[cfg(test)]
mod tests {
    use engine::api::{Error, PeerId, RequestId};

    use super::*;

    #[test]
    fn an_event_lends_its_texts_and_leaves_the_rest_empty() {
        let event = Event::PeerJoined { peer: PeerId::new(3), id: "p-1".into(), metadata: None };
        let lent = translate(&event);
        assert_eq!(
            (lent.r#type, lent.peer_id, lent.stream_id),
            (parlor_event_type::ParlorEventPeerJoined as i32, 3, 0)
        );
        // SAFETY: lent by `event`, which is alive.
        assert_eq!(unsafe { lent.wire_id.text("wire_id") }.unwrap(), "p-1");
        assert!(lent.metadata.data.is_null());
    }

    #[test]
    fn a_failed_request_brings_its_status_and_message() {
        let outcome = Err(Error::new(Status::PeerNotFound, "gone"));
        let lent_from = Event::RequestDone { request: RequestId::new(9), outcome };
        let lent = translate(&lent_from);
        assert_eq!((lent.request_id, lent.status), (9, parlor_status::PeerNotFound));
        // SAFETY: lent by `lent_from`, which is alive.
        assert_eq!(unsafe { lent.text.text("text") }.unwrap(), "gone");
    }
}
