//! The server is killed under a thousand clients.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use protocol::{ClientFrame, ServerFrame, Welcome};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::resume::{query, resumable};
use crate::support::{Client, Event, patiently};
use crate::webhooks::{Deployment, Receiver};

const CLIENTS: usize = 1_000;
const PER_CHANNEL: usize = 10;
const CHANNELS: usize = CLIENTS / PER_CHANNEL;

/// How often those who do not stay in their channel come back to it before the server is killed.
const HOPS: usize = 3;

/// Clients that connect at once.
const AT_ONCE: usize = 50;

/// Who did what in a channel: `+ann`, `-ann`.
type News = String;

/// What a client has at the moment of its death.
struct Life {
    channel: usize,
    welcome: Welcome,
    /// What it was told had happened in its channel.
    seen: Vec<News>,
}

/// What the clients of the first server share.
#[derive(Clone)]
struct Crowd {
    url: String,
    key: String,
    door: Arc<Semaphore>,
    /// Told by each that knows all the others of its channel, and later by each that has hopped enough.
    settled: mpsc::UnboundedSender<()>,
    /// Says when to hop.
    hop: watch::Receiver<bool>,
}

fn room(channel: usize) -> String {
    format!("room/{channel}")
}

fn news(joined: &[protocol::Member], left: &[protocol::Member]) -> Vec<News> {
    let left = left.iter().map(|member| format!("-{}", member.peer_id));
    left.chain(joined.iter().map(|member| format!("+{}", member.peer_id))).collect()
}

/// Connects, as who it was if there is a welcome of an earlier life, and joins; returns when everyone is there.
async fn settle(crowd: &Crowd, channel: usize, before: Option<&Welcome>) -> (Client, Life, BTreeSet<String>) {
    let permit = crowd.door.acquire().await.unwrap();
    let (mut client, welcome) = resumable(&crowd.url, &query(&crowd.key, before, 0)).await;
    drop(permit);
    let mut seen = vec![format!("+{}", welcome.peer_id)];
    let mut roster: BTreeSet<String> = client.subscribe(&room(channel)).await.into_iter().collect();
    roster.remove(&welcome.peer_id);
    while roster.len() < PER_CHANNEL - 1 {
        if let ServerFrame::Presence { joined, left, .. } = client.next_frame().await {
            seen.extend(news(&joined, &left));
            roster.extend(joined.into_iter().map(|member| member.peer_id));
            left.iter().for_each(|member| assert!(roster.remove(&member.peer_id)));
        }
    }
    (client, Life { channel, welcome, seen }, roster)
}

/// Lives until the server dies. The first client of each channel leaves it and comes back again and again.
async fn live(mut crowd: Crowd, number: usize) -> Life {
    let channel = number % CHANNELS;
    let (mut client, mut life, _) = settle(&crowd, channel, None).await;
    crowd.settled.send(()).unwrap();
    let hops = number < CHANNELS;
    if hops {
        crowd.hop.wait_for(|hop| *hop).await.unwrap();
        client.frame(leave(channel)).await;
    }
    let me = life.welcome.peer_id.clone();
    let mut hopped = 0;
    loop {
        match client.next().await {
            Event::Broken => return life,
            Event::Frame(ServerFrame::Ack { request_id }) if request_id == "leave" => {
                life.seen.push(format!("-{me}"));
                client.frame(join(channel)).await;
            }
            Event::Frame(ServerFrame::Ack { .. }) => {
                life.seen.push(format!("+{me}"));
                hopped += 1;
                if hopped == HOPS {
                    crowd.settled.send(()).unwrap();
                }
                client.frame(leave(channel)).await;
            }
            // Only those who hop get rosters now, and only they go and come.
            Event::Frame(ServerFrame::Presence { joined, left, .. }) if !hops => {
                life.seen.extend(news(&joined, &left));
            }
            Event::Frame(ServerFrame::Presence { .. }) | Event::Ping => {}
            other => panic!("{other:?}"),
        }
    }
}

fn join(channel: usize) -> ClientFrame {
    let request_id = Some("join".to_owned());
    ClientFrame::Subscribe { channel: room(channel), request_id, include_sender_metadata: false }
}

fn leave(channel: usize) -> ClientFrame {
    ClientFrame::Unsubscribe { channel: room(channel), request_id: Some("leave".to_owned()) }
}

/// Collects the events of two lives, each in its place, up to the second one's last.
async fn two_lives(receiver: &mut Receiver, last: impl Fn(&[Value]) -> bool) -> [Vec<Value>; 2] {
    let (mut told, mut started) = (Vec::new(), Vec::new());
    while started.len() < 2 || !last(&told[started[1]..]) {
        for event in receiver.events().await {
            let cursor = event["cursor"].as_u64().unwrap() as usize;
            // What the first server posted in vain comes again.
            if cursor == told.len() + 1 {
                if event["type"] == "server.started" {
                    started.push(told.len());
                }
                told.push(event);
            }
            assert!(cursor <= told.len(), "{cursor} after {}", told.len());
        }
    }
    assert_eq!(started[0], 0);
    let second = told.split_off(started[1]);
    [told, second]
}

/// Returns what happened in each channel of a life, in which nobody may come or go twice.
fn by_channel(life: &[Value]) -> BTreeMap<String, Vec<News>> {
    let mut happened: BTreeMap<String, Vec<News>> = BTreeMap::new();
    let mut inside: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in &life[1..] {
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let (channel, peer) = (text("channel"), text("peerId"));
        let news = match &*text("type") {
            "channel.opened" => {
                assert!(inside.insert(channel, BTreeSet::new()).is_none(), "opened twice: {event}");
                continue;
            }
            "channel.closed" => {
                assert_eq!(inside.remove(&channel), Some(BTreeSet::new()), "{event}");
                continue;
            }
            "peer.joined" => {
                assert!(inside.get_mut(&channel).unwrap().insert(peer.clone()), "joined twice: {event}");
                format!("+{peer}")
            }
            "peer.left" => {
                assert!(inside.get_mut(&channel).unwrap().remove(&peer), "left twice: {event}");
                format!("-{peer}")
            }
            other => panic!("{other}"),
        };
        happened.entry(channel).or_default().push(news);
    }
    happened
}

/// Whether everything that was seen happened, in that order.
fn holds(happened: &[News], seen: &[News]) -> bool {
    let mut happened = happened.iter();
    seen.iter().all(|seen| happened.any(|happened| happened == seen))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_survive_a_killed_server_and_nothing_that_they_saw_is_lost() {
    // Each client is a socket of this process, too.
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let deployment = Deployment::new("killed");
    let mut receiver = Receiver::start().await;
    // What the first server has to tell is still to be told when it dies.
    receiver.answer(503);
    let server = deployment.serve("127.0.0.1:0", &receiver.url);
    let (settled, mut all) = mpsc::unbounded_channel();
    let (go, hop) = watch::channel(false);
    let (url, key, door) = (server.url.clone(), deployment.key.clone(), Arc::new(Semaphore::new(AT_ONCE)));
    let crowd = Crowd { url, key, door, settled, hop };

    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(live(crowd.clone(), number));
    }
    for _ in 0..CLIENTS {
        patiently(all.recv()).await.unwrap();
    }
    println!("{CLIENTS} clients in {CHANNELS} channels after {:?}", begun.elapsed());
    go.send(true).unwrap();
    for _ in 0..CHANNELS {
        patiently(all.recv()).await.unwrap();
    }
    let made = deployment.run(&["keys", "create"])["key"].as_str().unwrap().to_owned();
    server.signal("KILL");
    server.end();
    let first: Vec<Life> = patiently(clients.join_all()).await;

    receiver.answer(200);
    let begun = Instant::now();
    let listen = crowd.url.strip_prefix("ws://").unwrap();
    let server = deployment.serve(listen, &receiver.url);
    assert_eq!(server.url, crowd.url);
    let mut clients = JoinSet::new();
    for life in &first {
        let (crowd, channel, welcome) = (crowd.clone(), life.channel, life.welcome.clone());
        clients.spawn(async move { settle(&crowd, channel, Some(&welcome)).await });
    }
    let second = patiently(clients.join_all()).await;
    println!("all back after {:?}", begun.elapsed());

    // Everyone is who they were, and knows all the others of the channel and no one else.
    let mut members = vec![BTreeSet::new(); CHANNELS];
    for Life { channel, welcome, .. } in &first {
        assert!(members[*channel].insert(welcome.peer_id.clone()));
    }
    for (_, Life { channel, welcome, .. }, roster) in &second {
        let mut roster = roster.clone();
        roster.insert(welcome.peer_id.clone());
        assert_eq!(roster, members[*channel]);
    }
    // The key that was made just before is there.
    Client::connect_to(&crowd.url, &made).await;

    // What anyone was told of is in the journal, once and in its place.
    let all_joined = |life: &[Value]| life.len() > CHANNELS + CLIENTS;
    let journal = two_lives(&mut receiver, all_joined).await;
    let second: Vec<Life> = second.into_iter().map(|(_, life, _)| life).collect();
    for (lives, journal) in [first, second].iter().zip(&journal) {
        let happened = by_channel(journal);
        for Life { channel, seen, .. } in lives {
            let happened = &happened[&room(*channel)];
            assert!(holds(happened, seen), "{channel}: {seen:?} is not in {happened:?}");
        }
    }
}
