//! One socket: from the upgrade to the end.
//!
//! **Inputs**: what the client sends; what the switchboard queues; time.
//! **Outputs**: frames to the client; inputs to the hub.
//!
//! ```text
//! upgrade ──refused──────────────────────────────▶ closing (code of the refusal)
//!    └─────admitted──▶ open ──client closes──────▶ gone
//!                       ├──queue says close──────▶ closing (its code)
//!                       ├──frame too large───────▶ closing (1009)
//!                       ├──not WebSocket, UTF-8──▶ closing (1002, 1007)
//!                       └──failed, silent, cut───▶ gone, without a handshake
//! closing ──client answers, or CLOSE_WAIT────────▶ gone
//! ```
//!
//! What waits in the queue is written together, for most of what a frame costs is the system call. An `ack` and
//! its snapshot, which a client must not get in one read, never wait together: the hub holds the snapshot back
//! until the client has answered a ping.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::SinkExt as _;
use hub::{ConnectionId, Input};
use protocol::limits::MAX_CLIENT_FRAME_SIZE;
use protocol::{ClientFrame, CloseCode, ErrorCode, FrameError};
use tokio::time::{Instant, timeout};
use tungstenite::error::ProtocolError;

use crate::auth::{Admission, ConnectQuery, Doorkeeper, Refusal, unix_now};
use crate::config::Timing;
use crate::limits::{
    CLOSE_WAIT, MAX_BATCH, MAX_READ_FRAME_SIZE, READ_BUFFER_SIZE, WRITE_BUFFER_SIZE, WRITE_TIMEOUT,
};
use crate::metrics::Metrics;
use crate::switchboard::{Outgoing, Receiver, ResumeQuery, Switchboard};

/// What every socket needs.
#[derive(Debug)]
pub(crate) struct Reception {
    pub(crate) doorkeeper: Arc<Doorkeeper>,
    pub(crate) switchboard: Arc<Switchboard>,
    pub(crate) timing: Timing,
    pub(crate) metrics: Arc<Metrics>,
}

/// Answers the upgrade request. Most clients that are turned away get their socket first: browsers can read a
/// close code, but not an HTTP status.
pub(crate) async fn upgrade(
    State(reception): State<Arc<Reception>>,
    query: Result<Query<ConnectQuery>, QueryRejection>,
    resume: Result<Query<ResumeQuery>, QueryRejection>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let admission = match query {
        Ok(Query(query)) => {
            let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
            reception.doorkeeper.admit(&query, origin, unix_now())
        }
        Err(_) => Err(Refusal::Close { code: CloseCode::INVALID_TOKEN, reason: "unreadable query" }),
    };
    if let Err(Refusal::BeforeUpgrade { status, error }) = admission {
        tracing::info!(status = status.as_u16(), error, "client turned away");
        reception.metrics.refused_by_http(status);
        return (status, axum::Json(serde_json::json!({ "error": error }))).into_response();
    }
    // One that cannot be read is as good as none.
    let resume = resume.map(|Query(resume)| resume).unwrap_or_default();
    upgrade
        .read_buffer_size(READ_BUFFER_SIZE)
        .write_buffer_size(WRITE_BUFFER_SIZE)
        .max_frame_size(MAX_READ_FRAME_SIZE)
        .max_message_size(MAX_READ_FRAME_SIZE)
        .on_upgrade(move |socket| async move { serve(socket, &reception, admission, resume).await })
}

async fn serve(
    mut socket: WebSocket,
    reception: &Reception,
    admission: Result<Admission, Refusal>,
    resume: ResumeQuery,
) {
    let connected = admission.and_then(|admission| {
        let (app, key) = (admission.app, admission.key.clone());
        let connected = reception.switchboard.connect(admission, &resume)?;
        // The key may have been revoked since it was looked at, before there was a connection to close.
        if !reception.doorkeeper.is_live(&key) {
            reception.switchboard.revoke(app, key);
        }
        Ok(connected)
    });
    let (connection, queue) = match connected {
        Ok(connected) => connected,
        Err(Refusal::BeforeUpgrade { .. }) => return,
        Err(Refusal::Close { code, reason }) => {
            tracing::info!(code = code.get(), reason, "client turned away");
            reception.metrics.refused(code);
            close(&mut socket, code, reason).await;
            return;
        }
    };
    tracing::debug!(connection = connection.get(), "client connected");
    let end = Open { socket: &mut socket, queue, connection, reception }.run().await;
    tracing::debug!(connection = connection.get(), ?end, "client disconnected");
    // The hub first: the others must not wait for a client that does not answer the closing handshake.
    let clean = matches!(end, End::ClosedByClient { clean: true });
    reception.switchboard.disconnect(connection, clean);
    match end {
        End::Close { code, reason } => {
            reception.metrics.closed(code);
            close(&mut socket, code, reason).await;
        }
        // Reading on sends our half of the closing handshake.
        End::ClosedByClient { .. } => drain(&mut socket).await,
        End::Broken => {}
    }
}

/// How a connection came to its end.
#[derive(Debug)]
enum End {
    /// We want it closed.
    Close { code: CloseCode, reason: &'static str },
    /// The client closed it; cleanly when it does not mean to come back.
    ClosedByClient { clean: bool },
    /// It failed, fell silent, or was cut off.
    Broken,
}

/// A connection in its open state.
struct Open<'a> {
    socket: &'a mut WebSocket,
    queue: Receiver,
    connection: ConnectionId,
    reception: &'a Reception,
}

impl Open<'_> {
    async fn run(mut self) -> End {
        let Timing { ping_after, ping_grace, .. } = self.reception.timing;
        let mut last_heard = Instant::now();
        let mut is_probed = false;
        let probe = tokio::time::sleep(ping_after);
        tokio::pin!(probe);
        loop {
            tokio::select! {
                incoming = self.socket.recv() => {
                    last_heard = Instant::now();
                    is_probed = false;
                    if let Err(end) = self.read(incoming) {
                        return end;
                    }
                }
                outgoing = self.queue.recv() => {
                    match timeout(WRITE_TIMEOUT, self.write(outgoing)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(end)) => return end,
                        Err(_) => return End::Broken,
                    }
                }
                () = &mut probe => {
                    let silence = last_heard.elapsed();
                    let next = if is_probed && silence >= ping_after + ping_grace {
                        return End::Broken;
                    } else if silence < ping_after {
                        last_heard + ping_after
                    } else {
                        is_probed = true;
                        if !write(self.socket, Message::Ping(Bytes::new())).await {
                            return End::Broken;
                        }
                        Instant::now() + ping_grace
                    };
                    probe.as_mut().reset(next);
                }
            }
        }
    }

    /// Writes what came out of the queue and what waits behind it; an error ends the connection.
    async fn write(&mut self, first: Option<Outgoing>) -> Result<(), End> {
        let mut next = first;
        for written in 1.. {
            let message = match next {
                Some(Outgoing::Text(text)) => Message::Text(text),
                Some(Outgoing::Ping(payload)) => Message::Ping(Bytes::copy_from_slice(&payload)),
                // Closing flushes what was written.
                Some(Outgoing::Close { code, reason }) => return Err(End::Close { code, reason }),
                None => return Err(End::Broken),
            };
            self.socket.feed(message).await.map_err(|_| End::Broken)?;
            if written == MAX_BATCH || !self.queue.is_ready() {
                break;
            }
            next = self.queue.recv().await;
        }
        self.socket.flush().await.map_err(|_| End::Broken)
    }

    /// Takes in what the client sent; an error ends the connection.
    fn read(&self, incoming: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let connection = self.connection;
        let input = match incoming {
            Some(Ok(Message::Text(text))) => {
                check_size(text.len())?;
                match ClientFrame::parse(&text) {
                    Ok(frame) => Input::Frame { connection, frame },
                    Err(error) => Input::BadFrame { connection, error },
                }
            }
            Some(Ok(Message::Binary(data))) => {
                check_size(data.len())?;
                let (code, request_id) = (ErrorCode::MalformedMessage, None);
                let message = "frames are text, not binary".to_owned();
                Input::BadFrame { connection, error: FrameError { code, request_id, message } }
            }
            Some(Ok(Message::Pong(payload))) => match <[u8; 8]>::try_from(&payload[..]) {
                Ok(payload) => Input::Pong { connection, payload },
                // The answer to a probe.
                Err(_) => return Ok(()),
            },
            // Answered by the library.
            Some(Ok(Message::Ping(_))) => return Ok(()),
            Some(Ok(Message::Close(frame))) => {
                // 1000 is the SDKs' goodbye, 1001 a browser that leaves the page, none a plain `close()`.
                let goodbyes = [CloseCode::NORMAL, CloseCode::GOING_AWAY];
                let clean = frame.is_none_or(|frame| goodbyes.contains(&CloseCode::new(frame.code)));
                return Err(End::ClosedByClient { clean });
            }
            Some(Err(error)) => return Err(end_of(&error)),
            None => return Err(End::Broken),
        };
        self.reception.switchboard.input(input);
        Ok(())
    }
}

fn check_size(size: usize) -> Result<(), End> {
    if size <= MAX_CLIENT_FRAME_SIZE {
        Ok(())
    } else {
        Err(End::Close { code: CloseCode::MESSAGE_TOO_BIG, reason: "frame too large" })
    }
}

/// Tells what the client did wrong from a socket that failed.
fn end_of(error: &axum::Error) -> End {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    let (code, reason) = match source {
        Some(tungstenite::Error::Capacity(_)) => (CloseCode::MESSAGE_TOO_BIG, "frame too large"),
        Some(tungstenite::Error::Utf8(_)) => (CloseCode::INVALID_PAYLOAD, "text is not UTF-8"),
        // The client went away without a word, which the library calls a protocol error.
        Some(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
            return End::Broken;
        }
        Some(tungstenite::Error::Protocol(_)) => (CloseCode::PROTOCOL_ERROR, "not WebSocket"),
        _ => return End::Broken,
    };
    End::Close { code, reason }
}

/// Writes and flushes one message; false when that fails or takes too long.
async fn write(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(WRITE_TIMEOUT, socket.send(message)).await, Ok(Ok(())))
}

/// Closes with a code and waits for the client to have read it.
async fn close(socket: &mut WebSocket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame { code: code.get(), reason: Utf8Bytes::from_static(reason) };
    if write(socket, Message::Close(Some(frame))).await {
        drain(socket).await;
    }
}

/// Reads until the client's half of the closing handshake, or for [`CLOSE_WAIT`].
async fn drain(socket: &mut WebSocket) {
    let drained = async { while let Some(Ok(_)) = socket.recv().await {} };
    let _: Result<(), _> = timeout(CLOSE_WAIT, drained).await;
}
