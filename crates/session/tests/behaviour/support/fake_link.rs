//! A link without media: it negotiates m-sections as W3C WebRTC says and connects when the world says so.
//!
//! Its SDP has the lines that a session looks at, one line per m-section, and a number that ties an answer to its
//! offer, so that an answer to another offer is noticed.

use std::collections::{BTreeMap, VecDeque};

use protocol::peer::SdpKind;
use session::{LinkCommand, LinkEvent, LinkState, LocalTrack};
use units::{MediaKind, ReceiverId, TrackId};

#[derive(Debug, Clone, PartialEq)]
struct Section {
    kind: String,
    local: Option<TrackId>,
    told: Option<String>,
    remote: Option<String>,
}

#[derive(Debug)]
struct Pending {
    offer: String,
    sections: Vec<Section>,
}

#[derive(Debug)]
pub struct FakeLink {
    connection: u64,
    generation: u64,
    offers: u64,
    tracks: Vec<(LocalTrack, String)>,
    sections: Vec<Section>,
    pending: Option<Pending>,
    remote_ufrag: Option<String>,
    receivers: BTreeMap<usize, (ReceiverId, String)>,
    last_receiver: u64,
    need_said: bool,
    pub state: LinkState,
    pub events: VecDeque<LinkEvent>,
}

impl FakeLink {
    pub fn new(connection: u64) -> Self {
        Self {
            connection,
            generation: 0,
            offers: 0,
            tracks: Vec::new(),
            sections: Vec::new(),
            pending: None,
            remote_ufrag: None,
            receivers: BTreeMap::new(),
            last_receiver: 0,
            need_said: false,
            state: LinkState::New,
            events: VecDeque::new(),
        }
    }

    pub fn command(&mut self, command: LinkCommand) {
        match command {
            LinkCommand::Open { .. }
            | LinkCommand::Close
            | LinkCommand::AddCandidate(_)
            | LinkCommand::OpenChannel { .. }
            | LinkCommand::CloseChannel { .. }
            | LinkCommand::RefuseChannel { .. } => {}
            LinkCommand::AddTrack { track, msid, .. } => {
                self.tracks.push((track, msid));
                self.say_need();
            }
            LinkCommand::RemoveTrack { track } => {
                self.tracks.retain(|(known, _)| known.id != track);
                let pending = self.pending.iter_mut().flat_map(|pending| &mut pending.sections);
                for section in self.sections.iter_mut().chain(pending) {
                    section.local = section.local.filter(|local| *local != track);
                }
                self.say_need();
            }
            LinkCommand::CreateOffer { negotiation, ice_restart } => {
                let sdp = self.create_offer(ice_restart);
                self.described(negotiation, SdpKind::Offer, sdp);
            }
            LinkCommand::AcceptOffer { negotiation, sdp } => match self.accept_offer(&sdp) {
                Ok(answer) => {
                    self.described(negotiation, SdpKind::Answer, answer);
                    self.stable();
                }
                Err(reason) => self.events.push_back(LinkEvent::NegotiationFailed { negotiation, reason }),
            },
            LinkCommand::AcceptAnswer { negotiation, sdp } => match self.accept_answer(&sdp) {
                Ok(()) => {
                    self.events.push_back(LinkEvent::AnswerAccepted { negotiation });
                    self.stable();
                }
                Err(reason) => self.events.push_back(LinkEvent::NegotiationFailed { negotiation, reason }),
            },
        }
    }

    pub fn set_state(&mut self, state: LinkState) {
        if self.state != state {
            self.state = state;
            self.events.push_back(LinkEvent::StateChanged(state));
        }
    }

    /// Returns whether both ends took each other's latest description.
    pub fn matches(&self, other: &Self) -> bool {
        self.remote_ufrag.as_deref() == Some(&other.ufrag())
            && other.remote_ufrag.as_deref() == Some(&self.ufrag())
    }

    /// Returns whether this link took a description of the other.
    pub fn knows(&self, other: &Self) -> bool {
        self.remote_ufrag.as_ref().is_some_and(|ufrag| ufrag.starts_with(&format!("{}-", other.connection)))
    }

    pub fn is_stable(&self) -> bool {
        self.pending.is_none() && !self.needs()
    }

    fn ufrag(&self) -> String {
        format!("{}-{}", self.connection, self.generation)
    }

    fn described(&mut self, negotiation: u64, kind: SdpKind, sdp: String) {
        self.events.push_back(LinkEvent::LocalDescription { negotiation, kind, sdp });
    }

    fn create_offer(&mut self, ice_restart: bool) -> String {
        if ice_restart {
            self.generation += 1;
        }
        self.offers += 1;
        let mut sections = self.sections.clone();
        let free = self.tracks.iter().filter(|(track, _)| !attached(&self.sections, track.id));
        sections.extend(free.map(|(track, _)| Section {
            kind: track.kind.as_str().to_owned(),
            local: Some(track.id),
            told: None,
            remote: None,
        }));
        let offer = format!("{}/{}", self.connection, self.offers);
        let sdp = self.write(&format!("offer {offer}"), &mut sections);
        self.pending = Some(Pending { offer, sections });
        sdp
    }

    fn accept_offer(&mut self, sdp: &str) -> Result<String, String> {
        let offer = value(sdp, "x=offer ").ok_or("this is no offer")?.to_owned();
        let remote = media(sdp);
        if remote.len() < self.sections.len() {
            return Err("the m-sections do not match".to_owned());
        }
        self.pending = None;
        let mut sections = self.sections.clone();
        for (index, (kind, msid)) in remote.into_iter().enumerate() {
            if index == sections.len() {
                sections.push(Section { kind, local: None, told: None, remote: None });
            }
            sections[index].remote = msid;
        }
        for (track, _) in &self.tracks {
            if !attached(&sections, track.id) {
                let free = sections.iter_mut().find(|section| {
                    section.kind == track.kind.as_str() && section.local.is_none() && section.told.is_none()
                });
                if let Some(section) = free {
                    section.local = Some(track.id);
                }
            }
        }
        let answer = self.write(&format!("answer {offer}"), &mut sections);
        self.remote_described(sdp, sections);
        Ok(answer)
    }

    fn accept_answer(&mut self, sdp: &str) -> Result<(), String> {
        let answered = value(sdp, "x=answer ").ok_or("this is no answer")?;
        let pending = self.pending.take().ok_or("there is no offer to answer")?;
        if pending.offer != answered {
            self.pending = Some(pending);
            return Err("the answer is to another offer".to_owned());
        }
        let mut sections = pending.sections;
        for (section, (_, msid)) in sections.iter_mut().zip(media(sdp)) {
            section.remote = msid;
        }
        self.remote_described(sdp, sections);
        Ok(())
    }

    fn remote_described(&mut self, sdp: &str, sections: Vec<Section>) {
        self.sections = sections;
        self.remote_ufrag = value(sdp, "a=ice-ufrag:").map(str::to_owned);
        if matches!(self.state, LinkState::New | LinkState::Failed) {
            self.set_state(LinkState::Connecting);
        }
        for (index, section) in self.sections.iter().enumerate() {
            let known = self.receivers.get(&index).map(|(_, msid)| msid);
            if known == section.remote.as_ref() {
                continue;
            }
            if let Some((receiver, _)) = self.receivers.remove(&index) {
                self.events.push_back(LinkEvent::TrackRemoved { receiver });
            }
            if let Some(msid) = &section.remote {
                self.last_receiver += 1;
                let receiver = ReceiverId::new(self.last_receiver);
                self.receivers.insert(index, (receiver, msid.clone()));
                let (stream, track) = msid.split_once(' ').expect("an msid has two parts");
                self.events.push_back(LinkEvent::TrackAdded {
                    receiver,
                    kind: if section.kind == "audio" { MediaKind::Audio } else { MediaKind::Video },
                    msid_stream: stream.to_owned(),
                    msid_track: track.to_owned(),
                });
            }
        }
    }

    fn stable(&mut self) {
        self.need_said = false;
        self.say_need();
    }

    fn say_need(&mut self) {
        if self.pending.is_none() && !self.need_said && self.needs() {
            self.need_said = true;
            self.events.push_back(LinkEvent::NegotiationNeeded);
        }
    }

    fn needs(&self) -> bool {
        self.tracks.iter().any(|(track, _)| !attached(&self.sections, track.id))
            || self.sections.iter().any(|section| section.told != self.msid(section.local))
    }

    fn msid(&self, track: Option<TrackId>) -> Option<String> {
        let (track, msid) = self.tracks.iter().find(|(known, _)| Some(known.id) == track)?;
        Some(format!("{msid} {}", track.msid_track))
    }

    fn write(&self, role: &str, sections: &mut [Section]) -> String {
        let (connection, ufrag) = (self.connection, self.ufrag());
        let mut sdp = format!(
            "v=0\r\no=- {connection} 1 IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\n\
             a=fingerprint:sha-256 shared\r\nx={role}\r\n"
        );
        for section in sections {
            section.told = self.msid(section.local);
            sdp.push_str(&format!("m={} {}\r\n", section.kind, section.told.as_deref().unwrap_or("-")));
        }
        sdp
    }
}

fn attached(sections: &[Section], track: TrackId) -> bool {
    sections.iter().any(|section| section.local == Some(track))
}

fn value<'a>(sdp: &'a str, prefix: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| line.strip_prefix(prefix))
}

fn media(sdp: &str) -> Vec<(String, Option<String>)> {
    sdp.lines()
        .filter_map(|line| line.strip_prefix("m=")?.split_once(' '))
        .map(|(kind, msid)| (kind.to_owned(), (msid != "-").then(|| msid.to_owned())))
        .collect()
}
