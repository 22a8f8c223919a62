//! Sessions that go on on another socket.

use protocol::{ClientFrame, ServerFrame, Welcome};
use serde_json::json;

use crate::support::{Client, Event, ack, start};

async fn welcome(client: &mut Client) -> Welcome {
    match client.next().await {
        Event::Frame(ServerFrame::Welcome(welcome)) => welcome,
        other => panic!("expected the welcome, got {other:?}"),
    }
}

/// Connects and says that it can resume.
pub async fn resumable(server: &str, query: &str) -> (Client, Welcome) {
    let mut client = Client::open(server, query).await;
    let welcome = welcome(&mut client).await;
    client.frame(ClientFrame::Ping { request_id: None, cursor: Some(0) }).await;
    loop {
        match client.next_frame().await {
            ServerFrame::Pong => return (client, welcome),
            // What was sent to the session in the life of another server is lost.
            ServerFrame::Gap { .. } => assert!(query.contains("resume=")),
            other => panic!("expected the pong, got {other:?}"),
        }
    }
}

/// Returns the query of a connect, which goes on with a session if there is one.
pub fn query(key: &str, session: Option<&Welcome>, cursor: u64) -> String {
    session.map_or_else(
        || format!("?key={key}"),
        |welcome| format!("?key={key}&resume={}&cursor={cursor}", welcome.resume.as_ref().unwrap().expose()),
    )
}

#[tokio::test]
async fn a_client_that_comes_back_keeps_its_id_and_its_directs_and_is_not_missed() {
    let server = start().await;
    let (mut ann, _) = Client::join(&server, "demo").await;
    let (mut bob, first) = resumable(&server.url(), "?key=pk_dev").await;
    bob.subscribe("demo").await;
    assert!(matches!(ann.next_frame().await, ServerFrame::Presence { .. }));
    assert!(!first.resumed && first.epoch.is_some());

    for number in 1..=2 {
        ann.send(&first.peer_id, json!(number), "sent").await;
        assert_eq!(ann.next_frame().await, ack("sent"));
    }
    let numbered = |number: u64, cursor| {
        let (from, data) = (ann.id.clone(), json!(number));
        ServerFrame::Direct { from, data, from_metadata: None, cursor: Some(cursor) }
    };
    assert_eq!(bob.next_frame().await, numbered(1, 1));
    drop(bob);

    let mut bob = Client::open(&server.url(), &query("pk_dev", Some(&first), 1)).await;
    let second = welcome(&mut bob).await;
    assert_eq!((second.peer_id.as_str(), second.resumed), (first.peer_id.as_str(), true));
    assert_eq!(second.epoch, first.epoch);
    assert_eq!(bob.subscribe("demo").await, [ann.id.as_str()]);
    assert_eq!(bob.next_frame().await, numbered(2, 3));
    bob.publish("demo", json!("back")).await;
    let (channel, from) = ("demo".to_owned(), first.peer_id.clone());
    let back = ServerFrame::Message { channel, from, data: json!("back"), from_metadata: None };
    assert_eq!(ann.next_frame().await, back, "nobody has left or joined");

    // The first token is used up.
    let mut thief = Client::open(&server.url(), &query("pk_dev", Some(&first), 0)).await;
    let third = welcome(&mut thief).await;
    assert!(third.peer_id != first.peer_id && !third.resumed);
}

#[tokio::test]
async fn what_is_no_token_is_ignored() {
    let server = start().await;
    for query in ["&resume=", "&resume=beef", "&resume=%00", "&cursor=x&resume=7", "&resume=a&resume=b"] {
        let mut client = Client::open(&server.url(), &format!("?key=pk_dev{query}")).await;
        assert!(!welcome(&mut client).await.resumed, "{query}");
    }
}
