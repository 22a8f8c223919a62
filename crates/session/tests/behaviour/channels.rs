//! Data channels: opened and closed by either side, and carried over to a new link.

use crate::support::{Client, Taken, opened};
use session::{Command, Event, LinkCommand, LinkEvent, LinkState};
use units::{ChannelId, ChannelOptions, LinkChannelId, LinkId, PeerId};

const CHAT: ChannelId = ChannelId::new(7);

fn with_ada() -> (Client, PeerId, LinkId) {
    let mut client = Client::joined("me", &[]);
    let taken = client.presence(&["ada"], &[]);
    let Event::PeerJoined { peer, .. } = &taken.events[0] else { panic!("nobody joined") };
    let link = opened(&taken);
    (client, *peer, link)
}

fn open(client: &mut Client, peer: PeerId) -> Taken {
    let (label, options) = ("chat".to_owned(), ChannelOptions::default());
    client.command(Command::OpenChannel { channel: CHAT, peer, label, options })
}

fn opening(link: LinkId) -> (LinkId, LinkCommand) {
    let (label, options) = ("chat".to_owned(), ChannelOptions::default());
    (link, LinkCommand::OpenChannel { channel: CHAT, label, options })
}

fn opened_event(peer: PeerId) -> Event {
    Event::ChannelOpened { peer, channel: CHAT, label: "chat".to_owned(), received: None }
}

fn closed_event(peer: PeerId) -> Event {
    Event::ChannelClosed { peer, channel: CHAT }
}

/// Has ada open a channel; returns its id.
fn receive(client: &mut Client, link: LinkId, carrier: u64) -> ChannelId {
    let (carrier, label) = (LinkChannelId::new(carrier), "files".to_owned());
    let taken = client.link(link, LinkEvent::ChannelReceived { carrier, label });
    let [Event::ChannelOpened { channel, label, received, .. }] = &taken.events[..] else {
        panic!("{:?}", taken.events)
    };
    assert_eq!((label.as_str(), *received), ("files", Some((link, carrier))));
    *channel
}

#[test]
fn a_channel_of_ours_opens_and_closes_once() {
    let (mut client, ada, link) = with_ada();
    assert_eq!(open(&mut client, ada).links, [opening(link)]);
    assert_eq!(client.link(link, LinkEvent::ChannelOpened { channel: CHAT }).events, [opened_event(ada)]);
    let taken = client.command(Command::CloseChannel { channel: CHAT });
    assert_eq!(taken.links, [(link, LinkCommand::CloseChannel { channel: CHAT })]);
    assert_eq!(taken.events, [closed_event(ada)]);
    let late = client.link(link, LinkEvent::ChannelClosed { channel: CHAT });
    assert!(late.events.is_empty(), "the link's own word comes too late");
    assert!(client.command(Command::CloseChannel { channel: CHAT }).links.is_empty());
}

#[test]
fn the_peer_closes_a_channel_or_one_cannot_be_opened() {
    let (mut client, ada, link) = with_ada();
    open(&mut client, ada);
    assert_eq!(client.link(link, LinkEvent::ChannelClosed { channel: CHAT }).events, [closed_event(ada)]);
    let theirs = receive(&mut client, link, 1);
    let taken = client.link(link, LinkEvent::ChannelClosed { channel: theirs });
    assert_eq!(taken.events, [Event::ChannelClosed { peer: ada, channel: theirs }]);
}

#[test]
fn a_channel_to_nobody_is_closed_at_once() {
    let (mut client, ada, _) = with_ada();
    client.presence(&[], &["ada"]);
    let taken = open(&mut client, ada);
    assert_eq!((taken.events, taken.links), (vec![closed_event(ada)], vec![]));
}

#[test]
fn a_new_link_carries_our_channels_on_and_ends_those_of_the_peer() {
    let (mut client, ada, link) = with_ada();
    open(&mut client, ada);
    client.link(link, LinkEvent::ChannelOpened { channel: CHAT });
    let theirs = receive(&mut client, link, 1);
    client.link_state(link, LinkState::Connected);
    client.link_state(link, LinkState::Closed);
    let taken = client.advance_ms(1_000);
    let replacement = opened(&taken);
    assert!(taken.links.contains(&opening(replacement)), "{:?}", taken.links);
    let position = |wanted: &Event| taken.events.iter().position(|event| event == wanted);
    let reset = position(&Event::ConnectionReset { peer: ada }).expect("the link is a new one");
    assert!(position(&Event::ChannelClosed { peer: ada, channel: theirs }).is_some_and(|at| at < reset));
    assert_eq!(position(&closed_event(ada)), None, "ours goes on");
    let taken = client.link(replacement, LinkEvent::ChannelOpened { channel: CHAT });
    assert_eq!(taken.events, [opened_event(ada)]);
}

#[test]
fn channels_are_closed_before_their_peer_leaves() {
    let (mut client, ada, link) = with_ada();
    open(&mut client, ada);
    let theirs = receive(&mut client, link, 1);
    let taken = client.presence(&[], &["ada"]);
    let closed = Event::ChannelClosed { peer: ada, channel: theirs };
    assert_eq!(taken.events[..2], [closed, closed_event(ada)]);
    assert_eq!(taken.events.last(), Some(&Event::PeerLeft { peer: ada }));
}

#[test]
fn a_peer_with_too_many_channels_is_refused_one_more() {
    let (mut client, _, link) = with_ada();
    for carrier in 0..1024 {
        receive(&mut client, link, carrier);
    }
    let carrier = LinkChannelId::new(5_000);
    let taken = client.link(link, LinkEvent::ChannelReceived { carrier, label: String::new() });
    assert!(taken.events.is_empty());
    assert_eq!(taken.links, [(link, LinkCommand::RefuseChannel { carrier })]);
}
