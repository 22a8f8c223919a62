//! Webhooks: told in order, signed, until they are taken, whatever happens to the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::Listener;
use ring::hmac;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::binary::{Process, binary};
use crate::support::{Client, patiently};

/// A request as it came.
struct Request {
    signature: String,
    body: String,
}

/// Takes webhooks, or does not.
pub struct Receiver {
    pub url: String,
    requests: mpsc::UnboundedReceiver<Request>,
    status: Arc<AtomicU16>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::listen("http", listener.local_addr().unwrap(), listener)
    }

    /// Starts one that speaks TLS, and returns its certificate as well.
    async fn start_tls() -> (Self, String) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], issued.signing_key.into())
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));
        let address = tcp.local_addr().unwrap();
        (Self::listen("https", address, TlsListener { tcp, tls }), issued.cert.pem())
    }

    fn listen<L>(scheme: &str, address: SocketAddr, listener: L) -> Self
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let url = format!("{scheme}://{address}/hooks?token=hush");
        let (sender, requests) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(200));
        let answer = Arc::clone(&status);
        let hooks = move |headers: HeaderMap, body: String| {
            let signature = headers["parlor-signature"].to_str().unwrap().to_owned();
            sender.send(Request { signature, body }).unwrap();
            let status = StatusCode::from_u16(answer.load(Ordering::SeqCst)).unwrap();
            async move { status }
        };
        let routes = Router::new().route("/hooks", post(hooks));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, requests, status }
    }

    /// Sets what requests are answered with from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    async fn request(&mut self) -> Request {
        patiently(self.requests.recv()).await.unwrap()
    }

    /// Waits for the next request and returns its events.
    pub async fn events(&mut self) -> Vec<Value> {
        let body: Value = serde_json::from_str(&self.request().await.body).unwrap();
        body["events"].as_array().unwrap().clone()
    }

    /// Collects events until there are so many, leaving out those that came before: an event is
    /// told at least once.
    async fn collect(&mut self, count: usize) -> Vec<Value> {
        self.collect_after(0, count).await
    }

    /// Collects so many events after the one with this cursor.
    pub async fn collect_after(&mut self, mut last: i64, count: usize) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        while events.len() < count {
            for event in self.events().await {
                let cursor = event["cursor"].as_i64().unwrap();
                if cursor > last {
                    last = cursor;
                    events.push(event);
                }
            }
        }
        assert_eq!(events.len(), count, "{events:?}");
        events
    }
}

/// Accepts those who speak TLS.
struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (socket, address) = self.tcp.accept().await.unwrap();
            // Who does not trust the certificate hangs up.
            if let Ok(socket) = self.tls.accept(socket).await {
                return (socket, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A folder with a database that has a publishable key.
pub struct Deployment {
    folder: PathBuf,
    pub key: String,
}

impl Deployment {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("parlor-hooks-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut deployment = Self { folder, key: String::new() };
        let made = deployment.run(&["keys", "create"]);
        deployment.key = made["key"].as_str().unwrap().to_owned();
        deployment
    }

    fn configured(&self, command: &mut Command) {
        command.arg("--database").arg(self.folder.join("parlor.db"));
    }

    /// Runs a command on the database and returns what it prints.
    pub fn run(&self, arguments: &[&str]) -> Value {
        let mut command = binary();
        command.args(arguments).arg("--json");
        self.configured(&mut command);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts the server on an address, with the receiver's URL.
    pub fn serve(&self, listen: &str, webhook_url: &str) -> Process {
        Process::start(&mut self.server(listen, webhook_url))
    }

    fn server(&self, listen: &str, webhook_url: &str) -> Command {
        let mut command = binary();
        command.args(["--listen", listen, "--webhook-url", webhook_url, "--webhook-retry-ms", "10"]);
        command.args(["--connects-per-address", "0", "--sockets-per-address", "0", "--linger-ms", "0"]);
        self.configured(&mut command);
        command
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Shows events in a few words.
pub fn told(events: &[Value]) -> Vec<String> {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let show = |event| format!("{} {}", text(event, "type"), text(event, "channel")).trim_end().to_owned();
    events.iter().map(show).collect()
}

fn cursors(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["cursor"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn what_happens_in_a_channel_is_told_in_order() {
    let deployment = Deployment::new("order");
    let mut receiver = Receiver::start().await;
    let server = deployment.serve("127.0.0.1:0", &receiver.url);
    let mut ann = Client::connect_to(&server.url, &deployment.key).await;
    ann.subscribe("demo").await;
    let mut bob = Client::connect_to(&server.url, &deployment.key).await;
    bob.subscribe("demo").await;
    bob.close().await;
    ann.until_left(&bob.id).await;
    ann.close().await;
    let events = receiver.collect(7).await;
    let (opened, closed) = ("channel.opened demo", "channel.closed demo");
    let (joined, left) = ("peer.joined demo", "peer.left demo");
    assert_eq!(told(&events), ["server.started", opened, joined, joined, left, left, closed]);
    assert_eq!(cursors(&events), [1, 2, 3, 4, 5, 6, 7]);
    let peers = [2, 3, 4, 5].map(|index: usize| events[index]["peerId"].as_str().unwrap());
    assert_eq!(peers, [&*ann.id, &*bob.id, &*bob.id, &*ann.id]);
    assert!(events.iter().all(|event| event["at"].as_u64().unwrap() > 1_600_000_000_000));
}

#[tokio::test]
async fn a_webhook_is_signed_with_the_secret_that_the_command_prints() {
    let deployment = Deployment::new("signed");
    let mut receiver = Receiver::start().await;
    let _server = deployment.serve("127.0.0.1:0", &receiver.url);
    let Request { signature, body } = receiver.request().await;
    let secret = deployment.run(&["webhooks", "secret"])["secret"].as_str().unwrap().to_owned();
    let (time, code) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let code = hex::decode(code).unwrap();
    hmac::verify(&key, format!("{time}.{body}").as_bytes(), &code).unwrap();
    hmac::verify(&key, format!("{time}0.{body}").as_bytes(), &code).unwrap_err();
}

#[tokio::test]
async fn a_receiver_that_fails_gets_everything_again() {
    let deployment = Deployment::new("retry");
    let mut receiver = Receiver::start().await;
    receiver.answer(500);
    let server = deployment.serve("127.0.0.1:0", &receiver.url);
    for _ in 0..3 {
        assert_eq!(told(&receiver.events().await)[0], "server.started");
    }
    let mut ann = Client::connect_to(&server.url, &deployment.key).await;
    ann.subscribe("demo").await;
    receiver.answer(200);
    let mut last = 0;
    while last < 3 {
        let events = receiver.events().await;
        assert!(cursors(&events)[0] <= last + 1, "{events:?} after {last}");
        last = *cursors(&events).last().unwrap();
    }
    let (_, _, log) = server.stop();
    assert!(log.contains("webhook not delivered") && log.contains("500"), "{log}");
    assert!(!log.contains("hush") && !log.contains(&receiver.url), "{log}");
}

#[tokio::test]
async fn events_are_told_again_from_a_cursor() {
    let deployment = Deployment::new("replay");
    let mut receiver = Receiver::start().await;
    let server = deployment.serve("127.0.0.1:0", &receiver.url);
    let mut ann = Client::connect_to(&server.url, &deployment.key).await;
    ann.subscribe("demo").await;
    receiver.collect(3).await;
    while deployment.run(&["webhooks", "status"]) != json!({"written": 3, "told": 3}) {}
    assert_eq!(deployment.run(&["webhooks", "replay", "--from", "2"]), json!({"from": 2, "to": 3}));
    let again = receiver.collect(2).await;
    assert_eq!(cursors(&again), [2, 3]);
    assert_eq!(told(&again), ["channel.opened demo", "peer.joined demo"]);
    drop(server);
}

#[tokio::test]
async fn what_was_not_told_when_the_server_stopped_is_told_when_it_is_back() {
    let deployment = Deployment::new("stopped");
    let mut receiver = Receiver::start().await;
    receiver.answer(503);
    let server = deployment.serve("127.0.0.1:0", &receiver.url);
    let mut ann = Client::connect_to(&server.url, &deployment.key).await;
    ann.subscribe("demo").await;
    server.signal("TERM");
    ann.next_close().await;
    drop(ann);
    assert!(server.end().0);
    while receiver.requests.try_recv().is_ok() {}
    receiver.answer(200);
    let _server = deployment.serve("127.0.0.1:0", &receiver.url);
    let events = receiver.collect(6).await;
    let (opened, closed) = ("channel.opened demo", "channel.closed demo");
    let (joined, left) = ("peer.joined demo", "peer.left demo");
    assert_eq!(told(&events), ["server.started", opened, joined, left, closed, "server.started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_behind_tls_gets_events_if_its_certificate_is_trusted() {
    let deployment = Deployment::new("tls");
    let (mut receiver, certificate) = Receiver::start_tls().await;
    let (theirs, other) = (deployment.folder.join("theirs.pem"), deployment.folder.join("other.pem"));
    std::fs::write(&theirs, certificate).unwrap();
    std::fs::write(&other, Receiver::start_tls().await.1).unwrap();
    let serve = |trusted: &PathBuf| {
        let mut command = deployment.server("127.0.0.1:0", &receiver.url);
        Process::start(command.env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR"))
    };
    let mut server = serve(&other);
    server.until_logged("the receiver cannot be reached");
    server.stop();
    let _server = serve(&theirs);
    assert_eq!(told(&receiver.collect(2).await), ["server.started"; 2]);
}

#[test]
fn webhooks_that_cannot_work_are_refused() {
    for (arguments, expected) in [
        (&["--dev", "--webhook-url", "http://127.0.0.1:1/"][..], "webhook_url needs a database"),
        (&["--dev", "--webhook-url", "nowhere"], "it must start with https:// or http:// and a host"),
    ] {
        let output = binary().args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains(expected), "{stderr}");
    }
    let deployment = Deployment::new("refused");
    let mut command = binary();
    command.args(["webhooks", "replay", "--from", "1"]);
    deployment.configured(&mut command);
    let output = command.output().unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "error: there is no event 1; the newest is 0\n");
}
