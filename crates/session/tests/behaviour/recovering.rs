//! Links that fail, and negotiations that wait for signalling.

use protocol::ServerFrame;
use protocol::peer::SdpKind;
use session::{Command, LinkCommand, LinkEvent, LinkState, PeerState};
use units::{MediaKind, StreamId};

use crate::negotiating::*;
use crate::support::{description, opened, parlor_description, track};

#[test]
fn peer_states_follow_the_link() {
    let (mut client, link) = with_camera(LOWER);
    let mut states = client.link(link, LinkEvent::NegotiationNeeded).peer_states();
    for state in [
        LinkState::Connecting,
        LinkState::Connected,
        LinkState::Disconnected,
        LinkState::Connected,
        LinkState::Failed,
        LinkState::Connecting,
        LinkState::Connected,
    ] {
        states.extend(client.link_state(link, state).peer_states());
    }
    use PeerState::{Connected, Connecting, Reconnecting};
    assert_eq!(states, [Connecting, Connected, Reconnecting, Connected, Reconnecting, Connected]);
}

#[test]
fn a_lost_link_is_restarted_at_once_then_with_growing_pauses_and_ends_with_one_report() {
    let (mut client, link) = with_camera(LOWER);
    answer_out(&mut client, link, LOWER, "their offer");
    client.link_state(link, LinkState::Connected);
    let began = client.now;
    let mut taken = client.link_state(link, LinkState::Failed);
    let mut starts = Vec::new();
    let mut reports = 0;
    for _ in 0..400 {
        reports += problems(&taken);
        if let Some(LinkCommand::CreateOffer { negotiation, ice_restart }) = taken.commands().first() {
            assert!(*ice_restart);
            starts.push((client.now - began).as_secs());
            client.described(link, *negotiation, SdpKind::Offer, "our offer");
        }
        client.frame(&ServerFrame::Pong);
        taken = client.advance_ms(1000);
    }
    assert_eq!(starts, [0, 16, 33, 52, 75, 106, 151, 196, 241], "each step waits 15 s for its answer");
    assert_eq!(reports, 1);
}

#[test]
fn restarts_go_on_while_answered_ones_find_no_path() {
    let (mut client, link) = with_camera(LOWER);
    answer_out(&mut client, link, LOWER, &sdp(1, "AA", "u1"));
    client.link_state(link, LinkState::Connected);
    let began = client.now;
    let mut taken = client.link_state(link, LinkState::Disconnected);
    let mut starts = Vec::new();
    for _ in 0..20 {
        if let Some(negotiation) = taken.negotiation() {
            starts.push((client.now - began).as_secs());
            client.described(link, negotiation, SdpKind::Offer, "our offer");
            client.answer(LOWER, &sdp(1, "AA", &format!("u{}", starts.len() + 1)));
            client.link(link, LinkEvent::AnswerAccepted { negotiation });
        }
        client.frame(&ServerFrame::Pong);
        taken = client.advance_ms(1000);
    }
    assert_eq!(starts, [0, 3, 6, 10, 18]);
}

#[test]
fn a_peer_that_answers_a_restart_by_a_new_connection_gets_time_before_the_next_offer() {
    let (mut client, link) = with_camera(LOWER);
    answer_out(&mut client, link, LOWER, &sdp(1, "AA", "u1"));
    client.link_state(link, LinkState::Connected);
    let negotiation = client.link_state(link, LinkState::Disconnected).negotiation().expect("a restart");
    client.described(link, negotiation, SdpKind::Offer, "our offer");
    let replacement = opened(&client.answer(LOWER, &sdp(2, "BB", "u2")));
    assert!(!creates_offer(&client.link(replacement, LinkEvent::NegotiationNeeded)));
    assert!(!creates_offer(&client.advance_ms(1_999)));
    assert!(creates_offer(&client.advance_ms(1)));
}

#[test]
fn a_restart_that_proves_needless_before_its_answer_is_followed_by_an_ordinary_offer() {
    for connected_first in [true, false] {
        let (mut client, link) = with_camera(LOWER);
        answer_out(&mut client, link, LOWER, "their offer");
        client.link_state(link, LinkState::Connected);
        let negotiation = client.link_state(link, LinkState::Failed).negotiation().expect("a restart");
        client.described(link, negotiation, SdpKind::Offer, "our offer");
        let taken = if connected_first {
            client.link_state(link, LinkState::Connected);
            client.advance_ms(15_000)
        } else {
            client.advance_ms(15_000);
            client.link_state(link, LinkState::Connected)
        };
        assert!(creates_offer(&taken), "the link still waits for an answer");
    }
}

#[test]
fn the_polite_side_of_a_failed_link_lets_the_other_restart() {
    let (mut client, link) = with_camera(HIGHER);
    answer_out(&mut client, link, HIGHER, &sdp(1, "AA", "u1"));
    client.link_state(link, LinkState::Connected);
    client.link_state(link, LinkState::Failed);
    client.advance_ms(300);
    let taken = answer_out(&mut client, link, HIGHER, &sdp(1, "AA", "u2"));
    assert_eq!(kinds(&taken.messages(HIGHER)), ["answer"]);
    client.link_state(link, LinkState::Connecting);
    client.link_state(link, LinkState::Connected);
    for _ in 0..6 {
        client.frame(&ServerFrame::Pong);
        assert!(client.advance_ms(10_000).links.is_empty());
    }
}

#[test]
fn a_restart_waits_for_signalling() {
    let (mut client, link) = with_camera(LOWER);
    let offer = parlor_description(SdpKind::Offer, "their offer");
    let negotiation = client.message(LOWER, &offer).negotiation().expect("accepted");
    client.described(link, negotiation, SdpKind::Answer, "our answer");
    client.link_state(link, LinkState::Connected);
    client.closed(1006);
    assert!(client.link_state(link, LinkState::Failed).links.is_empty());
    assert!(client.advance_ms(200).links.is_empty());
}

#[test]
fn an_offer_lost_with_the_connection_is_sent_again_on_a_kept_link() {
    let (mut client, link) = with_camera(LOWER);
    let offer = parlor_description(SdpKind::Offer, "their offer");
    let negotiation = client.message(LOWER, &offer).negotiation().expect("accepted");
    client.described(link, negotiation, SdpKind::Answer, "our answer");
    client.link_state(link, LinkState::Connected);
    offer_out(&mut client, link);
    client.closed(1006);
    client.advance_ms(1000);
    client.welcome(ME);
    client.ack();
    let taken = client.presence(&[LOWER], &[]);
    assert_eq!(kinds(&taken.messages(LOWER)), ["metadata", "metadata", "offer"]);
    assert!(taken.links.is_empty());
}

#[test]
fn needs_that_arise_while_signalling_is_down_are_met_when_it_is_back() {
    let (mut client, link) = with_camera(LOWER);
    let offer = parlor_description(SdpKind::Offer, "their offer");
    let negotiation = client.message(LOWER, &offer).negotiation().expect("accepted");
    client.described(link, negotiation, SdpKind::Answer, "our answer");
    client.link_state(link, LinkState::Connected);
    client.closed(1006);
    client.command(Command::AddTrack { stream: StreamId::new(10), track: track(30, MediaKind::Audio) });
    assert!(client.link(link, LinkEvent::NegotiationNeeded).links.is_empty());
    client.advance_ms(1000);
    client.welcome(ME);
    client.ack();
    assert!(creates_offer(&client.presence(&[LOWER], &[])));
}

#[test]
fn a_peer_without_the_extension_is_told_of_it_all_the_same() {
    let (mut client, link) = without_tracks(LOWER);
    let taken = answer_out(&mut client, link, LOWER, "their offer");
    let sdk = description(SdpKind::Answer, "our answer");
    let parlor = parlor_description(SdpKind::Answer, "our answer");
    assert!(!taken.messages(LOWER).contains(&sdk));
    assert!(taken.messages(LOWER).contains(&parlor));
}

#[test]
fn a_link_whose_data_channels_are_stuck_is_replaced_where_the_peer_takes_another() {
    for takes_another in [true, false] {
        let (mut client, link) = with_camera(LOWER);
        let describe = if takes_another { parlor_description } else { description };
        client.message(LOWER, &describe(SdpKind::Offer, "their offer"));
        client.link_state(link, LinkState::Connected);
        let taken = client.link(link, LinkEvent::DataStalled);
        let opens = taken.links.iter().any(|(_, command)| matches!(command, LinkCommand::Open { .. }));
        assert_eq!(opens, takes_another, "{:?}", taken.links);
    }
}

#[test]
fn a_link_whose_data_channels_are_stuck_carries_media_until_there_is_signalling() {
    let (mut client, link) = with_camera(LOWER);
    client.message(LOWER, &parlor_description(SdpKind::Offer, "their offer"));
    client.link_state(link, LinkState::Connected);
    client.closed(1006);
    let taken = client.link(link, LinkEvent::DataStalled);
    assert!(taken.links.is_empty(), "{:?}", taken.links);
    let taken = client.advance_ms(500);
    assert!(taken.links.is_empty(), "{:?}", taken.links);
    client.advance_ms(5_000);
    client.welcome(ME);
    client.ack();
    opened(&client.presence(&[LOWER], &[]));
}
