//! Joining, presence, directs, errors, shutdown.

use std::time::Duration;

use parlor_server::{Config, Key, Timing};
use protocol::ice::IceServer;
use protocol::{ClientFrame, Member, ServerFrame};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use units::Secret;

use crate::support::{Client, Event, ack, error_code, patiently, refusal, start, start_with};

fn joined(channel: &str, peer: &str) -> ServerFrame {
    let member = Member { peer_id: peer.to_owned(), metadata: None };
    ServerFrame::Presence { channel: channel.to_owned(), joined: vec![member], left: vec![] }
}

fn direct(from: &str, data: Value) -> ServerFrame {
    ServerFrame::Direct { from: from.to_owned(), data, from_metadata: None, cursor: None }
}

#[tokio::test]
async fn the_welcome_has_all_five_fields() {
    let ice_servers = vec![IceServer {
        urls: vec!["turn:turn.example:3478".to_owned()],
        username: Some("user".to_owned()),
        credential: Some(Secret::new("hush")),
    }];
    let plain = Key { turn: false, ..Key::open_to_all("pk_plain") };
    let keys = vec![Key::open_to_all("pk_dev"), plain];
    let server = start_with(Config { ice_servers, keys, ..Config::dev_on_free_port() }).await;
    let mut client = Client::open(&server.url(), "?key=pk_dev").await;
    let welcome: Value = serde_json::from_str(&client.next_text().await).unwrap();
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(welcome["peerId"].as_str().unwrap().len(), 36);
    assert!(welcome.as_object().unwrap().contains_key("expiresAt") && welcome["expiresAt"].is_null());
    assert!(welcome["serverTime"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(welcome["maxMessageSize"], 65_536);
    let expected = json!([{"urls": ["turn:turn.example:3478"], "username": "user", "credential": "hush"}]);
    assert_eq!(welcome["metadata"]["iceServers"], expected);
    let mut client = Client::open(&server.url(), "?key=pk_plain").await;
    let welcome: Value = serde_json::from_str(&client.next_text().await).unwrap();
    assert!(welcome.get("metadata").is_none(), "{welcome}");
}

#[tokio::test]
async fn every_late_joiner_reads_its_ack_then_a_ping_then_the_complete_roster() {
    let server = start().await;
    let mut members: Vec<Client> = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(&server).await;
        let (channel, request_id) = ("demo".to_owned(), Some("r".to_owned()));
        client.frame(ClientFrame::Subscribe { channel, request_id, include_sender_metadata: false }).await;
        assert_eq!(client.next().await, Event::Frame(ack("r")));
        assert_eq!(client.next().await, Event::Ping);
        let Event::Frame(ServerFrame::Presence { joined: roster, left, .. }) = client.next().await else {
            panic!("the snapshot must follow the ping");
        };
        let mut roster: Vec<String> = roster.into_iter().map(|member| member.peer_id).collect();
        let mut expected: Vec<String> = members.iter().map(|member| member.id.clone()).collect();
        roster.sort();
        expected.sort();
        assert_eq!((roster, left), (expected, vec![]));
        for member in &mut members {
            assert_eq!(member.next_frame().await, joined("demo", &client.id));
        }
        members.push(client);
    }
}

#[tokio::test]
async fn members_send_to_each_other_and_to_all() {
    let server = start().await;
    let (mut ann, _) = Client::join(&server, "demo").await;
    let (mut bob, roster) = Client::join(&server, "demo").await;
    assert_eq!(roster, [ann.id.clone()]);
    assert_eq!(ann.next_frame().await, joined("demo", &bob.id));
    let offer = json!({"type": "rtc-description", "description": {"type": "offer", "sdp": "v=0\r\n"}});
    bob.send(&ann.id, offer.clone(), "r1").await;
    assert_eq!(bob.next_frame().await, ack("r1"));
    assert_eq!(ann.next_frame().await, direct(&bob.id, offer));
    ann.send(&bob.id, json!([0.1, null]), "r2").await;
    assert_eq!(ann.next_frame().await, ack("r2"));
    assert_eq!(bob.next_frame().await, direct(&ann.id, json!([0.1, null])));
    ann.publish("demo", json!("hello")).await;
    let (channel, from) = ("demo".to_owned(), ann.id.clone());
    let message = ServerFrame::Message { channel, from, data: json!("hello"), from_metadata: None };
    assert_eq!(bob.next_frame().await, message);
    ann.assert_quiet().await;
}

#[tokio::test]
async fn clients_without_a_good_credential_are_closed_or_refused() {
    let keys = vec![
        Key::open_to_all("pk_dev"),
        Key { origins: vec!["https://app.example".to_owned()], ..Key::open_to_all("pk_app") },
    ];
    let server = start_with(Config { keys, ..Config::dev_on_free_port() }).await;
    for query in ["?key=pk_nobody", "?key=", "", "?key=pk_dev&token=e.y.J", "?key=%ff"] {
        let mut client = Client::open(&server.url(), query).await;
        assert_eq!(client.next().await, Event::Close(4001), "{query}");
    }
    for (query, error) in [("?token=e.y.J", "invalid_token"), ("?key=pk_app", "origin_not_allowed")] {
        assert_eq!(refusal(&server.url(), query).await, (401, json!({"error": error})), "{query}");
    }
}

#[tokio::test]
async fn refused_requests_are_answered_and_the_connection_goes_on() {
    let server = start().await;
    let mut client = Client::connect(&server).await;
    for (text, code) in [
        (r#"{"type":"subscribe","channel":"_SYSTEM/x","requestId":"r"}"#, "channel_reserved"),
        (r#"{"type":"subscribe","channel":"","requestId":"r"}"#, "invalid_channel"),
        (r#"{"type":"send","to":"nobody","data":1,"requestId":"r"}"#, "peer_not_found"),
        (r#"{"type":"send","to":"nobody","requestId":"r"}"#, "missing_data"),
        (r#"{"type":"teleport","requestId":"r"}"#, "unknown_type"),
    ] {
        client.text(text).await;
        assert_eq!(error_code(&client.next_frame().await), (code, Some("r")), "{text}");
    }
    assert!(client.subscribe("demo").await.is_empty());
}

#[tokio::test]
async fn a_goodbye_is_announced_at_once_and_a_broken_socket_after_the_grace() {
    let mut config = Config::dev_on_free_port();
    config.hub.linger = Duration::from_millis(50);
    let server = start_with(config).await;
    let (mut stays, _) = Client::join(&server, "demo").await;
    let (mut polite, _) = Client::join(&server, "demo").await;
    polite.close().await;
    stays.until_left(&polite.id).await;
    let (broken, _) = Client::join(&server, "demo").await;
    let id = broken.id.clone();
    drop(broken);
    stays.until_left(&id).await;
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_given_up() {
    let mut config = Config::dev_on_free_port();
    config.hub.linger = Duration::ZERO;
    config.timing = Timing {
        ping_after: Duration::from_millis(50),
        ping_grace: Duration::from_millis(200),
        ..Timing::default()
    };
    let server = start_with(config).await;
    let (mut stays, _) = Client::join(&server, "demo").await;
    // Its socket stays open, but nothing reads it any more.
    let (silent, _) = Client::join(&server, "demo").await;
    stays.until_left(&silent.id).await;
    stays.assert_quiet().await;
}

#[tokio::test]
async fn no_subprotocol_is_selected() {
    let server = start().await;
    let mut socket = TcpStream::connect(server.local_addr()).await.unwrap();
    let request = "GET /v1?key=pk_dev HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   sec-websocket-protocol: chat\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(patiently(socket.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(!head.contains("sec-websocket-protocol") && !head.contains("extensions"), "{head}");
}

#[tokio::test]
async fn a_shutdown_says_goodbye_and_closes_every_socket() {
    let server = start().await;
    let address = server.local_addr();
    let (mut ann, _) = Client::join(&server, "demo").await;
    let mut bob = Client::connect(&server).await;
    let watch = tokio::spawn(async move {
        for client in [&mut ann, &mut bob] {
            assert!(matches!(client.next_frame().await, ServerFrame::GoingAway { retry_after_ms: Some(_) }));
            assert_eq!(client.next_close().await, 1001);
            // Reading on completes the closing handshake.
            assert_eq!(client.next().await, Event::Broken);
        }
    });
    patiently(server.shutdown()).await;
    watch.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_clients_that_never_read() {
    let server = start().await;
    let (silent, _) = Client::join(&server, "demo").await;
    patiently(server.shutdown()).await;
    drop(silent);
}
