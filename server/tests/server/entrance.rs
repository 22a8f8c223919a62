//! What happens to a connection before its client is admitted.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use parlor_server::{Config, PerAddress, Timing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Answer, Client, get, patiently, request, start, start_with};

/// A server that waits 200 ms for a request's head.
fn impatient() -> Config {
    let timing = Timing { handshake: Duration::from_millis(200), ..Timing::default() };
    Config { timing, ..Config::dev_on_free_port() }
}

fn limited(connects_per_minute: u32, sockets: usize) -> Config {
    let per_address = PerAddress {
        connects_per_minute: NonZeroU32::new(connects_per_minute),
        sockets: NonZeroUsize::new(sockets),
    };
    let trusted_proxies = vec!["127.0.0.2/32".parse().unwrap()];
    Config { per_address, trusted_proxies, ..Config::dev_on_free_port() }
}

/// Reads to the end of the connection, whether it is closed or reset.
async fn rest(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = patiently(socket.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Asks for a WebSocket from a loopback address, and returns the open socket and the answer's head.
async fn upgrade(server: SocketAddr, from: [u8; 4], headers: &str) -> (TcpStream, Answer) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut socket = patiently(socket.connect(server)).await.unwrap();
    let request = format!(
        "GET /v1?key=pk_dev HTTP/1.1\r\nhost: {server}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n"
    );
    // The server may have closed already.
    let _ = socket.write_all(request.as_bytes()).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match patiently(socket.read_u8()).await {
            Ok(byte) => head.push(byte),
            Err(_) => return (socket, Answer { status: 0, head: String::new(), body: String::new() }),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (socket, Answer { status, head, body: String::new() })
}

#[tokio::test]
async fn a_request_head_that_comes_too_slowly_is_cut() {
    let server = start_with(impatient()).await;
    let mut stays = Client::connect(&server).await;
    let begun = Instant::now();
    for sent in ["", "GET /v1?key=pk_dev HT", "GET /v1 HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut socket = TcpStream::connect(server.local_addr()).await.unwrap();
        socket.write_all(sent.as_bytes()).await.unwrap();
        assert!(!rest(&mut socket).await.contains("200 OK"), "{sent}");
    }
    // One byte after the other does not buy time, either.
    let mut socket = TcpStream::connect(server.local_addr()).await.unwrap();
    let drip = async {
        let mut interval = tokio::time::interval(Duration::from_millis(20));
        while socket.write_all(b"G").await.is_ok() {
            interval.tick().await;
        }
    };
    patiently(drip).await;
    assert!(begun.elapsed() >= Duration::from_millis(4 * 200));
    stays.assert_quiet().await;
}

#[tokio::test]
async fn an_idle_connection_is_not_kept_for_long_after_its_answer() {
    let server = start_with(impatient()).await;
    let mut socket = TcpStream::connect(server.local_addr()).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let answer = rest(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
}

#[tokio::test]
async fn an_admitted_client_outlives_the_deadlines_of_those_that_are_not() {
    let server = start_with(impatient()).await;
    let mut admitted = Client::connect(&server).await;
    let mut silent = TcpStream::connect(server.local_addr()).await.unwrap();
    rest(&mut silent).await;
    admitted.assert_quiet().await;
}

#[tokio::test]
async fn a_request_head_that_is_too_large_is_refused() {
    let server = start().await;
    let long = format!("x-long: {}\r\n", "x".repeat(20_000));
    let many: String = (0..70).map(|number| format!("x-{number}: 1\r\n")).collect();
    for headers in [long, many] {
        assert_eq!(request(server.local_addr(), "GET", "/healthz", &headers).await.status, 431);
    }
    let fits = format!("x-long: {}\r\n", "x".repeat(8_000));
    assert_eq!(request(server.local_addr(), "GET", "/healthz", &fits).await.status, 200);
}

#[tokio::test]
async fn an_address_that_connects_too_often_is_told_when_to_come_back() {
    let server = start_with(limited(3, 0)).await;
    let address = server.local_addr();
    for _ in 0..3 {
        assert_eq!(upgrade(address, [127, 0, 0, 1], "").await.1.status, 101);
    }
    let (_, refused) = upgrade(address, [127, 0, 0, 1], "").await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    // Another address, and other requests, are not concerned.
    assert_eq!(upgrade(address, [127, 0, 0, 3], "").await.1.status, 101);
    assert_eq!(get(address, "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_stranger_cannot_borrow_addresses_but_a_trusted_proxy_can() {
    let server = start_with(limited(1, 0)).await;
    let address = server.local_addr();
    let forwarded = |client: u8| format!("x-forwarded-for: 198.51.100.{client}\r\n");
    let (stranger, proxy) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    assert_eq!(upgrade(address, stranger, &forwarded(1)).await.1.status, 101);
    assert_eq!(upgrade(address, stranger, &forwarded(2)).await.1.status, 429);
    assert_eq!(upgrade(address, proxy, &forwarded(1)).await.1.status, 101);
    assert_eq!(upgrade(address, proxy, &forwarded(2)).await.1.status, 101);
    assert_eq!(upgrade(address, proxy, &forwarded(2)).await.1.status, 429);
}

#[tokio::test]
async fn an_address_has_only_so_many_sockets_at_once() {
    let server = start_with(limited(0, 2)).await;
    let address = server.local_addr();
    let stranger = [127, 0, 0, 1];
    let (first, answer) = upgrade(address, stranger, "").await;
    assert_eq!(answer.status, 101);
    let silent = TcpStream::connect(address).await.unwrap();
    assert_eq!(upgrade(address, stranger, "").await.1.status, 0, "closed without a word");
    assert_eq!(upgrade(address, [127, 0, 0, 3], "").await.1.status, 101);
    drop((first, silent));
    // The server learns of it a moment later.
    let again = async { while upgrade(address, stranger, "").await.1.status != 101 {} };
    patiently(again).await;
}

#[tokio::test]
async fn sockets_behind_a_proxy_are_counted_for_their_clients() {
    let server = start_with(limited(0, 1)).await;
    let (address, proxy) = (server.local_addr(), [127, 0, 0, 2]);
    let forwarded = |client: u8| format!("x-forwarded-for: 198.51.100.{client}\r\n");
    let (first, answer) = upgrade(address, proxy, &forwarded(1)).await;
    assert_eq!(answer.status, 101);
    let (_, refused) = upgrade(address, proxy, &forwarded(1)).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("30")));
    let (_second, answer) = upgrade(address, proxy, &forwarded(2)).await;
    assert_eq!(answer.status, 101);
    drop(first);
    let again = async { while upgrade(address, proxy, &forwarded(1)).await.1.status != 101 {} };
    patiently(again).await;
}
