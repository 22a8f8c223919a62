//! Against small servers on loopback.

use std::future::Future;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;

/// A credential in the URL that no event may contain.
const KEY: &str = "pk_live_hush";

type ServerSocket = WebSocketStream<TcpStream>;

/// The client's end of a test: its handle and what it was told.
struct Client {
    handle: SignalHandle,
    events: UnboundedReceiver<SignalEvent>,
}

impl Client {
    fn connect(url: String, config: &SignalConfig) -> Self {
        Self::connect_on(&Handle::current(), url, config)
    }

    fn connect_on(runtime: &Handle, url: String, config: &SignalConfig) -> Self {
        let (sender, events) = unbounded_channel();
        // An event after the test has seen the end fails no test, but every test reads until the channel is
        // closed.
        let sink = Arc::new(move |event| drop(sender.send(event)));
        let handle = SignalClient::new(config).unwrap().connect(runtime, url, sink);
        Self { handle, events }
    }

    fn plain(address: SocketAddr) -> Self {
        Self::connect(format!("ws://{address}/v1?key={KEY}"), &SignalConfig::default())
    }

    async fn next(&mut self) -> Option<SignalEvent> {
        timeout(Duration::from_secs(20), self.events.recv()).await.expect("no event came")
    }

    async fn opened(&mut self) {
        assert_eq!(self.next().await, Some(SignalEvent::Opened));
    }

    /// Returns the last event and makes sure that it is the last, and that it gives nothing away.
    async fn last(mut self) -> SignalEvent {
        let last = self.next().await.expect("an event");
        assert!(
            matches!(last, SignalEvent::Closed { .. } | SignalEvent::Failed { .. }),
            "{last:?} is not a last event"
        );
        let text = format!("{last:?}");
        assert!(!text.contains(KEY) && !text.contains("127.0.0.1") && !text.contains("localhost"), "{text}");
        assert_eq!(self.next().await, None, "the task must end after the last event");
        last
    }

    async fn failure(self) -> String {
        match self.last().await {
            SignalEvent::Failed { reason } => reason,
            other => panic!("{other:?} instead of a failure"),
        }
    }
}

fn closed(code: u16, reason: &str) -> SignalEvent {
    SignalEvent::Closed { code, reason: reason.into() }
}

/// Runs `serve` with the first connection to a new port.
async fn tcp_server<T, F>(serve: impl FnOnce(TcpStream) -> F + Send + 'static) -> (SocketAddr, JoinHandle<T>)
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(async move { serve(listener.accept().await.unwrap().0).await }))
}

/// Runs `serve` with the first WebSocket to a new port.
async fn server<T, F>(serve: impl FnOnce(ServerSocket) -> F + Send + 'static) -> (SocketAddr, JoinHandle<T>)
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    tcp_server(async |stream| serve(accept_async(stream).await.unwrap()).await).await
}

fn close_frame(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
}

/// Reads to the end and returns the texts and the close frame.
async fn read_all(mut socket: ServerSocket) -> (Vec<String>, Option<CloseFrame>) {
    let (mut texts, mut close) = (Vec::new(), None);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Close(frame) => close = frame,
            _ => {}
        }
    }
    (texts, close)
}

#[tokio::test]
async fn texts_arrive_in_order_both_ways_and_the_close_comes_last() {
    let (address, served) = server(async |mut socket| {
        for number in 0..100 {
            socket.send(Message::text(format!("down {number}"))).await.unwrap();
        }
        read_all(socket).await
    })
    .await;
    let mut client = Client::plain(address);
    // Before it is open already.
    for number in 0..100 {
        client.handle.send(format!("up {number}")).unwrap();
    }
    client.opened().await;
    for number in 0..100 {
        assert_eq!(client.next().await, Some(SignalEvent::Text(format!("down {number}"))));
    }
    client.handle.send("last".into()).unwrap();
    client.handle.close(4000, "inactive");
    assert_eq!(client.handle.send("late".into()), Err(SendError::Closed));
    client.handle.close(1000, "only the first close counts");
    assert_eq!(client.last().await, closed(4000, "inactive"));
    let (texts, close) = served.await.unwrap();
    let expected: Vec<_> = (0..100).map(|number| format!("up {number}")).chain(["last".into()]).collect();
    assert_eq!(texts, expected);
    let close = close.unwrap();
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4000, "inactive"));
}

#[tokio::test]
async fn a_ping_is_answered_at_once_though_nothing_else_moves() {
    let (address, served) = server(async |mut socket| {
        for number in 0..3_u8 {
            socket.send(Message::Ping(vec![number].into())).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong(vec![number].into()));
        }
        socket.send(Message::text("answered")).await.unwrap();
        read_all(socket).await
    })
    .await;
    let mut client = Client::plain(address);
    client.opened().await;
    assert_eq!(client.next().await, Some(SignalEvent::Text("answered".into())));
    client.handle.close(1000, "");
    assert_eq!(client.last().await, closed(1000, ""));
    served.await.unwrap();
}

#[tokio::test]
async fn the_servers_close_code_and_reason_are_told_and_answered() {
    let (address, served) = server(async |mut socket| {
        socket.send(Message::text("before")).await.unwrap();
        socket.send(close_frame(4001, "invalid token")).await.unwrap();
        let answer = socket.next().await.unwrap().unwrap();
        assert!(matches!(socket.next().await, None | Some(Err(Error::ConnectionClosed))));
        answer
    })
    .await;
    let mut client = Client::plain(address);
    client.opened().await;
    assert_eq!(client.next().await, Some(SignalEvent::Text("before".into())));
    assert_eq!(client.last().await, closed(4001, "invalid token"));
    assert_eq!(served.await.unwrap(), close_frame(4001, "invalid token"));
}

#[tokio::test]
async fn a_close_without_a_code_is_1005() {
    let (address, _served) = server(async |mut socket| {
        socket.send(Message::Close(None)).await.unwrap();
        read_all(socket).await
    })
    .await;
    let mut client = Client::plain(address);
    client.opened().await;
    assert_eq!(client.last().await, closed(1005, ""));
}

#[tokio::test]
async fn a_connection_that_just_ends_is_1006() {
    let (address, _served) = server(async |socket| drop(socket)).await;
    let mut client = Client::plain(address);
    client.opened().await;
    let handle = client.handle.clone();
    assert_eq!(client.last().await, closed(1006, "the connection was lost"));
    assert_eq!(handle.send("into the void".into()), Err(SendError::Closed));
}

#[tokio::test]
async fn dropping_every_handle_closes_the_connection() {
    let (address, served) = server(read_all).await;
    let mut client = Client::plain(address);
    client.opened().await;
    client.handle.send("kept".into()).unwrap();
    let Client { handle, mut events } = client;
    let clone = handle.clone();
    drop(handle);
    clone.send("also kept".into()).unwrap();
    drop(clone);
    assert_eq!(events.recv().await, Some(closed(1000, "")));
    let (texts, close) = served.await.unwrap();
    assert_eq!(texts, ["kept", "also kept"]);
    assert_eq!(u16::from(close.unwrap().code), 1000);
}

#[tokio::test]
async fn closing_before_it_is_open_fails_the_connection() {
    // Accepts and never answers the upgrade.
    let (address, served) = tcp_server(async |mut stream| {
        let mut request = Vec::new();
        stream.read_to_end(&mut request).await
    })
    .await;
    let client = Client::plain(address);
    client.handle.close(1000, "changed my mind");
    assert_eq!(client.failure().await, "closed before it was open");
    served.abort();
}

#[tokio::test]
async fn a_server_that_does_not_answer_our_close_is_left_within_its_bound() {
    let (address, served) = server(async |socket| {
        // Holds the connection without reading.
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let mut client = Client::plain(address);
    client.opened().await;
    client.handle.close(1000, "bye");
    assert_eq!(client.last().await, closed(1000, "bye"));
    served.abort();
}

#[tokio::test]
async fn both_sides_can_write_much_before_they_read() {
    const COUNT: usize = 300;
    let large = "x".repeat(32 * 1024);
    let (address, served) = server({
        let large = large.clone();
        async move |mut socket: ServerSocket| {
            for _ in 0..COUNT {
                socket.send(Message::text(large.clone())).await.unwrap();
            }
            read_all(socket).await.0.len()
        }
    })
    .await;
    let mut client = Client::plain(address);
    for _ in 0..COUNT {
        client.handle.send(large.clone()).unwrap();
    }
    client.opened().await;
    for _ in 0..COUNT {
        assert_eq!(client.next().await, Some(SignalEvent::Text(large.clone())));
    }
    client.handle.close(1000, "");
    assert_eq!(client.last().await, closed(1000, ""));
    assert_eq!(served.await.unwrap(), COUNT);
}

#[tokio::test]
async fn a_queue_that_overflows_ends_the_connection() {
    let (address, served) = server(async |socket| {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let mut client = Client::plain(address);
    client.opened().await;
    let large = "x".repeat(64 * 1024);
    let refused = (0..100_000).find_map(|_| client.handle.send(large.clone()).err());
    assert_eq!(refused, Some(SendError::QueueFull));
    assert_eq!(client.handle.send(String::new()), Err(SendError::Closed));
    assert_eq!(client.last().await, closed(1006, "too much was waiting to be sent"));
    served.abort();
}

#[tokio::test]
async fn the_largest_message_passes_and_a_larger_one_closes_with_1009() {
    let (address, served) = server(async |mut socket| {
        socket.send(Message::text("x".repeat(MAX_INBOUND_BYTES))).await.unwrap();
        socket.send(Message::text("x".repeat(MAX_INBOUND_BYTES + 1))).await.unwrap();
        read_all(socket).await.1
    })
    .await;
    let mut client = Client::plain(address);
    client.opened().await;
    let Some(SignalEvent::Text(text)) = client.next().await else { panic!("no text") };
    assert_eq!(text.len(), MAX_INBOUND_BYTES);
    assert_eq!(client.last().await, closed(1009, "a message was too large"));
    assert_eq!(u16::from(served.await.unwrap().unwrap().code), 1009);
}

#[tokio::test]
async fn a_message_too_large_in_parts_is_refused_as_well() {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    let (address, served) = server(async |mut socket| {
        for part in 0..3 {
            let opcode = OpCode::Data(if part == 0 { Data::Text } else { Data::Continue });
            let frame = Frame::message("x".repeat(MAX_INBOUND_BYTES / 2), opcode, part == 2);
            socket.send(Message::Frame(frame)).await.unwrap();
        }
        read_all(socket).await.1
    })
    .await;
    let mut client = Client::plain(address);
    client.opened().await;
    assert_eq!(client.last().await, closed(1009, "a message was too large"));
    assert_eq!(u16::from(served.await.unwrap().unwrap().code), 1009);
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_told_so() {
    let (address, served) = server(async |mut socket| {
        // A frame with an opcode that does not exist.
        socket.get_mut().write_all(&[0x83, 0]).await.unwrap();
        read_all(socket).await.1
    })
    .await;
    let mut client = Client::plain(address);
    client.opened().await;
    assert_eq!(client.last().await, closed(1006, "the server broke the WebSocket protocol"));
    assert_eq!(u16::from(served.await.unwrap().unwrap().code), 1002);
}

#[tokio::test]
async fn binary_messages_are_ignored() {
    let (address, _served) = server(async |mut socket| {
        socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
        socket.send(Message::text("text")).await.unwrap();
        read_all(socket).await
    })
    .await;
    let mut client = Client::plain(address);
    client.opened().await;
    assert_eq!(client.next().await, Some(SignalEvent::Text("text".into())));
    client.handle.close(1000, "");
    assert_eq!(client.last().await, closed(1000, ""));
}

#[tokio::test]
async fn a_refused_port_fails() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(Client::plain(address).failure().await, "the server refused the connection");
}

#[tokio::test]
async fn an_http_status_is_named() {
    for (answer, reason) in [
        ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", "HTTP status 401"),
        ("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n", "HTTP status 429"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "no WebSocket server (HTTP status 200)"),
        ("SSH-2.0-odd\r\n\r\n", "the server is no WebSocket server"),
    ] {
        let (address, served) = tcp_server(async move |mut stream| {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        })
        .await;
        let failure = Client::plain(address).failure().await;
        assert!(failure.ends_with(reason), "{failure:?} for {answer:?}");
        let request = served.await.unwrap();
        assert!(request.starts_with(&format!("GET /v1?key={KEY} HTTP/1.1\r\n")), "{request}");
        assert!(!request.to_lowercase().contains("sec-websocket-protocol"), "no subprotocol is asked for");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_during_the_upgrade_fails() {
    let (address, _served) = tcp_server(async |stream| drop(stream)).await;
    assert_eq!(Client::plain(address).failure().await, "the connection was lost");
}

#[tokio::test]
async fn a_server_that_never_answers_fails_in_time() {
    let (address, served) = tcp_server(async |mut stream| {
        let mut request = Vec::new();
        stream.read_to_end(&mut request).await
    })
    .await;
    let config = SignalConfig { connect_timeout: Duration::from_millis(50), ..SignalConfig::default() };
    let client = Client::connect(format!("ws://{address}/v1?key={KEY}"), &config);
    assert_eq!(client.failure().await, "the server did not answer in time");
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn unusable_urls_and_unknown_hosts_fail_without_showing_themselves() {
    for (url, reason) in [
        (format!("ws://bad..name/v1?key={KEY}"), "the server's host name could not be resolved"),
        (format!("http://127.0.0.1/v1?key={KEY}"), "the URL cannot be used"),
        (format!("/v1?key={KEY}"), "the URL cannot be used"),
        (format!("ws:///v1?key={KEY} x"), "the URL cannot be used"),
    ] {
        let client = Client::connect(url, &SignalConfig::default());
        assert_eq!(client.failure().await, reason);
    }
}

#[tokio::test]
async fn ipv6_literals_are_understood() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        println!("no IPv6 loopback here: not tested");
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let stream = listener.accept().await.unwrap().0;
        read_all(accept_async(stream).await.unwrap()).await
    });
    let mut client = Client::connect(format!("ws://[::1]:{port}/v1?key={KEY}"), &SignalConfig::default());
    client.opened().await;
    client.handle.close(1000, "");
    assert_eq!(client.last().await, closed(1000, ""));
    served.await.unwrap();
}

#[test]
fn the_end_of_the_runtime_is_an_end_of_the_connection() {
    let server_runtime = tokio::runtime::Runtime::new().unwrap();
    let (address, served) = server_runtime.block_on(server(read_all));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = format!("ws://{address}/v1?key={KEY}");
    let mut client = Client::connect_on(runtime.handle(), url, &SignalConfig::default());
    server_runtime.block_on(client.opened());
    runtime.shutdown_background();
    let last = server_runtime.block_on(client.last());
    assert_eq!(last, closed(1006, "the engine was shut down"));
    server_runtime.block_on(served).unwrap();
}

/// A private issuer and a `wss` server for `localhost` whose certificate is from it.
struct TlsServer {
    issuer_pem: String,
    address: SocketAddr,
    served: JoinHandle<()>,
}

impl TlsServer {
    async fn start() -> Self {
        let mut issuer_params = CertificateParams::new(Vec::new()).unwrap();
        issuer_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(issuer_params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let (address, served) = tcp_server(async move |stream| {
            // The client may refuse our certificate.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut socket = accept_async(stream).await.unwrap();
            socket.send(Message::text("secret")).await.unwrap();
            while let Some(Ok(_)) = socket.next().await {}
        })
        .await;
        Self { issuer_pem: issuer.pem(), address, served }
    }

    fn connect(&self, host: &str, extra_roots: Vec<String>) -> Client {
        let url = format!("wss://{host}:{}/v1?key={KEY}", self.address.port());
        Client::connect(url, &SignalConfig { extra_roots, ..SignalConfig::default() })
    }
}

#[tokio::test]
async fn a_certificate_from_an_extra_root_is_accepted() {
    let server = TlsServer::start().await;
    let mut client = server.connect("localhost", vec![server.issuer_pem.clone()]);
    client.opened().await;
    assert_eq!(client.next().await, Some(SignalEvent::Text("secret".into())));
    client.handle.close(1000, "");
    assert_eq!(client.last().await, closed(1000, ""));
    server.served.await.unwrap();
}

#[tokio::test]
async fn without_the_extra_root_the_certificate_is_refused() {
    let server = TlsServer::start().await;
    let reason = server.connect("localhost", Vec::new()).failure().await;
    // The second on a machine that has no trust roots at all.
    let expected = [
        "the server's certificate is not from a trusted issuer",
        "no trusted certificate issuers could be read from this system",
    ];
    assert!(expected.contains(&reason.as_str()), "{reason}");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let server = TlsServer::start().await;
    let reason = server.connect("127.0.0.1", vec![server.issuer_pem.clone()]).failure().await;
    assert_eq!(reason, "the server's certificate is for another host");
    server.served.await.unwrap();
}

#[tokio::test]
async fn tls_to_a_server_without_it_fails() {
    let (address, _served) = tcp_server(async |mut stream| {
        let mut hello = [0; 4096];
        let _ = stream.read(&mut hello).await;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await
    })
    .await;
    let client =
        Client::connect(format!("wss://localhost:{}/v1?key={KEY}", address.port()), &SignalConfig::default());
    let reason = client.failure().await;
    assert!(reason == "the TLS handshake failed" || reason.starts_with("no trusted"), "{reason}");
}

#[test]
fn extra_roots_that_are_no_certificates_are_refused() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    for root in ["", "not pem", &key, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        let config = SignalConfig { extra_roots: vec![root.to_owned()], ..SignalConfig::default() };
        assert_eq!(SignalClient::new(&config).err(), Some(SignalError::BadRoot), "{root:?}");
    }
}

#[test]
fn the_handle_and_the_client_show_nothing() {
    let client = SignalClient::new(&SignalConfig::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = client.connect(runtime.handle(), format!("ws://localhost?key={KEY}"), Arc::new(|_| {}));
    assert!(!format!("{handle:?} {client:?}").contains(KEY));
}
