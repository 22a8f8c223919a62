//! The task of one connection.
//!
//! Inputs: the outbox, the reason to stop, the socket. Outputs: frames and events. States:
//!
//! - *connecting* → *open*, or *ended* with `Failed`;
//! - *open* → *closing* (we closed: the outbox is emptied, the close frame sent, the answer awaited, all
//!   within [`CLOSE_TIMEOUT`]) → *ended* with `Closed`;
//! - *open* → *ended* with `Closed` by the server's close frame, an error or an overflow. After the event the
//!   socket lingers for [`CLOSE_TIMEOUT`] at most, so that our close frame reaches the server.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::tls::TlsRoots;
use super::{SEND_QUEUE_FRAMES, SignalEvent, SignalSink, dial, failure};

/// How long closing may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest reason that fits a close frame, in bytes (RFC 6455 section 5.5).
const MAX_REASON_BYTES: usize = 123;

/// The code that tells of no code (RFC 6455 section 7.4.1).
const NO_STATUS: u16 = 1005;

/// The code that tells of a connection that broke.
const ABNORMAL: u16 = 1006;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection is to end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The owner closed it.
    Close { code: u16, reason: String },
    /// More waited to be sent than the queue holds.
    Overflow,
}

/// What the open socket brought.
enum Step {
    Inbound(Message),
    /// The socket is of no more use; none when it just ended.
    Broken(Option<Error>),
    Stop(Stop),
}

/// One connection from its start to its last event.
pub(super) struct Connection {
    waiting: mpsc::Receiver<String>,
    stopped: oneshot::Receiver<Stop>,
    reporter: Reporter,
    /// The local address, for the owner.
    local: Arc<OnceLock<IpAddr>>,
    /// Frames were handed to the socket that may not have left yet.
    unflushed: bool,
}

impl Connection {
    pub fn new(
        waiting: mpsc::Receiver<String>,
        stopped: oneshot::Receiver<Stop>,
        sink: SignalSink,
        local: Arc<OnceLock<IpAddr>>,
    ) -> Self {
        let reporter = Reporter { sink, state: Reported::Nothing };
        Self { waiting, stopped, reporter, local, unflushed: false }
    }

    /// Connects, moves frames and reports until the end.
    pub async fn run(mut self, url: String, roots: Arc<TlsRoots>, connect_timeout: Duration) {
        let connected = tokio::select! {
            biased;
            _ = &mut self.stopped => Err("closed before it was open".to_owned()),
            result = timeout(connect_timeout, dial::connect(url, &roots, &self.local)) => {
                result.unwrap_or_else(|_| Err("the server did not answer in time".to_owned()))
            }
        };
        match connected {
            Ok(mut socket) => {
                self.reporter.opened();
                self.exchange(&mut socket).await;
            }
            Err(reason) => self.reporter.failed(reason),
        }
    }

    async fn exchange(mut self, socket: &mut Socket) {
        loop {
            match std::future::poll_fn(|context| self.poll_step(socket, context)).await {
                Step::Inbound(Message::Text(text)) => self.reporter.text(text.as_str().to_owned()),
                Step::Inbound(Message::Close(frame)) => {
                    let (code, reason) =
                        frame.map_or((NO_STATUS, String::new()), |f| (f.code.into(), f.reason.to_string()));
                    self.finish(code, reason);
                    // Reading on sends the answer to the close frame and ends with the server's end of the
                    // stream.
                    let _ = timeout(CLOSE_TIMEOUT, async { while let Some(Ok(_)) = socket.next().await {} })
                        .await;
                    return;
                }
                // The answer was queued by reading; polling the sink sends it.
                Step::Inbound(Message::Ping(_)) => self.unflushed = true,
                Step::Inbound(Message::Binary(_)) => {
                    tracing::debug!("ignored a binary message from the signalling server");
                }
                Step::Inbound(Message::Pong(_) | Message::Frame(_)) => {}
                Step::Broken(error) => return self.end_broken(socket, error).await,
                Step::Stop(Stop::Overflow) => {
                    return self.finish(ABNORMAL, "too much was waiting to be sent".to_owned());
                }
                Step::Stop(Stop::Close { code, reason }) => {
                    let _ = timeout(CLOSE_TIMEOUT, self.close(socket, code, &reason)).await;
                    return self.finish(code, reason);
                }
            }
        }
    }

    /// Sends what waits, then looks at what came; neither direction holds the other up.
    fn poll_step(&mut self, socket: &mut Socket, context: &mut Context<'_>) -> Poll<Step> {
        let mut socket = Pin::new(socket);
        if let Poll::Ready(stop) = Pin::new(&mut self.stopped).poll(context) {
            // Without a reason, the last handle was dropped.
            let dropped = Stop::Close { code: CloseCode::Normal.into(), reason: String::new() };
            return Poll::Ready(Step::Stop(stop.unwrap_or(dropped)));
        }
        // Bounded, so that a sender without end does not keep us from reading.
        let mut accepted = 0;
        while accepted < SEND_QUEUE_FRAMES {
            match socket.as_mut().poll_ready(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Step::Broken(Some(error))),
                Poll::Pending => break,
            }
            let Poll::Ready(Some(text)) = self.waiting.poll_recv(context) else { break };
            if let Err(error) = socket.as_mut().start_send(Message::text(text)) {
                return Poll::Ready(Step::Broken(Some(error)));
            }
            self.unflushed = true;
            accepted += 1;
        }
        if self.unflushed {
            match socket.as_mut().poll_flush(context) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Step::Broken(Some(error))),
                Poll::Pending => {}
            }
        }
        match socket.as_mut().poll_next(context) {
            Poll::Ready(Some(Ok(message))) => return Poll::Ready(Step::Inbound(message)),
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Step::Broken(Some(error))),
            Poll::Ready(None) => return Poll::Ready(Step::Broken(None)),
            Poll::Pending => {}
        }
        Poll::Pending
    }

    /// Ends a connection whose socket gave an error, telling the server why where it can still be told.
    async fn end_broken(self, socket: &mut Socket, error: Option<Error>) {
        let told = error.as_ref().and_then(failure::close_code);
        match (told, &error) {
            (Some(CloseCode::Size), _) => {
                self.finish(CloseCode::Size.into(), "a message was too large".to_owned());
            }
            (_, Some(error)) => self.finish(ABNORMAL, failure::describe_loss(error)),
            (_, None) => self.finish(ABNORMAL, "the connection was lost".to_owned()),
        }
        if let Some(code) = told {
            let _ = timeout(CLOSE_TIMEOUT, hang_up(socket, code)).await;
        }
    }

    /// Sends what waits and the close frame, and awaits the server's.
    async fn close(&mut self, socket: &mut Socket, code: u16, reason: &str) -> Result<(), Error> {
        while let Ok(text) = self.waiting.try_recv() {
            socket.feed(Message::text(text)).await?;
        }
        let code = CloseCode::from(code);
        let frame = code.is_allowed().then(|| CloseFrame { code, reason: shorten(reason).into() });
        socket.send(Message::Close(frame)).await?;
        while socket.next().await.transpose()?.is_some() {}
        Ok(())
    }

    /// Tells of the end. From here on nothing can be sent.
    fn finish(mut self, code: u16, reason: String) {
        self.waiting.close();
        self.reporter.closed(code, reason);
    }
}

/// Sends a close frame on a socket that cannot be read any more, and reads the rest away: closing with unread
/// data would reset the connection and take the frame back.
async fn hang_up(socket: &mut Socket, code: CloseCode) -> Result<(), Error> {
    socket.send(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await?;
    let stream = socket.get_mut();
    stream.shutdown().await?;
    let mut rest = vec![0; 16 * 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Cuts a reason to what a close frame holds, between characters.
fn shorten(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)]
}

/// Hands events to the sink and sees to it that there is exactly one last one.
struct Reporter {
    sink: SignalSink,
    state: Reported,
}

#[derive(PartialEq, Eq)]
enum Reported {
    Nothing,
    Opened,
    Ended,
}

impl Reporter {
    fn opened(&mut self) {
        self.state = Reported::Opened;
        (self.sink)(SignalEvent::Opened);
    }

    fn text(&self, text: String) {
        (self.sink)(SignalEvent::Text(text));
    }

    fn closed(&mut self, code: u16, reason: String) {
        self.state = Reported::Ended;
        (self.sink)(SignalEvent::Closed { code, reason });
    }

    fn failed(&mut self, reason: String) {
        self.state = Reported::Ended;
        (self.sink)(SignalEvent::Failed { reason });
    }
}

impl Drop for Reporter {
    /// Tells of the end of a task that was dropped with its runtime.
    fn drop(&mut self) {
        let reason = || "the engine was shut down".to_owned();
        match self.state {
            Reported::Nothing => self.failed(reason()),
            Reported::Opened => self.closed(ABNORMAL, reason()),
            Reported::Ended => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(shorten("short"), "short");
        let long = "ä".repeat(100);
        assert_eq!(shorten(&long).len(), 122);
        assert_eq!(shorten(&"a".repeat(500)).len(), 123);
    }
}
