//! Calls between sessions of this process over real sockets and a real server.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::path::Path;

use parlor::api::{
    AudioSource, Codec, Event, FileMode, MediaKind, MediaStream, PeerState, SessionState, VideoSource,
};
use support::{Caller, TestServer, small_stream};

#[test]
fn two_sessions_meet_and_exchange_pictures_and_sound() {
    let server = TestServer::start();
    let callers = [Caller::new(server.config()), Caller::new(server.config())];
    for caller in &callers {
        caller.session.add_stream(&small_stream(), Some(r#"{"role":"camera"}"#)).unwrap();
        caller.session.join("test/two").unwrap();
    }
    for caller in &callers {
        caller.wait("30 pictures and a second of sound", |seen| {
            seen.tracks_with_pictures(30) == 1 && seen.tracks_with_sound(48_000) == 1
        });
        let seen = caller.seen();
        let position = |name| seen.event_names().iter().position(|event| *event == name);
        let order =
            ["joined", "peer-joined", "stream-added", "track-added"].map(|name| position(name).unwrap());
        assert!(order.is_sorted(), "{:?}", seen.event_names());
        assert!(seen.events.iter().any(|event| matches!(
            event,
            Event::StreamAdded { metadata: Some(metadata), .. } if metadata == r#"{"role":"camera"}"#
        )));
        assert!(
            seen.events.iter().any(|e| matches!(e, Event::PeerStateChange { to: PeerState::Connected, .. }))
        );
        let pictures = seen.pictures.values().next().unwrap();
        assert!(pictures.is_sorted(), "pictures came out of order: {pictures:?}");
    }
}

#[test]
fn a_session_leaves_and_joins_again_on_the_same_object() {
    let server = TestServer::start();
    let stays = Caller::new(server.config());
    stays.session.join("test/again").unwrap();
    let goes = Caller::new(server.config());
    goes.session.add_stream(&small_stream(), None).unwrap();
    goes.session.join("test/again").unwrap();
    stays.wait("the stream", |seen| seen.tracks_with_pictures(5) == 1);

    goes.session.leave().unwrap();
    goes.wait("left", |seen| seen.event_names().contains(&"left"));
    assert_eq!(goes.session.state(), SessionState::Idle);
    stays.wait("the peer's leave", |seen| seen.event_names().contains(&"peer-left"));
    assert!(stays.session.peers().is_empty());

    goes.session.join("test/again").unwrap();
    stays.wait("the stream of the second join", |seen| seen.tracks_with_pictures(5) == 2);
}

#[test]
fn a_stream_added_and_removed_during_the_call_comes_and_goes_twice() {
    let server = TestServer::start();
    let [shares, watches] = [Caller::new(server.config()), Caller::new(server.config())];
    for caller in [&shares, &watches] {
        caller.session.add_stream(&small_stream(), Some(r#"{"role":"camera"}"#)).unwrap();
        caller.session.join("test/screen").unwrap();
    }
    watches.wait("the camera", |seen| seen.tracks_with_pictures(5) == 1);
    for round in 1..=2 {
        let screen = small_stream();
        shares.session.add_stream(&screen, Some(r#"{"role":"screen"}"#)).unwrap();
        watches.wait("the screen", |seen| seen.tracks_with_pictures(5) == 1 + round);
        shares.session.remove_stream(screen.id()).unwrap();
        watches.wait("the screen's end", |seen| {
            seen.event_names().iter().filter(|name| **name == "stream-removed").count() == round
        });
    }
    let before = watches.seen().pictures.values().map(Vec::len).max().unwrap();
    watches.wait("the camera to go on", |seen| seen.pictures.values().any(|p| p.len() > before + 10));
}

#[test]
fn messages_reach_everyone_or_one() {
    let server = TestServer::start();
    let callers: Vec<_> = (0..3).map(|_| Caller::new(server.config())).collect();
    for caller in &callers {
        caller.session.join("test/messages").unwrap();
    }
    for caller in &callers {
        caller.wait("both others", |seen| seen.names.len() == 2);
    }
    callers[0].session.send(None, r#"{"hello":"all"}"#).unwrap();
    let second = callers[1].session.peer_id().unwrap();
    let to_second = callers[0].session.peers().into_iter().find(|peer| peer.id == second).unwrap().peer;
    callers[0].session.send(Some(to_second), r#"["only","you"]"#).unwrap();
    let data = |seen: &support::Seen| {
        let texts = seen.events.iter().filter_map(|event| match event {
            Event::Data { data, .. } => Some(data.clone()),
            _ => None,
        });
        texts.collect::<Vec<_>>()
    };
    callers[1].wait("both messages", |seen| data(seen) == [r#"{"hello":"all"}"#, r#"["only","you"]"#]);
    callers[2].wait("the broadcast", |seen| data(seen) == [r#"{"hello":"all"}"#]);
    callers[0].wait("both requests to end well", |seen| {
        let ends = seen.events.iter().filter(|e| matches!(e, Event::RequestDone { outcome: Ok(()), .. }));
        ends.count() == 3
    });
    assert!(data(&callers[0].seen()).is_empty(), "a sender does not hear itself");
}

fn full_mesh(peers: usize) {
    let server = TestServer::start();
    let callers: Vec<_> = (0..peers).map(|_| Caller::new(server.config())).collect();
    for caller in &callers {
        caller.session.add_stream(&small_stream(), Some(r#"{"role":"camera"}"#)).unwrap();
        caller.session.join("test/mesh").unwrap();
    }
    for caller in &callers {
        caller.wait("pictures and sound of all others", |seen| {
            seen.tracks_with_pictures(15) == peers - 1 && seen.tracks_with_sound(24_000) == peers - 1
        });
        let seen = caller.seen();
        for kind in [MediaKind::Video, MediaKind::Audio] {
            let tracks =
                seen.events.iter().filter(|e| matches!(e, Event::TrackAdded { kind: k, .. } if *k == kind));
            assert_eq!(tracks.count(), peers - 1, "one {kind:?} track of each other peer");
        }
    }
}

#[test]
fn three_peers_form_a_full_mesh() {
    full_mesh(3);
}

#[test]
fn five_peers_form_a_full_mesh() {
    full_mesh(5);
}

/// Returns the codecs of all tracks that a caller receives.
fn codecs(caller: &Caller) -> Vec<Option<Codec>> {
    let seen = caller.seen();
    let tracks = seen.events.iter().filter_map(|event| match event {
        Event::TrackAdded { track, .. } => Some(caller.session.track_stats(*track).unwrap().codec),
        _ => None,
    });
    tracks.collect()
}

#[test]
fn h264_is_sent_where_both_want_it() {
    let server = TestServer::start();
    let callers = [(); 2].map(|()| {
        let mut config = server.config();
        config.video_codecs = vec![Codec::H264];
        Caller::new(config)
    });
    for caller in &callers {
        caller.session.add_stream(&small_stream(), None).unwrap();
        caller.session.join("test/h264").unwrap();
    }
    for caller in &callers {
        caller.wait("30 pictures", |seen| seen.tracks_with_pictures(30) == 1);
        assert!(codecs(caller).contains(&Some(Codec::H264)));
    }
}

#[test]
fn a_file_is_passed_through_as_it_is_even_where_another_codec_is_preferred() {
    let server = TestServer::start();
    let media = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/media");
    let stream = MediaStream::new();
    let clip = VideoSource::from_file(&media.join("bunny.ivf"), FileMode::Passthrough).unwrap();
    stream.add_video(&clip).unwrap();
    let speech = AudioSource::from_file(&media.join("speech.ogg"), FileMode::Passthrough).unwrap();
    stream.add_audio(&speech).unwrap();
    let [plays, watches] = [(); 2].map(|()| {
        let mut config = server.config();
        config.video_codecs = vec![Codec::H264, Codec::Vp8];
        Caller::new(config)
    });
    plays.session.add_stream(&stream, None).unwrap();
    plays.session.join("test/file").unwrap();
    watches.session.join("test/file").unwrap();
    watches.wait("pictures and speech", |seen| {
        seen.tracks_with_pictures(30) == 1 && seen.tracks_with_sound(10_000) == 1
    });
    assert_eq!(codecs(&watches), [Some(Codec::Vp8), Some(Codec::Opus)]);
}
