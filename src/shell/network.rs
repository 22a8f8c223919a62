//! The network thread: runs all that decides for one engine, on one clock, without waiting for anything but
//! sockets, its queue and time.
//!
//! A turn: wait; read the clock; take what was queued; read the sockets; let time pass; drain every link that
//! something happened to until it is quiet; write the sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use session::{LocalStream, SignalEvent};
use tokio::runtime::{Handle, Runtime};
use transport::Certificate;
use units::{LinkId, ReceiverId, Time, TrackId};

use super::clock;
use super::gathering::{Gathered, Gathering};
use super::queue::NetworkQueue;
use super::receive::Playout;
use super::runner::{SessionRunner, Setup};
use super::source::{SubscriberId, TrackSource};
use crate::api::{Error, Result, Status};
use crate::net::{Demux, NetConfig, Poller, ReceiveBuffers, Sockets};

/// A session of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionKey(pub(crate) u64);

/// A link of this process.
pub(crate) type LinkKey = (SessionKey, LinkId);

/// What other threads ask of the network thread.
pub(crate) enum Command {
    /// Make a session.
    Open(SessionKey, Box<Setup>),
    /// Hand an app's intent to a session.
    Session(SessionKey, session::Command),
    /// Register a stream with its sources.
    AddStream(SessionKey, LocalStream, Vec<(TrackId, TrackSource)>),
    /// Let a session leave and end.
    Close(SessionKey),
    /// A signalling connection, named by the number it was given, reports.
    Signal(SessionKey, u64, SignalEvent),
    /// A decoder cannot go on without a keyframe.
    RequestKeyframe(SessionKey, LinkId, ReceiverId),
    /// End with the last session.
    End,
}

/// What sessions and links use of the network thread.
pub(super) struct Context<'a> {
    pub(super) queue: &'a Arc<NetworkQueue>,
    pub(super) runtime: &'a Handle,
    pub(super) playout: &'a Playout,
    pub(super) certificate: &'a Certificate,
    pub(super) sockets: &'a mut Sockets,
    pub(super) demux: &'a mut Demux<LinkKey>,
    pub(super) gathering: &'a mut Gathering,
    /// Which link a subscription to a source is for.
    pub(super) subscriptions: &'a mut BTreeMap<SubscriberId, (LinkKey, TrackId)>,
    /// Links that may have something to say.
    pub(super) touched: &'a mut BTreeSet<LinkKey>,
    /// Answers of links to commands, for their sessions.
    pub(super) deferred: &'a mut Vec<(SessionKey, LinkId, session::LinkEvent)>,
}

/// All that the network thread owns.
pub(super) struct Network {
    poller: Poller,
    queue: Arc<NetworkQueue>,
    playout: Arc<Playout>,
    live: Arc<AtomicUsize>,
    runtime: Runtime,
    certificate: Certificate,
    sockets: Sockets,
    buffers: ReceiveBuffers,
    demux: Demux<LinkKey>,
    gathering: Gathering,
    subscriptions: BTreeMap<SubscriberId, (LinkKey, TrackId)>,
    touched: BTreeSet<LinkKey>,
    deferred: Vec<(SessionKey, LinkId, session::LinkEvent)>,
    sessions: BTreeMap<SessionKey, SessionRunner>,
    ending: bool,
}
