//! One session on the network thread: carries out what its state machine asks for.

mod channels;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::ice::IceServer;
use session::{Command as Intent, Input, LinkCommand, Output, Session, SignalCommand, SignalEvent};
use units::{Codec, LinkId, ReceiverId, StreamId, Time, TrackId};

use super::channels::Channels;
use super::dispatch::EventQueue;
use super::events;
use super::handle::Shared;
use super::link::LinkRunner;
use super::network::{Command, Context, SessionKey};
use super::receive::{RemoteAudio, RemoteTrack, RemoteVideo};
use super::source::TrackSource;
use super::wires::Wires;
use crate::net::{AddressChange, Ready, ReceiveBuffers, is_local};
use crate::signal::{self, SignalClient, SignalHandle};

/// How often the figures of links and tracks are renewed.
const STATS_INTERVAL: Duration = Duration::from_millis(500);
/// How long a closed session may take to leave before it is dropped.
const LEAVE_BOUND: Duration = Duration::from_secs(3);

/// What a session needs to start.
pub(crate) struct Setup {
    pub(crate) url: String,
    pub(crate) credential: session::Credential,
    pub(crate) ice_servers: Vec<IceServer>,
    pub(crate) video_codecs: Vec<Codec>,
    pub(crate) include_sender_metadata: bool,
    pub(crate) client: SignalClient,
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: EventQueue,
}

/// One session on the network thread.
pub(super) struct SessionRunner {
    key: SessionKey,
    machine: Session,
    url: String,
    client: SignalClient,
    video_codecs: Vec<Codec>,
    shared: Arc<Shared>,
    events: EventQueue,
    /// The signalling connection, with the number that its events carry.
    signal: Option<(u64, SignalHandle)>,
    links: BTreeMap<LinkId, LinkRunner>,
    /// The session's sockets, from its first link on.
    wires: Option<Wires>,
    sources: BTreeMap<TrackId, TrackSource>,
    streams: BTreeMap<StreamId, Vec<TrackId>>,
    remote: BTreeMap<TrackId, (LinkId, ReceiverId, RemoteTrack)>,
    channels: Channels,
    next_stats: Time,
    /// Set when the app closed the session: it ends once it has left, or then.
    ends_at: Option<Time>,
}

impl SessionRunner {
    /// Makes a session that is idle.
    pub(super) fn new(now: Time, key: SessionKey, setup: Setup) -> Self {
        let config = session::Config {
            extra_ice_servers: setup.ice_servers,
            include_sender_metadata: setup.include_sender_metadata,
            ..session::Config::new(setup.credential, super::random_seed())
        };
        Self {
            key,
            machine: Session::new(config),
            url: setup.url,
            client: setup.client,
            video_codecs: setup.video_codecs,
            shared: setup.shared,
            events: setup.events,
            signal: None,
            links: BTreeMap::new(),
            wires: None,
            sources: BTreeMap::new(),
            streams: BTreeMap::new(),
            remote: BTreeMap::new(),
            channels: Channels::default(),
            next_stats: now + STATS_INTERVAL,
            ends_at: None,
        }
    }

    /// Takes what the app asked for.
    pub(super) fn command(&mut self, now: Time, context: &mut Context<'_>, intent: Intent) {
        if let Intent::RemoveStream { stream } = &intent
            && let Some(tracks) = self.streams.remove(stream)
        {
            self.handle(now, context, Input::Command(intent));
            let sources: Vec<_> = tracks.iter().filter_map(|track| self.sources.remove(track)).collect();
            release(context, sources);
            return;
        }
        self.handle(now, context, Input::Command(intent));
    }

    /// Takes a stream with its sources.
    pub(super) fn add_stream(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        stream: session::LocalStream,
        sources: Vec<(TrackId, TrackSource)>,
    ) {
        self.streams.insert(stream.id, sources.iter().map(|(track, _)| *track).collect());
        self.sources.extend(sources);
        self.handle(now, context, Input::Command(Intent::AddStream(stream)));
    }

    /// Closes the session: it leaves, and ends within a bound.
    pub(super) fn close(&mut self, now: Time, context: &mut Context<'_>) {
        self.ends_at = Some(now + LEAVE_BOUND);
        self.handle(now, context, Input::Command(Intent::Close));
    }

    /// Returns whether the session was closed and nothing of it is left to do.
    pub(super) fn ended(&self, now: Time) -> bool {
        self.ends_at.is_some_and(|end| now >= end || (self.signal.is_none() && self.links.is_empty()))
    }

    /// Lets go of links and tracks.
    pub(super) fn end(&mut self, now: Time, context: &mut Context<'_>) {
        for (id, link) in std::mem::take(&mut self.links) {
            self.close_link(now, context, id, link);
        }
        self.send();
        release(context, std::mem::take(&mut self.sources).into_values().collect());
    }

    /// Takes what the signalling connection reports.
    pub(super) fn signal(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        connection: u64,
        event: SignalEvent,
    ) {
        if self.signal.as_ref().is_none_or(|(current, _)| *current != connection) {
            // It belongs to a connection that another has replaced.
            return;
        }
        if matches!(event, SignalEvent::Closed { .. } | SignalEvent::Failed { .. }) {
            self.signal = None;
        }
        self.handle(now, context, Input::Signal(event));
    }

    /// The network may have changed; `told` says that the app says so, not only the system.
    pub(super) fn network_changed(&mut self, now: Time, context: &mut Context<'_>, told: bool) {
        let change = match &mut self.wires {
            Some(wires) => wires.refresh(context.poller, context.config, told),
            None => AddressChange::default(),
        };
        let signalling_lost =
            self.signal.as_ref().is_some_and(|(_, signal)| !is_local(signal.local_address()));
        // The session first: a link that lost its path shall find the signalling as it is.
        self.handle(now, context, Input::NetworkChanged { signalling_lost });
        if told || !change.is_empty() {
            tracing::info!(
                session = self.key.0,
                added = change.added.len(),
                removed = change.removed.len(),
                "the network changed"
            );
            let Some(wires) = &mut self.wires else { return };
            for (id, runner) in &mut self.links {
                runner.network_changed(now, wires, &change);
                context.touched.insert((self.key, *id));
            }
            self.take_gathered(context);
        }
    }

    /// Notes what the poller reported; returns false when it is about another's socket.
    pub(super) fn note_ready(&mut self, ready: Ready) -> bool {
        self.wires.as_mut().is_some_and(|wires| wires.note_ready(ready))
    }

    /// Reads a batch of datagrams and hands them to their links; returns whether more may wait.
    pub(super) fn receive(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        buffers: &mut ReceiveBuffers,
    ) -> bool {
        let Some(wires) = &mut self.wires else { return false };
        let (key, links) = (self.key, &mut self.links);
        let behind = self.events.is_behind();
        let more = wires.receive(now, buffers, |link, datagram| {
            if let Some(runner) = links.get_mut(&link) {
                runner.receive_datagram(now, &datagram, behind);
                context.touched.insert((key, link));
            }
        });
        self.take_gathered(context);
        more
    }

    /// Writes what is queued for the sockets, and hands over what is queued for the app.
    pub(super) fn send(&mut self) {
        self.events.flush();
        if let Some(wires) = &mut self.wires {
            wires.flush();
        }
    }

    /// Takes the address behind a candidate's name.
    pub(super) fn resolved(
        &mut self,
        context: &mut Context<'_>,
        link: LinkId,
        token: transport::ResolveToken,
        address: std::net::IpAddr,
    ) {
        if let Some(runner) = self.links.get_mut(&link) {
            runner.resolved(token, address);
            context.touched.insert((self.key, link));
        }
    }

    /// Sends a frame's payloads on a link.
    pub(super) fn send_media(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        link: LinkId,
        track: TrackId,
        payloads: &[media::rtp::RtpPayload],
    ) {
        if let Some(runner) = self.links.get_mut(&link) {
            runner.send(now, track, payloads);
            context.touched.insert((self.key, link));
        }
    }

    /// Hears that a remote track's decoder cannot go on.
    pub(super) fn decoder_failed(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        link: LinkId,
        receiver: ReceiverId,
    ) {
        if let Some(runner) = self.links.get_mut(&link) {
            runner.decoder_failed(now, receiver);
            context.touched.insert((self.key, link));
        }
    }

    /// Lets time pass in all that waits for it.
    pub(super) fn time_passed(&mut self, now: Time, context: &mut Context<'_>) {
        if self.machine.poll_timeout().is_some_and(|due| due <= now) {
            self.handle(now, context, Input::TimePassed);
        }
        for (id, runner) in &mut self.links {
            if runner.time_passed(now) {
                context.touched.insert((self.key, *id));
            }
        }
        if let Some(wires) = &mut self.wires {
            wires.advance(now);
        }
        self.take_gathered(context);
        if now >= self.next_stats {
            self.next_stats = now + STATS_INTERVAL;
            self.renew_stats(now);
        }
    }

    /// Returns when time must pass next.
    pub(super) fn poll_timeout(&mut self) -> Option<Time> {
        let links = self.links.values_mut().filter_map(LinkRunner::poll_timeout).min();
        let stats = (!self.links.is_empty()).then_some(self.next_stats);
        let wires = self.wires.as_ref().and_then(Wires::poll_timeout);
        [self.machine.poll_timeout(), links, stats, wires, self.ends_at].into_iter().flatten().min()
    }

    /// Handles what a link reports until it is quiet.
    pub(super) fn drain_link(&mut self, now: Time, context: &mut Context<'_>, id: LinkId) {
        loop {
            let (Some(runner), Some(wires)) = (self.links.get_mut(&id), &mut self.wires) else { return };
            runner.flush(wires);
            let Some(event) = runner.link.poll_event() else { return };
            let event = match self.take_channel_event(now, context, id, event) {
                Some(event) => event,
                None => continue,
            };
            let (Some(runner), Some(wires)) = (self.links.get_mut(&id), &mut self.wires) else { return };
            if let Some(event) = runner.handle(now, context, wires, &self.sources, event) {
                self.handle(now, context, Input::Link { link: id, event });
            }
        }
    }

    fn take_gathered(&mut self, context: &mut Context<'_>) {
        let Some(wires) = &mut self.wires else { return };
        while let Some((link, gathered)) = wires.poll() {
            if let Some(runner) = self.links.get_mut(&link) {
                runner.gathered(gathered);
                context.touched.insert((self.key, link));
            }
        }
    }

    fn handle(&mut self, now: Time, context: &mut Context<'_>, input: Input) {
        self.machine.handle(now, input);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Signal(command) => self.signal_command(context, command),
                Output::Link { link, command } => self.link_command(now, context, link, command),
                Output::Event(event) => self.event(context, event),
            }
        }
    }

    fn signal_command(&mut self, context: &mut Context<'_>, command: SignalCommand) {
        match command {
            SignalCommand::Connect { credential, resume } => {
                let connection = super::next_id();
                let (key, queue) = (self.key, Arc::clone(context.queue));
                let sink = Arc::new(move |event| {
                    queue.report(Command::Signal(key, connection, reported(event)));
                });
                let credential = match &credential {
                    session::ConnectCredential::Key(key) => protocol::url::Credential::Key(key),
                    session::ConnectCredential::Token(token) => protocol::url::Credential::Token(token),
                };
                let resume = resume
                    .as_ref()
                    .map(|resume| protocol::url::Resume { token: &resume.token, cursor: resume.cursor });
                match protocol::url::build_connect_url(&self.url, credential, resume) {
                    Ok(url) => {
                        self.signal = Some((connection, self.client.connect(context.runtime, url, sink)));
                    }
                    Err(error) => {
                        // The base was checked at creation, so this is about the credential.
                        let event = SignalEvent::Failed { reason: error.to_string() };
                        context.queue.report(Command::Signal(key, connection, event));
                    }
                }
            }
            SignalCommand::Send(text) => {
                if let Some((_, signal)) = &self.signal
                    && signal.send(text).is_err()
                {
                    tracing::debug!("a frame did not reach the signalling connection, which is closing");
                }
            }
            SignalCommand::Close { code, reason } => {
                if let Some((_, signal)) = &self.signal {
                    signal.close(code, reason);
                }
            }
        }
    }

    fn link_command(&mut self, now: Time, context: &mut Context<'_>, id: LinkId, command: LinkCommand) {
        context.touched.insert((self.key, id));
        match command {
            LinkCommand::Open { peer, ice_servers } => {
                match self.open_link(now, context, id, peer, &ice_servers) {
                    Ok(()) => {}
                    Err(error) => {
                        tracing::error!(%error, "a link could not be made");
                        let event = session::LinkEvent::StateChanged(session::LinkState::Failed);
                        context.deferred.push((self.key, id, event));
                    }
                }
            }
            LinkCommand::Close => {
                if let Some(link) = self.links.remove(&id) {
                    self.close_link(now, context, id, link);
                }
            }
            LinkCommand::OpenChannel { .. }
            | LinkCommand::CloseChannel { .. }
            | LinkCommand::RefuseChannel { .. } => self.channel_command(context, id, command),
            command => {
                if let Some(runner) = self.links.get_mut(&id)
                    && let Some(event) = runner.command(now, context, &self.sources, command)
                {
                    context.deferred.push((self.key, id, event));
                }
            }
        }
    }

    /// Takes the answer of a link to a command, after the outputs that came with the command.
    pub(super) fn link_event(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        link: LinkId,
        event: session::LinkEvent,
    ) {
        self.handle(now, context, Input::Link { link, event });
    }

    fn open_link(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        id: LinkId,
        peer: units::PeerId,
        ice_servers: &[IceServer],
    ) -> crate::shell::Result<()> {
        let wires = match &mut self.wires {
            Some(wires) => wires,
            None => self.wires.insert(Wires::open(context.poller, context.config)?),
        };
        let key = (self.key, id);
        let runner = LinkRunner::open(now, context, wires, key, peer, ice_servers, &self.video_codecs)?;
        self.links.insert(id, runner);
        Ok(())
    }

    fn close_link(&mut self, now: Time, context: &mut Context<'_>, id: LinkId, mut runner: LinkRunner) {
        if let Some(wires) = &mut self.wires {
            runner.close(now, context, wires, &self.sources);
        }
        let gone: Vec<_> =
            self.remote.iter().filter(|(_, (link, ..))| *link == id).map(|(track, _)| *track).collect();
        gone.into_iter().for_each(|track| self.end_track(context, track));
    }

    fn event(&mut self, context: &mut Context<'_>, event: session::Event) {
        match &event {
            session::Event::TrackAdded { track, kind, link, receiver, .. } => {
                match self.start_track(context, *link, *receiver, *kind) {
                    Ok(remote) => {
                        self.shared.view().tracks.insert(*track, remote.clone());
                        self.remote.insert(*track, (*link, *receiver, remote));
                    }
                    Err(error) => tracing::error!(%error, "a remote track could not be received"),
                }
            }
            session::Event::TrackRemoved { track, .. } => self.end_track(context, *track),
            session::Event::ChannelOpened { peer, channel, received: Some(carrier), .. } => {
                let max = self.links.get(&carrier.0).map_or(0, |runner| runner.link.max_message_size());
                let outbox = self.channels.add_received(*channel, *peer, *carrier, max);
                self.shared.view().channels.insert(*channel, outbox);
            }
            session::Event::ChannelClosed { channel, .. } => self.channels.remove(*channel),
            _ => {}
        }
        if let Some(event) = events::translate(event, &self.shared) {
            events::log(self.key, &event, &self.shared);
            self.events.push(event);
        }
    }

    fn start_track(
        &mut self,
        context: &mut Context<'_>,
        link: LinkId,
        receiver: ReceiverId,
        kind: units::MediaKind,
    ) -> crate::shell::Result<RemoteTrack> {
        let media = match kind {
            units::MediaKind::Video => {
                let (key, queue) = (self.key, Arc::clone(context.queue));
                RemoteTrack::Video(RemoteVideo::start(Box::new(move || {
                    queue.report(Command::DecoderFailed(key, link, receiver));
                }))?)
            }
            units::MediaKind::Audio => {
                let audio = RemoteAudio::new()?;
                context.playout.add(Arc::clone(&audio));
                RemoteTrack::Audio(audio)
            }
        };
        if let Some(runner) = self.links.get_mut(&link) {
            runner.receive(receiver, media.clone());
        }
        Ok(media)
    }

    fn end_track(&mut self, context: &mut Context<'_>, track: TrackId) {
        let Some((link, receiver, remote)) = self.remote.remove(&track) else { return };
        if let Some(runner) = self.links.get_mut(&link) {
            runner.stop_receiving(receiver);
        }
        match &remote {
            RemoteTrack::Video(video) => video.end(),
            RemoteTrack::Audio(audio) => context.playout.remove(audio),
        }
    }

    fn renew_stats(&mut self, now: Time) {
        for runner in self.links.values_mut() {
            let stats = runner.renew_stats(now);
            if let Some((_, known)) = self.shared.view().peers.get_mut(&runner.peer()) {
                *known = stats;
            }
        }
    }
}

/// Lets go of sources. The last to do so waits for their threads, which is not for the network thread.
fn release(context: &Context<'_>, sources: Vec<TrackSource>) {
    if !sources.is_empty() {
        context.runtime.spawn_blocking(move || drop(sources));
    }
}

fn reported(event: signal::SignalEvent) -> SignalEvent {
    match event {
        signal::SignalEvent::Opened => SignalEvent::Opened,
        signal::SignalEvent::Text(text) => SignalEvent::Text(text),
        signal::SignalEvent::Closed { code, reason } => SignalEvent::Closed { code, reason },
        signal::SignalEvent::Failed { reason } => SignalEvent::Failed { reason },
    }
}
