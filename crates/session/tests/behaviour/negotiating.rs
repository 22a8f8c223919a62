//! Offer and answer with one peer, with the link and the peer in the test's hands.

use protocol::ServerFrame;
use protocol::peer::{IceCandidate, PeerMessage, SdpKind};
use session::{Command, Event, LinkCommand, LinkEvent, LinkState, PeerState};
use units::{LinkId, MediaKind, ReceiverId, StreamId, TrackId};

use crate::support::{Client, Taken, camera, opened, role, track};

/// The local id in all these tests; `aaa` is lower, so that we are impolite to it, and `zzz` is higher.
pub(crate) const ME: &str = "me";
pub(crate) const LOWER: &str = "aaa";
pub(crate) const HIGHER: &str = "zzz";

pub(crate) fn with_camera(peer: &str) -> (Client, LinkId) {
    let mut client = Client::new();
    client.command(Command::AddStream(camera(10)));
    let link = enter(&mut client, peer);
    (client, link)
}

pub(crate) fn without_tracks(peer: &str) -> (Client, LinkId) {
    let mut client = Client::new();
    let link = enter(&mut client, peer);
    (client, link)
}

pub(crate) fn enter(client: &mut Client, peer: &str) -> LinkId {
    client.join("room");
    client.welcome(ME);
    client.ack();
    opened(&client.presence(&[peer], &[]))
}

pub(crate) fn candidate(number: u64) -> Option<IceCandidate> {
    Some(IceCandidate {
        candidate: format!("candidate:{number} 1 udp 1 192.0.2.1 9 typ host"),
        sdp_mid: Some("0".to_owned()),
        sdp_mline_index: Some(0),
        username_fragment: None,
    })
}

pub(crate) fn sdp(session_id: u64, fingerprint: &str, ufrag: &str) -> String {
    format!(
        "v=0\r\no=- {session_id} 2 IN IP4 127.0.0.1\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=ice-ufrag:{ufrag}\r\n"
    )
}

/// The link wants to negotiate and is let to; returns the number of the offer that went out.
pub(crate) fn offer_out(client: &mut Client, link: LinkId) -> u64 {
    let taken = client.link(link, LinkEvent::NegotiationNeeded);
    let negotiation = taken.negotiation().expect("an offer is made");
    client.described(link, negotiation, SdpKind::Offer, "our offer");
    negotiation
}

/// The peer offers and is answered.
pub(crate) fn answer_out(client: &mut Client, link: LinkId, from: &str, offer: &str) -> Taken {
    let negotiation = client.offer(from, offer).negotiation().expect("the offer is accepted");
    client.described(link, negotiation, SdpKind::Answer, "our answer")
}

pub(crate) fn kinds(messages: &[PeerMessage]) -> Vec<&'static str> {
    messages
        .iter()
        .map(|message| match message {
            PeerMessage::Description { kind: SdpKind::Offer, .. } => "offer",
            PeerMessage::Description { kind: SdpKind::Answer, .. } => "answer",
            PeerMessage::Candidate(Some(_)) => "candidate",
            PeerMessage::Candidate(None) => "end",
            PeerMessage::TrackMetadata { metadata: Some(_), .. } => "metadata",
            PeerMessage::TrackMetadata { metadata: None, .. } => "clear",
        })
        .collect()
}

pub(crate) fn problems(taken: &Taken) -> usize {
    taken.events.iter().filter(|event| matches!(event, Event::NegotiationError { .. })).count()
}

pub(crate) fn creates_offer(taken: &Taken) -> bool {
    matches!(taken.commands()[..], [LinkCommand::CreateOffer { ice_restart: false, .. }])
}

#[test]
fn metadata_goes_first_then_the_offer_then_the_candidates() {
    let (mut client, link) = with_camera(LOWER);
    let taken = client.link(link, LinkEvent::NegotiationNeeded);
    assert!(creates_offer(&taken));
    assert_eq!(taken.peer_states(), [PeerState::Connecting]);
    assert!(client.link(link, LinkEvent::LocalCandidate(candidate(1))).frames.is_empty());
    let negotiation = taken.negotiation().expect("an offer is made");
    let taken = client.described(link, negotiation, SdpKind::Offer, "our offer");
    let messages = taken.messages(LOWER);
    assert_eq!(kinds(&messages), ["metadata", "metadata", "offer", "candidate"]);
    assert_eq!(
        messages[0],
        PeerMessage::TrackMetadata {
            track_id: "track-11".to_owned(),
            stream_id: Some("stream-10".to_owned()),
            kind: Some("audio".to_owned()),
            metadata: Some(role("camera")),
        }
    );
    let announced = protocol::peer::Parlor { v: 1, caps: vec!["keep-link".to_owned()], offer: Some(1) };
    assert_eq!(
        messages[2],
        PeerMessage::Description {
            kind: SdpKind::Offer,
            sdp: "our offer".to_owned(),
            parlor: Some(announced),
        }
    );
    let taken = client.link(link, LinkEvent::LocalCandidate(None));
    assert_eq!(kinds(&taken.messages(LOWER)), ["end"]);
}

#[test]
fn streams_registered_before_the_join_are_on_the_link_before_its_first_offer() {
    let mut client = Client::new();
    client.command(Command::AddStream(camera(10)));
    client.join("room");
    client.welcome(ME);
    client.ack();
    let taken = client.presence(&[LOWER], &[]);
    let link = opened(&taken);
    let tracks: Vec<_> = taken.links[1..]
        .iter()
        .map(|(on, command)| match command {
            LinkCommand::AddTrack { stream, track, msid } if *on == link => {
                (stream.get(), track.id.get(), msid.as_str())
            }
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(tracks, [(10, 11, "stream-10"), (10, 12, "stream-10")]);
}

#[test]
fn an_answered_offer_settles_and_the_next_one_waits_for_it() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = offer_out(&mut client, link);
    assert!(client.link(link, LinkEvent::NegotiationNeeded).links.is_empty());
    let taken = client.answer(LOWER, "their answer");
    assert_eq!(taken.commands(), [LinkCommand::AcceptAnswer { negotiation, sdp: "their answer".to_owned() }]);
    let taken = client.link(link, LinkEvent::AnswerAccepted { negotiation });
    assert!(creates_offer(&taken), "the need from meanwhile is one offer");
    assert!(taken.negotiation() > Some(negotiation));
}

#[test]
fn what_a_link_wants_while_it_makes_an_offer_is_in_that_offer() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = client.link(link, LinkEvent::NegotiationNeeded).negotiation().expect("an offer");
    client.link(link, LinkEvent::NegotiationNeeded);
    client.described(link, negotiation, SdpKind::Offer, "our offer");
    client.answer(LOWER, "their answer");
    let taken = client.link(link, LinkEvent::AnswerAccepted { negotiation });
    assert!(taken.links.is_empty());
}

#[test]
fn the_polite_side_holds_its_first_offer_for_the_peers() {
    let (mut client, link) = with_camera(HIGHER);
    assert!(client.link(link, LinkEvent::NegotiationNeeded).links.is_empty());
    client.advance_ms(399);
    let taken = client.offer(HIGHER, "their offer");
    assert!(matches!(taken.commands()[..], [LinkCommand::AcceptOffer { .. }]));
    let negotiation = taken.negotiation().expect("the offer is accepted");
    let taken = client.described(link, negotiation, SdpKind::Answer, "our answer");
    assert_eq!(kinds(&taken.messages(HIGHER)), ["metadata", "metadata", "answer"]);
    assert!(client.advance_ms(1000).links.is_empty(), "the answer covered it");
    assert!(
        creates_offer(&client.link(link, LinkEvent::NegotiationNeeded)),
        "there is nothing to hold for any more"
    );
}

#[test]
fn the_polite_side_offers_when_the_peer_does_not() {
    let (mut client, link) = with_camera(HIGHER);
    client.link(link, LinkEvent::NegotiationNeeded);
    assert!(client.advance_ms(399).links.is_empty());
    assert!(creates_offer(&client.advance_ms(1)));
}

#[test]
fn without_anything_to_send_a_session_only_answers() {
    for peer in [LOWER, HIGHER] {
        let (mut client, link) = without_tracks(peer);
        let taken = client.advance_ms(10_000);
        assert!(taken.links.is_empty() && taken.peer_states().is_empty());
        let taken = answer_out(&mut client, link, peer, "their offer");
        assert_eq!(kinds(&taken.messages(peer)), ["answer"]);
    }
}

#[test]
fn in_a_collision_the_impolite_side_ignores_the_other_offer() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = offer_out(&mut client, link);
    assert!(client.offer(LOWER, "their offer").links.is_empty());
    let taken = client.answer(LOWER, "their answer");
    assert!(matches!(taken.commands()[..], [LinkCommand::AcceptAnswer { .. }]));
    assert_eq!(taken.negotiation(), Some(negotiation));
}

#[test]
fn in_a_collision_the_polite_side_gives_its_offer_up_and_repeats_its_candidates() {
    let (mut client, link) = with_camera(HIGHER);
    client.advance_ms(1000);
    let negotiation = offer_out(&mut client, link);
    client.link(link, LinkEvent::LocalCandidate(candidate(1)));
    let taken = client.offer(HIGHER, "their offer");
    assert!(matches!(taken.commands()[..], [LinkCommand::AcceptOffer { .. }]));
    let second = taken.negotiation().expect("the offer is accepted");
    assert!(second > negotiation);
    assert!(client.answer(HIGHER, "an answer to the offer given up").links.is_empty());
    let taken = client.described(link, second, SdpKind::Answer, "our answer");
    assert_eq!(kinds(&taken.messages(HIGHER)), ["answer", "candidate"]);
}

#[test]
fn an_offer_that_collides_while_ours_is_being_made_makes_its_result_stale() {
    let (mut client, link) = with_camera(HIGHER);
    client.advance_ms(1000);
    let first = client.link(link, LinkEvent::NegotiationNeeded).negotiation().expect("an offer");
    let second = client.offer(HIGHER, "their offer").negotiation().expect("accepted");
    assert!(client.described(link, first, SdpKind::Offer, "stale").frames.is_empty());
    let failed = LinkEvent::NegotiationFailed { negotiation: first, reason: "rolled back".to_owned() };
    assert_eq!(problems(&client.link(link, failed)), 0);
    let taken = client.described(link, second, SdpKind::Answer, "our answer");
    assert_eq!(kinds(&taken.messages(HIGHER)), ["metadata", "metadata", "answer"]);
}

#[test]
fn an_offer_right_behind_an_answer_is_taken_after_it_with_its_candidates() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = offer_out(&mut client, link);
    client.answer(LOWER, "their answer");
    assert!(client.offer(LOWER, "their next offer").links.is_empty());
    assert!(client.message(LOWER, &PeerMessage::Candidate(candidate(7))).links.is_empty());
    let taken = client.link(link, LinkEvent::AnswerAccepted { negotiation });
    assert!(
        matches!(&taken.commands()[..], [LinkCommand::AcceptOffer { sdp, .. }, LinkCommand::AddCandidate(Some(_))]
            if sdp == "their next offer"),
        "{:?}",
        taken.links
    );
}

#[test]
fn an_offer_behind_an_offer_is_answered_second() {
    let (mut client, link) = without_tracks(LOWER);
    let first = client.offer(LOWER, "first").negotiation().expect("accepted");
    assert!(client.offer(LOWER, "second").links.is_empty());
    let taken = client.described(link, first, SdpKind::Answer, "our answer");
    assert_eq!(kinds(&taken.messages(LOWER)), ["answer"]);
    assert!(matches!(&taken.commands()[..], [LinkCommand::AcceptOffer { sdp, .. }] if sdp == "second"));
}

#[test]
fn remote_candidates_wait_for_the_description() {
    let (mut client, link) = with_camera(LOWER);
    assert!(client.message(LOWER, &PeerMessage::Candidate(candidate(1))).links.is_empty());
    let negotiation = offer_out(&mut client, link);
    assert!(client.message(LOWER, &PeerMessage::Candidate(None)).links.is_empty());
    let taken = client.answer(LOWER, "their answer");
    assert_eq!(
        taken.commands(),
        [
            LinkCommand::AcceptAnswer { negotiation, sdp: "their answer".to_owned() },
            LinkCommand::AddCandidate(candidate(1)),
            LinkCommand::AddCandidate(None),
        ]
    );
    let taken = client.message(LOWER, &PeerMessage::Candidate(candidate(2)));
    assert_eq!(taken.commands(), [LinkCommand::AddCandidate(candidate(2))]);
}

#[test]
fn an_offer_without_an_answer_is_sent_again_with_everything_around_it() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = offer_out(&mut client, link);
    client.link(link, LinkEvent::LocalCandidate(candidate(1)));
    let taken = client.advance_ms(14_999);
    assert!(taken.frames.is_empty());
    let taken = client.advance_ms(1);
    assert!(taken.links.is_empty(), "the link's offer is the same");
    let messages = taken.messages(LOWER);
    assert_eq!(kinds(&messages), ["metadata", "metadata", "offer", "candidate"]);
    assert!(matches!(&messages[2], PeerMessage::Description { sdp, .. } if sdp == "our offer"));
    client.answer(LOWER, "their answer");
    client.link(link, LinkEvent::AnswerAccepted { negotiation });
    assert!(client.answer(LOWER, "their answer to the second").links.is_empty());
    assert!(client.advance_ms(19_000).frames.is_empty());
}

#[test]
fn an_answer_that_does_not_fit_is_dropped_and_the_right_one_still_counts() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = offer_out(&mut client, link);
    client.answer(LOWER, "a late answer to an earlier offer");
    let failed = LinkEvent::NegotiationFailed { negotiation, reason: "does not fit".to_owned() };
    assert_eq!(problems(&client.link(link, failed)), 1);
    let taken = client.answer(LOWER, "the answer");
    assert!(matches!(taken.commands()[..], [LinkCommand::AcceptAnswer { .. }]));

    let failed = LinkEvent::NegotiationFailed { negotiation, reason: "does not fit".to_owned() };
    client.link(link, failed);
    let taken = client.advance_ms(2_000);
    assert_eq!(
        kinds(&taken.messages(LOWER)).last(),
        Some(&"offer"),
        "without a right one the offer goes out again"
    );
}

#[test]
fn offers_that_are_never_answered_end_after_a_while_and_the_next_need_starts_over() {
    let (mut client, link) = with_camera(LOWER);
    offer_out(&mut client, link);
    let mut offers = 1;
    let mut reports = 0;
    for _ in 0..20 {
        client.frame(&ServerFrame::Pong);
        let taken = client.advance_ms(15_000);
        offers += kinds(&taken.messages(LOWER)).iter().filter(|kind| **kind == "offer").count();
        reports += problems(&taken);
    }
    assert_eq!((offers, reports), (9, 1));
    assert!(creates_offer(&client.link(link, LinkEvent::NegotiationNeeded)));
}

#[test]
fn a_peer_that_is_not_found_is_no_problem_but_a_forbidden_send_is() {
    for (code, expected) in [("peer_not_found", 0), ("action_not_permitted", 1)] {
        let (mut client, link) = with_camera(LOWER);
        offer_out(&mut client, link);
        assert_eq!(problems(&client.refuse(code)), expected, "{code}");
    }
}

#[test]
fn a_failed_offer_is_reported_and_made_again_after_a_pause() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = client.link(link, LinkEvent::NegotiationNeeded).negotiation().expect("an offer");
    let failed = LinkEvent::NegotiationFailed { negotiation, reason: "no codec".to_owned() };
    let taken = client.link(link, failed);
    assert_eq!((problems(&taken), taken.links.len()), (1, 0));
    assert!(client.advance_ms(1_999).links.is_empty());
    assert!(creates_offer(&client.advance_ms(1)));
}

#[test]
fn a_link_that_never_answers_a_command_counts_as_failed() {
    let (mut client, link) = with_camera(LOWER);
    client.link(link, LinkEvent::NegotiationNeeded);
    let taken = client.advance_ms(15_000);
    assert_eq!(problems(&taken), 1);
    assert!(creates_offer(&client.advance_ms(2_000)));
}

#[test]
fn an_answer_that_the_link_takes_very_late_settles_the_negotiation() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = offer_out(&mut client, link);
    client.answer(LOWER, "their answer");
    assert_eq!(problems(&client.advance_ms(15_000)), 1);
    client.link(link, LinkEvent::AnswerAccepted { negotiation });
    assert!(client.advance_ms(10_000).messages(LOWER).is_empty(), "there is nothing to offer again");
}

#[test]
fn a_bad_offer_costs_nothing_but_a_report_even_when_ours_was_due() {
    let (mut client, link) = with_camera(HIGHER);
    client.link(link, LinkEvent::NegotiationNeeded);
    let negotiation = client.offer(HIGHER, "garbage").negotiation().expect("tried");
    let failed = LinkEvent::NegotiationFailed { negotiation, reason: "not an SDP".to_owned() };
    assert_eq!(problems(&client.link(link, failed)), 1);
    assert!(creates_offer(&client.advance_ms(2_000)));
}

#[test]
fn answers_and_results_that_nobody_waits_for_are_ignored() {
    let (mut client, link) = with_camera(LOWER);
    assert!(client.answer(LOWER, "an answer to nothing").links.is_empty());
    let negotiation = offer_out(&mut client, link);
    for event in [
        LinkEvent::LocalDescription { negotiation, kind: SdpKind::Answer, sdp: "what".to_owned() },
        LinkEvent::NegotiationFailed { negotiation: negotiation + 1, reason: String::new() },
        LinkEvent::AnswerAccepted { negotiation: negotiation + 1 },
    ] {
        let taken = client.link(link, event.clone());
        assert!(taken.links.is_empty() && taken.events.is_empty() && taken.frames.is_empty(), "{event:?}");
    }
    let stranger = LinkId::new(link.get() + 1000);
    let taken = client.link(stranger, LinkEvent::NegotiationNeeded);
    assert!(taken.links.is_empty());
}

#[test]
fn tracks_that_come_and_go_reach_the_link_and_the_peer_learns_what_to_forget() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = offer_out(&mut client, link);
    client.answer(LOWER, "their answer");
    client.link(link, LinkEvent::AnswerAccepted { negotiation });

    let screen = track(21, MediaKind::Video);
    let taken = client.command(Command::AddTrack { stream: StreamId::new(10), track: screen.clone() });
    assert!(
        matches!(&taken.links[..], [(_, LinkCommand::AddTrack { track, .. })] if *track == screen),
        "{:?}",
        taken.links
    );
    let negotiation = client.link(link, LinkEvent::NegotiationNeeded).negotiation().expect("an offer");
    let taken = client.described(link, negotiation, SdpKind::Offer, "our offer");
    assert_eq!(kinds(&taken.messages(LOWER)), ["metadata", "offer"], "the others are told already");

    let taken = client.command(Command::RemoveTrack { track: TrackId::new(11) });
    assert_eq!(taken.commands(), [LinkCommand::RemoveTrack { track: TrackId::new(11) }]);
    assert_eq!(kinds(&taken.messages(LOWER)), ["clear"]);
    let taken = client.command(Command::RemoveStream { stream: StreamId::new(10) });
    assert_eq!(
        taken.commands(),
        [
            LinkCommand::RemoveTrack { track: TrackId::new(12) },
            LinkCommand::RemoveTrack { track: TrackId::new(21) },
        ]
    );
    let taken = client.command(Command::RemoveStream { stream: StreamId::new(10) });
    assert!(taken.links.is_empty() && taken.frames.is_empty());
}

#[test]
fn a_track_that_goes_before_the_offer_takes_the_offer_with_it() {
    let (mut client, link) = with_camera(HIGHER);
    client.link(link, LinkEvent::NegotiationNeeded);
    client.command(Command::RemoveStream { stream: StreamId::new(10) });
    assert!(client.advance_ms(5_000).links.is_empty(), "there is nothing to offer");
    let taken = client.command(Command::AddStream(camera(30)));
    assert!(creates_offer(&taken), "the link said before that it needs one and does not repeat it");
}

#[test]
fn a_description_that_the_server_would_refuse_is_reported() {
    let (mut client, link) = with_camera(LOWER);
    let negotiation = client.link(link, LinkEvent::NegotiationNeeded).negotiation().expect("an offer");
    let taken = client.described(link, negotiation, SdpKind::Offer, &"x".repeat(2000));
    assert_eq!(problems(&taken), 1);
    assert_eq!(kinds(&taken.messages(LOWER)), ["metadata", "metadata"]);
}

#[test]
fn a_remote_track_is_announced_with_the_metadata_that_came_before_it() {
    let (mut client, link) = without_tracks(LOWER);
    let metadata = PeerMessage::TrackMetadata {
        track_id: "v".to_owned(),
        stream_id: None,
        kind: None,
        metadata: Some(role("screen")),
    };
    client.message(LOWER, &metadata);
    answer_out(&mut client, link, LOWER, "their offer");
    let receiver = ReceiverId::new(5);
    let added = LinkEvent::TrackAdded {
        receiver,
        kind: MediaKind::Video,
        msid_stream: "s".to_owned(),
        msid_track: "v".to_owned(),
    };
    let taken = client.link(link, added);
    assert!(
        matches!(&taken.events[..], [
            Event::StreamAdded { msid, metadata: Some(first), .. },
            Event::TrackAdded { receiver: carried, link: on, metadata: Some(second), .. },
        ] if msid == "s" && *first == role("screen") && *second == role("screen")
            && *carried == receiver && *on == link),
        "{:?}",
        taken.events
    );
    let taken = client.presence(&[], &[LOWER]);
    assert!(
        matches!(
            &taken.events[..],
            [
                Event::TrackRemoved { .. },
                Event::StreamRemoved { .. },
                Event::PeerStateChanged { to: PeerState::Closed, .. },
                Event::PeerLeft { .. },
            ]
        ),
        "{:?}",
        taken.events
    );
}

#[test]
fn a_peer_that_built_a_new_connection_gets_a_new_link() {
    let (mut client, link) = with_camera(LOWER);
    answer_out(&mut client, link, LOWER, &sdp(1, "AA", "u1"));
    client.link_state(link, LinkState::Connected);
    answer_out(&mut client, link, LOWER, &sdp(1, "AA", "u2"));

    let taken = client.offer(LOWER, &sdp(2, "BB", "u3"));
    assert_eq!(taken.links[0], (link, LinkCommand::Close));
    let replacement = opened(&taken);
    assert!(taken.events.iter().any(|event| matches!(event, Event::ConnectionReset { .. })));
    assert_eq!(taken.peer_states(), [PeerState::Reconnecting]);
    assert!(
        matches!(taken.links.last(), Some((on, LinkCommand::AcceptOffer { .. })) if *on == replacement),
        "{:?}",
        taken.links
    );
    assert!(client.link_state(link, LinkState::Closed).events.is_empty(), "the old link is forgotten");
}

#[test]
fn an_answer_of_another_connection_makes_us_offer_it_a_new_link() {
    let (mut client, link) = with_camera(LOWER);
    answer_out(&mut client, link, LOWER, &sdp(1, "AA", "u1"));
    offer_out(&mut client, link);
    let taken = client.answer(LOWER, &sdp(2, "BB", "u2"));
    let replacement = opened(&taken);
    assert!(creates_offer(&client.link(replacement, LinkEvent::NegotiationNeeded)));
}

#[test]
fn an_offer_that_comes_again_is_answered_by_the_same_answer_and_does_not_undo_ours() {
    let (mut client, link) = with_camera(HIGHER);
    answer_out(&mut client, link, HIGHER, "their offer");
    let negotiation = offer_out(&mut client, link);
    let taken = client.offer(HIGHER, "their offer");
    assert!(taken.links.is_empty(), "{taken:?}");
    let descriptions = taken.messages(HIGHER).into_iter().filter_map(|message| match message {
        PeerMessage::Description { kind, sdp, .. } => Some((kind, sdp)),
        _ => None,
    });
    let expected = [(SdpKind::Answer, "our answer".to_owned()), (SdpKind::Offer, "our offer".to_owned())];
    assert_eq!(descriptions.collect::<Vec<_>>(), expected);
    let taken = client.answer(HIGHER, "their answer");
    assert_eq!(taken.commands(), [LinkCommand::AcceptAnswer { negotiation, sdp: "their answer".to_owned() }]);
    client.link(link, LinkEvent::AnswerAccepted { negotiation });
    let taken = client.offer(HIGHER, "their offer");
    assert!(
        matches!(taken.commands()[..], [LinkCommand::AcceptOffer { .. }]),
        "after ours it is another one"
    );
}

#[test]
fn an_answer_to_an_offer_that_gave_way_to_one_from_before_shows_the_peers_present_connection() {
    let (mut client, link) = with_camera(HIGHER);
    client.advance_ms(400);
    offer_out(&mut client, link);
    answer_out(&mut client, link, HIGHER, &sdp(1, "AA", "u1"));
    assert!(
        client.answer(HIGHER, &sdp(1, "AA", "u1")).links.is_empty(),
        "the same connection says nothing new"
    );
    let replacement = opened(&client.answer(HIGHER, &sdp(2, "AA", "u2")));
    client.advance_ms(400);
    assert!(creates_offer(&client.link(replacement, LinkEvent::NegotiationNeeded)));
}

#[test]
fn a_link_that_the_peer_closed_is_replaced_after_a_moment_if_nothing_else_happens() {
    let (mut client, link) = with_camera(LOWER);
    answer_out(&mut client, link, LOWER, "their offer");
    client.link_state(link, LinkState::Connected);
    assert_eq!(client.link_state(link, LinkState::Closed).peer_states(), []);
    assert!(client.advance_ms(999).links.is_empty());
    let taken = client.advance_ms(1);
    assert_eq!(taken.peer_states(), [PeerState::Reconnecting]);
    assert_eq!(taken.links[0], (link, LinkCommand::Close));
    opened(&taken);

    let (mut client, link) = with_camera(LOWER);
    answer_out(&mut client, link, LOWER, "their offer");
    client.link_state(link, LinkState::Closed);
    let taken = client.presence(&[], &[LOWER]);
    assert!(matches!(taken.events.last(), Some(Event::PeerLeft { .. })));
    assert!(client.advance_ms(5_000).links.is_empty());
}
