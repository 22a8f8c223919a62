//! Data channels (RFC 8831, RFC 8832).

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use rtc::data_channel::{RTCDataChannelId, RTCDataChannelInit, RTCDataChannelMessage, RTCDataChannelState};
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::RTCDataChannelEvent;
use rtc::shared::error::Error;
use units::{ChannelOptions, LinkChannelId, Time};

use crate::error::LinkError;
use crate::event::{LinkEvent, LinkState};
use crate::link::Link;

/// Most bytes that wait in a channel to be sent or acknowledged. A message that would go beyond is refused
/// with [`LinkError::Backpressure`].
pub const MAX_BUFFERED: usize = 1024 * 1024;
/// A refused sender is told to go on when no more than this waits.
const LOW_WATER: u32 = 256 * 1024;
/// The stack's first channel, which exists so that it brings SCTP up with DTLS: it does so then or never. It is
/// set up on both sides without a word (RFC 8831 section 6.2) and carries nothing.
const RESERVED: RTCDataChannelId = 0;
/// The stream of the reserved channel: one that every peer has and no channel is given.
const RESERVED_STREAM: u16 = 1_000;
/// How many streams of closed channels are kept from being used again. Half of the streams that a browser has (1024)
/// are ours; the others go on.
const MAX_RETIRED: usize = 256;

/// What the message that opens a channel counts for among the bytes that are to arrive; the stack does not count it.
const OPENING: usize = 1;

/// Makes the reserved channel, the first of a connection.
pub(crate) fn reserve(pc: &mut RTCPeerConnection) -> Result<(), LinkError> {
    let id = occupy(pc, RESERVED_STREAM)?;
    debug_assert_eq!(id, RESERVED, "the stack numbers its channels from zero");
    Ok(())
}

/// Takes a stream, so that no channel is given it.
fn occupy(pc: &mut RTCPeerConnection, stream: u16) -> Result<RTCDataChannelId, LinkError> {
    let init = RTCDataChannelInit { negotiated: Some(stream), ..Default::default() };
    Ok(pc.create_data_channel("", Some(init)).map_err(LinkError::stack)?.id())
}

/// What a channel is to the stack.
#[derive(Debug)]
enum Stage {
    /// Unknown: the stack loses a channel that is asked for while SCTP shakes hands.
    Waiting { label: String, options: ChannelOptions },
    /// Asked for.
    Opening(RTCDataChannelId),
    /// Open.
    Open(RTCDataChannelId),
}

impl Stage {
    fn stack(&self) -> Option<RTCDataChannelId> {
        match *self {
            Self::Waiting { .. } => None,
            Self::Opening(stack) | Self::Open(stack) => Some(stack),
        }
    }
}

/// One channel.
#[derive(Debug)]
struct Channel {
    stage: Stage,
    /// A message was refused for a full buffer.
    refused: bool,
}

/// The channels of a link.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    by_id: BTreeMap<LinkChannelId, Channel>,
    /// The streams of channels that we asked for.
    streams: BTreeMap<RTCDataChannelId, u16>,
    /// Channels that were closed before they were open, and are as soon as they are: what answers a reset while
    /// something of the other side's is under way makes the stack lose what came with that.
    unwanted: BTreeSet<RTCDataChannelId>,
    /// What occupies the streams of channels that closed, and these streams.
    retired: BTreeMap<RTCDataChannelId, u16>,
    /// We opened one, so the other side must see a data section.
    used: bool,
    /// SCTP is up.
    up: bool,
}

impl Channels {
    /// Returns whether SCTP is up.
    pub(crate) fn are_up(&self) -> bool {
        self.up
    }
}

impl Link {
    /// Opens a data channel; it is open for sending at [`LinkEvent::ChannelOpened`]. The first one needs a
    /// negotiation.
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::ChannelOptions`]; [`LinkError::Stack`] when the other side takes
    /// no more channels.
    pub fn open_channel(&mut self, label: &str, options: ChannelOptions) -> Result<LinkChannelId, LinkError> {
        self.ensure_open()?;
        if label.len() > ChannelOptions::MAX_LABEL {
            return Err(LinkError::ChannelOptions("the label is too long"));
        }
        if options.max_retransmits.is_some() && options.max_lifetime_ms.is_some() {
            return Err(LinkError::ChannelOptions("both a number of retransmissions and a lifetime"));
        }
        let channel = LinkChannelId::new(self.next_id());
        let stage = Stage::Waiting { label: label.to_owned(), options };
        self.channels.used = true;
        self.channels.by_id.insert(channel, Channel { stage, refused: false });
        if self.channels.up {
            self.ask_for_channel(channel)?;
        }
        self.check_negotiation();
        self.pump();
        Ok(channel)
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::UnknownChannel`]; [`LinkError::ChannelNotOpen`];
    /// [`LinkError::MessageTooLarge`]; [`LinkError::Backpressure`], to be repeated after
    /// [`LinkEvent::ChannelWritable`]; [`LinkError::Stack`].
    pub fn send_channel(
        &mut self,
        now: Time,
        channel: LinkChannelId,
        binary: bool,
        data: &[u8],
    ) -> Result<(), LinkError> {
        self.ensure_open()?;
        self.observe(now);
        let entry = self.channels.by_id.get_mut(&channel).ok_or(LinkError::UnknownChannel(channel))?;
        let Stage::Open(stack) = entry.stage else { return Err(LinkError::ChannelNotOpen(channel)) };
        let mut stack = self.pc.data_channel(stack).ok_or(LinkError::ChannelNotOpen(channel))?;
        if data.len() as u64 > self.negotiation.max_message() {
            return Err(LinkError::MessageTooLarge);
        }
        let buffered = stack.outstanding_bytes();
        if buffered > 0 && buffered + data.len() > MAX_BUFFERED {
            entry.refused = true;
            return Err(LinkError::Backpressure { buffered });
        }
        let instant = self.config.instant(now);
        let sent = if binary {
            stack.send(instant, BytesMut::from(data))
        } else {
            let text =
                std::str::from_utf8(data).map_err(|_| LinkError::ChannelOptions("text must be UTF-8"))?;
            stack.send_text(instant, text)
        };
        sent.map_err(|error| match error {
            Error::ErrOutboundPacketTooLarge => LinkError::MessageTooLarge,
            Error::ErrDataChannelClosed | Error::ErrDataChannelNotOpen => LinkError::ChannelNotOpen(channel),
            error => LinkError::stack(error),
        })?;
        self.unsettled = true;
        self.progress.sent(self.now, data.len());
        Ok(())
    }

    /// Returns the size of the largest message that can be sent, in bytes: what the other side takes (RFC 8841
    /// section 6), and at most [`crate::MAX_MESSAGE`].
    pub fn max_message_size(&self) -> u64 {
        self.negotiation.max_message()
    }

    /// Returns how many bytes wait in a channel to be sent or acknowledged; zero for an unknown channel.
    pub fn buffered_amount(&mut self, channel: LinkChannelId) -> usize {
        let stack = self.channels.by_id.get(&channel).and_then(|entry| entry.stage.stack());
        stack.and_then(|stack| self.pc.data_channel(stack)).map_or(0, |stack| stack.outstanding_bytes())
    }

    /// Closes a channel; [`LinkEvent::ChannelClosed`] follows. An unknown channel is closed already.
    pub fn close_channel(&mut self, channel: LinkChannelId) {
        if self.closed {
            return;
        }
        match self.channels.by_id.get(&channel).map(|entry| &entry.stage) {
            Some(&Stage::Open(stack)) => self.close_in_stack(stack),
            Some(&Stage::Opening(stack)) => {
                self.channels.unwanted.insert(stack);
                self.end_channel(channel);
            }
            Some(Stage::Waiting { .. }) => self.end_channel(channel),
            None => {}
        }
        self.pump();
    }

    fn close_in_stack(&mut self, stack: RTCDataChannelId) {
        if let Some(mut stack) = self.pc.data_channel(stack) {
            // It can only fail on a channel that is gone, whose end was told.
            let _ = stack.close();
        }
    }

    /// Returns whether a data section is needed.
    pub(crate) fn has_channels(&self) -> bool {
        self.channels.used
    }

    /// Takes an event of the stack.
    pub(crate) fn take_channel_event(&mut self, event: RTCDataChannelEvent) {
        match event {
            RTCDataChannelEvent::OnOpen(stack) => self.channel_opened(stack),
            // A peer that closes its connection aborts SCTP first, and all channels end at once. That is the end of the
            // link: a channel is not what it closed.
            RTCDataChannelEvent::OnClose(_) if self.has_lost_sctp() => self.enter(LinkState::Closed),
            RTCDataChannelEvent::OnClose(stack) => {
                self.retire_stream(stack);
                self.channels.unwanted.remove(&stack);
                if let Some(id) = self.channel_of(stack) {
                    self.end_channel(id);
                }
            }
            RTCDataChannelEvent::OnBufferedAmountLow(stack) => {
                let id = self.channel_of(stack);
                let entry = id.and_then(|id| self.channels.by_id.get_mut(&id));
                if let (Some(channel), Some(entry)) = (id, entry)
                    && std::mem::take(&mut entry.refused)
                {
                    self.events.push_back(LinkEvent::ChannelWritable { channel });
                }
            }
            _ => {}
        }
    }

    /// Tells when what is sent on the channels will never arrive.
    pub(crate) fn watch_channels(&mut self) {
        if self.progress.next().is_none_or(|due| due > self.now) {
            return;
        }
        let mut outstanding = 0;
        for channel in self.channels.by_id.values() {
            let mut bytes = |stack| self.pc.data_channel(stack).map_or(0, |stack| stack.outstanding_bytes());
            outstanding += match channel.stage {
                Stage::Waiting { .. } => 0,
                Stage::Opening(_) => OPENING,
                Stage::Open(stack) => bytes(stack),
            };
        }
        let connected = self.state == LinkState::Connected;
        if self.progress.look(self.now, outstanding, connected) {
            self.events.push_back(LinkEvent::DataStalled);
        }
    }

    /// Returns whether SCTP was up and is not any more: nobody closes the reserved channel.
    fn has_lost_sctp(&mut self) -> bool {
        let reserved = self.pc.data_channel(RESERVED).map(|channel| channel.ready_state());
        self.channels.up && reserved != Some(RTCDataChannelState::Open)
    }

    /// Takes a message of the stack.
    pub(crate) fn take_channel_message(&mut self, stack: RTCDataChannelId, message: RTCDataChannelMessage) {
        if let Some(channel) = self.channel_of(stack) {
            let data: Bytes = message.data.freeze();
            self.events.push_back(LinkEvent::ChannelMessage { channel, binary: !message.is_string, data });
        }
    }

    /// Keeps the stream of a channel that the stack closed from being used again. A stream is free when both sides
    /// have reset their halves of it (RFC 8831 section 6.7), but the stack takes it to be at once, and does not repeat the
    /// reset with which it answers the other side's. Where that is lost, or an old one is repeated, a new channel
    /// on the stream never opens or is closed.
    fn retire_stream(&mut self, closed: RTCDataChannelId) {
        let stream = self.channels.streams.remove(&closed).or_else(|| self.channels.retired.remove(&closed));
        let Some(stream) = stream.filter(|_| self.channels.retired.len() < MAX_RETIRED) else { return };
        // It fails on a closed connection alone.
        if let Ok(stack) = occupy(&mut self.pc, stream) {
            self.channels.retired.insert(stack, stream);
        }
    }

    /// Ends all channels that the stack knows of: its connection is gone. Those that wait go on to do so.
    pub(crate) fn end_asked_channels(&mut self) {
        self.end_channels(|channel| channel.stage.stack().is_some());
        self.channels.streams.clear();
        self.channels.unwanted.clear();
        self.channels.retired.clear();
        self.channels.up = false;
    }

    /// Ends all channels: the other side wants none.
    pub(crate) fn end_all_channels(&mut self) {
        self.end_channels(|_| true);
    }

    fn end_channels(&mut self, ends: impl Fn(&Channel) -> bool) {
        let ended: Vec<LinkChannelId> =
            self.channels.by_id.iter().filter(|(_, channel)| ends(channel)).map(|(&id, _)| id).collect();
        for id in ended {
            self.end_channel(id);
        }
        self.channels.used = !self.channels.by_id.is_empty();
    }

    /// Asks the stack for a channel that waits.
    fn ask_for_channel(&mut self, channel: LinkChannelId) -> Result<(), LinkError> {
        let Some(entry) = self.channels.by_id.get_mut(&channel) else { return Ok(()) };
        let Stage::Waiting { label, options } = &entry.stage else { return Ok(()) };
        let init = RTCDataChannelInit {
            ordered: options.ordered,
            max_packet_life_time: options.max_lifetime_ms,
            max_retransmits: options.max_retransmits,
            ..Default::default()
        };
        let result = match self.pc.create_data_channel(label, Some(init)) {
            Ok(mut stack) => {
                stack.set_buffered_amount_low_threshold(LOW_WATER);
                if let Some(stream) = stack.stream_id() {
                    self.channels.streams.insert(stack.id(), stream);
                }
                self.progress.sent(self.now, OPENING);
                Ok(stack.id())
            }
            Err(error) => Err(LinkError::stack(error)),
        };
        match result {
            Ok(stack) => entry.stage = Stage::Opening(stack),
            Err(error) => {
                self.channels.by_id.remove(&channel);
                return Err(error);
            }
        }
        Ok(())
    }

    /// SCTP is up: asks the stack for all channels that wait.
    fn channels_up(&mut self) {
        self.channels.up = true;
        let waiting: Vec<LinkChannelId> = self.channels.by_id.keys().copied().collect();
        for channel in waiting {
            if self.ask_for_channel(channel).is_err() {
                self.events.push_back(LinkEvent::ChannelClosed { channel });
            }
        }
    }

    fn end_channel(&mut self, channel: LinkChannelId) {
        if self.channels.by_id.remove(&channel).is_some() {
            self.events.push_back(LinkEvent::ChannelClosed { channel });
        }
    }

    fn channel_opened(&mut self, stack: RTCDataChannelId) {
        let known = self.channel_of(stack);
        let Some(mut handle) = self.pc.data_channel(stack) else { return };
        if handle.ready_state() != RTCDataChannelState::Open {
            return;
        }
        if stack == RESERVED {
            self.channels_up();
            return;
        }
        if self.channels.unwanted.remove(&stack) {
            self.close_in_stack(stack);
            return;
        }
        let label = handle.label().to_owned();
        if let Some(channel) = known {
            if let Some(entry) = self.channels.by_id.get_mut(&channel) {
                entry.stage = Stage::Open(stack);
            }
            self.events.push_back(LinkEvent::ChannelOpened { channel, label, incoming: false });
        } else {
            handle.set_buffered_amount_low_threshold(LOW_WATER);
            let channel = LinkChannelId::new(self.next_id());
            self.channels.by_id.insert(channel, Channel { stage: Stage::Open(stack), refused: false });
            self.events.push_back(LinkEvent::ChannelOpened { channel, label, incoming: true });
        }
    }

    fn channel_of(&self, stack: RTCDataChannelId) -> Option<LinkChannelId> {
        self.channels
            .by_id
            .iter()
            .find(|(_, channel)| channel.stage.stack() == Some(stack))
            .map(|(&id, _)| id)
    }
}
