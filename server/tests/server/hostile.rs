//! Clients that break the rules on purpose, while a call goes on in another room.

use std::time::Duration;

use hub::Rate;
use parlor_server::{Config, Key, ServerHandle, Timing};
use protocol::ServerFrame;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Client, error_code, patiently, refusal, start_with};

/// A server for calls that are as fast as they can be.
fn config() -> Config {
    let mut config = Config::dev_on_free_port();
    config.hub.peer_message_rate = Rate { per_second: 1_000_000, burst: 1_000_000 };
    config.hub.message_rate = Rate { per_second: 1_000_000, burst: 1_000_000 };
    config
}

/// Two peers that send each other numbers in turn until they are told to stop.
struct Call {
    stop: oneshot::Sender<()>,
    turns: JoinHandle<u64>,
}

impl Call {
    async fn start(server: &ServerHandle) -> Self {
        let (mut ann, _) = Client::join(server, "a call").await;
        let (mut bob, _) = Client::join(server, "a call").await;
        assert!(matches!(ann.next_frame().await, ServerFrame::Presence { .. }));
        let (stop, mut stopped) = oneshot::channel();
        let turns = tokio::spawn(async move {
            let mut turn = 0;
            while stopped.try_recv().is_err() {
                turn += 1;
                pass(&mut ann, &mut bob, turn).await;
                pass(&mut bob, &mut ann, turn).await;
            }
            turn
        });
        Self { stop, turns }
    }

    /// Ends the call; fails when anything in it was lost, delayed for too long or out of order.
    async fn end(self) {
        self.stop.send(()).unwrap();
        assert!(patiently(self.turns).await.unwrap() > 0);
    }
}

/// Sends a number and waits until it is acknowledged and there. Nothing else may come.
async fn pass(from: &mut Client, to: &mut Client, number: u64) {
    let data = json!({"type": "rtc-ice", "candidate": null, "number": number});
    let to_id = to.id.clone();
    from.send(&to_id, data.clone(), "r").await;
    assert!(matches!(from.next_frame().await, ServerFrame::Ack { .. }));
    match to.next_frame().await {
        ServerFrame::Direct { data: got, .. } => assert_eq!(got, data),
        other => panic!("{other:?}"),
    }
}

/// Asks for a WebSocket with headers of one's own, and returns the answer's status and what came with it.
async fn ask(server: &ServerHandle, method: &str, key: &str, headers: &str) -> (u16, String) {
    let address = server.local_addr();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} /v1?key={key} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    // The answer is short, and what the server does not close we do.
    socket.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = patiently(socket.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

/// Opens a WebSocket of which every byte after the handshake is written by hand.
async fn by_hand(server: &ServerHandle) -> TcpStream {
    let address = server.local_addr();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /v1?key=pk_dev HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(patiently(socket.read_u8()).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    socket
}

/// Reads one frame (RFC 6455 §5.2) and returns its opcode and payload; `None` at the end of the connection.
async fn read_frame(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut read = async || {
        let opcode = socket.read_u8().await? & 0x0f;
        let length = match socket.read_u8().await? {
            126 => usize::from(socket.read_u16().await?),
            127 => usize::try_from(socket.read_u64().await?).unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        socket.read_exact(&mut payload).await?;
        std::io::Result::Ok((opcode, payload))
    };
    patiently(read()).await.ok()
}

/// Reads to the close frame and returns its code; `None` when the connection ends without one.
async fn close_code(socket: &mut TcpStream) -> Option<u16> {
    loop {
        let (opcode, payload) = read_frame(socket).await?;
        if opcode == 8 {
            return Some(u16::from_be_bytes([payload[0], payload[1]]));
        }
    }
}

/// A masked frame whose mask is zero.
fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first_byte];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn what_breaks_the_rules_of_websocket_closes_its_own_socket_only() {
    let server = start_with(config()).await;
    let call = Call::start(&server).await;
    let endless = [vec![0x81, 0xff], vec![0x7f; 8], vec![0; 4]].concat();
    let parts: Vec<u8> = [frame(0x01, &[b' '; 60_000]), frame(0x00, &[b' '; 60_000]).repeat(4)].concat();
    for (what, bytes, expected) in [
        ("no mask", vec![0x81, 0x02, b'{', b'}'], 1002),
        ("a reserved bit", frame(0xc1, b"{}"), 1002),
        ("a reserved opcode", frame(0x83, b""), 1002),
        ("a ping that is too long", frame(0x89, &[0; 126]), 1002),
        ("a ping in parts", frame(0x09, b""), 1002),
        ("a part without a beginning", frame(0x80, b"{}"), 1002),
        ("a text inside another one", [frame(0x01, b"{"), frame(0x81, b"}")].concat(), 1002),
        ("text that is not UTF-8", frame(0x81, &[0xc3, 0x28]), 1007),
        ("the longest frame there is", endless, 1009),
        ("many parts that are too long together", parts, 1009),
    ] {
        let mut socket = by_hand(&server).await;
        // The server may close before it has read everything.
        let _ = socket.write_all(&bytes).await;
        assert_eq!(close_code(&mut socket).await, Some(expected), "{what}");
    }
    call.end().await;
}

#[tokio::test]
async fn a_frame_that_never_ends_holds_nothing() {
    let timing = Timing {
        ping_after: Duration::from_millis(100),
        ping_grace: Duration::from_millis(500),
        ..Timing::default()
    };
    let server = start_with(Config { timing, ..config() }).await;
    let call = Call::start(&server).await;
    let mut socket = by_hand(&server).await;
    let bytes = frame(0x81, &[b' '; 1_000]);
    socket.write_all(&bytes[..20]).await.unwrap();
    // A byte for each sign of life that the server asks for is no sign of life.
    let mut sent = 20;
    while read_frame(&mut socket).await.is_some() {
        sent += 1;
        let _ = socket.write_all(&bytes[sent - 1..sent]).await;
    }
    assert!(sent < bytes.len(), "the server read on for ever");
    call.end().await;
}

#[tokio::test]
async fn nesting_is_limited_and_what_is_below_the_limit_arrives() {
    let server = start_with(config()).await;
    let call = Call::start(&server).await;
    let (mut talks, _) = Client::join(&server, "demo").await;
    let (mut listens, _) = Client::join(&server, "demo").await;
    talks.next_frame().await;
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"type":"publish","channel":"demo","data":{open}{close}}}"#)
    };
    talks.text(nested(200)).await;
    assert_eq!(error_code(&talks.next_frame().await), ("malformed_message", None));
    talks.text(nested(100)).await;
    assert!(matches!(listens.next_frame().await, ServerFrame::Message { .. }));
    talks.assert_quiet().await;
    call.end().await;
}

#[tokio::test]
async fn requests_that_are_no_upgrade_and_pages_from_elsewhere_are_refused() {
    let origins = vec!["https://app.example".to_owned()];
    let keys = vec![Key::open_to_all("pk_dev"), Key { origins, ..Key::open_to_all("pk_app") }];
    let server = start_with(Config { keys, ..config() }).await;
    let call = Call::start(&server).await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
    let key = "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for (method, headers) in [
        ("GET", String::new()),
        ("GET", upgrade.to_owned()),
        ("POST", format!("{upgrade}{key}")),
        ("GET", format!("{key}{}", upgrade.replace("13", "12"))),
        ("GET", format!("{key}{}", upgrade.replace("websocket\r", "smoke\r"))),
    ] {
        let (status, _) = ask(&server, method, "pk_dev", &headers).await;
        assert!((400..500).contains(&status), "{method} {headers}: {status}");
    }
    let headers = format!("{upgrade}{key}origin: https://evil.example\r\n");
    let (status, body) = ask(&server, "GET", "pk_app", &headers).await;
    assert!(status == 401 && body.contains("origin_not_allowed"), "{status}: {body}");
    let headers = format!("{upgrade}{key}origin: https://app.example\r\n");
    assert_eq!(ask(&server, "GET", "pk_app", &headers).await.0, 101);
    assert_eq!(refusal(&server.url(), "?key=pk_app").await.0, 401, "a client without an origin");
    call.end().await;
}

#[tokio::test]
async fn clients_that_are_only_half_there_are_given_up() {
    let timing = Timing {
        handshake: Duration::from_millis(300),
        ping_after: Duration::from_millis(100),
        ping_grace: Duration::from_millis(300),
        ..Timing::default()
    };
    let server = start_with(Config { timing, ..config() }).await;
    let call = Call::start(&server).await;
    // Never answers a ping, as a machine that lost its power.
    let mut dead = by_hand(&server).await;
    let subscribe = br#"{"type":"subscribe","channel":"demo","requestId":"r"}"#;
    dead.write_all(&frame(0x81, subscribe)).await.unwrap();
    // Says no more after half a frame, half a request, half a body, or nothing at all.
    let mut cut = by_hand(&server).await;
    cut.write_all(&frame(0x81, &[b' '; 1_000])[..500]).await.unwrap();
    let address = server.local_addr();
    let mut requests = Vec::new();
    let head = format!("POST /v1/tokens HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100\r\n\r\n{{");
    for sent in ["", "GET /v1?key=pk_dev HTTP/1.1\r\nhost:", &head] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(sent.as_bytes()).await.unwrap();
        requests.push(socket);
    }
    // Has sent its last byte, but reads on.
    let mut closed = by_hand(&server).await;
    closed.shutdown().await.unwrap();
    for socket in requests.iter_mut().chain([&mut dead, &mut cut, &mut closed]) {
        // To the end, whether it is closed or reset.
        let _ = patiently(socket.read_to_end(&mut Vec::new())).await;
    }
    call.end().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_and_its_room_goes_on() {
    let mut config = config();
    config.hub.linger = Duration::ZERO;
    let server = start_with(config).await;
    let call = Call::start(&server).await;
    let mut deaf = by_hand(&server).await;
    let subscribe = br#"{"type":"subscribe","channel":"demo","requestId":"r"}"#;
    deaf.write_all(&frame(0x81, subscribe)).await.unwrap();
    let (mut talks, roster) = Client::join(&server, "demo").await;
    if roster.is_empty() {
        talks.next_frame().await;
    }
    let large = json!("x".repeat(60_000));
    let mut frames = 0;
    loop {
        talks.publish("demo", large.clone()).await;
        talks.text(r#"{"type":"ping"}"#).await;
        match talks.next_frame().await {
            ServerFrame::Pong => frames += 1,
            ServerFrame::Presence { left, .. } => break assert_eq!(left.len(), 1),
            other => panic!("{other:?}"),
        }
        assert!(frames < 2_000, "the server queued {} MB", frames * 60_000 / 1_000_000);
    }
    call.end().await;
}
