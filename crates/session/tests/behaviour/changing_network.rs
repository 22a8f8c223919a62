//! A device that moves from one network to another.

use std::time::Duration;

use protocol::peer::SdpKind;
use protocol::{ClientFrame, ServerFrame};
use session::{Event, Input, LinkCommand, LinkState, PeerState, SessionState};
use units::LinkId;

use crate::negotiating::*;
use crate::resuming::{connected, resumable};
use crate::support::{Client, Taken};

fn network_changed(client: &mut Client, signalling_lost: bool) -> Taken {
    client.input(Input::NetworkChanged { signalling_lost })
}

/// Returns the number of the restart that these commands contain.
fn restart(taken: &Taken) -> Option<u64> {
    taken.commands().iter().find_map(|command| match command {
        LinkCommand::CreateOffer { negotiation, ice_restart: true } => Some(*negotiation),
        _ => None,
    })
}

/// The restart offer of a lost link goes out.
fn restarted(client: &mut Client, link: LinkId, taken: &Taken) {
    let negotiation = restart(taken).unwrap_or_else(|| panic!("no restart: {taken:?}"));
    let sent = client.described(link, negotiation, SdpKind::Offer, "restart");
    assert_eq!(sent.messages("ada").len(), 1);
}

#[test]
fn a_link_that_lost_its_path_is_restarted_at_once_by_the_polite_side_too() {
    for ours in [LOWER, HIGHER] {
        let (mut client, link) = with_camera(ours);
        answer_out(&mut client, link, ours, "their offer");
        client.link_state(link, LinkState::Connected);
        network_changed(&mut client, false);
        let taken = client.link_state(link, LinkState::Disconnected);
        assert!(restart(&taken).is_some(), "{taken:?}");
    }
}

#[test]
fn a_healthy_link_is_let_alone() {
    let (mut client, _, _) = connected();
    let taken = network_changed(&mut client, false);
    assert!(taken.links.is_empty() && taken.events.is_empty(), "{taken:?}");
}

#[test]
fn a_signalling_connection_without_its_address_is_made_again_at_once_and_the_link_restarted_by_it() {
    let (mut client, _, link) = connected();
    let taken = network_changed(&mut client, true);
    client.link_state(link, LinkState::Disconnected);
    assert_eq!((taken.closes.len(), taken.connects.len(), taken.resumes.len()), (1, 1, 1));
    assert!(taken.resumes[0].is_some(), "it goes on with its session");
    client.frame(&resumable("me", "t2", true));
    client.ack();
    let taken = client.presence(&["ada"], &[]);
    assert_eq!(taken.states(), [SessionState::Joined]);
    assert!(!taken.events.iter().any(|event| matches!(event, Event::ConnectionReset { .. })), "{taken:?}");
    restarted(&mut client, link, &taken);
    assert_eq!(client.link_state(link, LinkState::Connected).peer_states(), [PeerState::Connected]);
}

#[test]
fn an_attempt_that_waits_or_hangs_is_made_at_once() {
    let (mut client, _, _) = connected();
    client.closed(1006);
    assert_eq!(network_changed(&mut client, false).connects.len(), 1);
    let hanging = network_changed(&mut client, true);
    assert_eq!((hanging.connects.len(), hanging.events.len()), (1, 0));
    assert!(network_changed(&mut client, false).connects.is_empty(), "one that has its address is let alone");
}

#[test]
fn a_join_under_way_survives() {
    for is_welcomed in [false, true] {
        let mut client = Client::new();
        client.join("room");
        if is_welcomed {
            client.welcome("me");
        }
        let taken = network_changed(&mut client, true);
        assert_eq!((taken.connects.len(), taken.events.len()), (1, 0), "{taken:?}");
        let taken = client.welcome("me");
        assert!(matches!(&taken.frames[..], [ClientFrame::Subscribe { .. }]), "{taken:?}");
        assert_eq!(client.ack().states(), [SessionState::Joined]);
    }
}

#[test]
fn a_server_that_does_not_answer_on_the_other_network_is_left_within_three_seconds() {
    for answers in [true, false] {
        let (mut client, _, _) = connected();
        let taken = network_changed(&mut client, false);
        assert!(matches!(&taken.frames[..], [ClientFrame::Ping { .. }]), "{:?}", taken.frames);
        if answers {
            client.frame(&ServerFrame::Pong);
        }
        let taken = client.advance(Duration::from_secs(3));
        assert_eq!(taken.closes.len(), usize::from(!answers));
    }
}

#[test]
fn a_link_that_is_being_restarted_is_restarted_once_more_from_the_other_network() {
    let (mut client, link) = with_camera(LOWER);
    answer_out(&mut client, link, LOWER, "their offer");
    client.link_state(link, LinkState::Connected);
    network_changed(&mut client, false);
    let negotiation = restart(&client.link_state(link, LinkState::Disconnected)).expect("a restart");
    client.described(link, negotiation, SdpKind::Offer, "our offer");
    assert_eq!(restart(&network_changed(&mut client, false)), None, "one negotiation at a time");
    let applying = client.answer(LOWER, "their answer").negotiation().expect("the answer is applied");
    let taken = client.link(link, session::LinkEvent::AnswerAccepted { negotiation: applying });
    assert!(restart(&taken).is_some(), "{taken:?}");
}
