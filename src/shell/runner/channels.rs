//! A session's data channels on the network thread: between the app, the session's decisions and the links.

use std::sync::Arc;

use session::{Command as Intent, Input, LinkCommand, LinkEvent};
use units::{ChannelId, ChannelOptions, LinkChannelId, LinkId, PeerId, Time};

use super::SessionRunner;
use crate::shell::Event;
use crate::shell::channels::Outbox;
use crate::shell::network::Context;

impl SessionRunner {
    /// Opens a data channel to a peer.
    pub(in crate::shell) fn open_channel(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        (peer, channel): (PeerId, ChannelId),
        label: String,
        options: ChannelOptions,
        outbox: Arc<Outbox>,
    ) {
        self.channels.add(channel, peer, outbox);
        let intent = Intent::OpenChannel { channel, peer, label, options };
        self.handle(now, context, Input::Command(intent));
    }

    /// Takes what the links held back while the app was behind with its data channels.
    pub(in crate::shell) fn caught_up(&mut self, now: Time, context: &mut Context<'_>) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for id in links {
            while !self.events.is_behind()
                && self.links.get_mut(&id).is_some_and(|runner| runner.release_datagram(now))
            {
                self.drain_link(now, context, id);
            }
        }
    }

    /// Sends what waits in a data channel if it is open, as far as there is room.
    pub(in crate::shell) fn flush_channel(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        channel: ChannelId,
    ) {
        let Some((link, _)) = self.channels.carrier(channel) else { return };
        let Some(runner) = self.links.get_mut(&link) else { return };
        context.touched.insert((self.key, link));
        if let Some(peer) = self.channels.flush(now, channel, &mut runner.link) {
            self.events.push(Event::ChannelWritable { peer, channel });
        }
    }

    fn channel_opened(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        carrier: (LinkId, LinkChannelId),
        label: String,
        incoming: bool,
    ) {
        let link = carrier.0;
        if incoming {
            let event = LinkEvent::ChannelReceived { carrier: carrier.1, label };
            self.handle(now, context, Input::Link { link, event });
        } else if let Some((channel, _)) = self.channels.find(carrier) {
            let max = self.links.get(&link).map_or(0, |runner| runner.link.max_message_size());
            self.channels.opened(carrier, max);
            let event = LinkEvent::ChannelOpened { channel };
            self.handle(now, context, Input::Link { link, event });
            self.flush_channel(now, context, channel);
        }
    }

    /// Carries out a command of the session about a data channel.
    pub(super) fn channel_command(&mut self, context: &mut Context<'_>, id: LinkId, command: LinkCommand) {
        let Some(runner) = self.links.get_mut(&id) else { return };
        match command {
            LinkCommand::OpenChannel { channel, label, options } => {
                match runner.link.open_channel(&label, options) {
                    Ok(carrier) => self.channels.carry(channel, (id, carrier)),
                    Err(error) => {
                        tracing::warn!(%error, "a data channel could not be opened");
                        context.deferred.push((self.key, id, LinkEvent::ChannelClosed { channel }));
                    }
                }
            }
            LinkCommand::CloseChannel { channel } => {
                if let Some((_, carrier)) = self.channels.carrier(channel) {
                    runner.link.close_channel(carrier);
                }
            }
            LinkCommand::RefuseChannel { carrier } => runner.link.close_channel(carrier),
            _ => {}
        }
    }

    /// Takes what a link reports about a data channel; gives back what is about something else.
    pub(super) fn take_channel_event(
        &mut self,
        now: Time,
        context: &mut Context<'_>,
        link: LinkId,
        event: transport::LinkEvent,
    ) -> Option<transport::LinkEvent> {
        use transport::LinkEvent as Reported;
        match event {
            Reported::ChannelOpened { channel, label, incoming } => {
                self.channel_opened(now, context, (link, channel), label, incoming);
            }
            Reported::ChannelMessage { channel, binary, data } => {
                if let Some((channel, peer)) = self.channels.find((link, channel)) {
                    self.events.push(Event::ChannelMessage { peer, channel, binary, data });
                }
            }
            Reported::ChannelWritable { channel } => {
                if let Some((channel, _)) = self.channels.find((link, channel)) {
                    self.flush_channel(now, context, channel);
                }
            }
            Reported::ChannelClosed { channel } => {
                if let Some((channel, _)) = self.channels.find((link, channel)) {
                    let event = LinkEvent::ChannelClosed { channel };
                    self.handle(now, context, Input::Link { link, event });
                }
            }
            event => return Some(event),
        }
        None
    }
}
