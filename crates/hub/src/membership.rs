//! The life of memberships: leaving, lingering, and who is told.

use std::sync::Arc;

use protocol::{CloseCode, Member, ServerFrame};
use units::Time;

use crate::bus::{BusEvent, Tenure};
use crate::channel::{Channel, Lingering, LiveMember};
use crate::hub::{Hub, Timer};
use crate::io::{AppId, ConnectionId, Lifecycle, Output};
use crate::outbox::About;

impl Hub {
    /// Closes a connection from our side. The others see it like a broken one: the client may come back.
    pub(crate) fn close(
        &mut self,
        now: Time,
        connection: ConnectionId,
        code: CloseCode,
        reason: &'static str,
    ) {
        self.depart(now, connection, false);
        self.outputs.push_back(Output::Close { connection, code, reason });
    }

    /// Forgets a connection and ends or suspends its memberships.
    pub(crate) fn depart(&mut self, now: Time, connection: ConnectionId, clean: bool) {
        let Some(gone) = self.connections.remove(&connection) else { return };
        for (deadline, number) in gone.outbox.gates() {
            self.timers.remove(&(deadline, Timer::Gate { connection, number }));
        }
        if let Some(deadline) = gone.expires {
            self.timers.remove(&(deadline, Timer::Expiry { connection }));
        }
        self.count_disconnected(gone.app);
        let peer = &gone.identity.peer;
        if let Some(app) = self.apps.get_mut(&gone.app)
            && app.owners.get(peer) == Some(&connection)
        {
            app.owners.remove(peer);
        }
        if clean {
            self.end_session(gone.app, peer);
        } else {
            self.suspend_session(now, gone.app, peer);
        }
        let lingers = !clean && !self.config.linger.is_zero();
        for channel in &gone.subscriptions {
            if lingers {
                self.linger(now, gone.app, channel, peer);
            } else {
                self.leave(gone.app, channel, peer);
            }
        }
        self.drop_empty_app(gone.app);
    }

    /// Ends the membership of a live member and tells everyone.
    pub(crate) fn leave(&mut self, app: AppId, name: &Arc<str>, peer: &Arc<str>) {
        let Some(channel) = self.channel_mut(app, name) else { return };
        let Some(LiveMember { tenure, .. }) = channel.leave(peer) else { return };
        let watchers: Vec<ConnectionId> = channel.watchers().map(|member| member.connection).collect();
        self.send_presence(&watchers, name, Vec::new(), vec![Self::bare(peer)]);
        self.drop_kept(app, name, peer, true);
        self.left_for_good(app, name, peer, tenure);
    }

    /// Suspends the membership of a live member.
    fn linger(&mut self, now: Time, app: AppId, name: &Arc<str>, peer: &Arc<str>) {
        let since = self.next_event();
        let until = now + self.config.linger;
        let Some(channel) = self.channel_mut(app, name) else { return };
        channel.linger(peer, until, since);
        let timer = Timer::Linger { app, channel: Arc::clone(name), peer: Arc::clone(peer) };
        self.timers.insert((until, timer));
    }

    /// Takes a peer's lingering membership out, without telling anyone.
    pub(crate) fn end_lingering(
        &mut self,
        app: AppId,
        name: &Arc<str>,
        peer: &Arc<str>,
    ) -> Option<Lingering> {
        let lingering = self.channel_mut(app, name)?.end_lingering(peer)?;
        let timer = Timer::Linger { app, channel: Arc::clone(name), peer: Arc::clone(peer) };
        self.timers.remove(&(lingering.until, timer));
        Some(lingering)
    }

    /// Tells those who knew a lingering peer that it is gone.
    pub(crate) fn tell_witnesses(
        &mut self,
        app: AppId,
        name: &Arc<str>,
        peer: &Arc<str>,
        lingering: &Lingering,
    ) {
        let Some(channel) = self.channel_mut(app, name) else { return };
        let witnesses = channel.watchers().filter(|member| lingering.is_witnessed_by(member));
        let witnesses: Vec<ConnectionId> = witnesses.map(|member| member.connection).collect();
        self.send_presence(&witnesses, name, Vec::new(), vec![Self::bare(peer)]);
    }

    /// Ends the membership of a lingering peer that will not come back, or has been waited for long enough.
    pub(crate) fn give_up(&mut self, app: AppId, name: &Arc<str>, peer: &Arc<str>) {
        if let Some(lingering) = self.end_lingering(app, name, peer) {
            self.tell_witnesses(app, name, peer, &lingering);
            self.drop_kept(app, name, peer, false);
            self.left_for_good(app, name, peer, lingering.tenure);
            self.drop_empty_app(app);
        }
    }

    fn left_for_good(&mut self, app: AppId, name: &Arc<str>, peer: &Arc<str>, tenure: Tenure) {
        let (channel, peer) = (Arc::clone(name), Arc::clone(peer));
        self.tell(|| BusEvent::Left { app, channel: Arc::clone(name), peer: Arc::clone(&peer), tenure });
        self.end_contest(app, &peer);
        self.happened(app, Lifecycle::PeerLeft { channel, peer });
        if self.drop_empty_channel(app, name) {
            self.happened(app, Lifecycle::ChannelClosed { channel: Arc::clone(name) });
        }
    }

    /// Ends a channel that nobody is in; returns whether it did.
    pub(crate) fn drop_empty_channel(&mut self, app: AppId, name: &str) -> bool {
        let Some(channels) = self.apps.get_mut(&app).map(|app| &mut app.channels) else { return false };
        channels.get(name).is_some_and(|channel| channel.is_empty()) && channels.remove(name).is_some()
    }

    pub(crate) fn happened(&mut self, app: AppId, event: Lifecycle) {
        self.outputs.push_back(Output::Lifecycle { app, event });
    }

    pub(crate) fn drop_empty_app(&mut self, app: AppId) {
        if self.apps.get(&app).is_some_and(|app| app.is_empty()) {
            self.apps.remove(&app);
        }
    }

    pub(crate) fn channel_mut(&mut self, app: AppId, name: &str) -> Option<&mut Channel> {
        self.apps.get_mut(&app)?.channels.get_mut(name)
    }

    pub(crate) fn bare(peer: &Arc<str>) -> Member {
        Member { peer_id: peer.to_string(), metadata: None }
    }

    /// Sends one presence change to many.
    pub(crate) fn send_presence(
        &mut self,
        to: &[ConnectionId],
        channel: &Arc<str>,
        joined: Vec<Member>,
        left: Vec<Member>,
    ) {
        if to.is_empty() {
            return;
        }
        let frame = ServerFrame::Presence { channel: channel.to_string(), joined, left };
        let text: Arc<str> = frame.to_json().into();
        for &connection in to {
            self.deliver(connection, &text, About::Channel(Arc::clone(channel)));
        }
    }
}
