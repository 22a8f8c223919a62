//! Offers and answers.
//!
//! Inputs: commands of the owner (offer, take an offer, take an answer) and changes of tracks and channels.
//! Outputs: descriptions, [`LinkEvent::NegotiationNeeded`], and what follows from an agreement (tracks, codecs,
//! candidates). States: stable (no offer open) and offering (ours is open); taking an offer answers it at once,
//! so there is no third. An offer of the other side while offering rolls ours back (W3C perfect negotiation);
//! whether to take it is the owner's decision.

use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp_transceiver::RTCRtpTransceiverDirection;
use units::{MediaKind, Time};

use crate::description::{Description, Direction, Format, Msid, SectionKind, Setup};
use crate::error::LinkError;
use crate::event::LinkEvent;
use crate::link::Link;
use crate::stack::MAX_MESSAGE;
use crate::translation::{Additions, DataPlace, Remote, data_mid, for_stack, outgoing};

/// What both sides said about an m-section.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    pub(crate) mid: String,
    pub(crate) kind: MediaKind,
    /// Whether we may send, and whether the other side does.
    pub(crate) flow: Direction,
    pub(crate) local_msid: Option<Msid>,
    pub(crate) remote_msid: Option<Msid>,
    /// Codecs in the answer's order.
    pub(crate) formats: Vec<Format>,
}

/// Where negotiation stands.
#[derive(Debug, Default)]
pub(crate) struct Negotiation {
    /// Our open offer as the other side got it.
    offer: Option<Description>,
    offer_restarts: bool,
    local: Option<Description>,
    remote: Option<Description>,
    agreed: Vec<Agreed>,
    /// An ICE restart was offered and rolled back.
    restart_wanted: bool,
    /// The owner was told that an offer is needed.
    announced: bool,
    /// Our part in the DTLS handshake, once it is settled.
    setup: Option<Setup>,
}

impl Negotiation {
    /// Returns the ICE user name fragment of the remote description in force.
    pub(crate) fn remote_ufrag(&self) -> Option<&str> {
        self.remote.as_ref().map(|description| description.ufrag.as_str())
    }

    /// Returns our newest description.
    pub(crate) fn latest_local(&self) -> Option<&Description> {
        self.offer.as_ref().or(self.local.as_ref())
    }

    /// Returns what was agreed on an m-section.
    pub(crate) fn agreed(&self, mid: &str) -> Option<&Agreed> {
        self.agreed.iter().find(|agreed| agreed.mid == mid)
    }

    /// Returns the largest message that the other side takes and the stack sends.
    pub(crate) fn max_message(&self) -> u64 {
        let data = self.remote.as_ref().and_then(Description::data);
        data.map_or(u64::MAX, |(_, section)| section.max_message).min(MAX_MESSAGE.into())
    }

    /// Returns what was agreed on all media sections.
    pub(crate) fn all_agreed(&self) -> &[Agreed] {
        &self.agreed
    }

    /// Returns whether the other side begins the DTLS handshake.
    pub(crate) fn is_dtls_server(&self) -> bool {
        self.setup == Some(Setup::Passive)
    }

    /// Returns whether a remote description comes from another connection than the one in force.
    ///
    /// Another certificate says so; where an engine shares its certificate among links, another transport
    /// under another session id does. The session id alone does not: some peers write a new one every time.
    fn is_foreign(&self, description: &Description) -> bool {
        self.remote.as_ref().is_some_and(|current| {
            current.fingerprint != description.fingerprint
                || (current.ufrag != description.ufrag && current.session_id != description.session_id)
        })
    }
}

impl Link {
    /// Makes an offer of everything that was added, and sets it as the local description.
    ///
    /// An offer that is still open is replaced. `ice_restart` asks for fresh ICE credentials; media stops
    /// until the answer. A restart whose offer is rolled back is repeated in the next one.
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::NothingToOffer`]; [`LinkError::Stack`].
    pub fn create_offer(&mut self, now: Time, ice_restart: bool) -> Result<String, LinkError> {
        self.ensure_open()?;
        self.observe(now);
        let first = self.negotiation.remote.is_none();
        if first && self.senders.is_empty() && !self.has_channels() {
            return Err(LinkError::NothingToOffer);
        }
        let restart = !first && (ice_restart || self.negotiation.restart_wanted);
        for transceiver in self.transceivers() {
            let send = self.transceiver_sends(transceiver);
            self.set_direction(transceiver, Direction { send, recv: true });
        }
        let instant = self.config.instant(now);
        let offer =
            self.pc.create_offer(Some(RTCOfferOptions { ice_restart: restart })).map_err(LinkError::stack)?;
        self.pc.set_local_description(instant, offer.clone()).map_err(LinkError::stack)?;
        if restart {
            self.restore_local_candidates()?;
        }
        let additions = Additions {
            candidates: &self.candidates.attributes(),
            end_of_candidates: self.candidates.local_ended(),
            answered: None,
            data: self.data_place(),
            setup: Setup::Either,
        };
        let sdp = outgoing(&offer.sdp, &additions)?;
        let description = Description::parse(&sdp, &self.config.video_codecs)?;
        self.take_ufrag(&description.ufrag);
        let negotiation = &mut self.negotiation;
        negotiation.offer = Some(description);
        negotiation.offer_restarts |= restart;
        negotiation.announced = false;
        self.pump();
        Ok(sdp)
    }

    /// Takes an offer of the other side and returns the answer, which is already the local description.
    ///
    /// An open offer of ours is rolled back first. An offer that comes from a rebuilt connection of the other
    /// side makes this link start over on a connection of its own: tracks stay added, remote tracks and
    /// channels end.
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::Description`] when the offer cannot be used, with the state of the
    /// link as before but for the roll-back; [`LinkError::Stack`].
    pub fn accept_offer(&mut self, now: Time, sdp: &str) -> Result<String, LinkError> {
        self.ensure_open()?;
        self.observe(now);
        let offer = Description::parse(sdp, &self.config.video_codecs)?;
        if self.negotiation.is_foreign(&offer) {
            self.start_over()?;
        } else if self.negotiation.offer.is_some() {
            self.roll_back()?;
        }
        match self.answer(&offer) {
            Ok((sdp, answer)) => {
                self.agree(answer, offer, true);
                Ok(sdp)
            }
            Err(error) => {
                self.forget_offer()?;
                self.check_negotiation();
                self.pump();
                Err(error)
            }
        }
    }

    /// Takes the answer to our open offer.
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::UnexpectedAnswer`]; [`LinkError::RemoteRebuilt`] and
    /// [`LinkError::Description`] leave the offer open; [`LinkError::Stack`].
    pub fn accept_answer(&mut self, now: Time, sdp: &str) -> Result<(), LinkError> {
        self.ensure_open()?;
        self.observe(now);
        let offer = self.negotiation.offer.as_ref().ok_or(LinkError::UnexpectedAnswer)?;
        let answer = Description::parse(sdp, &self.config.video_codecs)?;
        let fits = offer.sections.len() == answer.sections.len()
            && offer.sections.iter().zip(&answer.sections).all(|(o, a)| o.mid == a.mid && o.kind == a.kind);
        if !fits {
            return Err(LinkError::Description("an answer to another offer".to_owned()));
        }
        if self.negotiation.is_foreign(&answer) {
            return Err(LinkError::RemoteRebuilt);
        }
        for section in &answer.sections {
            if let Some(described) = section.described.first() {
                self.bind_sender(&section.mid, described.format.codec);
            }
        }
        let offered = self.pc.pending_local_description();
        let data = offered.as_ref().and_then(|offer| data_mid(&offer.sdp));
        let copy = for_stack(&answer, &self.config.video_codecs, &Remote::Answer { data });
        let description = RTCSessionDescription::answer(copy).map_err(LinkError::stack)?;
        let applied = self.pc.set_remote_description(self.config.instant(now), description);
        // Once the offer is no longer pending, the stack takes the answer for applied, even where it stumbled
        // over a part of it.
        if self.pc.pending_local_description().is_none()
            && let Some(offer) = self.negotiation.offer.take()
        {
            self.agree(offer, answer, false);
        }
        applied.map_err(LinkError::stack)
    }

    /// Returns whether something was added or removed that the other side does not know of.
    ///
    /// Derived from the descriptions in force, so it holds after a roll-back, too.
    pub fn needs_negotiation(&self) -> bool {
        let negotiation = &self.negotiation;
        let Some(local) = &negotiation.local else {
            return !self.senders.is_empty() || self.has_channels();
        };
        let unsent = self.senders.iter().any(|sender| {
            !local.sections.iter().any(|section| {
                section.msid.as_ref() == Some(&sender.msid)
                    && (section.direction.send || section.unusable)
                    && sender.mid.as_deref() == Some(section.mid.as_str())
            })
        });
        let stale = local.sections.iter().any(|section| {
            section.direction.send
                && matches!(section.kind, SectionKind::Media(_))
                && !self.senders.iter().any(|sender| sender.mid.as_deref() == Some(section.mid.as_str()))
        });
        unsent || stale || (self.has_channels() && local.data().is_none()) || negotiation.restart_wanted
    }

    /// Tells the owner once that an offer is needed.
    pub(crate) fn check_negotiation(&mut self) {
        if !self.closed
            && self.negotiation.offer.is_none()
            && !self.negotiation.announced
            && self.needs_negotiation()
        {
            self.negotiation.announced = true;
            self.events.push_back(LinkEvent::NegotiationNeeded);
        }
    }

    /// Applies an offer and answers it in the stack.
    fn answer(&mut self, offer: &Description) -> Result<(String, Description), LinkError> {
        let known = self.known_mids();
        let known = |mid: &str| known.iter().any(|(known, _)| known == mid);
        let copy = for_stack(offer, &self.config.video_codecs, &Remote::Offer { known: &known });
        let description = RTCSessionDescription::offer(copy).map_err(LinkError::stack)?;
        let instant = self.config.instant(self.now);
        self.pc
            .set_remote_description(instant, description)
            .map_err(|error| LinkError::Description(error.to_string()))?;
        self.restore_local_candidates()?;
        for (mid, transceiver) in self.known_mids() {
            if let Some(section) = offer.section(&mid) {
                let send = self.transceiver_sends(transceiver) && section.direction.recv;
                self.set_direction(transceiver, Direction { send, recv: section.direction.send });
            }
        }
        let answer = self.pc.create_answer(None).map_err(LinkError::stack)?;
        let additions = Additions {
            candidates: &self.candidates.attributes(),
            end_of_candidates: self.candidates.local_ended(),
            answered: Some(offer),
            data: if offer.data().is_some() { DataPlace::AsIs } else { DataPlace::Nowhere },
            setup: self.negotiation.setup.unwrap_or(offer.setup.counterpart()),
        };
        let sdp = outgoing(&answer.sdp, &additions)?;
        let parsed = Description::parse(&sdp, &self.config.video_codecs)?;
        for section in &parsed.sections {
            if let Some(described) = section.described.first() {
                self.bind_sender(&section.mid, described.format.codec);
            }
        }
        self.pc.set_local_description(instant, answer).map_err(LinkError::stack)?;
        Ok((sdp, parsed))
    }

    /// Takes up what two descriptions that are both in force now agree on.
    fn agree(&mut self, local: Description, remote: Description, answered: bool) {
        let agreed = local
            .sections
            .iter()
            .zip(&remote.sections)
            .filter_map(|(ours, theirs)| {
                let SectionKind::Media(kind) = ours.kind else { return None };
                let usable = !ours.unusable && !theirs.unusable;
                Some(Agreed {
                    mid: ours.mid.clone(),
                    kind,
                    flow: Direction {
                        send: usable && ours.direction.send && theirs.direction.recv,
                        recv: usable && ours.direction.recv && theirs.direction.send,
                    },
                    local_msid: ours.msid.clone(),
                    remote_msid: theirs.msid.clone(),
                    formats: if answered { ours.formats() } else { theirs.formats() },
                })
            })
            .collect();
        if local
            .data()
            .zip(remote.data())
            .is_some_and(|((_, ours), (_, theirs))| ours.unusable || theirs.unusable)
        {
            self.end_all_channels();
        }
        let negotiation = &mut self.negotiation;
        let setup = if answered { local.setup } else { remote.setup.counterpart() };
        negotiation.setup.get_or_insert(setup);
        let same_transport = negotiation.remote_ufrag() == Some(remote.ufrag.as_str());
        let described = remote.candidates.clone();
        let ufrag = local.ufrag.clone();
        // Rolled back, a restart has only happened on our side, and the other one would not nominate a path
        // again: it must be offered anew, unless the other side restarted as well.
        negotiation.restart_wanted &= answered && same_transport;
        negotiation.offer = None;
        negotiation.offer_restarts = false;
        negotiation.announced = false;
        negotiation.agreed = agreed;
        negotiation.local = Some(local);
        negotiation.remote = Some(remote);
        self.take_ufrag(&ufrag);
        self.take_described_candidates(same_transport, &described);
        self.pace.hurry(self.now);
        self.update_senders();
        self.update_receivers();
        self.check_negotiation();
        self.pump();
    }

    /// Undoes what the stack took of an offer that could not be answered.
    ///
    /// It can roll an offer back, but not the transports that the first one started.
    fn forget_offer(&mut self) -> Result<(), LinkError> {
        if self.negotiation.remote.is_none() {
            return self.start_over();
        }
        let rollback = RTCSessionDescription::rollback(None).map_err(LinkError::stack)?;
        // Where the stack refused the offer as a whole there is nothing to roll back, and it says so.
        let _ = self.pc.set_remote_description(self.config.instant(self.now), rollback);
        self.find_sender_mids();
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), LinkError> {
        let rollback = RTCSessionDescription::rollback(None).map_err(LinkError::stack)?;
        self.pc.set_local_description(self.config.instant(self.now), rollback).map_err(LinkError::stack)?;
        let negotiation = &mut self.negotiation;
        negotiation.restart_wanted |= negotiation.offer_restarts;
        negotiation.offer = None;
        negotiation.offer_restarts = false;
        self.find_sender_mids();
        Ok(())
    }

    /// Replaces the stack's connection by a new one that has the same tracks and candidates.
    fn start_over(&mut self) -> Result<(), LinkError> {
        self.negotiation = Negotiation::default();
        self.renew_connection()?;
        self.end_receivers();
        self.end_asked_channels();
        self.readd_senders()?;
        self.restore_local_candidates()
    }

    /// Returns the transceivers that belong to an m-section.
    pub(crate) fn known_mids(&mut self) -> Vec<(String, usize)> {
        let transceivers = self.transceivers();
        let mid = |transceiver| Some((self.pc.rtp_transceiver(transceiver)?.mid().clone()?, transceiver));
        transceivers.into_iter().filter_map(mid).collect()
    }

    fn transceivers(&self) -> Vec<usize> {
        self.pc.get_transceivers().collect()
    }

    fn transceiver_sends(&mut self, transceiver: usize) -> bool {
        self.pc.rtp_transceiver(transceiver).is_some_and(|transceiver| transceiver.sender().is_some())
    }

    fn set_direction(&mut self, transceiver: usize, direction: Direction) {
        let direction = match (direction.send, direction.recv) {
            (true, true) => RTCRtpTransceiverDirection::Sendrecv,
            (true, false) => RTCRtpTransceiverDirection::Sendonly,
            (false, true) => RTCRtpTransceiverDirection::Recvonly,
            (false, false) => RTCRtpTransceiverDirection::Inactive,
        };
        if let Some(mut transceiver) = self.pc.rtp_transceiver(transceiver) {
            transceiver.set_direction(direction);
        }
    }

    /// Returns where an offer shows the data section.
    fn data_place(&mut self) -> DataPlace {
        if let Some((position, section)) = self.negotiation.remote.as_ref().and_then(Description::data) {
            return DataPlace::At(position, section.mid.clone());
        }
        if !self.has_channels() {
            return DataPlace::Nowhere;
        }
        // A number, as browsers give: when they take back an offer with a data section for one that names it otherwise,
        // Chromium cannot start SCTP any more.
        let taken = self.known_mids();
        let mut number = taken.len();
        while taken.iter().any(|(known, _)| *known == number.to_string()) {
            number += 1;
        }
        DataPlace::At(usize::MAX, number.to_string())
    }
}
