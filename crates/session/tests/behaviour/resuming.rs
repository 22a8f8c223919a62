//! Going on with a session on another connection, where the server can.

use std::time::Duration;

use crate::support::{Client, Taken, description, opened, welcome};
use protocol::peer::{PeerMessage, SdpKind};
use protocol::{ClientFrame, ServerFrame};
use serde_json::{Value, json};
use session::{Event, LinkCommand, LinkEvent, LinkState, PeerState, Resume, SessionState};
use units::{LinkId, PeerId, Secret};

/// A welcome with a token.
pub fn resumable(own: &str, token: &str, resumed: bool) -> ServerFrame {
    let ServerFrame::Welcome(mut frame) = welcome(own, 1000) else { unreachable!() };
    frame.epoch = Some("e1".to_owned());
    frame.resume = Some(Secret::new(token));
    frame.resumed = resumed;
    ServerFrame::Welcome(frame)
}

fn can_resume(cursor: u64) -> ClientFrame {
    ClientFrame::Ping { request_id: None, cursor: Some(cursor) }
}

pub fn direct(from: &str, data: Value, cursor: u64) -> ServerFrame {
    ServerFrame::Direct { from: from.to_owned(), data, from_metadata: None, cursor: Some(cursor) }
}

/// In the channel with a peer that is a published SDK, whose link is connected.
pub fn connected() -> (Client, PeerId, LinkId) {
    let mut client = Client::new();
    client.join("room");
    let taken = client.frame(&resumable("me", "t1", false));
    assert_eq!(taken.frames[0], can_resume(0), "the server hears that we can resume");
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    let link = opened(&taken);
    let Event::PeerJoined { peer, .. } = taken.events[0] else { panic!("{:?}", taken.events) };
    let offer = description(SdpKind::Offer, "v=0").to_value();
    let negotiation = client.frame(&direct("ada", offer, 1)).negotiation().expect("the offer is accepted");
    client.described(link, negotiation, SdpKind::Answer, "v=0");
    client.ack();
    client.link_state(link, LinkState::Connected);
    (client, peer, link)
}

/// Loses the connection; returns what the next one goes on with.
fn lose(client: &mut Client) -> (Taken, Option<Resume>) {
    let lost = client.closed(1006);
    let mut tried = client.advance(Duration::from_secs(1));
    (lost, tried.resumes.pop().expect("a connect"))
}

fn ticket(token: &str, cursor: u64) -> Option<Resume> {
    Some(Resume { token: Secret::new(token), cursor })
}

#[test]
fn a_resumed_session_keeps_even_the_links_of_sdk_peers_untouched() {
    let (mut client, _, _) = connected();
    let (lost, resume) = lose(&mut client);
    assert_eq!((lost.states(), lost.peer_states()), (vec![SessionState::Reconnecting], vec![]));
    assert_eq!(resume, ticket("t1", 1));
    let taken = client.frame(&resumable("me", "t2", true));
    assert!(matches!(&taken.frames[..], [ClientFrame::Subscribe { .. }]), "{:?}", taken.frames);
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    assert_eq!(taken.states(), [SessionState::Joined]);
    assert!(taken.links.is_empty() && taken.peer_states().is_empty(), "{taken:?}");
    assert_eq!(lose(&mut client).1, ticket("t2", 1), "each welcome brings another token");
}

#[test]
fn what_the_server_kept_is_handled_once_we_are_back_in_the_channel() {
    let (mut client, ada, _) = connected();
    lose(&mut client);
    client.frame(&resumable("me", "t2", true));
    assert!(client.frame(&direct("ada", json!("kept"), 3)).events.is_empty());
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    let kept = Event::Data { peer: ada, data: json!("kept"), direct: true, metadata: None };
    assert_eq!(taken.events.last(), Some(&kept));
    assert!(client.frame(&direct("ada", json!("again"), 3)).events.is_empty(), "it was read before");
    assert_eq!(client.frame(&direct("ada", json!("new"), 4)).events.len(), 1);
    assert_eq!(lose(&mut client).1, ticket("t2", 4));
}

#[test]
fn an_offer_that_the_server_took_waits_on_for_its_answer() {
    let (mut client, _, link) = connected();
    let negotiation = client.link(link, LinkEvent::NegotiationNeeded).negotiation().expect("an offer");
    client.described(link, negotiation, SdpKind::Offer, "v=0 ours");
    client.ack();
    lose(&mut client);
    client.frame(&resumable("me", "t2", true));
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    assert!(taken.messages("ada").is_empty(), "{taken:?}");
    let taken = client.frame(&direct("ada", description(SdpKind::Answer, "v=0 answer").to_value(), 2));
    assert!(matches!(&taken.commands()[..], [LinkCommand::AcceptAnswer { .. }]), "{taken:?}");
}

#[test]
fn an_offer_that_could_not_be_sent_is_sent_when_we_are_back() {
    let (mut client, _, link) = connected();
    let negotiation = client.link(link, LinkEvent::NegotiationNeeded).negotiation().expect("an offer");
    let lost = client.closed(1006);
    assert_eq!(lost.states(), [SessionState::Reconnecting]);
    assert!(client.described(link, negotiation, SdpKind::Offer, "v=0 ours").frames.is_empty());
    client.advance(Duration::from_secs(1));
    client.frame(&resumable("me", "t2", true));
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    let offers =
        |message: &PeerMessage| matches!(message, PeerMessage::Description { kind: SdpKind::Offer, .. });
    assert!(taken.messages("ada").iter().any(offers), "{taken:?}");
}

#[test]
fn what_the_server_kept_from_somebody_who_is_gone_is_dropped() {
    let (mut client, ada, _) = connected();
    lose(&mut client);
    client.frame(&resumable("me", "t2", true));
    client.frame(&direct("ada", json!("last words"), 2));
    client.ack();
    let taken = client.presence(&[], &[]);
    assert!(taken.events.contains(&Event::PeerLeft { peer: ada }));
    assert!(!taken.events.iter().any(|event| matches!(event, Event::Data { .. })));
}

#[test]
fn a_gap_is_told_and_the_link_is_replaced() {
    let (mut client, ada, _) = connected();
    lose(&mut client);
    client.frame(&resumable("me", "t2", true));
    assert_eq!(client.frame(&ServerFrame::Gap { cursor: 9 }).events, [Event::DataLost]);
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    assert!(taken.events.contains(&Event::ConnectionReset { peer: ada }), "{:?}", taken.events);
    assert_eq!(lose(&mut client).1, ticket("t2", 9));
}

#[test]
fn a_message_of_ours_that_may_be_lost_makes_the_link_a_new_one() {
    let (mut client, ada, link) = connected();
    let negotiation = {
        let offer = description(SdpKind::Offer, "v=0 again").to_value();
        client.frame(&direct("ada", offer, 2)).negotiation().expect("the offer is accepted")
    };
    client.described(link, negotiation, SdpKind::Answer, "v=0");
    let (lost, _) = lose(&mut client);
    assert_eq!(lost.peer_states(), [PeerState::Reconnecting]);
    client.frame(&resumable("me", "t2", true));
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    assert!(taken.events.contains(&Event::ConnectionReset { peer: ada }), "{:?}", taken.events);
}

#[test]
fn a_session_that_does_not_go_on_starts_its_cursor_anew() {
    let (mut client, ada, _) = connected();
    lose(&mut client);
    let taken = client.frame(&resumable("me", "t2", false));
    assert_eq!(taken.frames[0], can_resume(0));
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    assert!(taken.events.contains(&Event::ConnectionReset { peer: ada }), "{:?}", taken.events);
    assert_eq!(lose(&mut client).1, ticket("t2", 0));
}

#[test]
fn the_keepalive_says_how_far_we_have_read() {
    let (mut client, _, _) = connected();
    client.frame(&direct("ada", json!(1), 5));
    assert_eq!(client.advance_ms(20_000).frames, [can_resume(5)]);
}

#[test]
fn after_a_leave_nothing_is_resumed() {
    let (mut client, _, _) = connected();
    client.leave();
    client.closed(1000);
    let (_, taken) = client.join("room");
    assert_eq!(taken.resumes, [None]);
}

#[test]
fn a_server_that_cannot_resume_gets_no_word_of_it() {
    let mut client = Client::joined("me", &["ada"]);
    assert_eq!(lose(&mut client).1, None);
    let taken = client.welcome("me");
    assert!(matches!(&taken.frames[..], [ClientFrame::Subscribe { .. }]), "{:?}", taken.frames);
}
