//! Frames and clients that ask for too much.

use std::num::NonZeroUsize;
use std::time::Duration;

use parlor_server::{Config, Key};
use protocol::ServerFrame;
use serde_json::json;
use sqlx::{AnyConnection, Connection as _};
use tokio_tungstenite::tungstenite::Message;

use crate::deployment::Deployment;
use crate::support::{Client, Event, ack, error_code, patiently, start, start_with};

#[tokio::test]
async fn the_largest_payload_fits_whatever_its_envelope() {
    let server = start().await;
    let (mut ann, _) = Client::join(&server, "demo").await;
    let (mut bob, _) = Client::join(&server, "demo").await;
    ann.next_frame().await;
    let largest = json!("x".repeat(65_534));
    let request = "r".repeat(128);
    bob.send(&ann.id, largest.clone(), &request).await;
    assert_eq!(bob.next_frame().await, ack(&request));
    let from = bob.id.clone();
    assert_eq!(
        ann.next_frame().await,
        ServerFrame::Direct { from, data: largest, from_metadata: None, cursor: None }
    );
    bob.send(&ann.id, json!("x".repeat(65_535)), "r").await;
    assert_eq!(error_code(&bob.next_frame().await), ("message_too_large", Some("r")));
    ann.assert_quiet().await;
}

#[tokio::test]
async fn a_frame_over_the_cap_closes_its_own_socket_only() {
    let server = start().await;
    let (mut stays, _) = Client::join(&server, "demo").await;
    for size in [65_536 + 4_096 + 1, 200_000, 300_000, 2_000_000] {
        for binary in [false, true] {
            let mut client = Client::connect(&server).await;
            let message =
                if binary { Message::binary(vec![b' '; size]) } else { Message::text(" ".repeat(size)) };
            client.message(message).await;
            assert_eq!(client.next_close().await, 1009, "{size} bytes, binary: {binary}");
        }
    }
    stays.assert_quiet().await;
}

#[tokio::test]
async fn garbage_is_answered_and_leaves_other_rooms_alone() {
    let server = start().await;
    let (mut stays, _) = Client::join(&server, "demo").await;
    let (mut other, _) = Client::join(&server, "other").await;
    for text in ["", "hello", "[]", "null", "{}", "{\"type\":", "\u{0}", &"[".repeat(60_000)] {
        other.text(text).await;
        assert_eq!(error_code(&other.next_frame().await), ("malformed_message", None), "{text:.20}");
    }
    other.message(Message::binary(br#"{"type":"ping"}"#.to_vec())).await;
    assert_eq!(error_code(&other.next_frame().await), ("malformed_message", None));
    other.assert_quiet().await;
    stays.assert_quiet().await;
}

#[tokio::test]
async fn what_is_not_even_websocket_closes_its_own_socket_only() {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    let server = start().await;
    let (mut stays, _) = Client::join(&server, "demo").await;
    let mut client = Client::connect(&server).await;
    let not_text = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    client.message(Message::Frame(not_text)).await;
    assert_eq!(client.next_close().await, 1007);
    let mut client = Client::connect(&server).await;
    let reserved = Frame::message(vec![], OpCode::Data(Data::Continue), true);
    client.message(Message::Frame(reserved)).await;
    assert_eq!(client.next_close().await, 1002);
    stays.assert_quiet().await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_told_to_come_later() {
    let server = start_with(Config { max_connections: 1, ..Config::dev_on_free_port() }).await;
    let mut first = Client::connect(&server).await;
    let mut second = Client::open(&server.url(), "?key=pk_dev").await;
    assert_eq!(second.next().await, Event::Close(4010));
    first.assert_quiet().await;
}

#[tokio::test]
async fn a_key_admits_no_more_than_its_own_limit() {
    let deployment = Deployment::sqlite();
    let (id, _) = deployment.secret(&["--max-connections", "1"]);
    let tokens = ["ann", "bob"].map(|peer| deployment.token(&id, peer, &[]));
    let mut config = deployment.config();
    let limited = Key { max_connections: NonZeroUsize::new(2), ..Key::open_to_all("pk_limited") };
    config.keys = vec![limited, Key::open_to_all("pk_free")];
    let server = start_with(config).await;
    let url = server.url();
    let _ann = Client::connect_to(&url, "pk_limited").await;
    let mut bob = Client::connect_to(&url, "pk_limited").await;
    assert_eq!(Client::open(&url, "?key=pk_limited").await.next().await, Event::Close(4010));
    Client::connect_to(&url, "pk_free").await;
    let _by_token = Client::connect_with_token(&url, &tokens[0]).await;
    assert_eq!(Client::open_with_token(&url, &tokens[1]).await.next().await, Event::Close(4010));
    // A place is free again as soon as the server knows that its client is gone.
    bob.close().await;
    patiently(async {
        while !matches!(Client::open(&url, "?key=pk_limited").await.next().await, Event::Frame(_)) {}
    })
    .await;
}

#[tokio::test]
async fn a_database_has_so_many_live_keys() {
    let deployment = Deployment::sqlite();
    let (first, _) = deployment.publishable(&[]);
    sqlx::any::install_default_drivers();
    let mut database = AnyConnection::connect(&format!("sqlite://{}", deployment.database)).await.unwrap();
    let more = "INSERT INTO keys SELECT id || i, kind, digest, name, channels, actions, origins, turn, generation, \
                oldest_generation, created_at, revoked_at, max_connections FROM keys, \
                (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 49) SELECT i FROM n)";
    sqlx::query(more).execute(&mut database).await.unwrap();
    let problem = deployment.failure(&["keys", "create"]);
    assert!(problem.ends_with("has 50 live keys, and that is the most"), "{problem}");
    deployment.json(&["keys", "revoke", &first]);
    deployment.publishable(&[]);
}

#[tokio::test]
async fn a_client_that_floods_is_closed() {
    let mut config = Config::dev_on_free_port();
    config.hub.message_rate.burst = 10;
    let server = start_with(config).await;
    let mut client = Client::connect(&server).await;
    for _ in 0..40 {
        client.text(r#"{"type":"ping"}"#).await;
    }
    assert_eq!(client.next_close().await, 4011);
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_is_cut_off_and_the_others_are_not() {
    let mut config = Config::dev_on_free_port();
    config.hub.linger = Duration::ZERO;
    config.hub.message_rate.burst = 100_000;
    let server = start_with(config).await;
    let (mut talks, _) = Client::join(&server, "demo").await;
    let (slow, _) = Client::join(&server, "demo").await;
    talks.next_frame().await;
    let large = json!("x".repeat(60_000));
    let frames = 2_000;
    for number in 0..frames {
        talks.publish("demo", large.clone()).await;
        talks.text(r#"{"type":"ping"}"#).await;
        match talks.next_frame().await {
            ServerFrame::Pong => {}
            ServerFrame::Presence { left, .. } => {
                assert_eq!(left[0].peer_id, slow.id);
                return;
            }
            other => panic!("{other:?}"),
        }
        assert!(number + 1 < frames, "the server queued {} MB", frames * 60_000 / 1_000_000);
    }
}
