//! The way into a channel and out of it.

use crate::support::{Client, camera, opened};
use protocol::{ClientFrame, ServerFrame};
use session::{Command, Config, ConnectCredential, Credential, Event, Output, SessionState, SignalEvent};
use units::{RequestId, Secret};

use SessionState::{Closed, Idle, Joined, Joining, Leaving};

#[test]
fn a_join_connects_subscribes_and_reports_who_is_there() {
    let mut client = Client::new();
    let (request, taken) = client.join("room");
    assert_eq!(taken.connects, [ConnectCredential::Key(Secret::new("pk_test"))]);
    assert_eq!(taken.states(), [Joining]);
    assert!(client.signal(SignalEvent::Opened).frames.is_empty());

    let taken = client.welcome("me");
    assert!(matches!(&taken.frames[..], [ClientFrame::Subscribe { channel, .. }] if channel == "room"));

    let taken = client.ack();
    assert!(
        matches!(&taken.events[..], [
            Event::StateChanged { from: Joining, to: Joined },
            Event::Joined { peer_id, channel },
            Event::Done { result: Ok(()), .. },
        ] if peer_id == "me" && channel == "room"),
        "{:?}",
        taken.events
    );
    assert_eq!(taken.result(request), Some(&Ok(())));

    let taken = client.presence(&["me", "ada", "bo"], &[]);
    let joined: Vec<_> = taken
        .events
        .iter()
        .map(|event| match event {
            Event::PeerJoined { id, .. } => id.as_str(),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(joined, ["ada", "bo"]);
}

#[test]
fn a_snapshot_before_the_acknowledgement_is_kept_for_after_it() {
    let mut client = Client::new();
    client.join("room");
    client.welcome("me");
    assert!(client.presence(&["ada"], &[]).events.is_empty());
    assert!(client.presence(&["bo"], &["ada"]).events.is_empty());
    let taken = client.ack();
    let peers: Vec<_> = taken
        .events
        .iter()
        .filter_map(|event| match event {
            Event::PeerJoined { id, .. } => Some(format!("+{id}")),
            Event::PeerLeft { .. } => Some("-".to_owned()),
            Event::Joined { .. } => Some("joined".to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(peers, ["joined", "+ada", "+bo", "-"]);
}

#[test]
fn a_refused_join_ends_idle_and_the_next_one_works() {
    let mut client = Client::new();
    let (request, _) = client.join("locked");
    client.welcome("me");
    let taken = client.refuse("channel_not_authorized");
    assert_eq!(taken.failure(request), Some("channel_not_authorized"));
    assert_eq!(taken.states(), [Idle]);
    assert_eq!(taken.closes, [1000]);
    assert!(matches!(&taken.frames[..], [ClientFrame::Unsubscribe { .. }]));
    assert!(client.closed(1000).events.is_empty(), "the end of an abandoned connection is no news");
    client.enter("me", &["ada"]);
}

#[test]
fn a_join_fails_in_its_own_words_whatever_goes_wrong() {
    let fail = |act: &dyn Fn(&mut Client) -> crate::support::Taken| {
        let mut client = Client::new();
        let (request, _) = client.join("room");
        let taken = act(&mut client);
        assert_eq!(client.session.state(), Idle);
        assert_eq!(client.session.poll_timeout(), None, "an idle session waits for nothing");
        taken.failure(request).expect("the join failed").to_owned()
    };
    let failed = SignalEvent::Failed { reason: "no route".to_owned() };
    assert_eq!(fail(&|client| client.signal(failed.clone())), "connect_failed");
    assert_eq!(fail(&|client| client.closed(4001)), "invalid_token");
    assert_eq!(fail(&|client| client.closed(4010)), "over_concurrent_limit");
    assert_eq!(fail(&|client| client.closed(1006)), "disconnected");
    assert_eq!(fail(&|client| client.advance_ms(10_000)), "disconnected");
    assert_eq!(
        fail(&|client| {
            client.welcome("me");
            client.advance_ms(15_000)
        }),
        "ack_timeout"
    );
    assert_eq!(
        fail(&|client| {
            client.welcome("me");
            client.closed(4003)
        }),
        "channel_not_authorized"
    );
    assert_eq!(
        fail(&|client| {
            client.welcome("me");
            client.closed(1011)
        }),
        "disconnected"
    );
}

#[test]
fn a_join_waits_ten_seconds_for_the_welcome_and_not_longer() {
    let mut client = Client::new();
    let (request, _) = client.join("room");
    assert!(client.advance_ms(9_999).events.is_empty());
    let taken = client.advance_ms(1);
    assert_eq!(taken.closes, [4000]);
    assert!(taken.result(request).is_some());
}

#[test]
fn reserved_and_invalid_names_are_refused_without_a_connection() {
    let mut client = Client::new();
    for (name, code) in [
        ("_metered/x", "channel_reserved"),
        ("_Internal/x", "channel_reserved"),
        ("_SYSTEM/x", "channel_reserved"),
        ("", "invalid_channel"),
        ("a\nb", "invalid_channel"),
    ] {
        let (request, taken) = client.join(name);
        assert_eq!(taken.failure(request), Some(code), "{name:?}");
        assert!(taken.connects.is_empty() && taken.states().is_empty());
    }
}

#[test]
fn only_an_idle_session_joins() {
    let mut client = Client::new();
    let (first, _) = client.join("room");
    let (second, taken) = client.join("other");
    assert_eq!(taken.failure(second), Some("invalid_state"));
    client.welcome("me");
    assert_eq!(client.ack().result(first), Some(&Ok(())));
    let (third, taken) = client.join("room");
    assert_eq!(taken.failure(third), Some("invalid_state"));
}

#[test]
fn a_token_is_asked_for_and_used() {
    let mut client = Client::with(Config::new(Credential::Provider, 1));
    let (_, taken) = client.join("room");
    let asked = taken
        .events
        .iter()
        .find_map(|event| match event {
            Event::TokenNeeded { request } => Some(*request),
            _ => None,
        })
        .expect("a token is asked for");
    assert!(taken.connects.is_empty());
    let stranger = RequestId::new(asked.get() + 1);
    let token = |request| Command::ProvideToken { request, token: Ok(Secret::new("jwt")) };
    assert!(client.command(token(stranger)).connects.is_empty());
    assert_eq!(client.command(token(asked)).connects, [ConnectCredential::Token(Secret::new("jwt"))]);
    assert!(client.command(token(asked)).connects.is_empty(), "a token is used once");
}

#[test]
fn a_join_without_a_token_fails() {
    for provide in [true, false] {
        let mut client = Client::with(Config::new(Credential::Provider, 1));
        let (request, taken) = client.join("room");
        let taken = match taken.events.last() {
            Some(Event::TokenNeeded { request }) if provide => {
                client.command(Command::ProvideToken { request: *request, token: Err("no".to_owned()) })
            }
            _ => client.advance_ms(10_000),
        };
        assert_eq!(taken.failure(request), Some("token_unavailable"));
        assert_eq!(client.session.state(), Idle);
    }
}

#[test]
fn leaving_takes_everything_down_in_order_and_streams_stay() {
    let mut client = Client::new();
    client.command(Command::AddStream(camera(10)));
    client.join("room");
    client.welcome("me");
    client.ack();
    let link = opened(&client.presence(&["ada"], &[]));

    let (request, taken) = client.leave();
    assert_eq!(taken.links, [(link, session::LinkCommand::Close)]);
    assert!(matches!(&taken.frames[..], [ClientFrame::Unsubscribe { .. }]));
    assert_eq!(taken.closes, [1000]);
    assert!(
        matches!(
            &taken.events[..],
            [
                Event::StateChanged { from: Joined, to: Leaving },
                Event::PeerStateChanged { .. },
                Event::PeerLeft { .. }
            ]
        ),
        "{:?}",
        taken.events
    );
    let taken = client.closed(1000);
    assert!(
        matches!(&taken.events[..], [
            Event::StateChanged { from: Leaving, to: Idle },
            Event::Left { request: Some(left), reason: None },
            Event::Done { result: Ok(()), .. },
        ] if *left == request),
        "{:?}",
        taken.events
    );

    client.join("room");
    client.welcome("me-again");
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    let tracks =
        taken.links.iter().filter(|(_, command)| matches!(command, session::LinkCommand::AddTrack { .. }));
    assert_eq!(tracks.count(), 2, "the streams of before are offered again");
}

#[test]
fn the_unsubscribe_leaves_before_the_close() {
    let mut client = Client::joined("me", &[]);
    client
        .session
        .handle(client.now, session::Input::Command(Command::Leave { request: RequestId::new(99) }));
    let outputs: Vec<_> = std::iter::from_fn(|| client.session.poll())
        .filter(|output| matches!(output, Output::Signal(_)))
        .collect();
    assert!(
        matches!(
            &outputs[..],
            [
                Output::Signal(session::SignalCommand::Send(_)),
                Output::Signal(session::SignalCommand::Close { .. })
            ]
        ),
        "{outputs:?}"
    );
}

#[test]
fn leaving_a_dead_connection_is_done_after_two_seconds() {
    let mut client = Client::joined("me", &["ada"]);
    let (first, _) = client.leave();
    let (second, taken) = client.leave();
    assert!(taken.events.is_empty());
    assert!(client.advance_ms(1_999).events.is_empty());
    let taken = client.advance_ms(1);
    assert_eq!(taken.states(), [Idle]);
    assert_eq!(taken.result(first), Some(&Ok(())));
    assert_eq!(taken.result(second), Some(&Ok(())));
    client.enter("me", &["ada"]);
}

#[test]
fn a_leave_cancels_a_join_at_every_stage() {
    for stage in 0..3 {
        let mut client = Client::with(Config::new(Credential::Provider, 1));
        let (join, taken) = client.join("room");
        if stage > 0 {
            let Some(Event::TokenNeeded { request }) = taken.events.last() else { panic!("no token asked") };
            client.command(Command::ProvideToken { request: *request, token: Ok(Secret::new("t")) });
        }
        if stage > 1 {
            client.welcome("me");
        }
        let (leave, taken) = client.leave();
        assert_eq!(taken.failure(join), Some("cancelled"), "stage {stage}");
        let taken = if stage == 0 { taken } else { client.closed(1000) };
        assert_eq!(taken.result(leave), Some(&Ok(())), "stage {stage}");
        assert_eq!(client.session.state(), Idle);
        assert_eq!(client.session.poll_timeout(), None);
    }
}

#[test]
fn leaving_when_idle_has_nothing_to_do() {
    let mut client = Client::new();
    let (request, taken) = client.leave();
    assert_eq!(taken.events, [Event::Done { request, result: Ok(()) }]);
}

#[test]
fn frames_that_arrive_while_leaving_change_nothing() {
    let mut client = Client::joined("me", &["ada"]);
    client.leave();
    assert!(client.presence(&["bo"], &[]).events.is_empty());
    assert!(client.direct("ada", serde_json::json!(1)).events.is_empty());
    assert!(client.welcome("you").frames.is_empty());
}

#[test]
fn a_close_ends_everything_at_once_and_for_good() {
    let mut client = Client::joined("me", &["ada"]);
    let (sent, _) = client.send(None, serde_json::json!("hi"));
    let taken = client.command(Command::Close);
    assert_eq!(taken.failure(sent), Some("closed"));
    assert_eq!(taken.states(), [Leaving, Closed]);
    assert_eq!(taken.closes, [1000]);
    assert!(taken.events.iter().any(|event| matches!(event, Event::PeerLeft { .. })));
    assert!(matches!(taken.events.last(), Some(Event::Left { request: None, reason: Some(_) })));
    assert_eq!(client.session.poll_timeout(), None);

    let (join, taken) = client.join("room");
    assert_eq!(taken.failure(join), Some("closed"));
    let (leave, taken) = client.leave();
    assert_eq!(taken.failure(leave), Some("closed"));
    let (send, taken) = client.send(None, serde_json::json!(1));
    assert_eq!(taken.failure(send), Some("closed"));
    assert!(client.command(Command::Close).events.is_empty());
}

#[test]
fn a_close_while_leaving_still_ends_the_leave() {
    let mut client = Client::joined("me", &[]);
    let (leave, _) = client.leave();
    let taken = client.command(Command::Close);
    assert_eq!(taken.result(leave), Some(&Ok(())));
    assert_eq!(client.session.state(), Closed);
    assert!(client.closed(1000).events.is_empty());
}

#[test]
fn unreadable_and_unknown_frames_are_ignored() {
    let mut client = Client::joined("me", &["ada"]);
    for text in ["", "{", "[]", "{\"type\":\"of tomorrow\"}", "{\"type\":\"presence\",\"channel\":\"room\"}"]
    {
        let taken = client.signal(SignalEvent::Text(text.to_owned()));
        assert!(taken.events.is_empty() && taken.closes.is_empty(), "{text:?}");
    }
    let oversized = SignalEvent::Text(" ".repeat(1_048_577));
    assert_eq!(client.signal(oversized).closes, [1009]);
    assert!(client.frame(&ServerFrame::Pong).events.is_empty());
}
