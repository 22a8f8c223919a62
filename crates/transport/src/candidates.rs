//! Candidates of both sides.
//!
//! The link keeps its own list of local candidates: the stack forgets its when ICE fails, and it must not see
//! reflexive ones at all, because a check from one is the same datagram as a check from its base (RFC 8445
//! section 6.1.2.4). Remote candidates are parsed here and handed on rewritten, so that the stack never sees
//! foreign text. Those that come before their description wait.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rtc::peer_connection::transport::RTCIceCandidateInit;
use units::Time;

use crate::description::is_name;
use crate::error::LinkError;
use crate::event::{IceCandidate, LinkEvent, ResolveToken};
use crate::link::Link;

/// Longest candidate attribute that is looked at, in characters.
pub const MAX_CANDIDATE_LENGTH: usize = 1_000;
/// Most remote candidates of one negotiation, those that wait for their description included. Further ones
/// are refused.
pub const MAX_REMOTE_CANDIDATES: usize = 200;
/// Most local candidates; further ones are refused.
pub const MAX_LOCAL_CANDIDATES: usize = 64;

/// A local candidate, found by whoever owns the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalCandidate {
    /// A socket of ours.
    Host {
        /// Its address.
        addr: SocketAddr,
    },
    /// What a STUN server saw of a socket of ours.
    ServerReflexive {
        /// The address that the server saw.
        addr: SocketAddr,
        /// The socket.
        base: SocketAddr,
    },
    /// An allocation on a TURN server. Datagrams to and from it name `addr` as their local end.
    Relayed {
        /// The relay's address.
        addr: SocketAddr,
        /// The socket that talks to the server.
        base: SocketAddr,
    },
}

/// What kind of address one end of a path has (RFC 8445 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CandidateKind {
    /// A socket of that side itself.
    Host,
    /// A NAT's address for it, found by a STUN server.
    ServerReflexive,
    /// A NAT's address for it, found by a connectivity check.
    PeerReflexive,
    /// A TURN server's address.
    Relayed,
}

impl CandidateKind {
    const WORDS: [(&'static str, Self); 4] = [
        ("host", Self::Host),
        ("srflx", Self::ServerReflexive),
        ("prflx", Self::PeerReflexive),
        ("relay", Self::Relayed),
    ];

    fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|&(_, kind)| kind)
    }

    /// Returns the word that candidate attributes use: `host`, `srflx`, `prflx` or `relay`.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|&&(_, kind)| kind == self).map_or("host", |&(word, _)| word)
    }

    /// Type preferences of RFC 8445 section 5.1.2.2.
    fn preference(self) -> u32 {
        match self {
            Self::Host => 126,
            Self::PeerReflexive => 110,
            Self::ServerReflexive => 100,
            Self::Relayed => 0,
        }
    }
}

impl LocalCandidate {
    fn kind(&self) -> CandidateKind {
        match self {
            Self::Host { .. } => CandidateKind::Host,
            Self::ServerReflexive { .. } => CandidateKind::ServerReflexive,
            Self::Relayed { .. } => CandidateKind::Relayed,
        }
    }

    fn addr(&self) -> SocketAddr {
        match *self {
            Self::Host { addr } | Self::ServerReflexive { addr, .. } | Self::Relayed { addr, .. } => addr,
        }
    }

    fn base(&self) -> SocketAddr {
        match *self {
            Self::Host { addr } => addr,
            Self::ServerReflexive { base, .. } | Self::Relayed { base, .. } => base,
        }
    }

    /// Writes the attribute; `position` among all local candidates makes the priority unique.
    ///
    /// The related address is hidden (RFC 8839 section 5.1 allows it): it is of no use to the other side.
    fn attribute(&self, foundation: usize, position: usize) -> String {
        let (kind, addr) = (self.kind(), self.addr());
        let local_preference = u32::from(u16::MAX) - position as u32;
        let priority = (kind.preference() << 24) + (local_preference << 8) + 255;
        let (ip, port) = (addr.ip(), addr.port());
        let mut text = format!("candidate:{foundation} 1 udp {priority} {ip} {port} typ {}", kind.as_str());
        if kind != CandidateKind::Host {
            let hidden: IpAddr =
                if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            // Writing to a string cannot fail.
            let _ = write!(text, " raddr {hidden} rport 0");
        }
        text
    }
}

/// Where a remote candidate points.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

/// A remote candidate that we can use.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RemoteCandidate {
    foundation: String,
    priority: u32,
    host: Host,
    port: u16,
    kind: CandidateKind,
    ufrag: Option<String>,
}

impl RemoteCandidate {
    /// Parses an attribute (RFC 8839 section 5.1). Nothing when it is fine but not for us: another component
    /// or transport.
    fn parse(text: &str) -> Result<Option<Self>, LinkError> {
        let text = text.strip_prefix("a=").unwrap_or(text);
        let text = text.strip_prefix("candidate:").unwrap_or(text);
        let mut words = text.split_ascii_whitespace();
        let mut next = || words.next().ok_or(LinkError::Candidate("too short"));
        let (foundation, component, transport) = (next()?, next()?, next()?);
        let (priority, host, port) = (next()?, next()?, next()?);
        if next()? != "typ" {
            return Err(LinkError::Candidate("no type"));
        }
        let kind = CandidateKind::parse(next()?).ok_or(LinkError::Candidate("unknown type"))?;
        let foundation_is_fine = foundation.len() <= 32 && foundation.bytes().all(|b| b.is_ascii_graphic());
        if !foundation_is_fine {
            return Err(LinkError::Candidate("unreadable foundation"));
        }
        let component: u16 = component.parse().map_err(|_| LinkError::Candidate("unreadable component"))?;
        let priority: u32 = priority.parse().map_err(|_| LinkError::Candidate("unreadable priority"))?;
        let port: u16 = port.parse().map_err(|_| LinkError::Candidate("unreadable port"))?;
        if component != 1 || !transport.eq_ignore_ascii_case("udp") {
            return Ok(None);
        }
        let host = match host.parse() {
            Ok(ip) => Host::Ip(ip),
            Err(_) if is_multicast_dns_name(host) => Host::Name(host.to_owned()),
            Err(_) => return Err(LinkError::Candidate("neither an address nor a .local name")),
        };
        let unreachable = match &host {
            Host::Ip(IpAddr::V4(ip)) => ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
            Host::Ip(IpAddr::V6(ip)) => ip.is_unspecified() || ip.is_multicast(),
            Host::Name(_) => false,
        };
        if unreachable || port == 0 {
            return Err(LinkError::Candidate("an address that no datagram can go to"));
        }
        let mut ufrag = None;
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            if key == "ufrag" && is_name(value) {
                ufrag = Some(value.to_owned());
            }
        }
        Ok(Some(Self { foundation: foundation.to_owned(), priority, host, port, kind, ufrag }))
    }

    /// Writes what the stack gets.
    fn for_stack(&self, ip: IpAddr) -> RTCIceCandidateInit {
        let Self { foundation, priority, port, kind, .. } = self;
        let candidate = format!("candidate:{foundation} 1 udp {priority} {ip} {port} typ {}", kind.as_str());
        RTCIceCandidateInit { candidate, ..Default::default() }
    }
}

fn is_multicast_dns_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.strip_suffix(".local").is_some_and(label)
}

/// The candidates of a link.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    local: Vec<(LocalCandidate, String)>,
    local_ended: bool,
    /// Of the remote description in force.
    remote: Vec<RemoteCandidate>,
    /// Of a remote description that has not come yet.
    waiting: VecDeque<RemoteCandidate>,
    /// Of the remote description in force, their names being looked up.
    unresolved: BTreeMap<ResolveToken, RemoteCandidate>,
    next_token: u32,
}

impl Candidates {
    /// Returns the attributes of our candidates, for a description.
    pub(crate) fn attributes(&self) -> Vec<String> {
        self.local.iter().map(|(_, attribute)| attribute.clone()).collect()
    }

    fn remote_count(&self) -> usize {
        self.remote.len() + self.waiting.len() + self.unresolved.len()
    }

    /// Returns whether all local candidates are known.
    pub(crate) fn local_ended(&self) -> bool {
        self.local_ended
    }

    /// Returns what kind of local end a datagram from this address has.
    pub(crate) fn local_kind(&self, addr: SocketAddr) -> Option<CandidateKind> {
        self.local
            .iter()
            .find(|(candidate, _)| candidate.addr() == addr)
            .map(|(candidate, _)| candidate.kind())
    }

    /// Returns what kind of remote end this address is.
    pub(crate) fn remote_kind(&self, addr: SocketAddr) -> CandidateKind {
        self.remote
            .iter()
            .find(|candidate| candidate.host == Host::Ip(addr.ip()) && candidate.port == addr.port())
            .map_or(CandidateKind::PeerReflexive, |candidate| candidate.kind)
    }
}

impl Link {
    /// Adds a local candidate. Once a local description exists it is also signalled with
    /// [`LinkEvent::LocalCandidate`]; before that, the description will carry it.
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::TooManyCandidates`]; [`LinkError::Stack`] when the stack refuses
    /// the address.
    pub fn add_local_candidate(&mut self, candidate: LocalCandidate) -> Result<(), LinkError> {
        self.ensure_open()?;
        let candidates = &mut self.candidates;
        if candidates.local.iter().any(|(known, _)| *known == candidate) {
            return Ok(());
        }
        if candidates.local.len() >= MAX_LOCAL_CANDIDATES {
            return Err(LinkError::TooManyCandidates);
        }
        let foundation_of =
            |candidate: &LocalCandidate| (candidate.kind().preference(), candidate.base().ip());
        let position = candidates.local.len();
        let foundation = candidates
            .local
            .iter()
            .position(|(known, _)| foundation_of(known) == foundation_of(&candidate))
            .unwrap_or(position)
            + 1;
        let attribute = candidate.attribute(foundation, position);
        self.candidates.local.push((candidate, attribute.clone()));
        self.give_local_candidate(candidate, &attribute)?;
        if let Some(signalled) = self.signalled(attribute) {
            self.events.push_back(LinkEvent::LocalCandidate(Some(signalled)));
        }
        self.pace.hurry(self.now);
        self.pump();
        Ok(())
    }

    /// Takes back all candidates of a socket that is closed. When the path in use began there, the link is
    /// [`LinkState::Disconnected`](crate::LinkState::Disconnected) at once; an ICE restart looks for a path
    /// from the sockets that are left.
    pub fn remove_local_address(&mut self, now: Time, base: SocketAddr) {
        if self.closed {
            return;
        }
        self.observe(now);
        let closed = self.candidates.local.extract_if(.., |(candidate, _)| candidate.base() == base);
        let ends: Vec<_> = closed.map(|(candidate, _)| candidate.addr()).collect();
        ends.into_iter().chain([base]).for_each(|end| self.lose_path_from(end));
    }

    /// Says that there will be no more local candidates.
    pub fn end_of_local_candidates(&mut self) {
        if !self.closed && !self.candidates.local_ended {
            self.candidates.local_ended = true;
            if self.signalled(String::new()).is_some() {
                self.events.push_back(LinkEvent::LocalCandidate(None));
            }
        }
    }

    /// Adds a candidate of the other side. An empty text is its end-of-candidates mark.
    ///
    /// A candidate of a description that has not come yet waits for it; one of an older description is
    /// dropped when the next one is applied. A candidate with a multicast DNS name comes back as
    /// [`LinkEvent::ResolveName`]. Candidates for other transports than UDP are accepted and not used. `mid`
    /// and `mline` say nothing that matters here: all sections share one transport.
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::Candidate`] when it is malformed or too long;
    /// [`LinkError::TooManyCandidates`].
    pub fn add_remote_candidate(
        &mut self,
        candidate: &str,
        _mid: Option<&str>,
        _mline: Option<u16>,
        ufrag: Option<&str>,
    ) -> Result<(), LinkError> {
        self.ensure_open()?;
        if candidate.len() > MAX_CANDIDATE_LENGTH {
            return Err(LinkError::Candidate("too long"));
        }
        let text = candidate.strip_prefix("a=").unwrap_or(candidate).trim();
        if text.is_empty() || text == "candidate:" || text == "end-of-candidates" {
            return Ok(());
        }
        let Some(mut candidate) = RemoteCandidate::parse(text)? else { return Ok(()) };
        if let Some(ufrag) = ufrag.filter(|ufrag| is_name(ufrag)) {
            candidate.ufrag = Some(ufrag.to_owned());
        }
        if self.candidates.remote_count() >= MAX_REMOTE_CANDIDATES {
            return Err(LinkError::TooManyCandidates);
        }
        let current = self.negotiation.remote_ufrag();
        if current.is_none() || (candidate.ufrag.is_some() && candidate.ufrag.as_deref() != current) {
            self.candidates.waiting.push_back(candidate);
            return Ok(());
        }
        self.take_remote_candidate(candidate)?;
        self.pump();
        Ok(())
    }

    /// Gives the address of a name from [`LinkEvent::ResolveName`].
    ///
    /// # Errors
    ///
    /// [`LinkError::Closed`]; [`LinkError::Stack`] when the stack refuses the candidate. A token that is not
    /// waited for any more is fine.
    pub fn resolved(&mut self, token: ResolveToken, ip: IpAddr) -> Result<(), LinkError> {
        self.ensure_open()?;
        if let Some(mut candidate) = self.candidates.unresolved.remove(&token) {
            candidate.host = Host::Ip(ip);
            self.give_remote_candidate(&candidate)?;
            self.candidates.remote.push(candidate);
            self.pump();
        }
        Ok(())
    }

    /// Gives the stack all local candidates that it does not have.
    pub(crate) fn restore_local_candidates(&mut self) -> Result<(), LinkError> {
        for (candidate, attribute) in self.candidates.local.clone() {
            self.give_local_candidate(candidate, &attribute)?;
        }
        Ok(())
    }

    /// Takes up the candidates of a remote description that was just applied.
    ///
    /// What the description itself lists comes first, then what waited for it. When its transport is the same
    /// as before, the stack is given the earlier ones again: it forgets them when ICE restarts on our side.
    pub(crate) fn take_described_candidates(&mut self, same_transport: bool, described: &[String]) {
        if !same_transport {
            self.candidates.remote.clear();
            self.candidates.unresolved.clear();
        }
        for candidate in self.candidates.remote.clone() {
            // Refused by the stack now means refused then.
            let _ = self.give_remote_candidate(&candidate);
        }
        let current = self.negotiation.remote_ufrag().map(str::to_owned);
        let waiting = std::mem::take(&mut self.candidates.waiting);
        let described = described
            .iter()
            .filter(|text| text.len() <= MAX_CANDIDATE_LENGTH)
            .filter_map(|text| RemoteCandidate::parse(text).ok().flatten());
        let waited =
            waiting.into_iter().filter(|candidate| candidate.ufrag.is_none() || candidate.ufrag == current);
        for candidate in described.chain(waited) {
            if self.candidates.remote_count() < MAX_REMOTE_CANDIDATES
                && !self.candidates.remote.contains(&candidate)
            {
                // One that cannot be used does not make the others worse.
                let _ = self.take_remote_candidate(candidate);
            }
        }
    }

    fn take_remote_candidate(&mut self, candidate: RemoteCandidate) -> Result<(), LinkError> {
        if let Host::Name(name) = &candidate.host {
            let token = ResolveToken(self.candidates.next_token);
            self.candidates.next_token = self.candidates.next_token.wrapping_add(1);
            self.events.push_back(LinkEvent::ResolveName { name: name.clone(), token });
            self.candidates.unresolved.insert(token, candidate);
            return Ok(());
        }
        self.give_remote_candidate(&candidate)?;
        self.candidates.remote.push(candidate);
        Ok(())
    }

    fn give_remote_candidate(&mut self, candidate: &RemoteCandidate) -> Result<(), LinkError> {
        if let Host::Ip(ip) = candidate.host {
            self.pc.add_remote_candidate(candidate.for_stack(ip)).map_err(LinkError::stack)?;
            self.pace.hurry(self.now);
        }
        Ok(())
    }

    fn give_local_candidate(&mut self, candidate: LocalCandidate, attribute: &str) -> Result<(), LinkError> {
        if candidate.kind() == CandidateKind::ServerReflexive {
            return Ok(());
        }
        let init = RTCIceCandidateInit { candidate: attribute.to_owned(), ..Default::default() };
        self.pc.add_local_candidate(init).map_err(LinkError::stack)
    }

    /// Returns a local candidate as signalling carries it; nothing before there is a local description.
    fn signalled(&self, attribute: String) -> Option<IceCandidate> {
        let description = self.negotiation.latest_local()?;
        let position = description.sections.iter().position(|section| !section.unusable).unwrap_or_default();
        Some(IceCandidate {
            candidate: attribute,
            mid: description.sections.get(position).map(|section| section.mid.clone()),
            mline: u16::try_from(position).ok(),
            ufrag: Some(description.ufrag.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browsers_candidate_is_understood() {
        let text = "candidate:842163049 1 udp 1677729535 203.0.113.7 54321 typ srflx raddr 0.0.0.0 rport 0 \
                    generation 0 ufrag 4ZcD network-cost 999";
        let candidate = RemoteCandidate::parse(text).unwrap().unwrap();
        assert_eq!(candidate.kind, CandidateKind::ServerReflexive);
        assert_eq!(candidate.host, Host::Ip("203.0.113.7".parse().unwrap()));
        assert_eq!((candidate.port, candidate.ufrag.as_deref()), (54_321, Some("4ZcD")));
    }

    #[test]
    fn candidates_of_other_transports_and_components_are_fine_but_not_used() {
        for text in [
            "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
            "candidate:1 2 udp 2113937150 192.0.2.1 5000 typ host",
        ] {
            assert_eq!(RemoteCandidate::parse(text), Ok(None));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "candidate:",
            "candidate:1 1 udp",
            "candidate:1 1 udp x 192.0.2.1 5000 typ host",
            "candidate:1 1 udp 1 192.0.2.1 99999 typ host",
            "candidate:1 1 udp 1 192.0.2.1 0 typ host",
            "candidate:1 1 udp 1 0.0.0.0 5000 typ host",
            "candidate:1 1 udp 1 ff02::1 5000 typ host",
            "candidate:1 1 udp 1 example.com 5000 typ host",
            "candidate:1 1 udp 1 a.b.local 5000 typ host",
            "candidate:1 1 udp 1 192.0.2.1 5000 typ nonsense",
            "candidate:1 1 udp 1 192.0.2.1 5000 type host",
        ] {
            assert!(matches!(RemoteCandidate::parse(text), Err(LinkError::Candidate(_))), "{text}");
        }
    }

    #[test]
    fn a_local_candidate_hides_its_base_and_outranks_later_ones() {
        let addr: SocketAddr = "198.51.100.9:40000".parse().unwrap();
        let reflexive = LocalCandidate::ServerReflexive { addr, base: "10.1.2.3:5000".parse().unwrap() };
        let first = reflexive.attribute(1, 0);
        assert_eq!(first, "candidate:1 1 udp 1694498815 198.51.100.9 40000 typ srflx raddr 0.0.0.0 rport 0");
        let (first, second) = (
            RemoteCandidate::parse(&first).unwrap(),
            RemoteCandidate::parse(&reflexive.attribute(1, 1)).unwrap(),
        );
        assert!(first.unwrap().priority > second.unwrap().priority);
    }
}
