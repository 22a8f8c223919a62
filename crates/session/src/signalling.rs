//! The signalling connection: one WebSocket at a time, kept alive and brought back.
//!
//! * Inputs: connect and close wanted; a token or none; events of the socket; time passed.
//! * Outputs: socket commands and token requests onto the wire, and one [`Notice`] at most per input.
//! * States: idle → needs token → opening → open → waiting (for the next attempt) → needs token …;
//!   closing → idle.
//!
//! Until the first welcome a failure ends in idle; after it, in waiting, unless the close code is terminal or
//! the attempts are used up.

use std::time::Duration;

use protocol::limits::MAX_SERVER_FRAME_SIZE;
use protocol::{ClientFrame, CloseCode, Reconnect, ServerFrame, Welcome};
use units::{RequestId, Secret, Time};

use crate::backoff::Backoff;
use crate::ids::Ids;
use crate::refresh::{Due, Refresh};
use crate::wire::Wire;
use crate::{
    Config, ConnectCredential, Credential, Event, ReconnectPolicy, RequestError, Resume, SignalCommand,
    SignalEvent,
};

/// How long the app may take to provide a token.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server may take from the start of the connect to its welcome.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// How long nothing may be heard before the connection counts as dead.
const INACTIVITY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long nothing is heard before the server is pinged, and pinged again.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long the server may take to answer a ping after the network changed.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a close may take before it counts as done.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a connection must have lasted for an expired token to be replaced without any delay: a server
/// that finds every token expired must not be hammered.
const LASTING_CONNECTION: Duration = Duration::from_secs(5);

/// What the session needs to know of the connection.
#[derive(Debug, PartialEq)]
pub(crate) enum Notice {
    /// The connection is open and this is who we are.
    Welcomed(Welcome),
    /// A frame came; never a welcome or pong.
    Frame(ServerFrame),
    /// The first connect failed; nothing more will be tried.
    Refused(RequestError),
    /// The connection, or one more attempt to get it back, failed; the next attempt is scheduled.
    Lost(RequestError),
    /// The connection is lost for good.
    Ended(RequestError),
    /// A close that was asked for is done.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    NeedsToken { request: RequestId, by: Time },
    Opening { welcome_by: Time },
    Open { since: Time, heard: Time, pinged: Time, answer_by: Option<Time> },
    Waiting { until: Time },
    Closing { by: Time },
}

#[derive(Debug)]
pub(crate) struct Signalling {
    credential: Credential,
    policy: ReconnectPolicy,
    backoff: Backoff,
    state: State,
    welcomed: bool,
    /// What the server gave us to go on with this session, if it can.
    resume: Option<Resume>,
    refresh: Refresh,
}

impl Signalling {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            credential: config.credential.clone(),
            policy: config.reconnect,
            backoff: Backoff::new(config.reconnect, config.seed),
            state: State::Idle,
            welcomed: false,
            resume: None,
            refresh: Refresh::new(),
        }
    }

    /// Returns whether the server may let us go on with this session on another connection.
    pub(crate) fn can_resume(&self) -> bool {
        self.resume.is_some()
    }

    /// Starts a connection of which nothing is known yet.
    pub(crate) fn connect(&mut self, now: Time, ids: &mut Ids, wire: &mut Wire) {
        self.welcomed = false;
        self.resume = None;
        self.refresh = Refresh::new();
        self.backoff.reset();
        self.attempt(now, ids, wire);
    }

    /// Closes the connection cleanly. Returns whether there is one, so that [`Notice::Closed`] will follow.
    pub(crate) fn close(&mut self, now: Time, wire: &mut Wire) -> bool {
        let live = matches!(self.state, State::Opening { .. } | State::Open { .. });
        if live {
            wire.signal(SignalCommand::Close { code: CloseCode::NORMAL.get(), reason: "leaving" });
        }
        self.state = if live { State::Closing { by: now + CLOSE_TIMEOUT } } else { State::Idle };
        self.resume = None;
        wire.up = false;
        live
    }

    /// Closes the connection cleanly without waiting for the result.
    pub(crate) fn abandon(&mut self, now: Time, wire: &mut Wire) {
        self.close(now, wire);
        self.state = State::Idle;
    }

    /// The network is another. A connection that lost its local address is made again at once, one that may have
    /// lost its path is asked, and one that waits for its next attempt waits no longer.
    pub(crate) fn network_changed(
        &mut self,
        now: Time,
        is_lost: bool,
        ids: &mut Ids,
        wire: &mut Wire,
    ) -> Option<Notice> {
        match self.state {
            State::Opening { .. } if is_lost => {
                self.attempt(now, ids, wire);
                None
            }
            State::Open { .. } if is_lost => Some(self.renew(now, wire, "the network changed")),
            State::Open { since, heard, .. } => {
                let answer_by = Some(now + PROBE_TIMEOUT);
                self.state = State::Open { since, heard, pinged: now, answer_by };
                self.ping(wire);
                None
            }
            _ => {
                self.hurry(now);
                None
            }
        }
    }

    /// Gives a connection up to make another at once.
    fn renew(&mut self, now: Time, wire: &mut Wire, reason: &'static str) -> Notice {
        let notice = self.cut(now, wire, CloseCode::CLIENT_INACTIVITY, reason);
        self.hurry(now);
        notice
    }

    /// Lets the next attempt start at once.
    fn hurry(&mut self, now: Time) {
        if let State::Waiting { until } = &mut self.state {
            *until = now.min(*until);
        }
    }

    fn ping(&self, wire: &mut Wire) {
        let cursor = self.resume.as_ref().map(|resume| resume.cursor);
        wire.frame(&ClientFrame::Ping { request_id: None, cursor });
    }

    /// Gives the present connection up as useless; as if it had been lost.
    pub(crate) fn give_up(&mut self, now: Time, wire: &mut Wire) -> Notice {
        self.cut(now, wire, CloseCode::CLIENT_INACTIVITY, "no roster")
    }

    pub(crate) fn handle(&mut self, now: Time, event: SignalEvent, wire: &mut Wire) -> Option<Notice> {
        match (event, self.state) {
            (SignalEvent::Closed { .. } | SignalEvent::Failed { .. }, State::Closing { .. }) => {
                self.state = State::Idle;
                Some(Notice::Closed)
            }
            (SignalEvent::Closed { code, reason }, State::Opening { .. } | State::Open { .. }) => {
                let code = CloseCode::new(code);
                Some(self.lost(now, wire, close_error(code, &reason), code.reconnect()))
            }
            (SignalEvent::Failed { reason }, State::Opening { .. } | State::Open { .. }) => {
                Some(self.lost(now, wire, RequestError::new("connect_failed", reason), Reconnect::Normal))
            }
            (SignalEvent::Text(text), State::Opening { .. } | State::Open { .. }) => {
                self.heard(now, &text, wire)
            }
            // The welcome, not the open socket, is what counts; and the events of a connection that was given
            // up mean nothing any more.
            _ => None,
        }
    }

    pub(crate) fn provide_token(
        &mut self,
        now: Time,
        answered: RequestId,
        token: Result<Secret, String>,
        wire: &mut Wire,
    ) -> Option<Notice> {
        match self.state {
            State::NeedsToken { request, .. } if request == answered => {}
            _ => {
                self.refresh.provided(now, answered, token);
                return None;
            }
        }
        match token {
            Ok(token) => {
                self.open(now, ConnectCredential::Token(token), wire);
                None
            }
            Err(reason) => {
                Some(self.lost(now, wire, RequestError::new("token_unavailable", reason), Reconnect::Normal))
            }
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Time, ids: &mut Ids, wire: &mut Wire) -> Option<Notice> {
        let idle = wire.requests.is_empty();
        if self.poll_timeout(idle).is_none_or(|due| due > now) {
            return None;
        }
        match self.state {
            State::Idle => None,
            State::NeedsToken { .. } => {
                let error = RequestError::new("token_unavailable", "no token was provided in time");
                Some(self.lost(now, wire, error, Reconnect::Normal))
            }
            State::Opening { .. } => {
                Some(self.cut(now, wire, CloseCode::CLIENT_INACTIVITY, "welcome timeout"))
            }
            State::Open { heard, answer_by, .. }
                if heard + INACTIVITY_TIMEOUT <= now || answer_by.is_some_and(|by| by <= now) =>
            {
                Some(self.cut(now, wire, CloseCode::CLIENT_INACTIVITY, "inactivity timeout"))
            }
            State::Open { since, heard, pinged, answer_by } => {
                if heard.max(pinged) + PING_INTERVAL <= now {
                    self.state = State::Open { since, heard, pinged: now, answer_by };
                    self.ping(wire);
                }
                match self.refresh.handle_timeout(now, idle) {
                    Due::Nothing => None,
                    Due::Ask => {
                        let request = ids.request();
                        self.refresh.asked(request, now + TOKEN_TIMEOUT);
                        wire.event(Event::TokenNeeded { request });
                        None
                    }
                    Due::Reconnect => Some(self.renew(now, wire, "the token is replaced")),
                }
            }
            State::Waiting { .. } => {
                self.attempt(now, ids, wire);
                None
            }
            State::Closing { .. } => {
                self.state = State::Idle;
                Some(Notice::Closed)
            }
        }
    }

    /// Returns when something is due. `idle` says that no request waits for the server.
    pub(crate) fn poll_timeout(&self, idle: bool) -> Option<Time> {
        match self.state {
            State::Idle => None,
            State::NeedsToken { by, .. } | State::Closing { by } => Some(by),
            State::Opening { welcome_by } => Some(welcome_by),
            State::Open { heard, pinged, answer_by, .. } => {
                let due = (heard.max(pinged) + PING_INTERVAL).min(heard + INACTIVITY_TIMEOUT);
                [Some(due), answer_by, self.refresh.poll_timeout(idle)].into_iter().flatten().min()
            }
            State::Waiting { until } => Some(until),
        }
    }

    fn attempt(&mut self, now: Time, ids: &mut Ids, wire: &mut Wire) {
        match &self.credential {
            Credential::Key(key) => self.open(now, ConnectCredential::Key(key.clone()), wire),
            Credential::Token(token) => self.open(now, ConnectCredential::Token(token.clone()), wire),
            Credential::Provider => {
                let asked = self.refresh.open_request();
                if let Some(token) = self.refresh.take() {
                    return self.open(now, ConnectCredential::Token(token), wire);
                }
                let request = asked.unwrap_or_else(|| ids.request());
                self.state = State::NeedsToken { request, by: now + TOKEN_TIMEOUT };
                if asked.is_none() {
                    wire.event(Event::TokenNeeded { request });
                }
            }
        }
    }

    fn open(&mut self, now: Time, credential: ConnectCredential, wire: &mut Wire) {
        self.state = State::Opening { welcome_by: now + WELCOME_TIMEOUT };
        wire.signal(SignalCommand::Connect { credential, resume: self.resume.clone() });
    }

    fn heard(&mut self, now: Time, text: &str, wire: &mut Wire) -> Option<Notice> {
        if text.len() > MAX_SERVER_FRAME_SIZE {
            return Some(self.cut(now, wire, CloseCode::MESSAGE_TOO_BIG, "frame too large"));
        }
        if let State::Open { since, pinged, .. } = self.state {
            self.state = State::Open { since, heard: now, pinged, answer_by: None };
        }
        // Unknown and malformed frames are those of a later version; the connection is kept.
        match (ServerFrame::parse(text).ok()?, self.state) {
            (ServerFrame::Welcome(welcome), State::Opening { .. }) => {
                self.state = State::Open { since: now, heard: now, pinged: now, answer_by: None };
                self.welcomed = true;
                self.backoff.reset();
                wire.up = true;
                wire.set_max_data(welcome.max_message_size);
                self.renew_resume(&welcome, wire);
                if self.credential == Credential::Provider {
                    let expires = welcome.expires_at;
                    let left = expires.map(|at| Duration::from_secs(at.saturating_sub(welcome.server_time)));
                    self.refresh.welcomed(now, left);
                }
                Some(Notice::Welcomed(welcome))
            }
            (ServerFrame::Welcome(_) | ServerFrame::Pong, _) | (_, State::Opening { .. }) => None,
            (frame, _) => self.take_cursor(&frame).then_some(Notice::Frame(frame)),
        }
    }

    /// Takes what the server gives us to come back with, and says that we can.
    fn renew_resume(&mut self, welcome: &Welcome, wire: &mut Wire) {
        let read = self.resume.take().map_or(0, |resume| resume.cursor);
        let cursor = if welcome.resumed { read } else { 0 };
        if let Some(token) = welcome.resume.clone() {
            self.resume = Some(Resume { token, cursor });
            if !welcome.resumed {
                wire.frame(&ClientFrame::Ping { request_id: None, cursor: Some(cursor) });
            }
        }
    }

    /// Notes how far we have read; returns false for what was read before.
    fn take_cursor(&mut self, frame: &ServerFrame) -> bool {
        let Some(resume) = &mut self.resume else { return true };
        match *frame {
            ServerFrame::Direct { cursor: Some(cursor), .. } => {
                let is_new = cursor > resume.cursor;
                resume.cursor = resume.cursor.max(cursor);
                is_new
            }
            ServerFrame::Gap { cursor } => {
                resume.cursor = cursor;
                true
            }
            _ => true,
        }
    }

    /// Closes a connection that is of no use, and goes on as if it had been lost.
    fn cut(&mut self, now: Time, wire: &mut Wire, code: CloseCode, reason: &'static str) -> Notice {
        wire.signal(SignalCommand::Close { code: code.get(), reason });
        self.lost(now, wire, RequestError::new("disconnected", reason), Reconnect::Normal)
    }

    fn lost(&mut self, now: Time, wire: &mut Wire, error: RequestError, reconnect: Reconnect) -> Notice {
        let before = std::mem::replace(&mut self.state, State::Idle);
        wire.up = false;
        if !self.welcomed {
            return Notice::Refused(error);
        }
        let lasted = match before {
            State::Open { since, .. } => now - since >= LASTING_CONNECTION,
            _ => false,
        };
        let delay = match reconnect {
            Reconnect::Never => None,
            // The same token would be refused again.
            Reconnect::AtOnce if matches!(self.credential, Credential::Token(_)) => None,
            Reconnect::AtOnce if lasted && self.policy.enabled => Some(Duration::ZERO),
            Reconnect::AtOnce | Reconnect::Normal => self.backoff.next_delay(),
            Reconnect::Later => {
                self.backoff.server_is_full();
                self.backoff.next_delay()
            }
        };
        match delay {
            Some(delay) => {
                self.state = State::Waiting { until: now + delay };
                Notice::Lost(error)
            }
            None => Notice::Ended(error),
        }
    }
}

/// Names a close code as the published SDKs do.
fn close_error(code: CloseCode, reason: &str) -> RequestError {
    let name = match code {
        CloseCode::INVALID_TOKEN => "invalid_token",
        CloseCode::TOKEN_EXPIRED => "token_expired",
        CloseCode::CHANNEL_NOT_AUTHORIZED => "channel_not_authorized",
        CloseCode::OVER_CONCURRENT_LIMIT => "over_concurrent_limit",
        CloseCode::OVER_MESSAGE_RATE => "over_message_rate",
        CloseCode::ACCOUNT_SUSPENDED => "account_suspended",
        CloseCode::ADMIN_DISCONNECT => "admin_disconnect",
        _ => "disconnected",
    };
    let why = if reason.is_empty() { "no reason given" } else { reason };
    RequestError::new(name, format!("the connection was closed with {code}: {why}"))
}
