//! From a TCP connection to requests that the routes answer.
//!
//! ```text
//! accepted ──address has too many sockets──▶ closed
//!    └──▶ TLS ──failed, too slow──▶ closed
//!          └──▶ HTTP/1 ──request head too slow, too large──▶ closed (431 if too large)
//!                 ├──request──▶ routes, and the next one
//!                 └──upgrade──▶ `ws` has the socket
//! ```
//!
//! Before a client is admitted it costs a socket and at most [`MAX_HEAD_SIZE`], for no longer than the handshake
//! timeout: TLS and the first request's head have that long together, each further head has it anew.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::client_address::{ClientAddress, TrustedProxies};
use crate::limits::{ACCEPT_PAUSE, MAX_HEAD_SIZE, MAX_HEADERS, RETRY_AFTER_CROWD};
use crate::metrics::Metrics;
use crate::per_address::AddressLimits;
use crate::places::Place;

/// Who comes in, and how.
pub(crate) struct Entrance {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) limits: AddressLimits,
    pub(crate) handshake_timeout: Duration,
    pub(crate) metrics: Arc<Metrics>,
    /// Each connection holds a clone, so that a shutdown can wait for the last one to go.
    pub(crate) alive: mpsc::Sender<()>,
    /// Becomes true when the server stops: no connection is accepted then, and no further request is read.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// A TCP connection.
#[derive(Debug)]
struct Connection {
    peer: IpAddr,
    /// Counts this connection with the sockets of its client's address.
    place: Mutex<Option<Place<IpAddr>>>,
}

/// Accepts connections until the server stops.
pub(crate) async fn run(entrance: Arc<Entrance>, listener: TcpListener, routes: Router) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = entrance.stopped() => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                let (entrance, routes) = (Arc::clone(&entrance), routes.clone());
                tokio::spawn(async move { entrance.serve(socket, peer.ip(), routes).await });
            }
            // The client has changed its mind.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // There is no file descriptor or memory left; some may be free again soon.
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Entrance {
    /// Waits until the server stops.
    async fn stopped(&self) {
        // A sender that is gone stops, too.
        let _ = self.stopped.clone().wait_for(|stopped| *stopped).await.is_ok();
    }

    async fn serve(&self, socket: TcpStream, peer: IpAddr, routes: Router) {
        let deadline = Instant::now() + self.handshake_timeout;
        // A proxy's connections are counted with those of the clients behind it, once it has named them.
        let is_proxy = self.proxies.contain(peer);
        let place = if is_proxy { None } else { self.limits.enter(peer) };
        if place.is_none() && !is_proxy {
            self.metrics.address_cuts.inc();
            tracing::debug!("too many sockets from one address");
            return;
        }
        // Signalling is small frames that somebody waits for.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY refused");
        }
        let connection = Arc::new(Connection { peer, place: Mutex::new(place) });
        let socket = Counted {
            socket,
            metrics: Arc::clone(&self.metrics),
            _connection: Arc::clone(&connection),
            _alive: self.alive.clone(),
        };
        match &self.tls {
            None => self.serve_http(socket, connection, routes).await,
            Some(acceptor) => match timeout_at(deadline, acceptor.accept(socket)).await {
                Ok(Ok(socket)) => self.serve_http(socket, connection, routes).await,
                Ok(Err(error)) => tracing::debug!(%error, "no TLS session"),
                Err(_) => tracing::debug!("no TLS session in time"),
            },
        }
    }

    async fn serve_http<S>(&self, socket: S, connection: Arc<Connection>, routes: Router)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|mut request: Request<Incoming>| {
            let client = self.proxies.client(connection.peer, request.headers());
            request.extensions_mut().insert(client);
            request.extensions_mut().insert(Arc::clone(&connection));
            routes.clone().oneshot(request)
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.handshake_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_SIZE)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        tokio::pin!(served);
        let outcome = tokio::select! {
            outcome = &mut served => outcome,
            () = self.stopped() => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "connection ended");
        }
    }
}

/// Lets a WebSocket connect pass unless its client's address has made too many or has too many sockets.
pub(crate) async fn limit_connects(
    State(entrance): State<Arc<Entrance>>,
    request: Request,
    next: Next,
) -> Response {
    let client = request.extensions().get::<ClientAddress>().copied();
    let connection = request.extensions().get::<Arc<Connection>>();
    // Both are there on every request that came through `serve_http`.
    if let (Some(ClientAddress(client)), Some(connection)) = (client, connection) {
        if let Err(wait) = entrance.limits.connect(client, Instant::now()) {
            return entrance.too_many(wait);
        }
        if client != connection.peer {
            match entrance.limits.enter(client) {
                Some(place) => *connection.place.lock().expect("nothing panics with it") = Some(place),
                None => return entrance.too_many(RETRY_AFTER_CROWD),
            }
        }
    }
    next.run(request).await
}

/// Lets a request that needs no secret pass unless its client's address has made too many connects.
pub(crate) async fn limit_requests(
    State(entrance): State<Arc<Entrance>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(ClientAddress(client)) = request.extensions().get::<ClientAddress>().copied()
        && let Err(wait) = entrance.limits.connect(client, Instant::now())
    {
        return entrance.too_many(wait);
    }
    next.run(request).await
}

impl Entrance {
    fn too_many(&self, wait: Duration) -> Response {
        self.metrics.refused_by_http(StatusCode::TOO_MANY_REQUESTS);
        tracing::info!(status = 429, "client turned away");
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        let body = serde_json::json!({
            "error": "too_many_requests",
            "message": "too many connections from this address",
        });
        let headers = [
            (header::RETRY_AFTER, seconds.to_string()),
            (header::CONTENT_TYPE, "application/json".to_owned()),
        ];
        (StatusCode::TOO_MANY_REQUESTS, headers, body.to_string()).into_response()
    }
}

/// A TCP socket that counts what passes, and that its connection's place and the shutdown hang on.
struct Counted {
    socket: TcpStream,
    metrics: Arc<Metrics>,
    _connection: Arc<Connection>,
    _alive: mpsc::Sender<()>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        self.metrics.received_bytes.inc_by((buf.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, buf))?;
        self.metrics.sent_bytes.inc_by(written as u64);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, bufs))?;
        self.metrics.sent_bytes.inc_by(written as u64);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
