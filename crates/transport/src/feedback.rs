//! What the other side reports about what we send, taken from the RTCP that passes through the stack.
//!
//! The stack's own path for RTCP to its user drops a compound packet whose first report names nobody, so the
//! link taps the chain of interceptors next to the wire instead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// Most reports that wait for the link. Past it reports are lost; all of them are repeated by who sends them.
const MAX_WAITING: usize = 512;

/// One thing that the other side reported about a source of ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Feedback {
    /// It needs a keyframe (RFC 4585 section 6.3.1, RFC 5104 section 4.3.1).
    KeyframeRequest { ssrc: u32 },
    /// It asked for lost packets again (RFC 4585 section 6.2.1).
    Nack { ssrc: u32, packets: u32 },
    /// How it receives (RFC 3550 section 6.4.1): `fraction_lost` in 1/256, `jitter` in the codec's clock.
    Reception { ssrc: u32, fraction_lost: u8, total_lost: u32, jitter: u32 },
}

/// The reports that wait for the link; shared with the tap inside the stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<VecDeque<Feedback>>>);

impl Waiting {
    /// Takes the oldest report.
    pub(crate) fn pop(&self) -> Option<Feedback> {
        self.lock().pop_front()
    }

    fn push(&self, feedback: Feedback) {
        let mut waiting = self.lock();
        if waiting.len() < MAX_WAITING {
            waiting.push_back(feedback);
        }
    }

    /// A queue of plain values is whole after every push and pop, so a poisoned lock is as good as another.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Feedback>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The interceptor: passes everything on and copies out what the link wants.
pub(crate) struct Tap {
    waiting: Waiting,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl Tap {
    /// Makes a tap that fills a queue.
    pub(crate) fn new(waiting: Waiting) -> Self {
        Self { waiting, read: VecDeque::new(), written: VecDeque::new() }
    }

    fn report(&self, reports: &[ReceptionReport]) {
        for report in reports {
            self.waiting.push(Feedback::Reception {
                ssrc: report.ssrc,
                fraction_lost: report.fraction_lost,
                total_lost: report.total_lost,
                jitter: report.jitter,
            });
        }
    }

    fn look_at(&self, packet: &dyn rtc::rtcp::Packet) {
        let packet = packet.as_any();
        if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
            self.waiting.push(Feedback::KeyframeRequest { ssrc: pli.media_ssrc });
        } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
            for entry in &fir.fir {
                self.waiting.push(Feedback::KeyframeRequest { ssrc: entry.ssrc });
            }
        } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
            let packets = nack.nacks.iter().map(|pair| 1 + pair.lost_packets.count_ones()).sum();
            self.waiting.push(Feedback::Nack { ssrc: nack.media_ssrc, packets });
        } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
            self.report(&report.reports);
        } else if let Some(report) = packet.downcast_ref::<SenderReport>() {
            self.report(&report.reports);
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &message.message.packet {
            for packet in packets {
                self.look_at(packet.as_ref());
            }
        }
        self.read.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.written.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.written.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}

    fn bind_remote_stream(&mut self, _: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
