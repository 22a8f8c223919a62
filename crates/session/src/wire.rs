//! Everything that leaves the session, in order.

use std::collections::VecDeque;

use protocol::ClientFrame;
use protocol::limits::MAX_MESSAGE_SIZE;
use protocol::peer::PeerMessage;
use serde_json::Value;
use units::{LinkId, PeerId, RequestId, Time};

use crate::requests::{Purpose, Requests};
use crate::{Event, LinkCommand, Output, RequestError, SignalCommand};

/// The outputs not yet polled, and what is needed to make frames.
///
/// The queue has no cap of its own: one input leads to a bounded number of outputs, and the owner polls until
/// there are none after each input.
#[derive(Debug)]
pub(crate) struct Wire {
    outputs: VecDeque<Output>,
    pub(crate) requests: Requests,
    /// Whether frames can be sent: the connection is open and welcomed. Frames made while it is not are dropped.
    pub(crate) up: bool,
    max_data: usize,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self {
            outputs: VecDeque::new(),
            requests: Requests::default(),
            up: false,
            max_data: MAX_MESSAGE_SIZE,
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Sets the largest payload that the server accepts, in bytes of JSON.
    pub(crate) fn set_max_data(&mut self, bytes: u64) {
        self.max_data = usize::try_from(bytes).unwrap_or(usize::MAX);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn done(&mut self, request: RequestId, result: Result<(), RequestError>) {
        self.event(Event::Done { request, result });
    }

    pub(crate) fn link(&mut self, link: LinkId, command: LinkCommand) {
        self.outputs.push_back(Output::Link { link, command });
    }

    pub(crate) fn signal(&mut self, command: SignalCommand) {
        self.outputs.push_back(Output::Signal(command));
    }

    pub(crate) fn frame(&mut self, frame: &ClientFrame) {
        if self.up {
            self.signal(SignalCommand::Send(frame.to_json()));
        }
    }

    /// Sends a message to a peer; whoever waits for its effect must have a timer of its own.
    ///
    /// # Errors
    /// The message is larger than the server accepts and was not sent.
    pub(crate) fn message(
        &mut self,
        now: Time,
        peer: PeerId,
        to: &str,
        message: &PeerMessage,
    ) -> Result<(), RequestError> {
        if !self.up {
            return Ok(());
        }
        let data = message.to_value();
        self.check_size(&data)?;
        let purpose = match message {
            PeerMessage::Description { .. } => Purpose::Description(peer),
            PeerMessage::Candidate(_) | PeerMessage::TrackMetadata { .. } => Purpose::Detail(peer),
        };
        let request_id = self.requests.open(now, purpose);
        self.frame(&ClientFrame::Send { to: to.to_owned(), data, request_id });
        Ok(())
    }

    /// Checks a payload against what the server accepts.
    ///
    /// # Errors
    /// `payload_too_large`.
    pub(crate) fn check_size(&self, data: &Value) -> Result<(), RequestError> {
        let size = data.to_string().len();
        if size > self.max_data {
            let message = format!("{size} bytes of JSON are more than the server's {}", self.max_data);
            return Err(RequestError::new("payload_too_large", message));
        }
        Ok(())
    }
}
