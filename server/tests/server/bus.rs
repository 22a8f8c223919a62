//! Two servers whose hubs serve the same channels.

use parlor_server::{Bus, Config, ServerHandle};
use protocol::ServerFrame;
use serde_json::json;

use crate::deployment::Deployment;
use crate::resume::{query, resumable};
use crate::support::{Client, Event, ack, call, start_with};

/// Starts two servers on one database that are joined by a bus.
async fn two(deployment: &Deployment) -> [ServerHandle; 2] {
    let bus = Bus::default();
    let mut config = deployment.config();
    config.keys = Config::dev_on_free_port().keys;
    config.bus = Some(bus);
    [start_with(config.clone()).await, start_with(config).await]
}

/// Reads until this peer is known to have joined.
async fn until_joined(client: &mut Client, roster: &[String], peer: &str) {
    let mut is_known = roster.iter().any(|known| known == peer);
    while !is_known {
        if let ServerFrame::Presence { joined, .. } = client.next_frame().await {
            is_known = joined.iter().any(|member| member.peer_id == peer);
        }
    }
}

/// Joins one client at each server, and returns when they know each other.
async fn pair([here, there]: &[ServerHandle; 2]) -> (Client, Client) {
    let (mut ann, _) = Client::join(here, "demo").await;
    let (mut bob, roster) = Client::join(there, "demo").await;
    until_joined(&mut bob, &roster, &ann.id).await;
    until_joined(&mut ann, &[], &bob.id).await;
    (ann, bob)
}

#[tokio::test]
async fn clients_of_two_servers_meet_in_a_channel() {
    let deployment = Deployment::sqlite();
    let servers = two(&deployment).await;
    let (mut ann, mut bob) = pair(&servers).await;
    for number in 0..10 {
        ann.send(&bob.id, json!(number), "sent").await;
        assert_eq!(ann.next_frame().await, ack("sent"));
        let (from, data) = (ann.id.clone(), json!(number));
        let direct = ServerFrame::Direct { from, data, from_metadata: None, cursor: None };
        assert_eq!(bob.next_frame().await, direct);
        bob.publish("demo", json!(number)).await;
        let (channel, from, data) = ("demo".to_owned(), bob.id.clone(), json!(number));
        let message = ServerFrame::Message { channel, from, data, from_metadata: None };
        assert_eq!(ann.next_frame().await, message);
    }
    bob.close().await;
    ann.until_left(&bob.id).await;
    ann.assert_quiet().await;
}

#[tokio::test]
async fn what_the_operator_does_at_one_server_counts_at_the_other() {
    let deployment = Deployment::sqlite();
    let (id, secret) = deployment.secret(&[]);
    let servers = two(&deployment).await;
    let [here, there] = &servers;
    let token = deployment.token(&id, "eve", &[]);
    let mut eve = Client::connect_with_token(&here.url(), &token).await;
    eve.subscribe("demo").await;
    let (mut bob, roster) = Client::join(there, "demo").await;
    until_joined(&mut bob, &roster, "eve").await;
    let bearer = format!("{id}:{secret}");
    let (status, _) = call(there.local_addr(), "DELETE", "/v1/peers/eve", &bearer, None).await;
    assert_eq!(status, 200);
    assert_eq!(eve.next_close().await, 4020);
    bob.until_left("eve").await;

    // A peer id is one connection across all hubs: the newest.
    let mut eve = Client::connect_with_token(&here.url(), &token).await;
    eve.subscribe("demo").await;
    until_joined(&mut bob, &[], "eve").await;
    let mut again = Client::connect_with_token(&there.url(), &token).await;
    assert_eq!(eve.next_close().await, 4020);
    again.assert_quiet().await;
}

/// A session belongs to the hub that it began at. Elsewhere its peer id is kept, as after a restart.
#[tokio::test]
async fn who_comes_back_at_the_other_server_keeps_its_id() {
    let deployment = Deployment::sqlite();
    let servers = two(&deployment).await;
    let [here, there] = &servers;
    let (mut ann, first) = resumable(&here.url(), "?key=pk_dev").await;
    ann.subscribe("demo").await;
    let (mut bob, roster) = Client::join(there, "demo").await;
    until_joined(&mut bob, &roster, &first.peer_id).await;
    let (mut cat, roster) = Client::join(here, "demo").await;
    until_joined(&mut cat, &roster, &bob.id).await;
    until_joined(&mut bob, &[], &cat.id).await;
    drop(ann);
    let (mut ann, second) = resumable(&there.url(), &query("pk_dev", Some(&first), 0)).await;
    assert_eq!((&second.peer_id, second.resumed), (&first.peer_id, false));
    assert_eq!(ann.subscribe("demo").await.len(), 2);
    for (peer, number) in [(&mut bob, 1), (&mut cat, 2)] {
        peer.until_left(&first.peer_id).await;
        until_joined(peer, &[], &first.peer_id).await;
        ann.send(&peer.id, json!("back"), "sent").await;
        assert_eq!(ann.next_frame().await, ack("sent"));
        assert!(matches!(peer.next_frame().await, ServerFrame::Direct { .. }));
        // And the other way, although the server where it was would have kept this for it.
        peer.send(&first.peer_id, json!(number), "sent").await;
        assert_eq!(peer.next_frame().await, ack("sent"));
        match ann.next_frame().await {
            ServerFrame::Direct { data, .. } => assert_eq!(data, json!(number)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_ends_takes_its_own_clients_with_it_only() {
    let deployment = Deployment::sqlite();
    let servers = two(&deployment).await;
    let (mut ann, mut bob) = pair(&servers).await;
    let [here, there] = servers;
    here.shutdown().await;
    assert!(matches!(ann.next().await, Event::Frame(ServerFrame::GoingAway { .. })));
    bob.until_left(&ann.id).await;
    bob.assert_quiet().await;
    drop(there);
}
