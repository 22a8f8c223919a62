//! What a call goes through and survives, one thing at a time.

use std::time::{Duration, Instant};

use parlor_testkit::{Identity, NodeId, World, WorldConfig};
use session::{Command, SessionState};
use units::MediaKind::{Audio, Video};

const CHANNEL: &str = "room";
const SECOND: Duration = Duration::from_secs(1);

/// Makes a world in which ann, whose id makes her polite, and bob are in the channel; `before` adds what they send.
fn call(before: impl FnOnce(&mut World, [NodeId; 2])) -> (World, [NodeId; 2]) {
    let mut world = World::new(WorldConfig::new(Instant::now(), 1));
    let nodes = ["ann", "bob"].map(|name| world.add_node(name, Identity::Stable));
    before(&mut world, nodes);
    nodes.iter().for_each(|&node| {
        world.join(node, CHANNEL);
    });
    let connected = |world: &World| nodes.iter().all(|&node| world.connected_peers(node) == 1);
    assert!(world.run_until(3 * SECOND, connected));
    (world, nodes)
}

fn with_cameras(world: &mut World, nodes: [NodeId; 2]) {
    nodes.iter().for_each(|&node| {
        world.add_stream(node, "camera", &[Audio, Video]);
    });
}

/// Returns whether all that either sends arrives at the other within a second.
fn flows(world: &mut World, nodes: [NodeId; 2]) -> bool {
    world.set_media(true);
    world.forget_media();
    world.run_for(SECOND);
    world.set_media(false);
    nodes.iter().zip(nodes.iter().rev()).all(|(&from, &to)| {
        let sent = world.sent(from);
        !sent.is_empty()
            && sent.keys().all(|flow| world.received(to).get(flow).is_some_and(|count| *count > 20))
    })
}

#[test]
fn a_stream_that_came_and_went_while_the_server_was_down_is_no_trouble_to_those_of_the_other_side() {
    let (mut world, [ann, bob]) = call(|world, [ann, _]| {
        world.add_stream(ann, "camera", &[Video]);
    });
    world.stop_server();
    world.run_for(SECOND);
    let screen = world.add_stream(ann, "screen", &[Video]);
    world.add_stream(bob, "camera", &[Audio, Video]);
    world.run_for(SECOND);
    world.command(ann, Command::RemoveStream { stream: screen });
    world.start_server();
    let seen = |world: &World| {
        let kinds = |node| world.tracks(node).into_iter().map(|(_, _, kind)| kind).collect::<Vec<_>>();
        world.state(ann) == SessionState::Joined && kinds(ann) == [Audio, Video] && kinds(bob) == [Video]
    };
    assert!(world.run_until(20 * SECOND, seen), "{:?} {:?}", world.events(ann), world.events(bob));
    assert!(flows(&mut world, [ann, bob]));
}

#[test]
fn a_translator_that_forgets_is_noticed_on_the_other_side() {
    for hidden in [0, 1] {
        let (mut world, nodes) = call(|world, nodes| {
            world.add_nat(nodes[hidden]);
            with_cameras(world, nodes);
        });
        assert!(flows(&mut world, nodes));
        world.set_media(true);
        world.rebind_nat(nodes[hidden]);
        world.run_for(3 * SECOND);
        assert!(flows(&mut world, nodes), "{:?}", world.events(nodes[0]));
    }
}

#[test]
fn an_address_that_changes_while_a_call_comes_about_delays_it_and_no_more() {
    for after in (0..600).step_by(10) {
        let mut world = World::new(WorldConfig::new(Instant::now(), after));
        let nodes = ["ann", "bob"].map(|name| world.add_node(name, Identity::Stable));
        with_cameras(&mut world, nodes);
        nodes.iter().for_each(|&node| {
            world.join(node, CHANNEL);
        });
        let joined = |world: &World| nodes.iter().all(|&node| world.state(node) == SessionState::Joined);
        assert!(world.run_until(SECOND, joined), "after {after} ms");
        world.run_for(Duration::from_millis(after));
        world.change_address(nodes[0]);
        let connected = |world: &World| nodes.iter().all(|&node| world.connected_peers(node) == 1);
        world.run_for(SECOND);
        // A path that was nominated and is gone is given up with the whole search for paths, after 15 s.
        assert!(world.run_until(20 * SECOND, connected), "after {after} ms: {:?}", world.events(nodes[1]));
        assert!(flows(&mut world, nodes), "after {after} ms");
    }
}

#[test]
fn a_stream_that_comes_after_one_that_went_is_heard_on_a_link_that_was_made_while_the_server_was_down() {
    for late in [0, 1] {
        let (mut world, nodes) = call(with_cameras);
        world.stop_server();
        world.run_for(SECOND);
        let screen = world.add_stream(nodes[late], "screen", &[Video]);
        world.run_for(SECOND);
        world.command(nodes[late], Command::RemoveStream { stream: screen });
        world.run_for(SECOND);
        world.start_server();
        world.run_for(8 * SECOND);
        world.add_stream(nodes[late], "extra", &[Audio, Video]);
        let heard = |world: &World| world.tracks(nodes[1 - late]).len() == 4;
        assert!(world.run_until(3 * SECOND, heard));
        assert!(flows(&mut world, nodes), "{late}: {:?}", world.received(nodes[1 - late]));
    }
}

#[test]
fn a_stream_that_came_and_went_before_the_first_offer_leaves_its_section_to_the_next() {
    let mut world = World::new(WorldConfig::new(Instant::now(), 1));
    let nodes = ["ann", "bob"].map(|name| world.add_node(name, Identity::Stable));
    with_cameras(&mut world, nodes);
    let [ann, bob] = nodes;
    world.join(ann, CHANNEL);
    world.join(bob, CHANNEL);
    // Whoever is polite holds its offer for a moment, and the other is not there yet.
    assert!(world.run_until(SECOND, |world| world.links(bob) == 1 || world.links(ann) == 1));
    for node in nodes {
        let screen = world.add_stream(node, "screen", &[Video]);
        world.command(node, Command::RemoveStream { stream: screen });
    }
    assert!(world.run_until(3 * SECOND, |world| nodes.iter().all(|&node| world.connected_peers(node) == 1)));
    nodes.iter().for_each(|&node| {
        world.add_stream(node, "extra", &[Audio, Video]);
    });
    assert!(world.run_until(3 * SECOND, |world| nodes.iter().all(|&node| world.tracks(node).len() == 4)));
    assert!(flows(&mut world, nodes), "{:?} {:?}", world.received(ann), world.received(bob));
}

#[test]
fn nobody_meets_an_earlier_self_that_the_server_takes_for_alive() {
    let mut world = World::new(WorldConfig::new(Instant::now(), 1));
    let ann = world.add_node("ann", Identity::Fresh);
    let bob = world.add_node("bob", Identity::Stable);
    world.join(ann, CHANNEL);
    world.join(bob, CHANNEL);
    assert!(world.run_until(SECOND, |world| world.peers(ann) == ["bob"]));
    // The way back is cut, so that nobody tells the server that the old connection is dead.
    world.cut_signalling(ann);
    world.change_address(ann);
    world.leave(ann);
    assert!(world.run_until(5 * SECOND, |world| world.state(ann) == SessionState::Idle));
    world.heal_signalling(ann);
    world.join(ann, CHANNEL);
    assert!(world.run_until(SECOND, |world| world.peers(bob).len() == 2), "bob sees both");
    assert!(world.run_until(SECOND, |world| world.state(ann) == SessionState::Joined));
    world.run_for(SECOND);
    assert_eq!(world.peers(ann), ["bob"]);
    assert!(world.run_until(60 * SECOND, |world| world.peers(bob).len() == 1));
}

#[test]
fn what_is_said_after_a_path_was_lost_for_long_is_heard() {
    for minutes in [1, 2, 10] {
        let (mut world, [ann, bob]) = call(with_cameras);
        let channel = world.open_channel(ann, "bob", "talk");
        assert!(world.run_until(SECOND, |world| world.is_open(ann, channel)));
        world.stop_server();
        let (one, other) = (world.address(ann), world.address(bob));
        world.network().cut(one, other);
        // More than the stack sends at once while it believes the path to be congested.
        (0..20).for_each(|_| assert!(world.send_message(ann, channel, &"lost".repeat(200))));
        world.run_for(minutes * 60 * SECOND);
        world.network().heal();
        world.start_server();
        let is_heard = |world: &mut World, patience: u32| {
            world.send_message(ann, channel, "heard");
            world.run_until(patience * SECOND, |world| {
                world.messages(bob).iter().any(|(_, data)| data == "heard".as_bytes())
            })
        };
        let is_heard = is_heard(&mut world, 70) || is_heard(&mut world, 5);
        assert!(is_heard, "after {minutes} minutes: {:?}", world.events(ann));
        assert!(flows(&mut world, [ann, bob]));
    }
}
