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
use transport::{Certificate, ResolveToken};
use units::{ChannelId, ChannelOptions, LinkId, PeerId, ReceiverId, Time, TrackId};

use super::channels::Outbox;
use super::clock;
use super::queue::NetworkQueue;
use super::receive::Playout;
use super::runner::{SessionRunner, Setup};
use super::source::{SubscriberId, TrackSource};
use crate::net::{MdnsEvent, MdnsResolver, NetConfig, NetworkWatch, Poller, ReceiveBuffers, local_addresses};
use crate::shell::{Error, Result, Status};

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
    /// Open a data channel of this id to a peer.
    OpenChannel(SessionKey, PeerId, ChannelId, String, ChannelOptions, Arc<Outbox>),
    /// Send what was posted to a data channel.
    FlushChannel(SessionKey, ChannelId),
    /// The app says that the network changed.
    NetworkChanged(SessionKey),
    /// The app has caught up with its data channels.
    CaughtUp(SessionKey),
    /// Let a session leave and end.
    Close(SessionKey),
    /// A signalling connection, named by the number it was given, reports.
    Signal(SessionKey, u64, SignalEvent),
    /// A decoder cannot go on without a keyframe.
    DecoderFailed(SessionKey, LinkId, ReceiverId),
    /// End with the last session.
    End,
}

/// Resolves the names that candidates hide their addresses behind.
pub(super) type Names = MdnsResolver<(LinkKey, ResolveToken)>;

/// What sessions and links use of the network thread.
pub(super) struct Context<'a> {
    pub(super) queue: &'a Arc<NetworkQueue>,
    pub(super) runtime: &'a Handle,
    pub(super) playout: &'a Playout,
    pub(super) certificate: &'a Certificate,
    pub(super) config: &'a NetConfig,
    pub(super) poller: &'a mut Poller,
    pub(super) names: &'a mut Names,
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
    buffers: ReceiveBuffers,
    queue: Arc<NetworkQueue>,
    playout: Arc<Playout>,
    live: Arc<AtomicUsize>,
    runtime: Runtime,
    certificate: Certificate,
    config: NetConfig,
    names: Names,
    watch: NetworkWatch,
    /// The system reported a change of the network that was not looked at yet.
    network_changed: bool,
    subscriptions: BTreeMap<SubscriberId, (LinkKey, TrackId)>,
    touched: BTreeSet<LinkKey>,
    deferred: Vec<(SessionKey, LinkId, session::LinkEvent)>,
    sessions: BTreeMap<SessionKey, SessionRunner>,
    ending: bool,
}

impl Network {
    /// Makes what the thread owns.
    pub(super) fn new(
        mut poller: Poller,
        config: NetConfig,
        queue: Arc<NetworkQueue>,
        playout: Arc<Playout>,
        live: Arc<AtomicUsize>,
        runtime: Runtime,
    ) -> Result<Self> {
        let certificate = Certificate::generate()
            .map_err(|error| Error::new(Status::Internal, format!("no DTLS certificate: {error}")))?;
        let sockets = |error: std::io::Error| {
            Error::new(Status::ConnectionFailed, format!("the network interfaces cannot be used: {error}"))
        };
        let addresses = local_addresses(&config).map_err(sockets)?;
        Ok(Self {
            buffers: ReceiveBuffers::new(),
            names: Names::new(&mut poller, addresses).map_err(sockets)?,
            watch: NetworkWatch::open(&mut poller),
            network_changed: false,
            poller,
            queue,
            playout,
            live,
            runtime,
            certificate,
            config,
            subscriptions: BTreeMap::new(),
            touched: BTreeSet::new(),
            deferred: Vec::new(),
            sessions: BTreeMap::new(),
            ending: false,
        })
    }

    /// Runs until the engine has ended and its last session has left.
    pub(super) fn run(mut self) {
        while !(self.ending && self.sessions.is_empty()) {
            self.wait();
            let now = clock::now();
            self.take_queue(now);
            self.look_at_network(now);
            self.read_sockets(now);
            self.pass_time(clock::now());
            self.settle(clock::now());
            self.end_sessions(clock::now());
        }
        self.queue.close();
        self.runtime.shutdown_background();
    }

    fn wait(&mut self) {
        let due = self.sessions.values_mut().filter_map(SessionRunner::poll_timeout).min();
        let due = [due, self.names.poll_timeout()].into_iter().flatten().min();
        let timeout = due.map(|due| due - clock::now());
        if let Err(error) = self.poller.wait(timeout) {
            // The poller is whole as long as the thread runs; without it all that is left is to look often.
            tracing::error!(%error, "waiting for sockets failed");
            std::thread::sleep(Duration::from_millis(10));
        }
        for &ready in self.poller.ready() {
            if self.watch.note_ready(ready) {
                self.network_changed = true;
            } else if !self.names.note_ready(ready) {
                self.sessions.values_mut().any(|session| session.note_ready(ready));
            }
        }
    }

    fn take_queue(&mut self, now: Time) {
        let pending = self.queue.take();
        for command in pending.commands {
            self.command(now, command);
        }
        if pending.media_dropped > 0 {
            tracing::warn!(frames = pending.media_dropped, "the network thread is too slow for its encoders");
        }
        for batch in pending.media {
            for subscriber in &batch.recipients {
                // A subscription that was just cancelled may still be named.
                if let Some(((key, link), track)) = self.subscriptions.get(subscriber).copied() {
                    self.with_session(key, |session, context| {
                        session.send_media(now, context, link, track, &batch.payloads);
                    });
                }
            }
        }
    }

    fn command(&mut self, now: Time, command: Command) {
        match command {
            Command::Open(key, setup) => {
                self.sessions.insert(key, SessionRunner::new(now, key, *setup));
                self.live.store(self.sessions.len(), Ordering::Release);
            }
            Command::Session(key, intent) => {
                self.with_session(key, |session, context| session.command(now, context, intent));
            }
            Command::AddStream(key, stream, sources) => {
                self.with_session(key, |session, context| session.add_stream(now, context, stream, sources));
            }
            Command::OpenChannel(key, peer, channel, label, options, outbox) => {
                self.with_session(key, |session, context| {
                    session.open_channel(now, context, (peer, channel), label, options, outbox);
                });
            }
            Command::FlushChannel(key, channel) => {
                self.with_session(key, |session, context| session.flush_channel(now, context, channel));
            }
            Command::NetworkChanged(key) => {
                self.with_session(key, |session, context| session.network_changed(now, context, true));
            }
            Command::CaughtUp(key) => {
                self.with_session(key, |session, context| session.caught_up(now, context));
            }
            Command::Close(key) => self.with_session(key, |session, context| session.close(now, context)),
            Command::Signal(key, connection, event) => {
                self.with_session(key, |session, context| session.signal(now, context, connection, event));
            }
            Command::DecoderFailed(key, link, receiver) => {
                self.with_session(key, |session, context| {
                    session.decoder_failed(now, context, link, receiver);
                });
            }
            Command::End => self.ending = true,
        }
    }

    fn look_at_network(&mut self, now: Time) {
        if !std::mem::take(&mut self.network_changed) {
            return;
        }
        if let Ok(addresses) = local_addresses(&self.config) {
            self.names.set_interfaces(addresses);
        }
        let keys: Vec<_> = self.sessions.keys().copied().collect();
        for key in keys {
            self.with_session(key, |session, context| session.network_changed(now, context, false));
        }
    }

    fn read_sockets(&mut self, now: Time) {
        let keys: Vec<_> = self.sessions.keys().copied().collect();
        for key in keys {
            // What a batch causes goes out before the next is read.
            while self
                .parts(key)
                .is_some_and(|(session, mut context, buffers)| session.receive(now, &mut context, buffers))
            {
                self.settle(clock::now());
            }
        }
    }

    fn pass_time(&mut self, now: Time) {
        if self.names.poll_timeout().is_some_and(|due| due <= now) {
            self.names.handle_timeout(now);
        }
        while let Some(event) = self.names.poll_event() {
            if let MdnsEvent::Resolved { waiter: ((key, link), token), address } = event {
                self.with_session(key, |session, context| session.resolved(context, link, token, address));
            }
        }
        let keys: Vec<_> = self.sessions.keys().copied().collect();
        for key in keys {
            self.with_session(key, |session, context| session.time_passed(now, context));
        }
    }

    /// Drains links and sessions until nothing has anything to say, then sends.
    fn settle(&mut self, now: Time) {
        loop {
            if let Some((key, link)) = self.touched.pop_first() {
                self.with_session(key, |session, context| session.drain_link(now, context, link));
            } else if self.deferred.is_empty() {
                break;
            }
            for (key, link, event) in std::mem::take(&mut self.deferred) {
                self.with_session(key, |session, context| session.link_event(now, context, link, event));
            }
        }
        self.sessions.values_mut().for_each(SessionRunner::send);
    }

    fn end_sessions(&mut self, now: Time) {
        let ended: Vec<_> =
            self.sessions.iter().filter(|(_, session)| session.ended(now)).map(|(key, _)| *key).collect();
        for key in ended {
            self.with_session(key, |session, context| session.end(now, context));
            self.sessions.remove(&key);
            self.live.store(self.sessions.len(), Ordering::Release);
        }
    }

    fn with_session(&mut self, key: SessionKey, act: impl FnOnce(&mut SessionRunner, &mut Context<'_>)) {
        if let Some((session, mut context, _)) = self.parts(key) {
            act(session, &mut context);
        }
    }

    fn parts(&mut self, key: SessionKey) -> Option<(&mut SessionRunner, Context<'_>, &mut ReceiveBuffers)> {
        let session = self.sessions.get_mut(&key)?;
        let context = Context {
            queue: &self.queue,
            runtime: self.runtime.handle(),
            playout: &self.playout,
            certificate: &self.certificate,
            config: &self.config,
            poller: &mut self.poller,
            names: &mut self.names,
            subscriptions: &mut self.subscriptions,
            touched: &mut self.touched,
            deferred: &mut self.deferred,
        };
        Some((session, context, &mut self.buffers))
    }
}
