//! Losing the signalling connection and getting it back.

use std::time::Duration;

use crate::negotiating::{LOWER, answer_out, offer_out, sdp, with_camera, without_tracks};
use crate::support::{Client, Taken, opened, parlor_description};
use protocol::peer::{Parlor, PeerMessage, SdpKind};
use protocol::{ClientFrame, ServerFrame};
use session::{Config, Credential, Event, LinkCommand, LinkState, PeerState, ReconnectPolicy, SessionState};
use units::{LinkId, Secret};

use SessionState::{Closed, Joined, Reconnecting};

fn connected_peer(kind: Kind) -> (Client, LinkId) {
    let mut client = Client::new();
    client.join("room");
    client.welcome("me");
    client.ack();
    let link = opened(&client.presence(&["ada"], &[]));
    let offer = match kind {
        Kind::Sdk => crate::support::description(SdpKind::Offer, "v=0"),
        Kind::Parlor => parlor_description(SdpKind::Offer, "v=0"),
    };
    let negotiation = client.message("ada", &offer).negotiation().expect("the offer is accepted");
    client.described(link, negotiation, SdpKind::Answer, "v=0");
    let taken = client.link_state(link, LinkState::Connected);
    assert_eq!(taken.peer_states(), [PeerState::Connected]);
    (client, link)
}

enum Kind {
    Sdk,
    Parlor,
}

/// Loses the connection and gets a new one, up to the subscribe.
fn reconnect(client: &mut Client, own: &str) -> Taken {
    let lost = client.closed(1006);
    assert_eq!(lost.states(), [Reconnecting]);
    assert_eq!(client.advance(Duration::from_secs(1)).connects.len(), 1);
    let taken = client.welcome(own);
    assert!(matches!(&taken.frames[..], [ClientFrame::Subscribe { .. }]), "{:?}", taken.frames);
    lost
}

#[test]
fn the_first_attempt_comes_after_half_a_second_give_or_take() {
    let mut client = Client::joined("me", &[]);
    client.closed(1006);
    let due = client.session.poll_timeout().expect("an attempt is due") - client.now;
    assert!((Duration::from_millis(400)..=Duration::from_millis(600)).contains(&due), "{due:?}");
    assert_eq!(client.advance(due).connects.len(), 1);
}

#[test]
fn attempts_that_fail_are_repeated_with_growing_pauses() {
    let mut client = Client::joined("me", &["ada"]);
    client.closed(1006);
    for base in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
        let due = client.session.poll_timeout().expect("an attempt is due") - client.now;
        let range = Duration::from_millis(base * 8 / 10)..=Duration::from_millis(base * 12 / 10);
        assert!(range.contains(&due), "{due:?} is not near {base} ms");
        assert_eq!(client.advance(due).connects.len(), 1);
        assert!(client.closed(1006).events.is_empty(), "a failed attempt is no news");
    }
}

#[test]
fn a_full_server_is_given_half_a_minute() {
    let mut client = Client::joined("me", &[]);
    client.closed(4010);
    let due = client.session.poll_timeout().expect("an attempt is due") - client.now;
    assert!((Duration::from_secs(24)..=Duration::from_secs(36)).contains(&due), "{due:?}");
}

#[test]
fn a_terminal_close_ends_the_session() {
    for (code, name) in [
        (4001, "invalid_token"),
        (4003, "channel_not_authorized"),
        (4012, "account_suspended"),
        (4020, "admin_disconnect"),
    ] {
        let mut client = Client::joined("me", &["ada"]);
        let taken = client.closed(code);
        assert!(
            matches!(&taken.events[..], [
                Event::Error { code, .. },
                Event::PeerStateChanged { .. },
                Event::PeerLeft { .. },
                Event::StateChanged { from: Joined, to: Closed },
                Event::Left { request: None, reason: Some(reason) },
            ] if code == name && reason == name),
            "{:?}",
            taken.events
        );
        assert!(matches!(&taken.links[..], [(_, LinkCommand::Close)]));
        assert_eq!(client.session.poll_timeout(), None);
    }
}

#[test]
fn an_expired_token_is_replaced_at_once_when_there_can_be_another() {
    let mut client = Client::with(Config::new(Credential::Provider, 1));
    let token = |client: &mut Client, taken: Taken| {
        let Some(Event::TokenNeeded { request }) = taken.events.last() else {
            panic!("no token asked for: {:?}", taken.events)
        };
        client.command(session::Command::ProvideToken { request: *request, token: Ok(Secret::new("t")) })
    };
    let (_, taken) = client.join("room");
    token(&mut client, taken);
    client.welcome("me");
    client.ack();
    client.presence(&[], &[]);
    client.advance(Duration::from_secs(10));
    let taken = client.closed(4002);
    assert_eq!(taken.states(), [Reconnecting]);
    assert!(!taken.events.iter().any(|event| matches!(event, Event::Error { .. })));
    assert!(matches!(taken.events.last(), Some(Event::TokenNeeded { .. })), "{:?}", taken.events);
    assert_eq!(token(&mut client, taken).connects.len(), 1);
    client.welcome("me");
    assert_eq!(client.ack().states(), [Joined]);

    let mut fixed = Client::with(Config::new(Credential::Token(Secret::new("t")), 1));
    fixed.enter("me", &[]);
    let taken = fixed.closed(4002);
    assert!(matches!(&taken.events[0], Event::Error { code, .. } if code == "token_expired"));
    assert_eq!(fixed.session.state(), Closed);
}

#[test]
fn a_server_that_finds_every_token_expired_is_not_hammered() {
    let mut client = Client::joined("me", &[]);
    client.closed(4002);
    let due = client.session.poll_timeout().expect("an attempt is due") - client.now;
    assert!(due >= Duration::from_millis(400), "{due:?}");
}

#[test]
fn without_reconnection_or_with_no_attempts_left_the_session_ends() {
    let policies = [
        ReconnectPolicy { enabled: false, ..ReconnectPolicy::default() },
        ReconnectPolicy { max_attempts: Some(2), ..ReconnectPolicy::default() },
    ];
    for (policy, attempts) in policies.into_iter().zip([0, 2]) {
        let config = Config { reconnect: policy, ..Config::new(Credential::Key(Secret::new("k")), 1) };
        let mut client = Client::with(config);
        client.enter("me", &["ada"]);
        let mut taken = client.closed(1006);
        for _ in 0..attempts {
            assert_eq!(client.session.state(), Reconnecting);
            client.advance(Duration::from_secs(2));
            taken = client.closed(1006);
        }
        assert!(matches!(&taken.events[0], Event::Error { code, .. } if code == "disconnected"));
        assert_eq!(client.session.state(), Closed);
    }
}

#[test]
fn a_session_that_is_alone_is_back_with_the_acknowledgement() {
    let mut client = Client::joined("me", &[]);
    reconnect(&mut client, "me");
    assert_eq!(client.ack().states(), [Joined]);
}

#[test]
fn the_roster_after_a_return_says_who_stayed_who_left_and_who_is_new() {
    let mut client = Client::joined("me", &["ada", "bo"]);
    reconnect(&mut client, "me");
    assert!(client.ack().states().is_empty());
    let taken = client.presence(&["me", "bo", "cy"], &[]);
    let story: Vec<_> = taken
        .events
        .iter()
        .filter_map(|event| match event {
            Event::PeerLeft { .. } => Some("left"),
            Event::PeerJoined { id, .. } if id == "cy" => Some("joined"),
            Event::StateChanged { to: Joined, .. } => Some("back"),
            _ => None,
        })
        .collect();
    assert_eq!(story, ["left", "joined", "back"]);
}

#[test]
fn the_roster_may_come_before_the_acknowledgement_of_a_return() {
    let mut client = Client::joined("me", &["ada"]);
    reconnect(&mut client, "me");
    assert_eq!(client.presence(&["me", "ada"], &[]).states(), [Joined]);
    assert!(client.ack().states().is_empty());

    let mut alone = Client::joined("me", &[]);
    reconnect(&mut alone, "me");
    let taken = alone.presence(&["me", "ada"], &[]);
    assert_eq!(taken.states(), [Joined]);
    let taken = alone.link(opened(&taken), session::LinkEvent::NegotiationNeeded);
    assert!(taken.negotiation().is_some(), "nothing more is waited for");
}

#[test]
fn a_link_to_an_sdk_peer_is_replaced_and_looks_reconnecting_until_then() {
    let (mut client, link) = connected_peer(Kind::Sdk);
    let lost = reconnect(&mut client, "me");
    assert_eq!(lost.peer_states(), [PeerState::Reconnecting]);
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    assert_eq!(taken.links[0], (link, LinkCommand::Close));
    let link = opened(&taken);
    assert!(taken.events.iter().any(|event| matches!(event, Event::ConnectionReset { .. })));
    assert!(taken.peer_states().is_empty());
    assert!(client.link_state(link, LinkState::Connecting).peer_states().is_empty());
    assert_eq!(client.link_state(link, LinkState::Connected).peer_states(), [PeerState::Connected]);
}

#[test]
fn a_healthy_link_to_a_parlor_peer_is_kept() {
    let (mut client, _) = connected_peer(Kind::Parlor);
    let lost = reconnect(&mut client, "me");
    assert!(lost.peer_states().is_empty());
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    assert_eq!(taken.states(), [Joined]);
    assert!(taken.links.is_empty() && taken.peer_states().is_empty(), "{taken:?}");
}

#[test]
fn not_even_a_parlor_peers_link_is_kept_when_it_is_unhealthy_or_our_id_changed() {
    for unhealthy in [true, false] {
        let (mut client, link) = connected_peer(Kind::Parlor);
        if unhealthy {
            client.link_state(link, LinkState::Disconnected);
        }
        reconnect(&mut client, if unhealthy { "me" } else { "someone-else" });
        client.ack();
        let taken = client.presence(&["ada"], &[]);
        assert!(taken.events.iter().any(|event| matches!(event, Event::ConnectionReset { .. })));
    }
}

#[test]
fn an_id_that_changed_in_a_failed_attempt_still_counts() {
    let (mut client, _) = connected_peer(Kind::Parlor);
    reconnect(&mut client, "someone-else");
    client.closed(1006);
    client.advance(Duration::from_secs(2));
    client.welcome("someone-else");
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    assert!(taken.events.iter().any(|event| matches!(event, Event::ConnectionReset { .. })));
}

#[test]
fn a_parlor_peer_that_leaves_and_joins_at_once_was_only_reconnecting() {
    let (mut client, _) = connected_peer(Kind::Parlor);
    assert!(client.presence(&[], &["ada"]).events.is_empty());
    let taken = client.presence(&["ada"], &[]);
    assert!(taken.events.is_empty() && taken.links.is_empty(), "{taken:?}");
    assert!(client.advance(Duration::from_secs(10)).events.is_empty());
}

#[test]
fn a_parlor_peer_that_leaves_for_good_is_gone_after_the_grace_or_with_its_link() {
    let (mut client, _) = connected_peer(Kind::Parlor);
    client.presence(&[], &["ada"]);
    assert!(client.advance_ms(9_999).events.is_empty());
    assert!(matches!(client.advance_ms(1).events.last(), Some(Event::PeerLeft { .. })));

    let (mut client, link) = connected_peer(Kind::Parlor);
    client.presence(&[], &["ada"]);
    let taken = client.link_state(link, LinkState::Closed);
    assert!(matches!(taken.events.last(), Some(Event::PeerLeft { .. })));
}

#[test]
fn after_a_server_restart_parlor_peers_may_return_one_by_one() {
    let (mut client, _) = connected_peer(Kind::Parlor);
    reconnect(&mut client, "me");
    client.ack();
    let taken = client.presence(&["me"], &[]);
    assert_eq!(taken.states(), [Joined]);
    assert!(client.advance_ms(4_900).events.is_empty());
    let taken = client.presence(&["ada"], &[]);
    assert!(taken.events.is_empty() && taken.links.is_empty(), "{taken:?}");
}

#[test]
fn after_a_long_outage_parlor_peers_have_the_time_that_their_attempts_are_apart() {
    let (mut client, _) = connected_peer(Kind::Parlor);
    client.closed(1006);
    let back = client.now + Duration::from_secs(600);
    while client.now < back {
        client.advance(Duration::from_secs(40));
        client.closed(1006);
    }
    let tries = (0..40).any(|_| !client.advance(Duration::from_secs(1)).connects.is_empty());
    assert!(tries);
    client.welcome("me");
    client.ack();
    assert_eq!(client.presence(&["me"], &[]).states(), [Joined]);
    assert!(client.advance_ms(44_999).events.is_empty());
    assert!(matches!(client.advance_ms(1).events.last(), Some(Event::PeerLeft { .. })));
}

#[test]
fn a_sdk_peer_that_leaves_is_gone_at_once() {
    let (mut client, link) = connected_peer(Kind::Sdk);
    let taken = client.presence(&[], &["ada"]);
    assert_eq!(taken.links, [(link, LinkCommand::Close)]);
    assert_eq!(taken.peer_states(), [PeerState::Closed]);
    assert!(matches!(taken.events.last(), Some(Event::PeerLeft { .. })));
}

#[test]
fn an_offer_that_was_made_for_the_link_before_is_answered_and_ours_follows_if_we_have_one_to_make() {
    for has_camera in [true, false] {
        let (mut client, link) = if has_camera { with_camera(LOWER) } else { without_tracks(LOWER) };
        answer_out(&mut client, link, LOWER, &sdp(1, "AA", "u1"));
        client.link_state(link, LinkState::Closed);
        let replacement = opened(&client.advance_ms(1_000));
        let taken = answer_out(&mut client, replacement, LOWER, &sdp(1, "AA", "u2"));
        let offers = |command: &LinkCommand| matches!(command, LinkCommand::CreateOffer { .. });
        assert_eq!(taken.commands().iter().any(offers), has_camera, "{taken:?}");
    }
}

#[test]
fn an_answer_to_an_offer_that_was_given_up_is_not_taken_for_that_to_the_next() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = offer_out(&mut client, link);
    let answer = |offer| {
        let parlor = Parlor { v: 1, caps: Vec::new(), offer: Some(offer) };
        PeerMessage::Description {
            kind: SdpKind::Answer,
            sdp: "their answer".to_owned(),
            parlor: Some(parlor),
        }
    };
    assert!(client.message(LOWER, &answer(negotiation - 1)).links.is_empty());
    let taken = client.message(LOWER, &answer(negotiation));
    assert!(matches!(taken.commands()[..], [LinkCommand::AcceptAnswer { .. }]), "{taken:?}");
}

#[test]
fn our_answer_bears_the_number_of_the_offer() {
    let (mut client, link) = with_camera(LOWER);
    let parlor = Parlor { v: 1, caps: Vec::new(), offer: Some(41) };
    let offer = PeerMessage::Description {
        kind: SdpKind::Offer,
        sdp: "their offer".to_owned(),
        parlor: Some(parlor),
    };
    let negotiation = client.message(LOWER, &offer).negotiation().expect("the offer is accepted");
    let taken = client.described(link, negotiation, SdpKind::Answer, "our answer");
    let number = taken.messages(LOWER).into_iter().find_map(|message| match message {
        PeerMessage::Description { kind: SdpKind::Answer, parlor, .. } => parlor?.offer,
        _ => None,
    });
    assert_eq!(number, Some(41));
}

#[test]
fn a_silent_server_is_pinged_every_twenty_seconds_and_given_up_after_sixty() {
    let mut client = Client::joined("me", &[]);
    assert!(client.advance_ms(19_999).frames.is_empty());
    assert_eq!(client.advance_ms(1).frames, [ClientFrame::Ping { request_id: None, cursor: None }]);
    assert_eq!(client.advance_ms(20_000).frames, [ClientFrame::Ping { request_id: None, cursor: None }]);
    assert!(client.advance_ms(19_999).closes.is_empty());
    let taken = client.advance_ms(1);
    assert_eq!((taken.closes, taken.events.len()), (vec![4000], 1));
    assert_eq!(client.session.state(), Reconnecting);
}

#[test]
fn any_text_keeps_the_connection_alive() {
    let mut client = Client::joined("me", &[]);
    for _ in 0..10 {
        client.advance_ms(15_000);
        let taken = client.frame(&ServerFrame::Pong);
        assert!(taken.frames.is_empty());
    }
    assert_eq!(client.session.state(), Joined);
}

#[test]
fn a_subscribe_that_fails_after_a_return_is_tried_four_times_and_then_on_a_new_connection() {
    let mut client = Client::joined("me", &[]);
    reconnect(&mut client, "me");
    for _ in 0..3 {
        assert!(client.refuse("internal_error").events.is_empty());
        assert!(client.advance_ms(1_999).frames.is_empty());
        assert!(matches!(&client.advance_ms(1).frames[..], [ClientFrame::Subscribe { .. }]));
    }
    let taken = client.refuse("internal_error");
    assert!(matches!(&taken.events[..], [Event::Error { code, .. }] if code == "internal_error"));
    assert_eq!(taken.closes, [4000]);
    assert_eq!(client.advance_ms(600).connects.len(), 1);
}

#[test]
fn a_roster_that_does_not_come_is_asked_for_twice_more() {
    let mut client = Client::joined("me", &["ada"]);
    reconnect(&mut client, "me");
    client.ack();
    for _ in 0..2 {
        assert!(client.advance_ms(9_999).frames.is_empty());
        assert!(matches!(&client.advance_ms(1).frames[..], [ClientFrame::Subscribe { .. }]));
        client.ack();
    }
    let taken = client.advance_ms(10_000);
    assert!(
        taken
            .events
            .iter()
            .any(|event| matches!(event, Event::Error { code, .. } if code == "reconcile_timeout")),
        "{:?}",
        taken.events
    );
    assert_eq!(taken.closes, [4000]);
    assert_eq!(client.session.state(), Reconnecting);
}

#[test]
fn going_away_is_passed_on() {
    let mut client = Client::joined("me", &[]);
    let taken = client.frame(&ServerFrame::GoingAway { retry_after_ms: Some(1500) });
    assert_eq!(taken.events, [Event::GoingAway { retry_after_ms: 1500 }]);
    let taken = client.frame(&ServerFrame::GoingAway { retry_after_ms: None });
    assert_eq!(taken.events, [Event::GoingAway { retry_after_ms: 1000 }]);
}

#[test]
fn leaving_while_reconnecting_needs_no_network() {
    let mut client = Client::joined("me", &["ada"]);
    client.closed(1006);
    let (leave, taken) = client.leave();
    assert_eq!(taken.result(leave), Some(&Ok(())));
    assert_eq!(client.session.state(), SessionState::Idle);
    assert_eq!(client.session.poll_timeout(), None);
}
