//! Calls between real sessions over real links and the real hub, on a virtual clock.

use std::time::{Duration, Instant};

use parlor_testkit::{Flow, Identity, NodeId, Path, World, WorldConfig};
use session::{Command, Event, SessionState};
use units::MediaKind::{Audio, Video};

const CHANNEL: &str = "room";
const SECOND: Duration = Duration::from_secs(1);

/// Names whose order is not that of joining, so that both orders of politeness happen.
const NAMES: [&str; 5] = ["mia", "bo", "zoe", "ada", "kim"];

fn config(seed: u64) -> WorldConfig {
    WorldConfig::new(Instant::now(), seed)
}

/// A rough path: loss, jitter, reordering and duplicates.
fn rough(loss: f64) -> Path {
    Path {
        jitter: Duration::from_millis(15),
        loss,
        duplication: 0.01,
        reordering: 0.02,
        ..Path::with_delay(Duration::from_millis(25))
    }
}

/// Makes a world in which this many, each with a camera stream, join at once.
fn call(config: WorldConfig, count: usize, identity: Identity) -> (World, Vec<NodeId>) {
    let mut world = World::new(config);
    let nodes: Vec<NodeId> = NAMES[..count].iter().map(|name| world.add_node(name, identity)).collect();
    for &node in &nodes {
        world.add_stream(node, "camera", &[Audio, Video]);
        world.join(node, CHANNEL);
    }
    (world, nodes)
}

fn is_mesh(world: &World, nodes: &[NodeId]) -> bool {
    let others = nodes.len() - 1;
    nodes.iter().all(|&node| {
        world.state(node) == SessionState::Joined
            && world.connected_peers(node) == others
            && world.tracks(node).len() == 2 * others
    })
}

/// Waits until all are connected to all and see all tracks.
fn assert_mesh(world: &mut World, nodes: &[NodeId], limit: Duration) {
    let reached = world.run_until(limit, |world| is_mesh(world, nodes));
    assert!(reached, "{}", describe(world, nodes));
}

fn describe(world: &World, nodes: &[NodeId]) -> String {
    let lines: Vec<String> = nodes
        .iter()
        .map(|&node| {
            let events: Vec<String> = world
                .events(node)
                .iter()
                .map(|stamped| format!("\n    {} ms {:?}", stamped.at.as_millis(), stamped.event))
                .collect();
            format!(
                "{} is {:?} with {} links, sees {:?}{}",
                NAMES[node.get()],
                world.state(node),
                world.links(node),
                world.tracks(node),
                events.concat()
            )
        })
        .collect();
    lines.join("\n")
}

/// Sends media for a second and checks that everyone gets at least `least` of 50 packets of each track.
fn assert_media(world: &mut World, nodes: &[NodeId], least: u64) {
    world.forget_media();
    world.set_media(true);
    world.run_for(SECOND);
    world.set_media(false);
    world.run_for(SECOND);
    for &to in nodes {
        for &from in nodes.iter().filter(|from| **from != to) {
            let counts: Vec<u64> = world
                .received(to)
                .iter()
                .filter(|(flow, _)| flow.from == from && flow.to == to)
                .map(|(_, count)| *count)
                .collect();
            let expected = 2;
            assert_eq!(counts.len(), expected, "tracks from {} at {}", NAMES[from.get()], NAMES[to.get()]);
            assert!(counts.iter().all(|count| *count >= least), "{counts:?}");
        }
    }
}

fn count(world: &World, node: NodeId, matches: impl Fn(&Event) -> bool) -> usize {
    world.events(node).iter().filter(|stamped| matches(&stamped.event)).count()
}

fn resets(world: &World, nodes: &[NodeId]) -> usize {
    nodes.iter().map(|&node| count(world, node, |event| matches!(event, Event::ConnectionReset { .. }))).sum()
}

fn problems(world: &World, nodes: &[NodeId]) -> usize {
    nodes
        .iter()
        .map(|&node| count(world, node, |event| matches!(event, Event::NegotiationError { .. })))
        .sum()
}

#[test]
fn two_join_at_once_and_are_in_a_call_within_a_second() {
    let (mut world, nodes) = call(config(1), 2, Identity::Stable);
    assert_mesh(&mut world, &nodes, SECOND);
    assert_media(&mut world, &nodes, 50);
    assert_eq!((problems(&world, &nodes), resets(&world, &nodes)), (0, 0));
}

#[test]
fn meshes_of_three_and_five_carry_everything_to_everyone() {
    for size in [3, 5] {
        let (mut world, nodes) = call(config(2), size, Identity::Fresh);
        assert_mesh(&mut world, &nodes, 3 * SECOND);
        assert_media(&mut world, &nodes, 50);
        assert_eq!((problems(&world, &nodes), resets(&world, &nodes)), (0, 0));
    }
}

#[test]
fn streams_come_with_the_metadata_that_they_were_added_with() {
    let (mut world, nodes) = call(config(3), 3, Identity::Stable);
    assert_mesh(&mut world, &nodes, 3 * SECOND);
    let role = serde_json::json!({"role": "camera"});
    for &node in &nodes {
        for stamped in world.events(node) {
            if let Event::StreamAdded { metadata, .. } | Event::TrackAdded { metadata, .. } = &stamped.event {
                assert_eq!(metadata.as_ref(), role.as_object());
            }
        }
    }
}

#[test]
fn someone_who_joins_late_is_in_the_call_with_everyone() {
    let (mut world, mut nodes) = call(config(4), 2, Identity::Stable);
    assert_mesh(&mut world, &nodes, SECOND);
    world.set_media(true);
    world.run_for(5 * SECOND);
    let late = world.add_node(NAMES[2], Identity::Stable);
    world.add_stream(late, "camera", &[Audio, Video]);
    world.join(late, CHANNEL);
    nodes.push(late);
    assert_mesh(&mut world, &nodes, 2 * SECOND);
    assert_media(&mut world, &nodes, 50);
    assert_eq!((problems(&world, &nodes), resets(&world, &nodes)), (0, 0));
}

#[test]
fn someone_without_tracks_sees_the_others() {
    let (mut world, nodes) = call(config(5), 2, Identity::Stable);
    let viewer = world.add_node(NAMES[2], Identity::Stable);
    world.join(viewer, CHANNEL);
    let seen = world.run_until(3 * SECOND, |world| world.tracks(viewer).len() == 4);
    assert!(seen, "{}", describe(&world, &nodes));
    assert_eq!(world.tracks(nodes[0]).len(), 2);
}

#[test]
fn someone_who_leaves_is_gone_at_once_and_may_come_back() {
    let (mut world, nodes) = call(config(6), 3, Identity::Stable);
    assert_mesh(&mut world, &nodes, 3 * SECOND);
    for _ in 0..3 {
        let request = world.leave(nodes[1]);
        let gone = world.run_until(SECOND, |world| {
            world.state(nodes[1]) == SessionState::Idle
                && [nodes[0], nodes[2]].iter().all(|&node| world.peers(node).len() == 1)
        });
        assert!(gone, "{}", describe(&world, &nodes));
        let done = |event: &Event| matches!(event, Event::Done { request: done, result: Ok(()) } if *done == request);
        assert_eq!(count(&world, nodes[1], done), 1);
        assert_eq!(world.links(nodes[1]), 0);
        world.run_for(SECOND);
        world.join(nodes[1], CHANNEL);
        assert_mesh(&mut world, &nodes, 3 * SECOND);
    }
    assert_media(&mut world, &nodes, 50);
}

#[test]
fn a_screen_is_shared_and_taken_back_twice() {
    let (mut world, nodes) = call(config(7), 2, Identity::Stable);
    assert_mesh(&mut world, &nodes, SECOND);
    for _ in 0..2 {
        let screen = world.add_stream(nodes[0], "screen", &[Video]);
        let added = world.run_until(SECOND, |world| world.tracks(nodes[1]).len() == 3);
        assert!(added, "{}", describe(&world, &nodes));
        world.command(nodes[0], Command::RemoveStream { stream: screen });
        let removed = world.run_until(SECOND, |world| world.tracks(nodes[1]).len() == 2);
        assert!(removed, "{}", describe(&world, &nodes));
    }
    assert_media(&mut world, &nodes, 50);
    assert_eq!((problems(&world, &nodes), resets(&world, &nodes)), (0, 0));
}

#[test]
fn streams_that_both_add_at_the_same_moment_arrive_in_both_directions() {
    for delay in [0, 10, 30, 45] {
        let (mut world, nodes) = call(config(8), 2, Identity::Stable);
        assert_mesh(&mut world, &nodes, SECOND);
        world.add_stream(nodes[0], "screen", &[Video]);
        world.run_for(Duration::from_millis(delay));
        world.add_stream(nodes[1], "screen", &[Video, Audio]);
        let seen = world.run_until(2 * SECOND, |world| {
            world.tracks(nodes[0]).len() == 4 && world.tracks(nodes[1]).len() == 3
        });
        assert!(seen, "{}", describe(&world, &nodes));
        assert_eq!((problems(&world, &nodes), resets(&world, &nodes)), (0, 0));
    }
}

#[test]
fn a_path_that_loses_five_percent_still_connects_and_carries_the_rest() {
    let (mut world, nodes) = call(WorldConfig { path: rough(0.05), ..config(9) }, 3, Identity::Stable);
    assert_mesh(&mut world, &nodes, 10 * SECOND);
    assert_media(&mut world, &nodes, 40);
}

#[test]
fn media_goes_on_while_signalling_reconnects() {
    let (mut world, nodes) = call(config(10), 3, Identity::Stable);
    assert_mesh(&mut world, &nodes, 3 * SECOND);
    world.set_media(true);
    world.break_signalling(nodes[1]);
    world.run_for(5 * SECOND);
    world.set_media(false);
    world.run_for(SECOND);
    for &node in &nodes {
        let counts: Vec<u64> = world.received(node).values().copied().collect();
        assert_eq!(counts, [250; 4], "{}", describe(&world, &nodes));
    }
    assert!(is_mesh(&world, &nodes));
    assert_eq!(resets(&world, &nodes), 0);
    let left = |event: &Event| matches!(event, Event::PeerLeft { .. });
    assert!(nodes.iter().all(|&node| count(&world, node, left) == 0));
}

#[test]
fn a_call_survives_a_restart_of_the_server() {
    let (mut world, nodes) = call(config(11), 3, Identity::Stable);
    assert_mesh(&mut world, &nodes, 3 * SECOND);
    world.stop_server();
    world.run_for(2 * SECOND);
    world.start_server();
    world.run_for(8 * SECOND);
    assert!(is_mesh(&world, &nodes), "{}", describe(&world, &nodes));
    assert_media(&mut world, &nodes, 50);
    assert_eq!(resets(&world, &nodes), 0);
}

#[test]
fn with_a_new_id_after_a_broken_connection_that_was_not_resumed_the_call_is_rebuilt() {
    let (mut world, nodes) = call(WorldConfig { resume: false, ..config(12) }, 3, Identity::Fresh);
    assert_mesh(&mut world, &nodes, 3 * SECOND);
    world.break_signalling(nodes[0]);
    world.run_for(10 * SECOND);
    assert!(is_mesh(&world, &nodes), "{}", describe(&world, &nodes));
    assert_media(&mut world, &nodes, 50);
}

#[test]
fn a_path_that_was_cut_is_missed_within_a_second_and_found_again_soon_after_it_is_back() {
    for (seed, seconds, signalling) in [(13, 3, true), (14, 45, true), (15, 300, true), (16, 20, false)] {
        let (mut world, nodes) = call(config(seed), 2, Identity::Stable);
        assert_mesh(&mut world, &nodes, SECOND);
        world.set_media(true);
        world.run_for(2 * SECOND);
        if !signalling {
            world.stop_server();
        }
        let (one, other) = (world.address(nodes[0]), world.address(nodes[1]));
        world.network().cut(one, other);
        // What is under way still arrives.
        world.run_for(SECOND + Duration::from_millis(100));
        assert!(nodes.iter().all(|&node| world.connected_peers(node) == 0), "{}", describe(&world, &nodes));
        world.run_for(seconds * SECOND);
        world.network().heal();
        let back = |world: &World| nodes.iter().all(|&node| world.connected_peers(node) == 1);
        assert!(world.run_until(Duration::from_millis(1_500), back), "{}", describe(&world, &nodes));
        // The last step of the ladder of restarts, after two minutes, is a new link.
        assert!(seconds > 120 || resets(&world, &nodes) == 0, "the link was kept");
        world.set_media(false);
        world.run_for(SECOND);
        assert_media(&mut world, &nodes, 50);
    }
}

#[test]
fn a_muted_call_is_not_taken_for_a_lost_one() {
    let (mut world, nodes) = call(config(17), 3, Identity::Stable);
    assert_mesh(&mut world, &nodes, 3 * SECOND);
    let changes = |world: &World| {
        let state = |event: &Event| matches!(event, Event::PeerStateChanged { .. });
        nodes.iter().map(|&node| count(world, node, state)).sum::<usize>()
    };
    let before = changes(&world);
    world.run_for(120 * SECOND);
    assert_eq!(changes(&world), before, "{}", describe(&world, &nodes));
}

#[test]
fn data_reaches_everyone_or_one_and_each_request_ends_once() {
    let (mut world, nodes) = call(config(15), 3, Identity::Stable);
    assert_mesh(&mut world, &nodes, 3 * SECOND);
    let mut peers = world.events(nodes[0]).iter().filter_map(|stamped| match &stamped.event {
        Event::PeerJoined { peer, id, .. } if id == NAMES[1] => Some(*peer),
        _ => None,
    });
    let peer = peers.next().expect("the other has joined");
    for (number, to) in [(900, None), (901, Some(peer))] {
        let request = units::RequestId::new(number);
        world.command(nodes[0], Command::Send { request, to, data: number.into() });
    }
    world.run_for(SECOND);
    let got = |node, direct| {
        count(
            &world,
            node,
            |event| matches!(event, Event::Data { data, direct: way, .. } if *way == direct && *data == (900 + u64::from(direct))),
        )
    };
    assert_eq!(nodes.iter().map(|node| got(*node, false)).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!(nodes.iter().map(|node| got(*node, true)).collect::<Vec<_>>(), [0, 1, 0]);
    for number in [900, 901] {
        let done = |event: &Event| matches!(event, Event::Done { request, result: Ok(()) } if request.get() == number);
        assert_eq!(count(&world, nodes[0], done), 1);
    }
}

#[test]
fn equal_seeds_give_equal_traces() {
    let trace = |seed| {
        let (mut world, nodes) = call(WorldConfig { path: rough(0.02), ..config(seed) }, 3, Identity::Stable);
        assert_mesh(&mut world, &nodes, 10 * SECOND);
        world.add_stream(nodes[2], "screen", &[Video]);
        world.break_signalling(nodes[0]);
        world.run_for(5 * SECOND);
        world.leave(nodes[1]);
        world.run_for(5 * SECOND);
        (world.trace(), describe(&world, &nodes))
    };
    for seed in 0..3 {
        let (first, second) = (trace(seed), trace(seed));
        assert_eq!(first.0, second.0, "{}\n\n--- and ---\n\n{}", first.1, second.1);
    }
    assert_ne!(trace(1).0, trace(2).0);
}

#[test]
fn calls_on_rough_paths_come_about_and_recover_with_every_seed() {
    for seed in 0..20 {
        let identity = if seed % 2 == 0 { Identity::Stable } else { Identity::Fresh };
        let config = WorldConfig { path: rough(0.03), ..config(100 + seed) };
        let (mut world, nodes) = call(config, 3, identity);
        assert_mesh(&mut world, &nodes, 10 * SECOND);
        world.break_signalling(nodes[seed as usize % 3]);
        world.run_for(Duration::from_millis(37 * seed));
        world.add_stream(nodes[0], "screen", &[Video]);
        world.run_for(10 * SECOND);
        let complete = world.run_until(30 * SECOND, |world| {
            nodes[1..].iter().all(|&node| world.tracks(node).len() == 5) && world.tracks(nodes[0]).len() == 4
        });
        assert!(complete, "seed {seed}: {}", describe(&world, &nodes));
        let connected = world.run_until(30 * SECOND, |world| {
            nodes.iter().all(|&node| world.connected_peers(node) == 2 && world.links(node) == 2)
        });
        assert!(connected, "seed {seed}: {}", describe(&world, &nodes));
    }
}

#[test]
fn a_packet_is_counted_for_the_track_that_it_was_sent_on() {
    let (mut world, nodes) = call(config(14), 2, Identity::Stable);
    assert_mesh(&mut world, &nodes, SECOND);
    assert_media(&mut world, &nodes, 50);
    let flows: Vec<Flow> = world.received(nodes[0]).keys().copied().collect();
    assert!(flows.iter().all(|flow| flow.from == nodes[1] && flow.to == nodes[0]));
}
