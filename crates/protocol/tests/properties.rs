//! Properties of the parsers that hold for every input.

use parlor_protocol::ice::{self, IceServer};
use parlor_protocol::peer::{IceCandidate, Parlor, PeerMessage, SdpKind};
use parlor_protocol::{ClientFrame, Map, Member, ServerFrame, Welcome};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use units::Secret;

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_map() -> impl Strategy<Value = Map> {
    btree_map(any::<String>(), any_value(), 0..4).prop_map(|map| map.into_iter().collect())
}

fn channel() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9/é*_ ]{1,60}"
}

fn peer_id() -> impl Strategy<Value = String> {
    "[ -~]{1,128}"
}

fn request_id() -> impl Strategy<Value = Option<String>> {
    option::of("[ -~é]{0,128}")
}

fn client_frame() -> impl Strategy<Value = ClientFrame> {
    prop_oneof![
        (channel(), request_id(), any::<bool>()).prop_map(
            |(channel, request_id, include_sender_metadata)| {
                ClientFrame::Subscribe { channel, request_id, include_sender_metadata }
            }
        ),
        (channel(), request_id())
            .prop_map(|(channel, request_id)| ClientFrame::Unsubscribe { channel, request_id }),
        (channel(), any_value(), request_id()).prop_map(|(channel, data, request_id)| ClientFrame::Publish {
            channel,
            data,
            request_id
        }),
        (peer_id(), any_value(), request_id()).prop_map(|(to, data, request_id)| ClientFrame::Send {
            to,
            data,
            request_id
        }),
        (request_id(), option::of(any::<u64>()))
            .prop_map(|(request_id, cursor)| ClientFrame::Ping { request_id, cursor }),
    ]
}

fn member() -> impl Strategy<Value = Member> {
    (any::<String>(), option::of(any_map())).prop_map(|(peer_id, metadata)| Member { peer_id, metadata })
}

fn server_frame() -> impl Strategy<Value = ServerFrame> {
    let resume = (option::of(any::<String>()), option::of(any::<String>()), any::<bool>());
    let welcome =
        (peer_id(), option::of(any::<u64>()), any::<u64>(), 1..=u64::MAX, option::of(any_map()), resume)
            .prop_map(|(peer_id, expires_at, server_time, max_message_size, metadata, resume)| {
                let (epoch, token, resumed) = resume;
                let resume = token.map(Secret::new);
                ServerFrame::Welcome(Welcome {
                    peer_id,
                    expires_at,
                    server_time,
                    max_message_size,
                    metadata,
                    epoch,
                    resume,
                    resumed,
                })
            });
    prop_oneof![
        welcome,
        "[ -~é]{0,128}".prop_map(|request_id| ServerFrame::Ack { request_id }),
        ("[a-z_]{1,20}", request_id(), option::of(any::<String>()))
            .prop_map(|(code, request_id, message)| ServerFrame::Error { code, request_id, message }),
        (any::<String>(), any::<String>(), any_value(), option::of(any_map())).prop_map(
            |(channel, from, data, from_metadata)| {
                ServerFrame::Message { channel, from, data, from_metadata }
            }
        ),
        (any::<String>(), any_value(), option::of(any_map()), option::of(any::<u64>())).prop_map(
            |(from, data, from_metadata, cursor)| ServerFrame::Direct { from, data, from_metadata, cursor }
        ),
        any::<u64>().prop_map(|cursor| ServerFrame::Gap { cursor }),
        (any::<String>(), vec(member(), 0..5), vec(member(), 0..5))
            .prop_map(|(channel, joined, left)| ServerFrame::Presence { channel, joined, left }),
        option::of(1..=u64::MAX).prop_map(|retry_after_ms| ServerFrame::GoingAway { retry_after_ms }),
        Just(ServerFrame::Pong),
    ]
}

fn peer_message() -> impl Strategy<Value = PeerMessage> {
    let parlor = (any::<u32>(), vec(any::<String>(), 0..4), option::of(any::<u64>()));
    let parlor = parlor.prop_map(|(v, caps, offer)| Parlor { v, caps, offer });
    let candidate =
        ("[ -~]{1,1000}", option::of(any::<String>()), option::of(any::<u16>()), option::of(any::<String>()))
            .prop_map(|(candidate, sdp_mid, sdp_mline_index, username_fragment)| IceCandidate {
                candidate,
                sdp_mid,
                sdp_mline_index,
                username_fragment,
            });
    prop_oneof![
        (any::<bool>(), any::<String>(), option::of(parlor)).prop_map(|(offer, sdp, parlor)| {
            let kind = if offer { SdpKind::Offer } else { SdpKind::Answer };
            PeerMessage::Description { kind, sdp, parlor }
        }),
        option::of(candidate).prop_map(PeerMessage::Candidate),
        (any::<String>(), option::of(any::<String>()), option::of(any::<String>()), option::of(any_map()))
            .prop_map(|(track_id, stream_id, kind, metadata)| PeerMessage::TrackMetadata {
                track_id,
                stream_id,
                kind,
                metadata
            }),
    ]
}

/// Frames that are nearly right: known keys with values of any type.
fn nearly_a_frame() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec![
        "subscribe",
        "unsubscribe",
        "publish",
        "send",
        "ping",
        "welcome",
        "ack",
        "error",
        "message",
        "direct",
        "presence",
        "going_away",
        "pong",
        "other",
    ]);
    let key = prop::sample::select(vec![
        "channel",
        "requestId",
        "includeSenderMetadata",
        "to",
        "data",
        "peerId",
        "expiresAt",
        "serverTime",
        "maxMessageSize",
        "metadata",
        "code",
        "message",
        "from",
        "fromMetadata",
        "joined",
        "left",
        "retryAfterMs",
    ]);
    (kind, btree_map(key, any_value(), 0..8)).prop_map(|(kind, fields)| {
        let mut frame: Map = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        frame.insert("type".to_owned(), json!(kind));
        Value::Object(frame).to_string()
    })
}

proptest! {
    #[test]
    fn a_written_client_frame_reads_back_as_itself(frame in client_frame()) {
        prop_assert_eq!(ClientFrame::parse(&frame.to_json()), Ok(frame));
    }

    #[test]
    fn a_written_server_frame_reads_back_as_itself(frame in server_frame()) {
        prop_assert_eq!(ServerFrame::parse(&frame.to_json()), Ok(frame));
    }

    #[test]
    fn a_written_peer_message_reads_back_as_itself(message in peer_message()) {
        prop_assert_eq!(PeerMessage::from_value(&message.to_value()), Some(Ok(message)));
    }

    #[test]
    fn random_text_never_panics(text in any::<String>()) {
        let _ = ClientFrame::parse(&text);
        let _ = ServerFrame::parse(&text);
    }

    #[test]
    fn a_frame_that_is_nearly_right_is_read_exactly_or_refused(text in nearly_a_frame()) {
        if let Ok(frame) = ClientFrame::parse(&text) {
            prop_assert_eq!(ClientFrame::parse(&frame.to_json()), Ok(frame));
        }
        if let Ok(frame) = ServerFrame::parse(&text) {
            prop_assert_eq!(ServerFrame::parse(&frame.to_json()), Ok(frame));
        }
    }

    #[test]
    fn any_value_is_a_peer_message_or_refused(value in any_value()) {
        let _ = PeerMessage::from_value(&value);
        let _ = IceServer::from_value(&value);
        let mut metadata = Map::new();
        metadata.insert(ice::METADATA_KEY.to_owned(), value);
        let _ = ice::from_metadata(&metadata);
    }
}

#[test]
fn deep_nesting_is_refused_without_exhausting_the_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = 200_000;
        let text = format!(
            "{{\"type\":\"publish\",\"channel\":\"c\",\"data\":{}0{}}}",
            open.repeat(deep),
            close.repeat(deep)
        );
        assert_eq!(ClientFrame::parse(&text).unwrap_err().code, parlor_protocol::ErrorCode::MalformedMessage);
        assert_eq!(ServerFrame::parse(&text).unwrap_err().code, parlor_protocol::ErrorCode::MalformedMessage);
    }
}

#[test]
fn lists_and_lines_are_bounded() {
    let servers = |count| {
        let list = vec![json!({"urls": "stun:a"}); count];
        ice::from_metadata(json!({"iceServers": list}).as_object().unwrap()).map(|servers| servers.len())
    };
    assert_eq!((servers(16), servers(17)), (Some(16), None));
    let url = |length: usize| {
        IceServer::from_value(&json!({"urls": format!("stun:{}", "a".repeat(length - 5))})).is_some()
    };
    assert!(url(512) && !url(513));
    let credential = |length: usize| {
        IceServer::from_value(&json!({"urls": "turn:a", "credential": "x".repeat(length)})).is_some()
    };
    assert!(credential(1024) && !credential(1025));
    let candidate = |length: usize| {
        let data = json!({"type": "rtc-ice", "candidate": {"candidate": "c".repeat(length)}});
        PeerMessage::from_value(&data).unwrap().is_ok()
    };
    assert!(candidate(1000) && !candidate(1001));
}
