//! Words for numbers, to print them.

use std::ffi::{CStr, c_char};

use crate::event::{parlor_event_type, parlor_peer_state, parlor_state};
use crate::format::parlor_codec;

/// Returns an event type's name, such as `peer-joined`; `unknown` for a number that is none.
///
/// - Ownership: the text is static.
/// - Threads: any, also media callbacks.
/// - Errors: none, never NULL.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn parlor_event_type_name(event_type: i32) -> *const c_char {
    look_up(event_type, EVENT_TYPES)
}

/// Returns the name of a session's state, such as `joined`; `unknown` for a number that is none.
///
/// - Ownership: the text is static.
/// - Threads: any, also media callbacks.
/// - Errors: none, never NULL.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn parlor_state_name(state: i32) -> *const c_char {
    look_up(state, STATES)
}

/// Returns the name of a peer's state, such as `connected`; `unknown` for a number that is none.
///
/// - Ownership: the text is static.
/// - Threads: any, also media callbacks.
/// - Errors: none, never NULL.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn parlor_peer_state_name(state: i32) -> *const c_char {
    look_up(state, PEER_STATES)
}

/// Returns a codec's name as SDP has it, such as `VP8`; `unknown` for a number that is none.
///
/// - Ownership: the text is static.
/// - Threads: any, also media callbacks.
/// - Errors: none, never NULL.
/// - Since: 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn parlor_codec_name(codec: i32) -> *const c_char {
    look_up(codec, CODECS)
}

type Table = &'static [(i32, &'static CStr)];

const EVENT_TYPES: Table = {
    use parlor_event_type as tag;
    &[
        (tag::ParlorEventJoined as i32, c"joined"),
        (tag::ParlorEventLeft as i32, c"left"),
        (tag::ParlorEventStateChange as i32, c"state-change"),
        (tag::ParlorEventPeerJoined as i32, c"peer-joined"),
        (tag::ParlorEventPeerLeft as i32, c"peer-left"),
        (tag::ParlorEventPeerStateChange as i32, c"peer-state-change"),
        (tag::ParlorEventStreamAdded as i32, c"stream-added"),
        (tag::ParlorEventStreamRemoved as i32, c"stream-removed"),
        (tag::ParlorEventTrackAdded as i32, c"track-added"),
        (tag::ParlorEventTrackRemoved as i32, c"track-removed"),
        (tag::ParlorEventData as i32, c"data"),
        (tag::ParlorEventRequestDone as i32, c"request-done"),
        (tag::ParlorEventConnectionReset as i32, c"connection-reset"),
        (tag::ParlorEventNegotiationError as i32, c"negotiation-error"),
        (tag::ParlorEventTokenNeeded as i32, c"token-needed"),
        (tag::ParlorEventGoingAway as i32, c"going-away"),
        (tag::ParlorEventError as i32, c"error"),
        (tag::ParlorEventChannelOpen as i32, c"channel-open"),
        (tag::ParlorEventChannelMessage as i32, c"channel-message"),
        (tag::ParlorEventChannelWritable as i32, c"channel-writable"),
        (tag::ParlorEventChannelClose as i32, c"channel-close"),
        (tag::ParlorEventDataLost as i32, c"data-lost"),
    ]
};

const STATES: Table = &[
    (parlor_state::Idle as i32, c"idle"),
    (parlor_state::Joining as i32, c"joining"),
    (parlor_state::Joined as i32, c"joined"),
    (parlor_state::Reconnecting as i32, c"reconnecting"),
    (parlor_state::Leaving as i32, c"leaving"),
    (parlor_state::Closed as i32, c"closed"),
];

const PEER_STATES: Table = &[
    (parlor_peer_state::Idle as i32, c"idle"),
    (parlor_peer_state::Connecting as i32, c"connecting"),
    (parlor_peer_state::Connected as i32, c"connected"),
    (parlor_peer_state::Reconnecting as i32, c"reconnecting"),
    (parlor_peer_state::Closed as i32, c"closed"),
];

const CODECS: Table = &[
    (parlor_codec::Opus as i32, c"opus"),
    (parlor_codec::Vp8 as i32, c"VP8"),
    (parlor_codec::H264 as i32, c"H264"),
];

fn look_up(number: i32, table: Table) -> *const c_char {
    let found = table.iter().find(|(of, _)| *of == number);
    found.map_or(c"unknown", |(_, name)| *name).as_ptr()
}

#[cfg(test)]
mod tests {
    use engine::api::{Codec, Event, PeerState, SessionState};

    use super::*;
    use crate::event;
    use crate::format::codec_number;

    fn text(name: *const c_char) -> &'static str {
        // SAFETY: names are static C strings.
        unsafe { CStr::from_ptr(name) }.to_str().unwrap()
    }

    #[test]
    fn the_names_are_those_of_the_facade() {
        for codec in [Codec::Opus, Codec::Vp8, Codec::H264] {
            assert_eq!(text(parlor_codec_name(codec_number(codec))), codec.name());
        }
        for event in [Event::Left { reason: None }, Event::GoingAway { retry_after_ms: 0 }] {
            assert_eq!(text(parlor_event_type_name(event::translate(&event).r#type)), event.name());
        }
        assert_eq!(text(parlor_state_name(event::session_state(SessionState::Leaving) as i32)), "leaving");
        assert_eq!(text(parlor_peer_state_name(event::peer_state(PeerState::Connected) as i32)), "connected");
        assert_eq!(text(parlor_event_type_name(0)), "unknown");
    }
}
