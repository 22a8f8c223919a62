//! Carrying a scenario out in a world, and writing down what its sessions tell.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use parlor_testkit::{Bottleneck, Identity, MessageKind, NodeId, Path, World, WorldConfig};
use session::{Command, Event, SessionState};
use units::{BitRate, ChannelId, MediaKind, PeerId, RequestId, StreamId, TrackId};

use super::model::{self, Action, Kind, Media, Message, Scenario, Step};

/// How long nothing more may come once everything has.
const QUIET: Duration = Duration::from_millis(500);

/// How long media may take to arrive.
const MEDIA_PATIENCE: Duration = Duration::from_secs(2);

/// How long what is under way takes to arrive, at most.
const LAST_ARRIVALS: Duration = Duration::from_millis(300);

/// How long a bottleneck lets datagrams wait.
const QUEUE: Duration = Duration::from_millis(300);

/// What a role's session tells, split by whom it is about; the session itself is about nobody.
type Told = BTreeMap<String, Vec<String>>;

/// A role, and what is needed to put what its session says into words.
struct Role {
    node: NodeId,
    channel: Option<String>,
    muted: bool,
    /// The streams that it has, with the kinds of their tracks.
    streams: BTreeMap<String, (StreamId, Vec<Kind>)>,
    requests: BTreeMap<RequestId, String>,
    peers: BTreeMap<PeerId, String>,
    remote_streams: BTreeMap<StreamId, String>,
    remote_tracks: BTreeMap<TrackId, MediaKind>,
    channels: BTreeMap<ChannelId, (String, String)>,
    /// How much of what its session said is in words already.
    events: usize,
    messages: usize,
}

pub struct Stage {
    world: World,
    roles: BTreeMap<String, Role>,
    /// What streams are called on the wire.
    stream_names: BTreeMap<String, String>,
}

impl Stage {
    pub fn new(scenario: &Scenario) -> Self {
        let config = WorldConfig::new(Instant::now(), 1);
        let mut world = World::new(WorldConfig { resume: scenario.server.resume, ..config });
        let mut roles = BTreeMap::new();
        for (name, peer) in &scenario.peers {
            let identity = match peer.identity {
                model::Identity::Stable => Identity::Stable,
                model::Identity::Fresh => Identity::Fresh,
            };
            let node = world.add_node(name, identity);
            if peer.nat {
                world.add_nat(node);
            }
            let role = Role {
                node,
                channel: None,
                muted: false,
                streams: BTreeMap::new(),
                requests: BTreeMap::new(),
                peers: BTreeMap::new(),
                remote_streams: BTreeMap::new(),
                remote_tracks: BTreeMap::new(),
                channels: BTreeMap::new(),
                events: 0,
                messages: 0,
            };
            roles.insert(name.clone(), role);
        }
        world.set_media(true);
        Self { world, roles, stream_names: BTreeMap::new() }
    }

    /// Carries out a step; fails with what was told otherwise.
    pub fn play(&mut self, step: &Step) -> Result<(), String> {
        for action in &step.actions {
            self.act(action)?;
        }
        let expected: BTreeMap<&str, Told> =
            step.then.iter().map(|(role, lines)| (role.as_str(), split(lines))).collect();
        if let Some(unknown) = expected.keys().find(|role| !self.roles.contains_key(**role)) {
            return Err(format!("there is no role {unknown}"));
        }
        let mut told: BTreeMap<String, Told> = BTreeMap::new();
        let deadline = self.world.now() + Duration::from_secs_f64(step.within);
        loop {
            self.listen(&mut told);
            let complete = expected.iter().all(|(role, about)| {
                about.iter().all(|(whom, lines)| {
                    told.get(*role).and_then(|told| told.get(whom)).map_or(0, Vec::len) >= lines.len()
                })
            });
            if complete || self.world.now() >= deadline {
                break;
            }
            self.world.run_for(Duration::from_millis(20));
        }
        self.world.run_for(QUIET);
        self.listen(&mut told);
        for name in self.roles.keys() {
            let expected = expected.get(name.as_str()).cloned().unwrap_or_default();
            let told = told.remove(name).unwrap_or_default();
            if told != expected {
                return Err(format!("{name} was to tell {expected:#?}\nand told {told:#?}"));
            }
        }
        self.check_media(step.media)
    }

    fn role(&mut self, name: &str) -> Result<&mut Role, String> {
        self.roles.get_mut(name).ok_or_else(|| format!("there is no role {name}"))
    }

    fn node(&mut self, name: &str) -> Result<NodeId, String> {
        Ok(self.role(name)?.node)
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Join { peer, channel, name } => {
                let node = self.node(peer)?;
                let request = self.world.join(node, channel);
                let role = self.role(peer)?;
                role.channel = Some(channel.clone());
                role.requests.insert(request, name.clone().unwrap_or_else(|| "join".to_owned()));
            }
            Action::Leave { peer, name } => {
                let node = self.node(peer)?;
                let request = self.world.leave(node);
                let name = name.clone().unwrap_or_else(|| "leave".to_owned());
                self.role(peer)?.requests.insert(request, name);
            }
            Action::Close { peer } => {
                let node = self.node(peer)?;
                self.world.command(node, Command::Close);
            }
            Action::AddStream { peer, stream, tracks } => {
                let node = self.node(peer)?;
                let kinds: Vec<MediaKind> = tracks.iter().map(|kind| media_kind(*kind)).collect();
                let id = self.world.add_stream(node, stream, &kinds);
                self.stream_names.insert(format!("stream-{}", id.get()), stream.clone());
                self.role(peer)?.streams.insert(stream.clone(), (id, tracks.clone()));
            }
            Action::RemoveStream { peer, stream } => {
                let role = self.role(peer)?;
                let (id, _) = role.streams.remove(stream).ok_or_else(|| format!("no stream {stream}"))?;
                let node = role.node;
                self.world.command(node, Command::RemoveStream { stream: id });
            }
            Action::Mute { peer } => self.mute(peer, true)?,
            Action::Unmute { peer } => self.mute(peer, false)?,
            Action::Send { peer, to, data, name } => {
                let node = self.node(peer)?;
                let to = to.as_deref().map(|to| self.wire_id(peer, to)).transpose()?;
                let request = self.world.send(node, to.as_deref(), data.clone());
                let name = name.clone().unwrap_or_else(|| "send".to_owned());
                self.role(peer)?.requests.insert(request, name);
            }
            Action::OpenChannel { peer, to, label } => {
                let (node, id) = (self.node(peer)?, self.wire_id(peer, to)?);
                self.world.open_channel(node, &id, label);
            }
            Action::SendOnChannel { peer, to, label, text } => {
                let (node, channel) = (self.node(peer)?, self.channel(peer, to, label)?);
                if !self.world.send_message(node, channel, text) {
                    return Err(format!("the channel {label} of {peer} takes nothing"));
                }
            }
            Action::CloseChannel { peer, to, label } => {
                let (node, channel) = (self.node(peer)?, self.channel(peer, to, label)?);
                self.world.command(node, Command::CloseChannel { channel });
            }
            Action::Wait { seconds } => self.world.run_for(Duration::from_secs_f64(*seconds)),
            fault => self.go_wrong(fault)?,
        }
        Ok(())
    }

    fn go_wrong(&mut self, fault: &Action) -> Result<(), String> {
        match fault {
            Action::CutPath { between } => {
                let (one, other) = self.hosts(between)?;
                self.world.network().cut(one, other);
            }
            Action::HealPath { between } => {
                let (one, other) = self.hosts(between)?;
                self.world.network().heal_between(one, other);
            }
            Action::SetPath { between, delay_ms, jitter_ms, loss, kbps } => {
                let (one, other) = self.hosts(between)?;
                let delay = Duration::from_millis(delay_ms.unwrap_or(20));
                let rate = kbps.map(BitRate::from_kbps);
                let path = Path {
                    jitter: Duration::from_millis(jitter_ms.unwrap_or_default()),
                    loss: loss.unwrap_or_default(),
                    bottleneck: rate.map(|rate| Bottleneck { rate, queue: QUEUE }),
                    ..Path::with_delay(delay)
                };
                self.world.network().set_path_between(one, other, path);
                self.world.network().set_path_between(other, one, path);
            }
            Action::BreakSignalling { peer } => {
                let node = self.node(peer)?;
                self.world.break_signalling(node);
            }
            Action::CutSignalling { peer } => {
                let node = self.node(peer)?;
                self.world.cut_signalling(node);
            }
            Action::HealSignalling { peer } => {
                let node = self.node(peer)?;
                self.world.heal_signalling(node);
            }
            Action::StopServer => self.world.stop_server(),
            Action::StartServer => self.world.start_server(),
            Action::LoseMessage { from, to, kind } => {
                let (from, to) = (self.node(from)?, self.node(to)?);
                let kind = match kind {
                    Message::Offer => MessageKind::Offer,
                    Message::Answer => MessageKind::Answer,
                    Message::Candidate => MessageKind::Candidate,
                };
                self.world.lose_message(from, to, kind);
            }
            Action::ChangeAddress { peer } => {
                let node = self.node(peer)?;
                self.world.change_address(node);
            }
            Action::RebindNat { peer } => {
                let node = self.node(peer)?;
                self.world.rebind_nat(node);
            }
            other => return Err(format!("{other:?} is not known")),
        }
        Ok(())
    }

    fn mute(&mut self, peer: &str, muted: bool) -> Result<(), String> {
        let role = self.role(peer)?;
        role.muted = muted;
        let node = role.node;
        self.world.set_muted(node, muted);
        Ok(())
    }

    fn hosts(&mut self, between: &[String; 2]) -> Result<(std::net::IpAddr, std::net::IpAddr), String> {
        let (one, other) = (self.node(&between[0])?, self.node(&between[1])?);
        Ok((self.world.address(one), self.world.address(other)))
    }

    /// Returns the wire id by which a role knows another.
    fn wire_id(&mut self, peer: &str, other: &str) -> Result<String, String> {
        let (node, other_node) = (self.node(peer)?, self.node(other)?);
        let ids = self.world.peers(node).into_iter();
        let mut ids = ids.filter(|id| self.world.owner(id) == Some(other_node));
        ids.next().map(str::to_owned).ok_or_else(|| format!("{peer} does not see {other}"))
    }

    fn channel(&mut self, peer: &str, to: &str, label: &str) -> Result<ChannelId, String> {
        let role = self.role(peer)?;
        let mut known = role.channels.iter().filter(|(_, (whom, called))| whom == to && called == label);
        let channel = known.next_back().map(|(channel, _)| *channel);
        channel.ok_or_else(|| format!("{peer} has no channel {label} with {to}"))
    }

    /// Puts what was said since into words.
    fn listen(&mut self, told: &mut BTreeMap<String, Told>) {
        for (name, role) in &mut self.roles {
            let told = told.entry(name.clone()).or_default();
            let events = self.world.events(role.node);
            for stamped in &events[role.events..] {
                if let Some(line) = role.line(&self.world, &self.stream_names, &stamped.event) {
                    let (whom, line) = split_line(&line);
                    told.entry(whom).or_default().push(line);
                }
            }
            role.events = events.len();
            let messages = self.world.messages(role.node);
            for (channel, data) in &messages[role.messages..] {
                let (whom, label) = &role.channels[channel];
                let text = String::from_utf8_lossy(data);
                told.entry(whom.clone()).or_default().push(format!("channel-message {label} {text}"));
            }
            role.messages = messages.len();
        }
    }

    fn check_media(&mut self, media: Option<Media>) -> Result<(), String> {
        let verdict = match media {
            None => Ok(()),
            Some(Media::Flows) => self.check_flows(),
            Some(Media::Uninterrupted) => self.check_uninterrupted().and_then(|()| self.check_flows()),
            Some(Media::Silent) => {
                self.forget_media();
                self.world.run_for(MEDIA_PATIENCE);
                let silent = self.roles.values().all(|role| self.world.received(role.node).is_empty());
                if silent { Ok(()) } else { Err("something is heard".to_owned()) }
            }
        };
        self.forget_media();
        verdict
    }

    /// Forgets what was sent and received, with nothing under way.
    fn forget_media(&mut self) {
        self.world.set_media(false);
        self.world.run_for(LAST_ARRIVALS);
        self.world.forget_media();
        self.world.set_media(true);
    }

    fn check_uninterrupted(&mut self) -> Result<(), String> {
        self.world.set_media(false);
        self.world.run_for(LAST_ARRIVALS);
        self.world.set_media(true);
        for role in self.roles.values() {
            for (flow, sent) in self.world.sent(role.node) {
                let received = self.world.received(flow.to).get(flow).copied().unwrap_or_default();
                if received != *sent {
                    return Err(format!("{received} of {sent} packets arrived: {flow:?}"));
                }
            }
        }
        Ok(())
    }

    fn check_flows(&mut self) -> Result<(), String> {
        self.forget_media();
        let expected = self.expected_flows();
        if expected.is_empty() {
            return Err("nobody sends anything".to_owned());
        }
        let arrived = |world: &World| {
            expected.iter().all(|(from, to, count)| {
                let flows = world.received(*to).keys().filter(|flow| flow.from == *from);
                flows.count() == *count
            })
        };
        let flows = self.world.run_until(MEDIA_PATIENCE, arrived);
        if flows { Ok(()) } else { Err("not everything that is sent arrives".to_owned()) }
    }

    /// Returns who sends how many tracks to whom.
    fn expected_flows(&self) -> BTreeSet<(NodeId, NodeId, usize)> {
        let inside = |role: &&Role| self.world.state(role.node) == SessionState::Joined;
        let mut flows = BTreeSet::new();
        for from in self.roles.values().filter(inside).filter(|role| !role.muted) {
            let tracks = from.streams.values().map(|(_, tracks)| tracks.len()).sum();
            for to in self.roles.values().filter(inside) {
                if tracks > 0 && to.node != from.node && to.channel == from.channel {
                    flows.insert((from.node, to.node, tracks));
                }
            }
        }
        flows
    }
}

impl Role {
    /// Puts an event into words; `None` when it is not told.
    fn line(&mut self, world: &World, streams: &BTreeMap<String, String>, event: &Event) -> Option<String> {
        Some(match event {
            Event::Joined { channel, .. } => format!("joined {channel}"),
            Event::Left { reason: Some(reason), .. } => format!("left {reason}"),
            Event::Left { reason: None, .. } => "left".to_owned(),
            Event::StateChanged { from, to } => format!("state-change {} {}", from.as_str(), to.as_str()),
            Event::Done { request, result } => {
                let name = &self.requests[request];
                match result {
                    Ok(()) => format!("request-done {name}"),
                    Err(error) => format!("request-done {name} {}", error.code),
                }
            }
            Event::Error { code, .. } => format!("error {code}"),
            Event::GoingAway { .. } => "going-away".to_owned(),
            Event::DataLost => "data-lost".to_owned(),
            Event::TokenNeeded { .. } => "token-needed".to_owned(),
            Event::PeerJoined { peer, id, .. } => {
                let name = world.name(world.owner(id)?).to_owned();
                self.peers.insert(*peer, name);
                self.about(*peer, "peer-joined")
            }
            Event::PeerLeft { peer } => self.about(*peer, "peer-left"),
            Event::PeerStateChanged { peer, from, to } => {
                self.about(*peer, &format!("peer-state-change {} {}", from.as_str(), to.as_str()))
            }
            Event::StreamAdded { peer, stream, msid, .. } => {
                self.remote_streams.insert(*stream, streams.get(msid)?.clone());
                self.about(*peer, &format!("stream-added {}", self.remote_streams[stream]))
            }
            Event::StreamRemoved { peer, stream } => {
                self.about(*peer, &format!("stream-removed {}", self.remote_streams[stream]))
            }
            Event::TrackAdded { peer, stream, track, kind, .. } => {
                self.remote_tracks.insert(*track, *kind);
                let stream = &self.remote_streams[stream];
                self.about(*peer, &format!("track-added {stream} {}", kind.as_str()))
            }
            Event::TrackRemoved { peer, stream, track } => {
                let (stream, kind) = (&self.remote_streams[stream], self.remote_tracks[track]);
                self.about(*peer, &format!("track-removed {stream} {}", kind.as_str()))
            }
            Event::Data { peer, data, direct, .. } => {
                let kind = if *direct { "direct" } else { "broadcast" };
                self.about(*peer, &format!("data {kind} {data}"))
            }
            Event::ChannelOpened { peer, channel, label, .. } => {
                self.channels.insert(*channel, (self.peers[peer].clone(), label.clone()));
                self.about(*peer, &format!("channel-open {label}"))
            }
            Event::ChannelClosed { peer, channel } => {
                let label = self.channels.get(channel).map_or("", |(_, label)| label);
                self.about(*peer, &format!("channel-close {label}"))
            }
            Event::ConnectionReset { peer } => self.about(*peer, "connection-reset"),
            Event::NegotiationError { peer, .. } => self.about(*peer, "negotiation-error"),
        })
    }

    fn about(&self, peer: PeerId, what: &str) -> String {
        format!("{}: {what}", self.peers[&peer])
    }
}

fn media_kind(kind: Kind) -> MediaKind {
    match kind {
        Kind::Audio => MediaKind::Audio,
        Kind::Video => MediaKind::Video,
    }
}

fn split(lines: &[String]) -> Told {
    let mut told = Told::new();
    for line in lines {
        let (whom, line) = split_line(line);
        told.entry(whom).or_default().push(line);
    }
    told
}

/// Splits a line into whom it is about and the rest.
fn split_line(line: &str) -> (String, String) {
    let first = line.split(' ').next().unwrap_or_default();
    match first.strip_suffix(':') {
        Some(whom) => (whom.to_owned(), line[first.len() + 1..].to_owned()),
        None => (String::new(), line.to_owned()),
    }
}
