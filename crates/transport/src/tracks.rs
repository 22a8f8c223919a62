//! Tracks: ours that are sent, and those of the other side that are received.
//!
//! A local track keeps its source, sequence numbers and time stamp offset for as long as it is added, whatever
//! is renegotiated in between.

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters,
};
use rtc::sansio::Protocol;
use units::{Codec, MediaKind, ReceiverId, Time, TrackId};

use crate::codecs;
use crate::description::{Format, Msid, is_name};
use crate::error::LinkError;
use crate::event::{LinkEvent, LinkState, RtpPacket};
use crate::link::Link;
use crate::loss::Log;
use crate::stats::{ReceiverCounters, SenderCounters};

/// Most packets that wait for the owner. Past it the oldest is dropped, as the path would have; an owner that
/// drains after every call never gets there.
const MAX_WAITING_PACKETS: usize = 8_192;

/// A track to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTrack {
    /// The owner's id of it.
    pub id: TrackId,
    /// Sound or pictures.
    pub kind: MediaKind,
    /// Stream id for the msid of its m-section.
    pub msid_stream: String,
    /// Track id for the msid of its m-section.
    pub msid_track: String,
    /// The only codec that it can be sent in; none when whatever is agreed upon will do.
    pub codec: Option<Codec>,
}

/// One RTP payload of an encoded frame; each link adds its own sequence number, source and payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPayload {
    /// Time stamp in the codec's clock, the same for all payloads of a frame.
    pub timestamp: u32,
    /// Set on the last payload of a picture (RFC 7741, RFC 6184).
    pub marker: bool,
    /// The payload with the codec's payload header.
    pub payload: Bytes,
}

/// A local track on this link.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) id: TrackId,
    pub(crate) kind: MediaKind,
    /// The only codec that the source can give.
    only: Option<Codec>,
    pub(crate) msid: Msid,
    transceiver: usize,
    pub(crate) mid: Option<String>,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    /// The codec that the stack's interceptors were told; they keep the first one.
    bound: Option<Codec>,
    /// What to send, as negotiated.
    format: Option<Format>,
    sequence: u16,
    timestamp_offset: u32,
    pub(crate) counters: SenderCounters,
}

/// A track of the other side on this link.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) id: ReceiverId,
    kind: MediaKind,
    mid: String,
    msid: Msid,
    formats: Vec<Format>,
    /// Known from the first packet on.
    ssrc: Option<u32>,
    pub(crate) log: Log,
    pub(crate) counters: ReceiverCounters,
}

impl Link {
    /// Adds a track. It is offered in the next offer, or attached to a matching m-section of the next offer
    /// of the other side.
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::DuplicateTrack`]; [`LinkError::TrackName`]; [`LinkError::Stack`].
    pub fn add_track(&mut self, track: LocalTrack) -> Result<(), LinkError> {
        self.ensure_open()?;
        let LocalTrack { id, kind, msid_stream: stream, msid_track: track, codec } = track;
        if self.senders.iter().any(|sender| sender.id == id) {
            return Err(LinkError::DuplicateTrack(id));
        }
        if !is_name(&stream) || !is_name(&track) {
            return Err(LinkError::TrackName);
        }
        let mut sender = Sender {
            id,
            kind,
            only: codec,
            msid: Msid { stream, track },
            transceiver: 0,
            mid: None,
            ssrc: self.draw_source(),
            rtx_ssrc: (kind == MediaKind::Video).then(|| self.draw_source()),
            bound: None,
            format: None,
            // Far enough below the wrap that a receiver's first guess is not a wrap (RFC 3711 section 3.3.1).
            sequence: self.draw() as u16 & 0x7fff,
            timestamp_offset: self.draw(),
            counters: SenderCounters::default(),
        };
        self.attach(&mut sender)?;
        self.senders.push(sender);
        self.check_negotiation();
        self.pump();
        Ok(())
    }

    /// Removes a track. Its m-section stays and is used by the next track of its kind.
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::UnknownTrack`]; [`LinkError::Stack`].
    pub fn remove_track(&mut self, track: TrackId) -> Result<(), LinkError> {
        self.ensure_open()?;
        let position = self
            .senders
            .iter()
            .position(|sender| sender.id == track)
            .ok_or(LinkError::UnknownTrack(track))?;
        let sender = self.senders.remove(position);
        self.pc.remove_track(RTCRtpSenderId::from(sender.transceiver)).map_err(LinkError::stack)?;
        self.check_negotiation();
        self.pump();
        Ok(())
    }

    /// Sends the payloads of a frame. Returns how many were taken: all of them, or none while the track is
    /// not negotiated or there is no path.
    ///
    /// The payloads are not copied before they are encrypted.
    pub fn send_rtp(&mut self, now: Time, track: TrackId, payloads: &[RtpPayload]) -> usize {
        let has_path = matches!(self.state, LinkState::Connected | LinkState::Disconnected);
        let Some(sender) = self.senders.iter_mut().find(|sender| sender.id == track) else { return 0 };
        let (true, Some(format)) = (has_path, sender.format) else { return 0 };
        self.now = self.now.max(now);
        let instant = self.config.instant(now);
        for payload in payloads {
            let packet = rtc::rtp::Packet {
                header: rtc::rtp::Header {
                    version: 2,
                    marker: payload.marker,
                    payload_type: format.payload_type,
                    sequence_number: sender.sequence,
                    timestamp: payload.timestamp.wrapping_add(sender.timestamp_offset),
                    ssrc: sender.ssrc,
                    ..Default::default()
                },
                payload: payload.payload.clone(),
            };
            sender.sequence = sender.sequence.wrapping_add(1);
            sender.counters.packets += 1;
            sender.counters.bytes += payload.payload.len() as u64;
            // The name is not used on the way out, and an empty one costs nothing. The stack only queues.
            let message = RTCMessage::RtpPacket(String::new(), packet);
            let _ = self.pc.handle_write(TaggedRTCMessage { now: instant, message });
        }
        self.flush();
        payloads.len()
    }

    /// Asks the other side for a keyframe (PLI, RFC 4585 section 6.3.1). Does nothing before the first packet.
    pub fn request_keyframe(&mut self, now: Time, receiver: ReceiverId) {
        if self.closed {
            return;
        }
        self.observe(now);
        if let Some(receiver) = self.receivers.iter_mut().find(|known| known.id == receiver)
            && let Some(media_ssrc) = receiver.ssrc
        {
            receiver.counters.keyframe_requests += 1;
            let request = PictureLossIndication { sender_ssrc: self.ssrc, media_ssrc };
            self.send_rtcp(Box::new(request));
        }
        self.pump();
    }

    /// Takes a packet from the stack.
    pub(crate) fn receive_rtp(&mut self, received: Time, packet: rtc::rtp::Packet) {
        let header = packet.header;
        let Some(receiver) = self.receivers.iter_mut().find(|known| known.ssrc == Some(header.ssrc)) else {
            return;
        };
        let format = receiver.formats.iter().find(|format| format.payload_type == header.payload_type);
        let Some(codec) = format.map(|format| format.codec) else { return };
        receiver.counters.packets += 1;
        receiver.counters.bytes += packet.payload.len() as u64;
        receiver.log.arrived(received, header.sequence_number, header.timestamp, codec.clock_rate());
        let event = LinkEvent::Rtp {
            receiver: receiver.id,
            packet: RtpPacket {
                codec,
                sequence: header.sequence_number,
                timestamp: header.timestamp,
                marker: header.marker,
                payload: packet.payload,
                received,
            },
        };
        self.waiting_packets += 1;
        if self.waiting_packets > MAX_WAITING_PACKETS
            && let Some(oldest) = self.events.iter().position(|event| matches!(event, LinkEvent::Rtp { .. }))
        {
            self.events.remove(oldest);
            self.waiting_packets -= 1;
        }
        self.events.push_back(event);
    }

    /// Notes which source an m-section is received from.
    pub(crate) fn learn_source(&mut self, transceiver: usize, ssrc: u32) {
        let mid = self.pc.rtp_transceiver(transceiver).and_then(|transceiver| transceiver.mid().clone());
        for receiver in &mut self.receivers {
            if Some(&receiver.mid) == mid.as_ref() {
                if receiver.ssrc != Some(ssrc) {
                    receiver.log = Log::new(receiver.kind == MediaKind::Video);
                }
                receiver.ssrc = Some(ssrc);
            } else if receiver.ssrc == Some(ssrc) {
                receiver.ssrc = None;
            }
        }
    }

    /// Returns the local track that a source belongs to.
    pub(crate) fn sender_of(&mut self, ssrc: u32) -> Option<&mut Sender> {
        self.senders.iter_mut().find(|sender| sender.ssrc == ssrc || sender.rtx_ssrc == Some(ssrc))
    }

    /// Asks again for what is missing of received tracks.
    pub(crate) fn request_missing(&mut self) -> bool {
        let (now, round_trip) = (self.now, self.round_trip());
        let mut requests = Vec::new();
        for receiver in &mut self.receivers {
            if let Some(ssrc) = receiver.ssrc
                && receiver.log.next_due().is_some_and(|due| due <= now)
            {
                let missing = receiver.log.due(now, round_trip);
                receiver.counters.requested_again += missing.len() as u64;
                requests.push((ssrc, missing));
            }
        }
        let mut sent = false;
        for (media_ssrc, missing) in requests {
            if !missing.is_empty() {
                use rtc::rtcp::transport_feedbacks::transport_layer_nack as nack;
                let nacks = nack::nack_pairs_from_sequence_numbers(&missing);
                self.send_rtcp(Box::new(nack::TransportLayerNack {
                    sender_ssrc: self.ssrc,
                    media_ssrc,
                    nacks,
                }));
                sent = true;
            }
        }
        sent
    }

    /// Returns when something missing is to be asked for.
    pub(crate) fn next_request(&self) -> Option<Time> {
        self.receivers.iter().filter_map(|receiver| receiver.log.next_due()).min()
    }

    fn send_rtcp(&mut self, packet: Box<dyn rtc::rtcp::Packet>) {
        let message = RTCMessage::RtcpPacket(String::new(), vec![packet]);
        // The stack only queues.
        let _ = self.pc.handle_write(TaggedRTCMessage { now: self.config.instant(self.now), message });
    }

    /// Brings the senders up to what was agreed.
    pub(crate) fn update_senders(&mut self) {
        self.find_sender_mids();
        let mut ready = Vec::new();
        for sender in &mut self.senders {
            let agreed = sender.mid.as_deref().and_then(|mid| self.negotiation.agreed(mid));
            let format = agreed
                .filter(|agreed| agreed.flow.send && agreed.local_msid.as_ref() == Some(&sender.msid))
                .and_then(|agreed| {
                    let mut formats = agreed.formats.iter();
                    formats.find(|format| sender.only.is_none_or(|only| only == format.codec)).copied()
                });
            let codec = format.map(|format| format.codec);
            if sender.format.map(|format| format.codec) != codec {
                ready.push((sender.id, sender.kind, codec));
            }
            sender.format = format;
        }
        for (track, kind, codec) in ready {
            self.events.push_back(LinkEvent::SenderReady { track, codec });
            if codec.is_some() && kind == MediaKind::Video && self.state == LinkState::Connected {
                self.events.push_back(LinkEvent::KeyframeRequested { track });
            }
        }
    }

    /// Asks for a keyframe of everything that is sent: the other side starts with nothing.
    pub(crate) fn request_own_keyframes(&mut self) {
        for sender in &self.senders {
            if sender.kind == MediaKind::Video && sender.format.is_some() {
                self.events.push_back(LinkEvent::KeyframeRequested { track: sender.id });
            }
        }
    }

    /// Brings the receivers up to what was agreed: what is gone first, then what is new.
    pub(crate) fn update_receivers(&mut self) {
        let agreed = self.negotiation.all_agreed().to_vec();
        let lasting = |receiver: &Receiver| {
            agreed.iter().any(|agreed| {
                agreed.flow.recv
                    && agreed.mid == receiver.mid
                    && agreed.kind == receiver.kind
                    && agreed.remote_msid.as_ref().unwrap_or(&Msid::default()) == &receiver.msid
            })
        };
        let (lasting, ended): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.receivers).into_iter().partition(lasting);
        self.receivers = lasting;
        let removed = ended.iter().map(|receiver| LinkEvent::TrackRemoved { receiver: receiver.id });
        self.events.extend(removed);
        for agreed in agreed.into_iter().filter(|agreed| agreed.flow.recv) {
            if let Some(receiver) = self.receivers.iter_mut().find(|receiver| receiver.mid == agreed.mid) {
                receiver.formats = agreed.formats;
                continue;
            }
            let id = ReceiverId::new(self.next_id());
            let msid = agreed.remote_msid.unwrap_or_default();
            self.events.push_back(LinkEvent::TrackAdded {
                receiver: id,
                kind: agreed.kind,
                msid_stream: msid.stream.clone(),
                msid_track: msid.track.clone(),
                mid: agreed.mid.clone(),
            });
            self.receivers.push(Receiver {
                id,
                kind: agreed.kind,
                mid: agreed.mid,
                msid,
                formats: agreed.formats,
                ssrc: None,
                log: Log::new(agreed.kind == MediaKind::Video),
                counters: ReceiverCounters::default(),
            });
        }
    }

    /// Ends all receivers.
    pub(crate) fn end_receivers(&mut self) {
        for receiver in std::mem::take(&mut self.receivers) {
            self.events.push_back(LinkEvent::TrackRemoved { receiver: receiver.id });
        }
    }

    /// Learns anew which m-section each sender stands in.
    pub(crate) fn find_sender_mids(&mut self) {
        for sender in &mut self.senders {
            sender.mid = self.pc.rtp_transceiver(sender.transceiver).and_then(|t| t.mid().clone());
        }
    }

    /// Gives all senders to a new connection of the stack.
    pub(crate) fn readd_senders(&mut self) -> Result<(), LinkError> {
        let mut senders = std::mem::take(&mut self.senders);
        let result = senders.iter_mut().try_for_each(|sender| {
            sender.bound = None;
            self.attach(sender)
        });
        self.senders = senders;
        result
    }

    /// Gives a sender to the stack.
    ///
    /// The stack takes a track with one codec and would then offer no other; a new transceiver is told to
    /// offer all. It refuses codecs that the other side does not have, so the first that it takes is used.
    fn attach(&mut self, sender: &mut Sender) -> Result<(), LinkError> {
        let mut refused = LinkError::Stack("no codec for this kind of track".to_owned());
        for codec in codecs::wanted(sender.kind, &self.config.video_codecs) {
            match self.pc.add_track(sender.for_stack(codec)) {
                Ok(id) => {
                    sender.transceiver = id.into();
                    if let Some(mut transceiver) = self.pc.rtp_transceiver(sender.transceiver) {
                        sender.mid = transceiver.mid().clone();
                        if sender.mid.is_none() {
                            transceiver.set_codec_preferences(Vec::new()).map_err(LinkError::stack)?;
                        }
                    }
                    return Ok(());
                }
                Err(error) => refused = LinkError::stack(error),
            }
        }
        Err(refused)
    }

    /// Tells the stack which codec an m-section sends, before it sets its interceptors up for it.
    pub(crate) fn bind_sender(&mut self, mid: &str, codec: Codec) {
        self.find_sender_mids();
        let sender = self.senders.iter_mut().find(|s| s.mid.as_deref() == Some(mid) && s.bound.is_none());
        if let Some(sender) = sender
            && let Some(mut stack) = self.pc.rtp_sender(RTCRtpSenderId::from(sender.transceiver))
        {
            // The only refusal is another kind of media, which a sender never has.
            let _ = stack.replace_track(sender.for_stack(codec));
            sender.bound = Some(codec);
        }
    }
}

impl Sender {
    /// Returns what the stack knows of this track.
    fn for_stack(&self, codec: Codec) -> MediaStreamTrack {
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(self.ssrc),
                rtx: self.rtx_ssrc.map(|ssrc| RTCRtpRtxParameters { ssrc }),
                ..Default::default()
            },
            codec: codecs::parameters(codec).rtp_codec,
            ..Default::default()
        };
        MediaStreamTrack::new(
            self.msid.stream.clone(),
            self.msid.track.clone(),
            String::new(),
            codecs::stack_kind(self.kind),
            vec![encoding],
        )
    }
}
