//! Two sessions, a reliable server and fake links, in which the test chooses what happens next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use protocol::{ClientFrame, ServerFrame};
use session::{
    Command, Config, Credential, Event, Input, LinkCommand, LinkState, LocalStream, Output, PeerState,
    Session, SessionState, SignalCommand, SignalEvent,
};
use units::{LinkId, MediaKind, RequestId, Secret, StreamId, Time, TrackId};

use super::fake_link::FakeLink;
use super::{member, role, track, welcome};

const CHANNEL: &str = "room";

/// The names of the two; the first is the polite one.
const NAMES: [&str; 2] = ["ada", "bo"];

/// How long a link looks for its other end before it fails.
const ICE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a queue towards the server carries.
enum Up {
    Frame(ClientFrame),
    Close,
}

pub struct Node {
    pub session: Session,
    links: BTreeMap<LinkId, FakeLink>,
    /// When links that look for their other end fail.
    failing: BTreeMap<LinkId, Time>,
    up: VecDeque<Up>,
    down: VecDeque<SignalEvent>,
    online: bool,
    /// The tracks that the app registered: stream and kind of each.
    registered: BTreeMap<TrackId, (StreamId, MediaKind)>,
    streams: BTreeMap<StreamId, String>,
    tracks: BTreeMap<TrackId, (StreamId, MediaKind)>,
    peer_state: Option<PeerState>,
    asked: u64,
    open: BTreeSet<RequestId>,
    pub problems: Vec<String>,
    pub resets: usize,
    /// Streams that came without metadata. That is right only for one whose track was removed while its offer
    /// was under way.
    pub unnamed: usize,
    /// Everything that the session said, for comparing runs.
    pub log: Vec<String>,
}

/// Something that the test lets happen; `node` is 0 or 1.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// The server takes the next frame of a node.
    Up(usize),
    /// A node gets the next frame of the server.
    Down(usize),
    /// A node gets the next event of its link.
    Link(usize),
    Join(usize),
    Leave(usize),
    AddStream(usize),
    AddTrack(usize, MediaKind),
    RemoveTrack(usize),
    RemoveStream(usize),
    Send(usize),
    /// The connection of a node breaks; the server notices at once.
    Drop(usize),
    Advance(u64),
}

pub struct Pair {
    pub now: Time,
    pub nodes: [Node; 2],
    members: [bool; 2],
    next_link: u64,
    next_track: u64,
    next_stream: u64,
}

impl Pair {
    pub fn new(seed: u64) -> Self {
        let node = |index: u64| Node {
            session: Session::new(Config::new(Credential::Key(Secret::new("k")), seed + index)),
            links: BTreeMap::new(),
            failing: BTreeMap::new(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            online: false,
            registered: BTreeMap::new(),
            streams: BTreeMap::new(),
            tracks: BTreeMap::new(),
            peer_state: None,
            asked: 0,
            open: BTreeSet::new(),
            problems: Vec::new(),
            resets: 0,
            unnamed: 0,
            log: Vec::new(),
        };
        Self {
            now: Time::from_millis(1),
            nodes: [node(0), node(1)],
            members: [false; 2],
            next_link: 1,
            next_track: 1,
            next_stream: 1,
        }
    }

    pub fn act(&mut self, action: Action) {
        match action {
            Action::Up(node) => drop(self.up(node)),
            Action::Down(node) => drop(self.down(node)),
            Action::Link(node) => drop(self.link(node)),
            Action::Join(node) => {
                self.request(node, |request| Command::Join { request, channel: CHANNEL.to_owned() });
            }
            Action::Leave(node) => self.request(node, |request| Command::Leave { request }),
            Action::AddStream(node) => {
                let id = StreamId::new(self.next_stream);
                self.next_stream += 1;
                self.command(
                    node,
                    Command::AddStream(LocalStream {
                        id,
                        msid: format!("stream-{}", id.get()),
                        metadata: Some(role(&format!("role-{}", id.get()))),
                        tracks: Vec::new(),
                    }),
                );
                self.add_track(node, id, MediaKind::Audio);
            }
            Action::AddTrack(node, kind) => {
                let stream = self.nodes[node].registered.values().next_back().map(|(stream, _)| *stream);
                if let Some(stream) = stream {
                    self.add_track(node, stream, kind);
                }
            }
            Action::RemoveTrack(node) => {
                if let Some((track, _)) = self.nodes[node].registered.pop_first() {
                    self.command(node, Command::RemoveTrack { track });
                }
            }
            Action::RemoveStream(node) => {
                let stream = self.nodes[node].registered.values().next().map(|(stream, _)| *stream);
                if let Some(stream) = stream {
                    self.nodes[node].registered.retain(|_, (of, _)| *of != stream);
                    self.command(node, Command::RemoveStream { stream });
                }
            }
            Action::Send(node) => {
                let data = serde_json::json!({"chat": "hi"});
                self.request(node, |request| Command::Send { request, to: None, data });
            }
            Action::Drop(node) => self.drop_connection(node),
            Action::Advance(millis) => self.advance(self.now + Duration::from_millis(millis)),
        }
    }

    /// Lets everything that is under way arrive, and this much time pass.
    pub fn settle(&mut self, duration: Duration) {
        let until = self.now + duration;
        loop {
            while (0..2).any(|node| self.link(node) || self.up(node) || self.down(node)) {}
            match self.next_due().filter(|due| *due <= until) {
                Some(due) => self.pass(due),
                None => break,
            }
        }
        self.now = until;
    }

    /// Joins whoever is not there and checks that both ends then agree about everything.
    pub fn assert_converges(&mut self) {
        for _ in 0..2 {
            self.settle(Duration::from_secs(90));
            for node in 0..2 {
                if self.nodes[node].session.state() == SessionState::Idle {
                    self.act(Action::Join(node));
                }
            }
        }
        self.settle(Duration::from_secs(90));
        for node in 0..2 {
            let (this, other) = (&self.nodes[node], &self.nodes[1 - node]);
            assert_eq!(this.session.state(), SessionState::Joined);
            let mut expected: Vec<_> = other
                .registered
                .values()
                .map(|(stream, kind)| (format!("stream-{}", stream.get()), *kind))
                .collect();
            let mut known: Vec<_> =
                this.tracks.values().map(|(stream, kind)| (this.streams[stream].clone(), *kind)).collect();
            expected.sort();
            known.sort();
            assert_eq!(known, expected, "what {} knows of {}", NAMES[node], NAMES[1 - node]);
            assert!(this.open.is_empty(), "requests without an end: {:?}", this.open);
            let [link] = this.links.values().collect::<Vec<_>>()[..] else {
                panic!("there is one link per peer")
            };
            assert!(link.is_stable(), "{link:?}");
        }
        let [first, second] = [0, 1].map(|node| self.nodes[node].links.values().next().expect("a link"));
        if self.nodes.iter().any(|node| !node.registered.is_empty()) {
            assert!(first.matches(second), "{first:?}\n{second:?}");
            assert_eq!(self.nodes.each_ref().map(|node| node.peer_state), [Some(PeerState::Connected); 2]);
        }
    }

    fn add_track(&mut self, node: usize, stream: StreamId, kind: MediaKind) {
        let track = track(self.next_track, kind);
        self.next_track += 1;
        self.nodes[node].registered.insert(track.id, (stream, kind));
        self.command(node, Command::AddTrack { stream, track });
    }

    fn request(&mut self, node: usize, make: impl FnOnce(RequestId) -> Command) {
        let this = &mut self.nodes[node];
        this.asked += 1;
        let request = RequestId::new(this.asked);
        this.open.insert(request);
        self.command(node, make(request));
    }

    fn command(&mut self, node: usize, command: Command) {
        self.input(node, Input::Command(command));
    }

    fn input(&mut self, node: usize, input: Input) {
        self.nodes[node].session.handle(self.now, input);
        while let Some(output) = self.nodes[node].session.poll() {
            self.nodes[node].log.push(format!("{:?} {output:?}", self.now));
            match output {
                Output::Event(event) => self.nodes[node].event(event),
                Output::Signal(SignalCommand::Connect { .. }) => {
                    let this = &mut self.nodes[node];
                    this.online = true;
                    this.up.clear();
                    this.down = VecDeque::from([
                        SignalEvent::Opened,
                        SignalEvent::Text(welcome(NAMES[node], 65_536).to_json()),
                    ]);
                }
                Output::Signal(SignalCommand::Send(text)) => {
                    let frame = ClientFrame::parse(&text).expect("a session sends valid frames");
                    self.nodes[node].up.push_back(Up::Frame(frame));
                }
                Output::Signal(SignalCommand::Close { .. }) => self.nodes[node].up.push_back(Up::Close),
                Output::Link { link, command } => self.link_command(node, link, command),
            }
        }
    }

    fn link_command(&mut self, node: usize, link: LinkId, command: LinkCommand) {
        match command {
            LinkCommand::Open { .. } => {
                let fake = FakeLink::new(self.next_link);
                self.next_link += 1;
                assert!(self.nodes[node].links.insert(link, fake).is_none());
            }
            LinkCommand::Close => {
                let gone = self.nodes[node].links.remove(&link).expect("only an open link is closed");
                for other in self.nodes[1 - node].links.values_mut().filter(|other| other.knows(&gone)) {
                    other.set_state(LinkState::Closed);
                }
            }
            command => {
                self.nodes[node].links.get_mut(&link).expect("commands go to open links").command(command)
            }
        }
        self.connect_links();
        for node in &mut self.nodes {
            node.failing.retain(|link, _| {
                node.links.get(link).is_some_and(|link| link.state == LinkState::Connecting)
            });
            let looking = node.links.iter().filter(|(_, fake)| fake.state == LinkState::Connecting);
            for (link, _) in looking {
                node.failing.entry(*link).or_insert(self.now + ICE_TIMEOUT);
            }
        }
    }

    /// Connects the links that took each other's descriptions.
    fn connect_links(&mut self) {
        let [first, second] = &mut self.nodes;
        for one in first.links.values_mut() {
            for other in second.links.values_mut() {
                if one.matches(other) && one.state != LinkState::Closed && other.state != LinkState::Closed {
                    one.set_state(LinkState::Connected);
                    other.set_state(LinkState::Connected);
                }
            }
        }
    }

    fn link(&mut self, node: usize) -> bool {
        let next = self.nodes[node]
            .links
            .iter_mut()
            .find_map(|(link, fake)| fake.events.pop_front().map(|event| (*link, event)));
        next.map(|(link, event)| self.input(node, Input::Link { link, event })).is_some()
    }

    fn down(&mut self, node: usize) -> bool {
        let next = self.nodes[node].down.pop_front();
        next.map(|event| self.input(node, Input::Signal(event))).is_some()
    }

    fn up(&mut self, node: usize) -> bool {
        let next = self.nodes[node].up.pop_front();
        next.map(|up| self.serve(node, up)).is_some()
    }

    fn serve(&mut self, node: usize, up: Up) {
        let other = 1 - node;
        let frame = match up {
            Up::Frame(frame) if self.nodes[node].online => frame,
            Up::Frame(_) => return,
            Up::Close => {
                self.offline(node, 1000);
                return;
            }
        };
        let request_id = frame.request_id().map(str::to_owned);
        let mut refused = false;
        match frame {
            ClientFrame::Subscribe { .. } => {
                self.acknowledge(node, request_id);
                let others = if self.members[other] { vec![member(NAMES[other])] } else { Vec::new() };
                self.say(node, &presence(others, Vec::new()));
                if !std::mem::replace(&mut self.members[node], true) && self.members[other] {
                    self.say(other, &presence(vec![member(NAMES[node])], Vec::new()));
                }
                return;
            }
            ClientFrame::Unsubscribe { .. } => self.leave(node),
            ClientFrame::Publish { channel, data, .. } => {
                if self.members[other] {
                    let from = NAMES[node].to_owned();
                    self.say(other, &ServerFrame::Message { channel, from, data, from_metadata: None });
                }
            }
            ClientFrame::Send { data, .. } => {
                refused = !(self.members[node] && self.members[other]);
                if !refused {
                    let from = NAMES[node].to_owned();
                    self.say(other, &ServerFrame::Direct { from, data, from_metadata: None, cursor: None });
                }
            }
            ClientFrame::Ping { .. } => self.say(node, &ServerFrame::Pong),
        }
        if refused {
            let code = "peer_not_found".to_owned();
            self.say(node, &ServerFrame::Error { code, request_id, message: None });
        } else {
            self.acknowledge(node, request_id);
        }
    }

    fn acknowledge(&mut self, node: usize, request_id: Option<String>) {
        if let Some(request_id) = request_id {
            self.say(node, &ServerFrame::Ack { request_id });
        }
    }

    fn say(&mut self, node: usize, frame: &ServerFrame) {
        self.nodes[node].down.push_back(SignalEvent::Text(frame.to_json()));
    }

    fn leave(&mut self, node: usize) {
        let other = 1 - node;
        if std::mem::replace(&mut self.members[node], false) && self.members[other] {
            self.say(other, &presence(Vec::new(), vec![member(NAMES[node])]));
        }
    }

    fn drop_connection(&mut self, node: usize) {
        if self.nodes[node].online {
            self.nodes[node].up.clear();
            self.nodes[node].down.clear();
            self.offline(node, 1006);
        }
    }

    fn offline(&mut self, node: usize, code: u16) {
        if std::mem::replace(&mut self.nodes[node].online, false) {
            self.leave(node);
            self.nodes[node].down.push_back(SignalEvent::Closed { code, reason: String::new() });
        }
    }

    fn advance(&mut self, until: Time) {
        while let Some(due) = self.next_due().filter(|due| *due <= until) {
            self.pass(due);
        }
        self.now = until;
    }

    fn next_due(&self) -> Option<Time> {
        let failing = self.nodes.iter().flat_map(|node| node.failing.values().copied());
        self.nodes.iter().filter_map(|node| node.session.poll_timeout()).chain(failing).min()
    }

    /// Goes to the time that a session asked for, and checks that it then asks for a later one.
    fn pass(&mut self, due: Time) {
        self.now = self.now.max(due);
        for node in 0..2 {
            let this = &mut self.nodes[node];
            let (failed, failing) = this.failing.iter().partition(|(_, at)| **at <= self.now);
            this.failing = failing;
            let failed: BTreeMap<LinkId, Time> = failed;
            for link in failed.keys() {
                this.links.get_mut(link).expect("a failing link is open").set_state(LinkState::Failed);
            }
            for turn in 0.. {
                if self.nodes[node].session.poll_timeout().is_none_or(|due| due > self.now) {
                    break;
                }
                assert!(turn < 5, "a session asks for the same time again and again");
                self.input(node, Input::TimePassed);
            }
        }
    }
}

impl Node {
    fn event(&mut self, event: Event) {
        match event {
            Event::PeerJoined { .. } => {
                assert!(self.peer_state.replace(PeerState::Idle).is_none(), "a peer joined twice");
            }
            Event::PeerLeft { .. } => {
                assert_eq!(self.peer_state.take(), Some(PeerState::Closed));
                assert!(self.tracks.is_empty() && self.streams.is_empty());
            }
            Event::PeerStateChanged { from, to, .. } => assert_eq!(self.peer_state.replace(to), Some(from)),
            Event::StreamAdded { stream, msid, metadata, .. } => {
                let word = msid.replace("stream", "role");
                self.unnamed += usize::from(metadata.is_none());
                assert!(
                    metadata.is_none_or(|metadata| metadata == role(&word)),
                    "metadata of another stream"
                );
                assert!(self.streams.insert(stream, msid).is_none());
            }
            Event::StreamRemoved { stream, .. } => assert!(self.streams.remove(&stream).is_some()),
            Event::TrackAdded { stream, track, kind, .. } => {
                assert!(self.streams.contains_key(&stream));
                assert!(self.tracks.insert(track, (stream, kind)).is_none());
            }
            Event::TrackRemoved { track, .. } => assert!(self.tracks.remove(&track).is_some()),
            Event::Done { request, .. } => assert!(self.open.remove(&request), "{request:?} ended twice"),
            Event::NegotiationError { reason, .. } => self.problems.push(reason),
            Event::ConnectionReset { .. } => self.resets += 1,
            _ => {}
        }
    }
}

fn presence(joined: Vec<protocol::Member>, left: Vec<protocol::Member>) -> ServerFrame {
    ServerFrame::Presence { channel: CHANNEL.to_owned(), joined, left }
}
