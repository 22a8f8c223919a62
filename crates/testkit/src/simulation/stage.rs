//! Carrying a plan out, and looking at what has become of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use session::{Command, Event, SessionState};
use units::{ChannelId, MediaKind, RequestId, StreamId, Time};

use super::plan::{Action, PEERS, Plan};
use super::rules;
use crate::{Flow, NodeId, Path, World, WorldConfig};

const CHANNEL: &str = "room";

/// How often tracks send packets: seldom, for they are only to show whether they get through.
const MEDIA_INTERVAL: Duration = Duration::from_millis(250);

/// How long all may take to be well again after the last fault: two steps of the restart ladder or of the reconnect
/// backoff, as far up as the longest fault drives them.
const SETTLING: Duration = Duration::from_secs(90);

/// How long the last faults may go unnoticed: what was on its way to those whom they concern arrives in a fraction of it.
const NOTICE: Duration = Duration::from_secs(1);

/// How long everything is watched once it is well.
const WATCH: Duration = Duration::from_secs(4);

/// How long data channels may take to speak again, beyond that: SCTP has doubled its pause before it sends again while the
/// path was lost (up to RTO.Max, RFC 9260 section 16), and does not know that it is back.
const SCTP_PAUSE: Duration = Duration::from_secs(64);

/// Most datagrams and most messages that may be under way at the same time. Five peers that send on 60 links fill a
/// path of 100 ms with less than a tenth of this; a loop that feeds itself passes it soon.
const MOST_UNDER_WAY: (usize, usize) = (20_000, 5_000);

/// A world with a plan's participants, and what the plan had them do.
pub(super) struct Stage {
    pub(super) world: World,
    began: Time,
    nodes: Vec<NodeId>,
    streams: BTreeMap<(usize, &'static str), (StreamId, Vec<MediaKind>)>,
    muted: Vec<bool>,
    /// The requests of each participant's present life.
    requests: Vec<Vec<RequestId>>,
    /// The data channels that each participant opened in its present life.
    channels: Vec<Vec<ChannelId>>,
    /// What was said so far, so that everything that is said is another number.
    said: u64,
    violations: Vec<String>,
}

impl Stage {
    pub(super) fn new(epoch: Instant, seed: u64, plan: &Plan) -> Self {
        let config = WorldConfig {
            path: plan.path,
            signalling_delay: plan.signalling_delay,
            media_interval: MEDIA_INTERVAL,
            ..WorldConfig::new(epoch, seed)
        };
        let mut world = World::new(config);
        let identities = PEERS.iter().zip(&plan.identities);
        let nodes: Vec<NodeId> = identities.map(|(name, identity)| world.add_node(name, *identity)).collect();
        if let Some(peer) = plan.nat {
            world.add_nat(nodes[peer]);
        }
        world.set_media(true);
        Self {
            began: world.now(),
            world,
            nodes,
            streams: BTreeMap::new(),
            muted: vec![false; PEERS.len()],
            requests: vec![Vec::new(); PEERS.len()],
            channels: vec![Vec::new(); PEERS.len()],
            said: 0,
            violations: Vec::new(),
        }
    }

    /// Carries the plan out, heals everything and waits; returns how long it took until all was well.
    pub(super) fn play(&mut self, plan: &Plan) -> Duration {
        for (at, action) in &plan.actions {
            let wait = (self.began + *at) - self.world.now();
            self.world.run_for(wait);
            self.act(action);
        }
        self.heal(plan.path);
        self.gather(plan.left_out);
        let healed = self.world.now();
        self.world.run_for(NOTICE);
        let mut problems = self.problems();
        while !problems.is_empty() && self.world.now() - healed < SETTLING {
            self.world.run_for(Duration::from_millis(500));
            // A join may come to nothing when the server has only just come back.
            self.gather(plan.left_out);
            problems = self.problems();
        }
        let settled = self.world.now() - healed;
        self.violations.append(&mut problems);
        if self.violations.is_empty() {
            self.watch();
        }
        settled
    }

    pub(super) fn simulated(&self) -> Duration {
        self.world.now() - self.began
    }

    /// Returns everything that must not happen and did.
    pub(super) fn violations(&self) -> Vec<String> {
        let mut all = self.violations.clone();
        all.extend(self.world.violations().iter().cloned());
        for (peer, &node) in self.nodes.iter().enumerate() {
            let past = self.world.past_lives(node);
            let mut check = |number, life: &[crate::Stamped], requests: Option<&[RequestId]>| {
                let found = rules::check(&self.world, node, (number, life), requests);
                all.extend(found.into_iter().map(|what| format!("{}: {what}", PEERS[peer])));
            };
            past.iter().enumerate().for_each(|(number, life)| check(number, life, None));
            check(past.len(), self.world.events(node), Some(&self.requests[peer]));
            all.extend(rules::check_messages(self.world.messages(node)));
        }
        let (datagrams, messages) = self.world.most_under_way();
        if datagrams > MOST_UNDER_WAY.0 || messages > MOST_UNDER_WAY.1 {
            all.push(format!("{datagrams} datagrams and {messages} messages were under way at once"));
        }
        all
    }

    /// Returns what every session said, for people.
    pub(super) fn log(&self) -> String {
        let mut lines: Vec<(Time, String)> = Vec::new();
        for (peer, &node) in self.nodes.iter().enumerate() {
            let lives = self.world.past_lives(node).iter().flatten();
            for stamped in lives.chain(self.world.events(node)) {
                lines.push((stamped.at, format!("{} {:?}", PEERS[peer], stamped.event)));
            }
        }
        lines.sort();
        let line =
            |(at, line): &(Time, String)| format!("  {:>6} ms {line}\n", (*at - self.began).as_millis());
        lines.iter().map(line).collect()
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Join(peer) => self.join(peer),
            Action::Leave(peer) => {
                let request = self.world.leave(self.nodes[peer]);
                self.requests[peer].push(request);
            }
            Action::Crash(peer) => self.crash(peer),
            Action::AddStream(peer, name, ref kinds) => self.add_stream(peer, name, kinds.clone()),
            Action::RemoveStream(peer, name) => {
                if let Some((stream, _)) = self.streams.remove(&(peer, name)) {
                    self.world.command(self.nodes[peer], Command::RemoveStream { stream });
                }
            }
            Action::Mute(peer, muted) => {
                self.muted[peer] = muted;
                self.world.set_muted(self.nodes[peer], muted);
            }
            Action::Send(peer, to) => self.send(peer, to),
            Action::OpenChannel(peer, to) => {
                if let Some(to) = self.wire_id(peer, to) {
                    let channel = self.world.open_channel(self.nodes[peer], &to, "talk");
                    self.channels[peer].push(channel);
                }
            }
            Action::Talk(peer) => self.talk(peer),
            Action::CloseChannel(peer) => {
                if let Some(channel) = self.channels[peer].pop() {
                    self.world.command(self.nodes[peer], Command::CloseChannel { channel });
                }
            }
            Action::BreakSignalling(peer) => self.world.break_signalling(self.nodes[peer]),
            Action::CutSignalling(peer, true) => self.world.cut_signalling(self.nodes[peer]),
            Action::CutSignalling(peer, false) => self.world.heal_signalling(self.nodes[peer]),
            Action::CutPath(one, other, cut) => {
                let (one, other) = self.hosts(one, other);
                let network = self.world.network();
                if cut { network.cut(one, other) } else { network.heal_between(one, other) }
            }
            Action::SetPath(one, other, path) => {
                let (one, other) = self.hosts(one, other);
                self.world.network().set_path_between(one, other, path);
                self.world.network().set_path_between(other, one, path);
            }
            Action::ChangeAddress(peer) => self.world.change_address(self.nodes[peer]),
            Action::RebindNat(peer) => self.world.rebind_nat(self.nodes[peer]),
            Action::StopServer => self.world.stop_server(),
            Action::StartServer => self.world.start_server(),
        }
    }

    fn join(&mut self, peer: usize) {
        let request = self.world.join(self.nodes[peer], CHANNEL);
        self.requests[peer].push(request);
    }

    fn crash(&mut self, peer: usize) {
        self.world.crash(self.nodes[peer]);
        self.requests[peer].clear();
        self.channels[peer].clear();
        self.streams.retain(|(owner, _), _| *owner != peer);
        self.add_stream(peer, "camera", vec![MediaKind::Video]);
    }

    fn add_stream(&mut self, peer: usize, name: &'static str, kinds: Vec<MediaKind>) {
        if !self.streams.contains_key(&(peer, name)) {
            let stream = self.world.add_stream(self.nodes[peer], name, &kinds);
            self.streams.insert((peer, name), (stream, kinds));
        }
    }

    fn send(&mut self, peer: usize, to: Option<usize>) {
        let to = match to.map(|to| self.wire_id(peer, to)) {
            Some(None) => return,
            Some(Some(to)) => Some(to),
            None => None,
        };
        self.said += 1;
        let request = self.world.send(self.nodes[peer], to.as_deref(), self.said.into());
        self.requests[peer].push(request);
    }

    fn talk(&mut self, peer: usize) {
        for channel in self.channels[peer].clone() {
            self.said += 1;
            // Not taken while the channel is not open.
            self.world.send_message(self.nodes[peer], channel, &self.said.to_string());
        }
    }

    fn sends(&self, peer: usize) -> bool {
        self.streams.keys().any(|(owner, _)| *owner == peer)
    }

    fn place(&self, node: NodeId) -> Option<usize> {
        self.nodes.iter().position(|known| *known == node)
    }

    fn hosts(&self, one: usize, other: usize) -> (std::net::IpAddr, std::net::IpAddr) {
        (self.world.address(self.nodes[one]), self.world.address(self.nodes[other]))
    }

    /// Returns the wire id by which a participant knows another.
    fn wire_id(&self, peer: usize, other: usize) -> Option<String> {
        let peers = self.world.peers(self.nodes[peer]);
        let mut ids = peers.iter().filter(|id| self.world.owner(id) == Some(self.nodes[other]));
        ids.next().map(|id| (*id).to_owned())
    }

    fn heal(&mut self, path: Path) {
        self.world.network().heal();
        self.world.network().set_path(path);
        self.world.start_server();
        for (peer, &node) in self.nodes.iter().enumerate() {
            self.world.heal_signalling(node);
            self.world.set_muted(node, false);
            self.muted[peer] = false;
        }
    }

    /// Has everybody in the channel in the end, but for the one who is to be left out.
    fn gather(&mut self, left_out: Option<usize>) {
        for peer in 0..PEERS.len() {
            let state = self.world.state(self.nodes[peer]);
            if left_out == Some(peer) {
                if !matches!(state, SessionState::Idle | SessionState::Leaving) {
                    self.act(&Action::Leave(peer));
                }
            } else if state == SessionState::Idle {
                self.join(peer);
            }
        }
    }

    /// Returns what is not well yet.
    fn problems(&self) -> Vec<String> {
        let world = &self.world;
        let inside: Vec<usize> =
            (0..PEERS.len()).filter(|peer| world.state(self.nodes[*peer]) == SessionState::Joined).collect();
        let mut problems = Vec::new();
        for (peer, &node) in self.nodes.iter().enumerate() {
            let name = PEERS[peer];
            let is_inside = inside.contains(&peer);
            if !is_inside && world.state(node) != SessionState::Idle {
                problems.push(format!("{name} is {}", world.state(node).as_str()));
            }
            let others: Vec<usize> =
                inside.iter().copied().filter(|other| is_inside && *other != peer).collect();
            let mut seen: Vec<_> = world.peers(node).iter().map(|id| world.owner(id)).collect();
            seen.sort();
            let expected: Vec<_> = others.iter().map(|other| Some(self.nodes[*other])).collect();
            if seen != expected {
                problems.push(format!("{name} sees {:?} instead of {others:?}", world.peers(node)));
            } else if world.links(node) != others.len() {
                problems.push(format!("{name} has {} links to {}", world.links(node), others.len()));
            }
            self.find_unconnected(peer, &others, &mut problems);
            let mut tracks: Vec<_> = world
                .tracks(node)
                .into_iter()
                .map(|(id, stream, kind)| (world.owner(id), stream.to_owned(), kind))
                .collect();
            tracks.sort();
            if tracks != self.expected_tracks(&others) {
                problems.push(format!("{name} has the tracks {tracks:?}"));
            }
        }
        problems
    }

    /// Pairs that have something for each other are connected.
    fn find_unconnected(&self, peer: usize, others: &[usize], problems: &mut Vec<String>) {
        for &other in others {
            let talks = self.has_channel(peer, other) || self.has_channel(other, peer);
            let is_used = self.sends(peer) || self.sends(other) || talks;
            if is_used && !self.world.is_connected(self.nodes[peer], self.nodes[other]) {
                problems.push(format!("{} is not connected to {}", PEERS[peer], PEERS[other]));
            }
        }
    }

    /// Returns whether one has an open data channel to the other.
    fn has_channel(&self, one: usize, other: usize) -> bool {
        let channels = self.world.channels(self.nodes[one]);
        channels.into_iter().any(|(to, ..)| self.world.owner(to) == Some(self.nodes[other]))
    }

    fn expected_tracks(&self, others: &[usize]) -> Vec<(Option<NodeId>, String, MediaKind)> {
        let streams = self.streams.iter().filter(|((owner, _), _)| others.contains(owner));
        let mut tracks: Vec<_> = streams
            .flat_map(|((owner, _), (stream, kinds))| {
                let (owner, msid) = (self.nodes[*owner], format!("stream-{}", stream.get()));
                kinds.iter().map(move |kind| (Some(owner), msid.clone(), *kind))
            })
            .collect();
        tracks.sort();
        tracks
    }

    /// Watches for a while: everything goes on, arrives, and stays as it is.
    fn watch(&mut self) {
        let events: Vec<usize> = self.nodes.iter().map(|node| self.world.events(*node).len()).collect();
        self.world.forget_media();
        let spoken = self.speak();
        self.world.run_for(WATCH);
        self.violations.extend(self.problems());
        for (peer, &node) in self.nodes.iter().enumerate() {
            let new = &self.world.events(node)[events[peer]..];
            let resets = new.iter().filter(|stamped| match &stamped.event {
                Event::ConnectionReset { peer: other } => {
                    let other = self.world.whose(node, *other).and_then(|other| self.place(other));
                    other.is_some_and(|other| self.sends(peer) || self.sends(other))
                }
                _ => false,
            });
            if resets.count() > 0 {
                self.violations.push(format!("{} resets links that were well", PEERS[peer]));
            }
        }
        self.check_media();
        for (from, to, text) in spoken {
            let heard = |world: &World| world.messages(to).iter().any(|(_, data)| data == text.as_bytes());
            if !self.world.run_until(SCTP_PAUSE, heard) {
                let (from, to) = (self.world.name(from), self.world.name(to));
                self.violations.push(format!("{to} did not hear {from} on a data channel"));
            }
        }
    }

    /// Says something on every data channel that was opened and not closed, as soon as it is open.
    fn speak(&mut self) -> Vec<(NodeId, NodeId, String)> {
        let mut spoken = Vec::new();
        for (peer, &node) in self.nodes.iter().enumerate() {
            for channel in self.channels[peer].clone() {
                let is_closed = |event: &Event| matches!(event, Event::ChannelClosed { channel: closed, .. } if *closed == channel);
                if self.world.events(node).iter().any(|stamped| is_closed(&stamped.event)) {
                    continue;
                }
                self.said += 1;
                let text = self.said.to_string();
                let is_open = |world: &World| world.is_open(node, channel);
                let is_open = self.world.run_until(SCTP_PAUSE, is_open);
                let to = self.world.channels(node).into_iter().find(|(_, _, id)| *id == channel);
                let to = to.and_then(|(id, ..)| self.world.owner(id)).filter(|_| is_open);
                match to {
                    Some(to) if self.world.send_message(node, channel, &text) => {
                        spoken.push((node, to, text))
                    }
                    _ => self.violations.push(format!("a data channel of {} is not open", PEERS[peer])),
                }
            }
        }
        spoken
    }

    /// All that was sent has come, but for what was under way at the end or lost by the path.
    fn check_media(&mut self) {
        for &from in &self.nodes {
            for (flow, sent) in self.world.sent(from) {
                let Flow { track, to, .. } = *flow;
                let received = self.world.received(to).get(flow).copied().unwrap_or_default();
                if received * 2 < *sent {
                    let (from, to) = (self.world.name(from), self.world.name(to));
                    let text =
                        format!("{to} got {received} of {sent} packets of {from}'s track {}", track.get());
                    self.violations.push(text);
                }
            }
        }
        for (peer, &node) in self.nodes.iter().enumerate() {
            let inside = self.world.state(node) == SessionState::Joined;
            let sends = self.sends(peer);
            let others = self.world.peers(node).len();
            if inside && sends && others > 0 && self.world.sent(node).is_empty() {
                self.violations.push(format!("{} sends nothing", PEERS[peer]));
            }
        }
    }
}
