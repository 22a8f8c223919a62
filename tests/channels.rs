//! Data channels between sessions of this process, over real sockets and a real server.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use parlor::api::{ChannelId, ChannelOptions, Event, Listener, PeerId, Session, Status};
use support::{Caller, DEADLINE, Seen, TestServer};

/// Two sessions without media that know each other.
fn pair(server: &TestServer) -> ([Caller; 2], PeerId) {
    let callers = [Caller::new(server.config()), Caller::new(server.config())];
    for caller in &callers {
        caller.session.join("test/channels").unwrap();
    }
    callers.iter().for_each(|caller| caller.wait("the peer", |seen| seen.names.len() == 1));
    let other = *callers[0].seen().names.keys().next().unwrap();
    (callers, other)
}

fn opened(seen: &Seen) -> Option<(ChannelId, String, bool)> {
    seen.events.iter().find_map(|event| match event {
        Event::ChannelOpen { channel, label, incoming, .. } => Some((*channel, label.clone(), *incoming)),
        _ => None,
    })
}

fn messages(seen: &Seen) -> Vec<(bool, Vec<u8>)> {
    let messages = seen.events.iter().filter_map(|event| match event {
        Event::ChannelMessage { binary, data, .. } => Some((*binary, data.to_vec())),
        _ => None,
    });
    messages.collect()
}

fn status<T: std::fmt::Debug>(result: parlor::api::Result<T>) -> Status {
    result.map_or_else(|error| error.status(), |_| Status::Ok)
}

#[test]
fn texts_and_bytes_go_both_ways_and_a_close_is_seen_by_the_other() {
    let server = TestServer::start();
    let ([ours, theirs], peer) = pair(&server);
    let channel = ours.session.open_channel(peer, "chat", ChannelOptions::default()).unwrap();
    ours.session.send_channel(channel, "früh".as_bytes(), false).unwrap();
    ours.wait("the channel", |seen| opened(seen) == Some((channel, "chat".to_owned(), false)));
    theirs.wait("the channel", |seen| opened(seen).is_some());
    let (received, label, incoming) = opened(&theirs.seen()).unwrap();
    assert_eq!((label.as_str(), incoming), ("chat", true));

    ours.session.send_channel(channel, &[0, 255], true).unwrap();
    theirs.session.send_channel(received, b"", false).unwrap();
    let expected = vec![(false, "früh".as_bytes().to_vec()), (true, vec![0, 255])];
    theirs.wait("what was sent early and late", |seen| messages(seen) == expected);
    ours.wait("the empty text", |seen| messages(seen) == [(false, vec![])]);

    theirs.session.close_channel(received).unwrap();
    for caller in [&ours, &theirs] {
        caller.wait("the end", |seen| seen.event_names().contains(&"channel-close"));
    }
    assert_eq!(status(ours.session.send_channel(channel, b"late", true)), Status::UnknownId);
}

#[test]
fn wrong_input_is_refused_and_changes_nothing() {
    let server = TestServer::start();
    let ([ours, theirs], peer) = pair(&server);
    let open = |peer, label: &str, options| status(ours.session.open_channel(peer, label, options));
    let both = ChannelOptions { ordered: true, max_retransmits: Some(1), max_lifetime_ms: Some(1) };
    assert_eq!(open(PeerId::new(1), "x", ChannelOptions::default()), Status::UnknownId);
    assert_eq!(open(peer, "x", both), Status::InvalidArgument);
    assert_eq!(open(peer, &"x".repeat(70_000), ChannelOptions::default()), Status::InvalidArgument);
    let unknown = ChannelId::new(1);
    assert_eq!(status(ours.session.send_channel(unknown, b"x", true)), Status::UnknownId);
    assert_eq!(status(ours.session.close_channel(unknown)), Status::UnknownId);

    let channel = ours.session.open_channel(peer, "", ChannelOptions::default()).unwrap();
    assert_eq!(status(ours.session.send_channel(channel, &[0xff], false)), Status::InvalidUtf8);
    let huge = vec![0; 4 * 1024 * 1024];
    assert_eq!(status(ours.session.send_channel(channel, &huge, true)), Status::PayloadTooLarge);
    ours.session.send_channel(channel, b"fine", true).unwrap();
    theirs.wait("the only message", |seen| messages(seen) == [(true, b"fine".to_vec())]);
    ours.session.close();
    assert_eq!(status(ours.session.send_channel(channel, b"x", true)), Status::Closed);
}

#[test]
fn a_peer_that_leaves_takes_its_channels_along() {
    let server = TestServer::start();
    let ([ours, theirs], peer) = pair(&server);
    ours.session.open_channel(peer, "chat", ChannelOptions::default()).unwrap();
    theirs.wait("the channel", |seen| opened(seen).is_some());
    theirs.session.leave().unwrap();
    for caller in [&ours, &theirs] {
        caller.wait("the end", |seen| seen.event_names().contains(&"peer-left"));
        let names = caller.seen().event_names();
        let position = |name| names.iter().position(|known| *known == name);
        assert!(position("channel-close").unwrap() < position("peer-left").unwrap(), "{names:?}");
    }
}

/// Counts messages, but only while it is allowed to.
#[derive(Default)]
struct SlowListener {
    state: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    peer: Option<PeerId>,
    may_go_on: bool,
    received: u64,
    in_order: bool,
}

impl Listener for SlowListener {
    fn on_event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap();
        match event {
            Event::PeerJoined { peer, .. } => state.peer = Some(*peer),
            Event::ChannelMessage { data, .. } => {
                state = self.changed.wait_while(state, |state| !state.may_go_on).unwrap();
                let number = u64::from_be_bytes(data[..8].try_into().unwrap());
                state.in_order = (state.in_order || number == 0) && number == state.received;
                state.received += 1;
            }
            _ => {}
        }
        self.changed.notify_all();
    }
}

#[test]
fn a_slow_receiver_slows_the_sender_down_and_loses_nothing() {
    const SIZE: usize = 60_000;
    const COUNT: u64 = 512; // 30 MB
    /// More than all buffers between two apps hold together.
    const MOST_IN_FLIGHT: u64 = 16 * 1024 * 1024 / SIZE as u64;

    let server = TestServer::start();
    let sender = Caller::new(server.config());
    let listener = Arc::new(SlowListener::default());
    let receiver = Session::create(server.config(), Arc::clone(&listener) as Arc<dyn Listener>).unwrap();
    sender.session.join("test/slow").unwrap();
    receiver.join("test/slow").unwrap();
    sender.wait("the peer", |seen| seen.names.len() == 1);
    let peer = *sender.seen().names.keys().next().unwrap();
    let channel = sender.session.open_channel(peer, "file", ChannelOptions::default()).unwrap();

    let mut message = vec![0; SIZE];
    let mut writables = 0;
    let mut sent = 0;
    let mut stalled = false;
    while sent < COUNT {
        message[..8].copy_from_slice(&sent.to_be_bytes());
        match status(sender.session.send_channel(channel, &message, true)) {
            Status::Ok => sent += 1,
            Status::Busy => {
                let written = |seen: &Seen| {
                    seen.event_names().iter().filter(|name| **name == "channel-writable").count()
                };
                // While the receiver stands still, so must the sender, after a while.
                if !stalled && !sender.waits_for(Duration::from_secs(3), |seen| written(seen) > writables) {
                    stalled = true;
                    assert!(sent < MOST_IN_FLIGHT, "{sent} messages are in flight");
                    listener.state.lock().unwrap().may_go_on = true;
                    listener.changed.notify_all();
                }
                sender.wait("room", |seen| written(seen) > writables);
                writables = written(&sender.seen());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(stalled, "the sender was never slowed down");
    let end = Instant::now() + DEADLINE;
    let mut state = listener.state.lock().unwrap();
    while state.received < COUNT {
        let left = end.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "{} of {COUNT} messages came", state.received);
        state = listener.changed.wait_timeout(state, left).unwrap().0;
    }
    assert!(state.in_order);
    drop(state);
    receiver.close();
}
