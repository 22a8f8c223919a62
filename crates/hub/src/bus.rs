//! Several hubs that serve the same channels.
//!
//! Each hub tells the others what its own clients do. A message carries its node, the node's epoch (its run) and
//! a sequence number, so that a receiver knows what it has, whatever the bus between them delays, repeats or
//! drops:
//!
//! ```text
//! next in sequence ──▶ applied          seen before, or of the node's epoch before ──▶ ignored
//! later in sequence, unknown node or epoch ──▶ behind: the node is asked for a snapshot, and what it says is
//!                                              ignored until that comes
//! silent for NODE_LOST_AFTER ──▶ lost: its members leave
//! ```
//!
//! Presence always becomes right again by the snapshot. Broadcasts and directs that a bus drops are lost.
//!
//! The newest connection owns a peer id across all hubs. "Newest" is told by a [`Stamp`], which is a Lamport
//! clock with the node as tie-breaker; a membership is known by its [`Tenure`], so that a late `left` of a
//! replaced connection ends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::{CloseCode, Map, Member, ServerFrame};
use serde_json::Value;
use units::Time;

use crate::channel::Identity;
use crate::config::Config;
use crate::hub::{Hub, Timer};
use crate::io::{AppId, ConnectionId, KeyId, Output};
use crate::outbox::About;

/// How often a node says that it is there.
const BEAT: Duration = Duration::from_secs(1);

/// How long a node may be silent before its members are taken for gone.
const NODE_LOST_AFTER: Duration = Duration::from_secs(5);

/// A hub on a bus. No two hubs of a deployment have the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// Wraps a number that the operator keeps unique.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }
}

/// When a connection began, comparable between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    clock: u64,
    node: NodeId,
}

/// One stay of a peer in a channel. The later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tenure {
    owner: Stamp,
    serial: u64,
}

impl Tenure {
    pub(crate) const fn new(owner: Stamp, serial: u64) -> Self {
        Self { owner, serial }
    }
}

/// What one hub tells all others.
#[derive(Debug, Clone, PartialEq)]
pub struct BusMessage {
    /// Who says it.
    pub node: NodeId,
    /// The speaker's run.
    pub epoch: Arc<str>,
    /// The number of the last thing that happened at the speaker.
    pub sequence: u64,
    /// What is said.
    pub body: BusBody,
}

/// What is said on a bus.
#[derive(Debug, Clone, PartialEq)]
pub enum BusBody {
    /// Something happened; it counts in the sequence.
    Event(BusEvent),
    /// The speaker is there.
    Alive,
    /// The speaker wants this node's snapshot.
    Ask(NodeId),
    /// All that the speaker's clients are and are in.
    Snapshot {
        /// Which peers are connected.
        owners: Vec<(AppId, Arc<str>, Stamp)>,
        /// Who is in which channel.
        members: Vec<RemoteJoin>,
    },
}

/// What happens at a hub that the others must know.
#[derive(Debug, Clone, PartialEq)]
pub enum BusEvent {
    /// A client connected.
    Connected {
        /// The tenant.
        app: AppId,
        /// The client's peer id.
        peer: Arc<str>,
        /// When.
        stamp: Stamp,
    },
    /// A client joined a channel.
    Joined(RemoteJoin),
    /// A client is in a channel no more.
    Left {
        /// The tenant.
        app: AppId,
        /// The channel.
        channel: Arc<str>,
        /// The client's peer id.
        peer: Arc<str>,
        /// The stay that ended.
        tenure: Tenure,
    },
    /// A broadcast.
    Message {
        /// The tenant.
        app: AppId,
        /// The channel.
        channel: String,
        /// The sender's peer id.
        from: String,
        /// The sender's metadata.
        from_metadata: Option<Map>,
        /// The payload.
        data: Value,
    },
    /// A direct.
    Direct {
        /// The tenant.
        app: AppId,
        /// The receiver's peer id.
        to: String,
        /// The sender's peer id.
        from: Arc<str>,
        /// The frame.
        text: Arc<str>,
        /// The channels through which sender and receiver know each other.
        through: Vec<Arc<str>>,
    },
    /// The operator throws a peer out.
    Kick {
        /// The tenant.
        app: AppId,
        /// The peer's id.
        peer: String,
    },
    /// The operator revokes a key.
    Revoke {
        /// The tenant.
        app: AppId,
        /// The key.
        key: KeyId,
    },
}

/// A membership at another hub.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteJoin {
    /// The tenant.
    pub app: AppId,
    /// The channel.
    pub channel: Arc<str>,
    /// Who.
    pub member: Member,
    /// The stay.
    pub tenure: Tenure,
}

/// A hub's end of the bus.
#[derive(Debug)]
pub(crate) struct Bus {
    node: NodeId,
    sequence: u64,
    others: BTreeMap<NodeId, Other>,
    /// Stays that were not believed because of a later one elsewhere. When that ends, they may be the truth.
    contested: BTreeSet<(AppId, Arc<str>, NodeId)>,
    beat: Option<Time>,
}

/// What is known of another hub.
#[derive(Debug)]
struct Other {
    epoch: Arc<str>,
    /// The epoch before, whose late messages mean nothing.
    previous: Option<Arc<str>>,
    /// The sequence number of the last event that was applied.
    applied: u64,
    is_behind: bool,
    heard: Time,
}

impl Hub {
    /// Makes a hub that shares its channels with other hubs. What it tells them comes as
    /// [`Output::Bus`](crate::Output::Bus).
    pub fn on_bus(config: Config, epoch: impl Into<String>, node: NodeId) -> Self {
        let mut hub = Self::new(config, epoch);
        hub.bus =
            Some(Bus { node, sequence: 0, others: BTreeMap::new(), contested: BTreeSet::new(), beat: None });
        hub
    }

    /// Makes the stamp of a new connection.
    pub(crate) fn next_stamp(&mut self) -> Stamp {
        self.clock += 1;
        Stamp { clock: self.clock, node: self.bus.as_ref().map_or(NodeId(0), |bus| bus.node) }
    }

    /// Tells the other hubs what happened here.
    pub(crate) fn tell(&mut self, event: impl FnOnce() -> BusEvent) {
        if let Some(bus) = &mut self.bus {
            bus.sequence += 1;
            self.say(BusBody::Event(event()));
        }
    }

    fn say(&mut self, body: BusBody) {
        if let Some(bus) = &self.bus {
            let (node, sequence) = (bus.node, bus.sequence);
            let epoch = Arc::from(self.epoch.as_str());
            self.outputs.push_back(Output::Bus(BusMessage { node, epoch, sequence, body }));
        }
    }

    /// Starts the beat with the first input.
    pub(crate) fn start_beat(&mut self, now: Time) {
        if self.bus.as_ref().is_some_and(|bus| bus.beat.is_none()) {
            self.beat(now);
        }
    }

    /// Says that this hub is there, asks again for what is missing, and gives up those that are silent.
    pub(crate) fn beat(&mut self, now: Time) {
        let Some(bus) = &mut self.bus else { return };
        bus.beat = Some(now + BEAT);
        self.timers.insert((now + BEAT, Timer::Beat));
        let lost = |other: &Other| now >= other.heard + NODE_LOST_AFTER;
        let (gone, behind): (Vec<_>, Vec<_>) = bus
            .others
            .iter()
            .filter(|(_, other)| lost(other) || other.is_behind)
            .map(|(node, other)| (*node, lost(other)))
            .partition(|(_, is_lost)| *is_lost);
        self.say(BusBody::Alive);
        for (node, _) in gone {
            if let Some(bus) = &mut self.bus {
                bus.others.remove(&node);
            }
            self.replace_members(node, Vec::new());
        }
        for (node, _) in behind {
            self.say(BusBody::Ask(node));
        }
    }

    pub(crate) fn hear(&mut self, now: Time, message: BusMessage) {
        let BusMessage { node, epoch, sequence, body } = message;
        let Some(bus) = &mut self.bus else { return };
        if node == bus.node {
            return;
        }
        let is_known = bus.others.contains_key(&node);
        let other = bus.others.entry(node).or_insert_with(|| Other {
            epoch: Arc::clone(&epoch),
            previous: None,
            applied: 0,
            is_behind: true,
            heard: now,
        });
        if other.previous.as_ref() == Some(&epoch) {
            return;
        }
        other.heard = now;
        let is_new_run = other.epoch != epoch;
        if is_new_run {
            other.previous = Some(std::mem::replace(&mut other.epoch, epoch));
            (other.applied, other.is_behind) = (0, true);
        }
        let was_behind = other.is_behind && is_known && !is_new_run;
        match body {
            BusBody::Ask(asked) if asked == bus.node => self.say_snapshot(),
            BusBody::Snapshot { owners, members }
                if sequence > other.applied || other.is_behind && sequence == other.applied =>
            {
                (other.applied, other.is_behind) = (sequence, false);
                for (app, peer, stamp) in owners {
                    self.yield_to(now, app, &peer, stamp);
                }
                for join in &members {
                    self.yield_to(now, join.app, &join.member.peer_id, join.tenure.owner);
                }
                self.replace_members(node, members);
                return;
            }
            BusBody::Event(event) if !other.is_behind && sequence == other.applied + 1 => {
                other.applied = sequence;
                self.apply(now, node, event);
                return;
            }
            _ => other.is_behind |= sequence > other.applied,
        }
        let is_behind = self.bus.as_ref().is_some_and(|bus| bus.others[&node].is_behind);
        if is_behind && !was_behind {
            self.say(BusBody::Ask(node));
        }
    }

    fn apply(&mut self, now: Time, node: NodeId, event: BusEvent) {
        match event {
            BusEvent::Connected { app, peer, stamp } => self.yield_to(now, app, &peer, stamp),
            BusEvent::Joined(join) => {
                self.yield_to(now, join.app, &join.member.peer_id, join.tenure.owner);
                self.remote_joined(node, join);
            }
            BusEvent::Left { app, channel, peer, tenure } => {
                if let Some(bus) = &mut self.bus {
                    bus.contested.remove(&(app, Arc::clone(&peer), node));
                }
                self.remote_left(app, &channel, &peer, tenure);
            }
            BusEvent::Message { app, channel, from, from_metadata, data } => {
                self.broadcast_here(app, channel, None, from, from_metadata.as_ref(), data);
            }
            BusEvent::Direct { app, to, from, text, through } => {
                let receiver = self.connection_of(app, &to);
                if self.keeps_directs(now, app, &to) {
                    self.keep(now, app, &to, &from, text, through);
                } else if let Some(receiver) = receiver {
                    let known = |name: &Arc<str>| {
                        let channel = self.apps.get(&app).and_then(|app| app.channels.get(name));
                        channel.is_some_and(|channel| channel.knows(&to, &from))
                    };
                    let through: Vec<Arc<str>> = through.into_iter().filter(known).collect();
                    if !through.is_empty() {
                        self.deliver(receiver, &text, About::Direct { through });
                    }
                }
            }
            BusEvent::Kick { app, peer } => self.kick_here(now, app, &peer),
            BusEvent::Revoke { app, key } => self.revoke_here(now, app, &key),
        }
    }

    /// Gives a peer id up when another hub has a newer connection of it.
    fn yield_to(&mut self, now: Time, app: AppId, peer: &str, stamp: Stamp) {
        self.clock = self.clock.max(stamp.clock);
        let own = self.connection_of(app, peer);
        let own = own.filter(|own| self.connections.get(own).is_some_and(|state| state.stamp < stamp));
        if let Some(connection) = own {
            self.close(now, connection, CloseCode::ADMIN_DISCONNECT, "superseded");
        }
        self.yield_session(app, peer, stamp);
    }

    fn remote_joined(&mut self, node: NodeId, join: RemoteJoin) {
        let RemoteJoin { app, channel: name, member: Member { peer_id, metadata }, tenure } = join;
        let channel = self.apps.entry(app).or_default().channels.entry(Arc::clone(&name)).or_default();
        if channel.has_since(&peer_id, tenure) {
            let is_contested = channel.remote_tenure(&peer_id) != Some(tenure);
            if is_contested {
                self.contest(app, &peer_id.into(), node);
            }
            return;
        }
        let identity = Arc::new(Identity::new(peer_id, metadata));
        let (peer, entry) = (Arc::clone(&identity.peer), identity.entry());
        if channel.remote_renew(node, tenure, &identity) {
            return;
        }
        let was_at = channel.remote_leave(&peer);
        if let Some(absence) = self.end_lingering(app, &name, &peer) {
            self.tell_witnesses(app, &name, &peer, &absence);
            self.drop_kept(app, &name, &peer, false);
            let (channel, peer, tenure) = (Arc::clone(&name), Arc::clone(&peer), absence.tenure);
            self.tell(|| BusEvent::Left { app, channel, peer, tenure });
        } else if was_at.is_some() {
            self.tell_all(app, &name, Vec::new(), vec![Self::bare(&peer)]);
        }
        if let Some(node) = was_at {
            self.contest(app, &peer, node);
        }
        if let Some(channel) = self.channel_mut(app, &name) {
            channel.remote_join(node, tenure, identity);
        }
        self.tell_all(app, &name, vec![entry], Vec::new());
    }

    fn remote_left(&mut self, app: AppId, name: &Arc<str>, peer: &Arc<str>, tenure: Tenure) {
        let Some(channel) = self.channel_mut(app, name) else { return };
        if channel.remote_tenure(peer) == Some(tenure) {
            channel.remote_leave(peer);
            self.tell_all(app, name, Vec::new(), vec![Self::bare(peer)]);
            self.drop_empty_channel(app, name);
            self.drop_empty_app(app);
            self.end_contest(app, peer);
        }
    }

    /// Remembers that a node's word about a peer is not believed.
    pub(crate) fn contest(&mut self, app: AppId, peer: &Arc<str>, node: NodeId) {
        if let Some(bus) = &mut self.bus {
            bus.contested.insert((app, Arc::clone(peer), node));
        }
    }

    /// Asks those whose word about a peer was not believed, now that a stay of that peer has ended.
    pub(crate) fn end_contest(&mut self, app: AppId, peer: &Arc<str>) {
        let Some(bus) = &mut self.bus else { return };
        let asked: Vec<NodeId> = bus
            .contested
            .range((app, Arc::clone(peer), NodeId(0))..=(app, Arc::clone(peer), NodeId(u32::MAX)))
            .map(|(_, _, node)| *node)
            .collect();
        for node in asked {
            if let Some(bus) = &mut self.bus {
                bus.contested.remove(&(app, Arc::clone(peer), node));
                if let Some(other) = bus.others.get_mut(&node) {
                    other.is_behind = true;
                }
            }
            self.say(BusBody::Ask(node));
        }
    }

    /// Makes these the members at another hub.
    fn replace_members(&mut self, node: NodeId, members: Vec<RemoteJoin>) {
        let mut gone = Vec::new();
        for (app, state) in &self.apps {
            for (name, channel) in &state.channels {
                let here = channel.remote_of(node);
                gone.extend(here.map(|(peer, tenure)| (*app, Arc::clone(name), Arc::clone(peer), tenure)));
            }
        }
        gone.retain(|(app, name, _, tenure)| {
            !members.iter().any(|join| join.tenure == *tenure && join.app == *app && join.channel == *name)
        });
        for (app, name, peer, tenure) in gone {
            self.remote_left(app, &name, &peer, tenure);
        }
        for join in members {
            self.remote_joined(node, join);
        }
    }

    fn say_snapshot(&mut self) {
        let owners = self.connections.values();
        let owners = owners.map(|state| (state.app, Arc::clone(&state.identity.peer), state.stamp)).collect();
        let mut members = Vec::new();
        for (app, state) in &self.apps {
            for (channel, members_here) in &state.channels {
                members.extend(members_here.own().map(|(identity, tenure)| RemoteJoin {
                    app: *app,
                    channel: Arc::clone(channel),
                    member: identity.entry(),
                    tenure,
                }));
            }
        }
        self.say(BusBody::Snapshot { owners, members });
    }

    /// Tells every member here that gets presence.
    pub(crate) fn tell_all(&mut self, app: AppId, name: &Arc<str>, joined: Vec<Member>, left: Vec<Member>) {
        let Some(channel) = self.channel_mut(app, name) else { return };
        let watchers: Vec<ConnectionId> = channel.watchers().map(|member| member.connection).collect();
        self.send_presence(&watchers, name, joined, left);
    }

    /// Sends a direct to a peer at another hub, if it shares a channel with the sender.
    pub(crate) fn send_remote(
        &mut self,
        app: AppId,
        sender: &Arc<Identity>,
        to: &str,
        through: Vec<Arc<str>>,
        data: Value,
    ) {
        let (from, from_metadata) = (sender.peer.to_string(), sender.metadata.clone());
        let frame = ServerFrame::Direct { from, data, from_metadata, cursor: None };
        let (to, from, text) = (to.to_owned(), Arc::clone(&sender.peer), frame.to_json().into());
        self.tell(|| BusEvent::Direct { app, to, from, text, through });
    }
}
