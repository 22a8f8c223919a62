//! What the session's tests share: a session with a clock and scripted surroundings.

pub mod fake_link;
pub mod pair;

use std::time::Duration;

use protocol::peer::{PeerMessage, SdpKind};
use protocol::{ClientFrame, Member, ServerFrame, Welcome};
use serde_json::{Map, Value, json};
use session::{
    Command, Config, ConnectCredential, Credential, Event, Input, LinkCommand, LinkEvent, LinkState,
    LocalStream, LocalTrack, Output, PeerState, RequestError, Resume, Session, SessionState, SignalCommand,
    SignalEvent,
};
use units::{LinkId, MediaKind, PeerId, RequestId, Secret, StreamId, Time, TrackId};

/// What came out since the last look, sorted by whom it is for.
#[derive(Debug, Default)]
pub struct Taken {
    pub events: Vec<Event>,
    pub frames: Vec<ClientFrame>,
    pub links: Vec<(LinkId, LinkCommand)>,
    pub connects: Vec<ConnectCredential>,
    /// What each of the connects goes on with.
    pub resumes: Vec<Option<Resume>>,
    pub closes: Vec<u16>,
}

impl Taken {
    /// Returns the messages sent to this peer.
    pub fn messages(&self, to: &str) -> Vec<PeerMessage> {
        self.frames
            .iter()
            .filter_map(|frame| match frame {
                ClientFrame::Send { to: receiver, data, .. } if receiver == to => {
                    PeerMessage::from_value(data)
                        .map(|message| message.expect("the session sends valid messages"))
                }
                _ => None,
            })
            .collect()
    }

    /// Returns the commands to links without those that add tracks or open links.
    pub fn commands(&self) -> Vec<LinkCommand> {
        self.links
            .iter()
            .map(|(_, command)| command.clone())
            .filter(|command| !matches!(command, LinkCommand::Open { .. } | LinkCommand::AddTrack { .. }))
            .collect()
    }

    /// Returns the states that the session went to.
    pub fn states(&self) -> Vec<SessionState> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::StateChanged { to, .. } => Some(*to),
                _ => None,
            })
            .collect()
    }

    /// Returns the states that any peer went to.
    pub fn peer_states(&self) -> Vec<PeerState> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::PeerStateChanged { to, .. } => Some(*to),
                _ => None,
            })
            .collect()
    }

    /// Returns how the request ended, when it did.
    pub fn result(&self, request: RequestId) -> Option<&Result<(), RequestError>> {
        let mut results = self.events.iter().filter_map(|event| match event {
            Event::Done { request: done, result } if *done == request => Some(result),
            _ => None,
        });
        let result = results.next();
        assert!(results.next().is_none(), "{request:?} ended twice: {:?}", self.events);
        result
    }

    /// Returns the code that the request failed with.
    pub fn failure(&self, request: RequestId) -> Option<&str> {
        self.result(request).and_then(|result| result.as_ref().err()).map(|error| error.code.as_str())
    }

    /// Returns the number of the negotiation that a link was told to begin.
    pub fn negotiation(&self) -> Option<u64> {
        self.links.iter().rev().find_map(|(_, command)| match command {
            LinkCommand::CreateOffer { negotiation, .. }
            | LinkCommand::AcceptOffer { negotiation, .. }
            | LinkCommand::AcceptAnswer { negotiation, .. } => Some(*negotiation),
            _ => None,
        })
    }
}

/// A session with a clock, in a server's and links' scripted hands.
pub struct Client {
    pub session: Session,
    pub now: Time,
    requests: u64,
    last_request: Option<String>,
}

impl Client {
    pub fn new() -> Self {
        Self::with(Config::new(Credential::Key(Secret::new("pk_test")), 1))
    }

    pub fn with(config: Config) -> Self {
        Self { session: Session::new(config), now: Time::from_millis(1000), requests: 0, last_request: None }
    }

    /// Makes a session that is in the channel `room` as `own`, with these others.
    pub fn joined(own: &str, others: &[&str]) -> Self {
        let mut client = Self::new();
        client.enter(own, others);
        client
    }

    /// Joins the channel `room` as `own`, with these others.
    pub fn enter(&mut self, own: &str, others: &[&str]) {
        self.join("room");
        self.welcome(own);
        self.ack();
        self.presence(others, &[]);
        assert_eq!(self.session.state(), SessionState::Joined);
    }

    pub fn input(&mut self, input: Input) -> Taken {
        self.session.handle(self.now, input);
        self.take()
    }

    fn take(&mut self) -> Taken {
        let mut taken = Taken::default();
        while let Some(output) = self.session.poll() {
            match output {
                Output::Event(event) => taken.events.push(event),
                Output::Link { link, command } => taken.links.push((link, command)),
                Output::Signal(SignalCommand::Connect { credential, resume }) => {
                    taken.connects.push(credential);
                    taken.resumes.push(resume);
                }
                Output::Signal(SignalCommand::Close { code, .. }) => taken.closes.push(code),
                Output::Signal(SignalCommand::Send(text)) => {
                    let frame = ClientFrame::parse(&text).expect("the session sends valid frames");
                    self.last_request = frame.request_id().map(str::to_owned).or(self.last_request.take());
                    taken.frames.push(frame);
                }
            }
        }
        taken
    }

    pub fn command(&mut self, command: Command) -> Taken {
        self.input(Input::Command(command))
    }

    pub fn request(&mut self, make: impl FnOnce(RequestId) -> Command) -> (RequestId, Taken) {
        self.requests += 1;
        let request = RequestId::new(self.requests);
        (request, self.command(make(request)))
    }

    pub fn join(&mut self, channel: &str) -> (RequestId, Taken) {
        let channel = channel.to_owned();
        self.request(|request| Command::Join { request, channel })
    }

    pub fn leave(&mut self) -> (RequestId, Taken) {
        self.request(|request| Command::Leave { request })
    }

    pub fn send(&mut self, to: Option<PeerId>, data: Value) -> (RequestId, Taken) {
        self.request(|request| Command::Send { request, to, data })
    }

    pub fn signal(&mut self, event: SignalEvent) -> Taken {
        self.input(Input::Signal(event))
    }

    pub fn closed(&mut self, code: u16) -> Taken {
        self.signal(SignalEvent::Closed { code, reason: String::new() })
    }

    pub fn frame(&mut self, frame: &ServerFrame) -> Taken {
        self.signal(SignalEvent::Text(frame.to_json()))
    }

    pub fn welcome(&mut self, own: &str) -> Taken {
        self.frame(&welcome(own, 1000))
    }

    /// Acknowledges the latest request.
    pub fn ack(&mut self) -> Taken {
        let request_id = self.last_request.clone().expect("there was a request");
        self.frame(&ServerFrame::Ack { request_id })
    }

    /// Refuses the latest request.
    pub fn refuse(&mut self, code: &str) -> Taken {
        let request_id = self.last_request.clone();
        self.frame(&ServerFrame::Error { code: code.to_owned(), request_id, message: None })
    }

    pub fn presence(&mut self, joined: &[&str], left: &[&str]) -> Taken {
        let members = |ids: &[&str]| ids.iter().map(|id| member(id)).collect();
        self.frame(&ServerFrame::Presence {
            channel: "room".to_owned(),
            joined: members(joined),
            left: members(left),
        })
    }

    pub fn direct(&mut self, from: &str, data: Value) -> Taken {
        self.frame(&ServerFrame::Direct { from: from.to_owned(), data, from_metadata: None, cursor: None })
    }

    pub fn message(&mut self, from: &str, message: &PeerMessage) -> Taken {
        self.direct(from, message.to_value())
    }

    pub fn offer(&mut self, from: &str, sdp: &str) -> Taken {
        self.message(from, &description(SdpKind::Offer, sdp))
    }

    pub fn answer(&mut self, from: &str, sdp: &str) -> Taken {
        self.message(from, &description(SdpKind::Answer, sdp))
    }

    pub fn link(&mut self, link: LinkId, event: LinkEvent) -> Taken {
        self.input(Input::Link { link, event })
    }

    pub fn link_state(&mut self, link: LinkId, state: LinkState) -> Taken {
        self.link(link, LinkEvent::StateChanged(state))
    }

    /// Reports a description that the link made.
    pub fn described(&mut self, link: LinkId, negotiation: u64, kind: SdpKind, sdp: &str) -> Taken {
        self.link(link, LinkEvent::LocalDescription { negotiation, kind, sdp: sdp.to_owned() })
    }

    /// Lets time pass, stopping exactly whenever the session asks for it.
    pub fn advance(&mut self, duration: Duration) -> Taken {
        let until = self.now + duration;
        let mut taken = Taken::default();
        let mut turns_now = 0;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= until) {
            turns_now = if due > self.now { 0 } else { turns_now + 1 };
            assert!(turns_now < 10, "the session asks for the same time again and again");
            self.now = self.now.max(due);
            let more = self.input(Input::TimePassed);
            taken.events.extend(more.events);
            taken.frames.extend(more.frames);
            taken.links.extend(more.links);
            taken.connects.extend(more.connects);
            taken.resumes.extend(more.resumes);
            taken.closes.extend(more.closes);
        }
        self.now = until;
        taken
    }

    pub fn advance_ms(&mut self, millis: u64) -> Taken {
        self.advance(Duration::from_millis(millis))
    }
}

pub fn welcome(own: &str, max_message_size: u64) -> ServerFrame {
    ServerFrame::Welcome(Welcome {
        peer_id: own.to_owned(),
        expires_at: None,
        server_time: 1_800_000_000,
        max_message_size,
        metadata: None,
        epoch: None,
        resume: None,
        resumed: false,
    })
}

pub fn member(id: &str) -> Member {
    Member { peer_id: id.to_owned(), metadata: None }
}

/// Makes a description as the published SDKs send it.
pub fn description(kind: SdpKind, sdp: &str) -> PeerMessage {
    PeerMessage::Description { kind, sdp: sdp.to_owned(), parlor: None }
}

/// Makes a description as another Parlor engine sends it.
pub fn parlor_description(kind: SdpKind, sdp: &str) -> PeerMessage {
    let parlor = protocol::peer::Parlor { v: 1, caps: vec![session::CAP_KEEP_LINK.to_owned()], offer: None };
    PeerMessage::Description { kind, sdp: sdp.to_owned(), parlor: Some(parlor) }
}

pub fn role(role: &str) -> Map<String, Value> {
    json!({ "role": role }).as_object().expect("an object").clone()
}

pub fn track(id: u64, kind: MediaKind) -> LocalTrack {
    LocalTrack { id: TrackId::new(id), msid_track: format!("track-{id}"), kind }
}

/// Makes a stream with metadata, an audio track `id + 1` and a video track `id + 2`.
pub fn camera(id: u64) -> LocalStream {
    LocalStream {
        id: StreamId::new(id),
        msid: format!("stream-{id}"),
        metadata: Some(role("camera")),
        tracks: vec![track(id + 1, MediaKind::Audio), track(id + 2, MediaKind::Video)],
    }
}

/// Returns the only link that was opened.
pub fn opened(taken: &Taken) -> LinkId {
    let mut links = taken.links.iter().filter(|(_, command)| matches!(command, LinkCommand::Open { .. }));
    let link = links.next().expect("a link was opened").0;
    assert!(links.next().is_none(), "more than one link was opened");
    link
}
