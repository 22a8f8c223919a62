//! Clients of a server in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use parlor_server::{Config, Server, ServerHandle};
use protocol::{ClientFrame, ServerFrame, Welcome};
use rustls::ClientConfig;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config, connect_async_with_config,
};

/// After how long a test that waits for something has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn start() -> ServerHandle {
    start_with(Config::dev_on_free_port()).await
}

pub async fn start_with(config: Config) -> ServerHandle {
    Server::start(config).await.unwrap()
}

/// What a client reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Frame(ServerFrame),
    Ping,
    Close(u16),
    /// The socket ended without a closing handshake.
    Broken,
}

pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub id: String,
}

pub async fn patiently<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it must happen")
}

impl Client {
    /// Opens a socket and reads nothing yet.
    pub async fn open(server: &str, query: &str) -> Self {
        let (socket, _) =
            patiently(connect_async_with_config(format!("{server}/v1{query}"), None, true)).await.unwrap();
        Self { socket, id: String::new() }
    }

    /// Connects with the dev key and reads the welcome.
    pub async fn connect(server: &ServerHandle) -> Self {
        Self::connect_to(&server.url(), "pk_dev").await
    }

    pub async fn connect_to(server: &str, key: &str) -> Self {
        Self::open(server, &format!("?key={key}")).await.welcomed().await
    }

    async fn welcomed(mut self) -> Self {
        match self.next().await {
            Event::Frame(ServerFrame::Welcome(Welcome { peer_id, .. })) => self.id = peer_id,
            other => panic!("expected the welcome, got {other:?}"),
        }
        self
    }

    /// Opens a socket with a token and reads nothing yet.
    pub async fn open_with_token(server: &str, token: &str) -> Self {
        Self::open(server, &format!("?token={token}")).await
    }

    /// Connects with a token and reads the welcome.
    pub async fn connect_with_token(server: &str, token: &str) -> Self {
        Self::open_with_token(server, token).await.welcomed().await
    }

    /// Connects over TLS and reads the welcome.
    pub async fn connect_tls(server: &str, key: &str, tls: Arc<ClientConfig>) -> Self {
        let url = format!("{server}/v1?key={key}");
        let connector = Some(Connector::Rustls(tls));
        let connecting = connect_async_tls_with_config(url, None, true, connector);
        let (socket, _) = patiently(connecting).await.unwrap();
        Self { socket, id: String::new() }.welcomed().await
    }

    /// Connects, joins and returns the roster.
    pub async fn join(server: &ServerHandle, channel: &str) -> (Self, Vec<String>) {
        let mut client = Self::connect(server).await;
        let roster = client.subscribe(channel).await;
        (client, roster)
    }

    /// Joins and returns the roster.
    pub async fn subscribe(&mut self, channel: &str) -> Vec<String> {
        let request_id = Some("join".to_owned());
        let channel = channel.to_owned();
        self.frame(ClientFrame::Subscribe { channel, request_id, include_sender_metadata: false }).await;
        assert_eq!(self.next_frame().await, ack("join"));
        match self.next_frame().await {
            ServerFrame::Presence { joined, .. } => joined.into_iter().map(|member| member.peer_id).collect(),
            other => panic!("expected the snapshot, got {other:?}"),
        }
    }

    pub async fn frame(&mut self, frame: ClientFrame) {
        self.text(frame.to_json()).await;
    }

    pub async fn text(&mut self, text: impl Into<String>) {
        self.message(Message::text(text.into())).await;
    }

    pub async fn message(&mut self, message: Message) {
        // The server may close before it has read everything.
        let _ = patiently(self.socket.send(message)).await;
    }

    pub async fn publish(&mut self, channel: &str, data: Value) {
        let channel = channel.to_owned();
        self.frame(ClientFrame::Publish { channel, data, request_id: None }).await;
    }

    pub async fn send(&mut self, to: &str, data: Value, request_id: &str) {
        let (to, request_id) = (to.to_owned(), Some(request_id.to_owned()));
        self.frame(ClientFrame::Send { to, data, request_id }).await;
    }

    pub async fn close(&mut self) {
        patiently(self.socket.close(None)).await.unwrap();
    }

    /// Waits for the next event. Pings are answered by the time the one after is read.
    pub async fn next(&mut self) -> Event {
        loop {
            return match patiently(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => Event::Frame(ServerFrame::parse(&text).unwrap()),
                Some(Ok(Message::Ping(_))) => Event::Ping,
                Some(Ok(Message::Close(frame))) => {
                    Event::Close(frame.map_or(1005, |frame| frame.code.into()))
                }
                Some(Ok(Message::Pong(_))) => continue,
                Some(Ok(other)) => panic!("the server sent {other:?}"),
                Some(Err(_)) | None => Event::Broken,
            };
        }
    }

    /// Waits for the next frame, whatever pings come before.
    pub async fn next_frame(&mut self) -> ServerFrame {
        loop {
            match self.next().await {
                Event::Frame(frame) => return frame,
                Event::Ping => {}
                other => panic!("expected a frame, got {other:?}"),
            }
        }
    }

    /// Waits for the text of the next frame.
    pub async fn next_text(&mut self) -> String {
        loop {
            match patiently(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("expected a frame, got {other:?}"),
            }
        }
    }

    /// Waits for the end, whatever comes before.
    pub async fn next_close(&mut self) -> u16 {
        loop {
            match self.next().await {
                Event::Close(code) => return code,
                Event::Broken => panic!("the socket broke without a close code"),
                Event::Frame(_) | Event::Ping => {}
            }
        }
    }

    /// Waits until this peer is said to have left, whatever comes before.
    pub async fn until_left(&mut self, peer: &str) {
        loop {
            if let ServerFrame::Presence { left, .. } = self.next_frame().await
                && left.iter().any(|member| member.peer_id == peer)
            {
                return;
            }
        }
    }

    /// Proves that the connection works and that nothing else is on its way.
    pub async fn assert_quiet(&mut self) {
        self.frame(ClientFrame::Ping { request_id: None, cursor: None }).await;
        assert_eq!(self.next_frame().await, ServerFrame::Pong);
    }
}

pub fn ack(request_id: &str) -> ServerFrame {
    ServerFrame::Ack { request_id: request_id.to_owned() }
}

/// Returns the code and the request id of an error frame.
pub fn error_code(frame: &ServerFrame) -> (&str, Option<&str>) {
    match frame {
        ServerFrame::Error { code, request_id, .. } => (code, request_id.as_deref()),
        other => panic!("expected an error, got {other:?}"),
    }
}

/// An HTTP answer.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends a request exactly as written, so that no client library tidies the path up.
pub async fn request(server: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let mut socket = TcpStream::connect(server).await.unwrap();
    let text = format!("{method} {path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n{headers}\r\n");
    socket.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    patiently(socket.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Sends a request with a body, and returns the status and the JSON of the answer.
pub async fn call(
    server: SocketAddr,
    method: &str,
    path: &str,
    bearer: &str,
    body: Option<&str>,
) -> (u16, Value) {
    let body = body.unwrap_or_default();
    let length = body.len();
    let headers = format!("authorization: Bearer {bearer}\r\ncontent-length: {length}\r\n\r\n{body}");
    let answer = request(server, method, path, &headers).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{path}: {}", answer.body)))
}

/// Tries to connect, which must be refused before the upgrade, and returns the status and the JSON.
pub async fn refusal(server: &str, query: &str) -> (u16, Value) {
    match patiently(connect_async_with_config(format!("{server}/v1{query}"), None, true)).await {
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
            let status = response.status().as_u16();
            (status, serde_json::from_slice(&response.into_body().unwrap_or_default()).unwrap())
        }
        other => panic!("expected a refusal, got {:?}", other.map(|_| "a socket")),
    }
}

pub async fn get(server: SocketAddr, path: &str) -> Answer {
    request(server, "GET", path, "").await
}
