//! What is wrong is answered clearly, and nobody else notices.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::net::TcpListener;
use std::sync::{Arc, Barrier};
use std::thread;

use parlor::api::{
    AudioSource, Codec, Credential, EncodedFrame, EncodedSourceObserver, Event, IceServer, Listener,
    MediaStream, PixelFormat, Plane, Secret, Session, SessionConfig, SessionState, Status, Time, VideoFrame,
    VideoSource,
};
use support::{Caller, TestServer, config, small_stream};

fn join_fails(caller: &Caller, channel: &str) -> Status {
    let request = caller.session.join(channel).unwrap();
    let outcome = |seen: &support::Seen| {
        seen.events.iter().find_map(|event| match event {
            Event::RequestDone { request: done, outcome } if *done == request => Some(outcome.clone()),
            _ => None,
        })
    };
    caller.wait("the end of the join", |seen| outcome(seen).is_some());
    let status = outcome(&caller.seen()).unwrap().unwrap_err().status();
    assert_eq!(caller.session.state(), SessionState::Idle, "a failed join can be tried again");
    status
}

#[test]
fn an_unknown_key_is_an_invalid_credential() {
    let server = TestServer::start();
    let caller = Caller::new(config(&server.url, "pk_nobody"));
    assert_eq!(join_fails(&caller, "test/key"), Status::InvalidCredential);
}

#[test]
fn a_server_that_is_not_there_is_a_failed_connection_and_the_join_can_be_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let caller = Caller::new(config(&format!("ws://127.0.0.1:{port}"), "pk_dev"));
    assert_eq!(join_fails(&caller, "test/gone"), Status::ConnectionFailed);
    assert_eq!(join_fails(&caller, "test/gone"), Status::ConnectionFailed);
}

#[test]
fn a_refused_channel_leaves_the_session_able_to_join_another() {
    let server = TestServer::start();
    let caller = Caller::new(server.config());
    assert_eq!(
        caller.session.join("_system/secrets").map(|_| ()).map_err(|e| e.status()).err().unwrap_or_else(
            || {
                caller.wait("the refusal", |seen| seen.event_names().contains(&"request-done"));
                Status::ChannelNotAuthorized
            }
        ),
        Status::ChannelNotAuthorized
    );
    caller.session.join("test/allowed").unwrap();
    caller.wait("joined", |seen| seen.event_names().contains(&"joined"));
}

struct Deaf;

impl Listener for Deaf {
    fn on_event(&self, _: &Event) {}
}

#[test]
fn wrong_configurations_are_refused_at_once() {
    let create = |config: SessionConfig| Session::create(config, Arc::new(Deaf)).unwrap_err().status();
    let key = || Credential::ApiKey(Secret::new("pk_dev"));
    for url in [
        "",
        "banana",
        "ws://example.org",
        "wss://example.org/path",
        "wss://example.org?x=1",
        "ftp://localhost",
    ] {
        assert_eq!(create(SessionConfig::new(url, key())), Status::InvalidArgument, "{url}");
    }
    let mut audio_codec = SessionConfig::new("ws://127.0.0.1:1", key());
    audio_codec.video_codecs = vec![Codec::Opus];
    assert_eq!(create(audio_codec), Status::UnsupportedCodec);
    let mut ice = SessionConfig::new("ws://127.0.0.1:1", key());
    ice.ice_servers = vec![IceServer { urls: vec!["http://x".into()], username: None, credential: None }];
    assert_eq!(create(ice), Status::InvalidArgument);
}

#[test]
fn wrong_arguments_are_refused_and_change_nothing() {
    let server = TestServer::start();
    let caller = Caller::new(server.config());
    let session = &caller.session;
    let status = |outcome: parlor::api::Result<()>| outcome.unwrap_err().status();
    assert_eq!(status(session.join("").map(drop)), Status::InvalidArgument);
    assert_eq!(status(session.join("tab\there").map(drop)), Status::InvalidArgument);
    assert_eq!(status(session.add_stream(&MediaStream::new(), None)), Status::InvalidArgument);
    let stream = small_stream();
    assert_eq!(status(session.add_stream(&stream, Some("[1]"))), Status::InvalidArgument);
    session.add_stream(&stream, Some("{}")).unwrap();
    assert_eq!(status(session.add_stream(&stream, None)), Status::InvalidArgument);
    assert_eq!(status(session.send(None, "{not json").map(drop)), Status::InvalidArgument);
    assert_eq!(status(session.remove_stream(MediaStream::new().id())), Status::UnknownId);
    session.close();
    assert_eq!(status(session.join("test/x").map(drop)), Status::Closed);
    assert_eq!(session.state(), SessionState::Closed);
}

#[test]
fn of_several_joins_at_once_one_is_taken_and_the_others_are_refused() {
    const THREADS: usize = 4;
    let count =
        |seen: &support::Seen, name| seen.event_names().into_iter().filter(|other| *other == name).count();
    let server = TestServer::start();
    let caller = Caller::new(server.config());
    for round in 1..=10 {
        let start = Barrier::new(THREADS);
        let join = || {
            start.wait();
            caller.session.join("test/once").map(drop).map_err(|error| error.status())
        };
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(join)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let refused = outcomes.iter().filter(|outcome| **outcome == Err(Status::InvalidState)).count();
        assert_eq!(refused, THREADS - 1, "{outcomes:?}");
        caller.wait("joined", |seen| count(seen, "joined") == round);
        caller.session.leave().unwrap();
        // A join that was refused has no end beside its answer.
        caller.wait("both ends", |seen| count(seen, "request-done") == 2 * round);
    }
}

#[test]
fn wrong_frames_are_refused() {
    let plane = Plane { data: vec![0; 10].into(), stride: 4 };
    assert!(VideoFrame::new(PixelFormat::I420, 64, 64, &[plane], Time::ZERO).is_err());
    let sound = AudioSource::new(1).unwrap();
    let status = |outcome: parlor::api::Result<()>| outcome.unwrap_err().status();
    assert_eq!(status(sound.push_i16(&[0; 100], 44_100, 1, Time::ZERO)), Status::InvalidFrame);
    assert_eq!(status(sound.push_i16(&[0; 101], 48_000, 2, Time::ZERO)), Status::InvalidFrame);
    assert_eq!(AudioSource::new(6).unwrap_err().status(), Status::InvalidArgument);
    let pictures = VideoSource::new();
    let garbage = EncodedFrame {
        codec: Codec::Vp8,
        timestamp: Time::ZERO,
        duration: std::time::Duration::ZERO,
        keyframe: true,
        data: vec![0xff; 100].into(),
    };
    assert_eq!(status(pictures.push_encoded(garbage)), Status::InvalidState);
}

struct Nobody;

impl EncodedSourceObserver for Nobody {
    fn on_keyframe_request(&self) {}
    fn on_target_bitrate(&self, _: parlor::api::BitRate) {}
}

#[test]
fn a_peer_that_sends_garbage_frames_disturbs_nobody() {
    let server = TestServer::start();
    let [watches, good, bad] = [(); 3].map(|()| Caller::new(server.config()));
    watches.session.join("test/garbage").unwrap();
    good.session.add_stream(&small_stream(), None).unwrap();
    good.session.join("test/garbage").unwrap();
    let source = VideoSource::encoded(Codec::Vp8, Arc::new(Nobody)).unwrap();
    let stream = MediaStream::new();
    stream.add_video(&source).unwrap();
    bad.session.add_stream(&stream, None).unwrap();
    bad.session.join("test/garbage").unwrap();
    watches.wait("both streams", |seen| {
        seen.event_names().iter().filter(|name| **name == "stream-added").count() == 2
            && seen.tracks_with_pictures(1) == 1
    });
    for number in 0..50_u8 {
        let garbage = EncodedFrame {
            codec: Codec::Vp8,
            timestamp: Time::from_micros(parlor::api::time_us()),
            duration: std::time::Duration::ZERO,
            keyframe: true,
            // A keyframe's tag and start code, then nonsense.
            data: [&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a][..], &[number; 500]].concat().into(),
        };
        source.push_encoded(garbage).unwrap();
    }
    let before = watches.seen().pictures.values().map(Vec::len).max().unwrap();
    watches.wait("the good peer's pictures", |seen| seen.pictures.values().any(|p| p.len() > before + 15));
}
