//! Session descriptions as a link reads them, and the copies that pass between the other side and the stack.
//!
//! The stack applies a description step by step and cannot undo half of it, and it takes some things in an
//! offer for more than they say. So nothing from the other side reaches it as it came: [`Description::parse`]
//! reads and checks everything that the link itself needs, and [`Description::for_stack`] writes a copy with
//! only the attributes, codecs and header extensions that we speak. Nothing reaches the other side as the
//! stack wrote it either: [`outgoing`] puts in the candidates, of which the link keeps its own list.

use std::collections::BTreeSet;
use std::io::Cursor;

use rtc::sdp::description::common::Attribute;
use rtc::sdp::description::media::RangedPort;
use rtc::sdp::{MediaDescription, SessionDescription};
use units::{Codec, MediaKind};

use crate::codecs;
use crate::error::LinkError;

/// Longest description that is looked at.
const MAX_BYTES: usize = 256 * 1024;
/// Most m-sections that a description may have.
const MAX_SECTIONS: usize = 128;
/// What a data section that the other side has not described yet says of message sizes (RFC 8841 section 6.1).
/// The link itself keeps to what it says later.
const ASSUMED_MESSAGE: u32 = 256 * 1024;
/// Message size of a data section that does not name one (RFC 8841 section 6.1).
const DEFAULT_MESSAGE: u64 = 64 * 1024;
/// Longest mid, ICE user name fragment, msid part and so on.
const MAX_TOKEN: usize = 256;

/// What an m-section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SectionKind {
    Media(MediaKind),
    Data,
}

/// Which way media flows, seen from the side that wrote the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Direction {
    pub(crate) send: bool,
    pub(crate) recv: bool,
}

impl Direction {
    const WORDS: [(&'static str, Self); 4] = [
        ("sendrecv", Self { send: true, recv: true }),
        ("sendonly", Self { send: true, recv: false }),
        ("recvonly", Self { send: false, recv: true }),
        ("inactive", Self { send: false, recv: false }),
    ];

    fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|&(_, direction)| direction)
    }

    fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|&&(_, direction)| direction == self).map_or("inactive", |&(word, _)| word)
    }
}

/// Stream and track of an m-section (RFC 8830).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Msid {
    pub(crate) stream: String,
    pub(crate) track: String,
}

/// A payload type and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) payload_type: u8,
    pub(crate) codec: Codec,
}

/// One m-section.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) mid: String,
    pub(crate) kind: SectionKind,
    /// The other side turned the section down, wants it on a transport of its own, or offers nothing in it
    /// that we speak.
    pub(crate) unusable: bool,
    pub(crate) direction: Direction,
    pub(crate) msid: Option<Msid>,
    /// Those that we speak, in the order of the description, without retransmission formats.
    pub(crate) formats: Vec<Format>,
    /// Largest message that the writer takes, of a data section; `u64::MAX` when there is no limit.
    pub(crate) max_message: u64,
}

/// Who starts the DTLS handshake (RFC 8842 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    Either,
    Active,
    Passive,
}

impl Setup {
    fn parse(word: Option<&str>) -> Self {
        match word {
            Some("active") => Self::Active,
            Some("passive") => Self::Passive,
            _ => Self::Either,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Either => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }

    /// Returns what the other side is when this side is so; who may choose chooses to wait.
    pub(crate) fn counterpart(self) -> Self {
        if self == Self::Passive { Self::Active } else { Self::Passive }
    }
}

/// A description and what the link needs of it.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    parsed: SessionDescription,
    /// Names the connection that wrote it (`o=`); some write a new one every time.
    pub(crate) session_id: u64,
    pub(crate) fingerprint: String,
    pub(crate) setup: Setup,
    pub(crate) ufrag: String,
    password: String,
    pub(crate) sections: Vec<Section>,
    /// Candidate attributes without their `a=`, in order.
    pub(crate) candidates: Vec<String>,
}

impl Description {
    /// Reads a description, whoever wrote it; `video` are the video codecs that we speak.
    pub(crate) fn parse(sdp: &str, video: &[Codec]) -> Result<Self, LinkError> {
        if sdp.len() > MAX_BYTES {
            return Err(refuse("too long"));
        }
        let parsed = SessionDescription::unmarshal(&mut Cursor::new(sdp.as_bytes()))
            .map_err(|error| LinkError::Description(error.to_string()))?;
        if parsed.media_descriptions.is_empty() {
            return Err(refuse("no m-section"));
        }
        if parsed.media_descriptions.len() > MAX_SECTIONS {
            return Err(refuse("too many m-sections"));
        }
        let bundled = bundle(&parsed);
        let mut sections = Vec::with_capacity(parsed.media_descriptions.len());
        let mut mids = BTreeSet::new();
        for media in &parsed.media_descriptions {
            let section = Section::parse(media, bundled.as_deref(), video)?;
            if !mids.insert(section.mid.clone()) {
                return Err(refuse("two m-sections of one mid"));
            }
            sections.push(section);
        }
        // All sections of a bundle share the transport of the first, whatever the others say of their own
        // (RFC 8843 section 7.2): a peer that opens one per section until it is answered describes each.
        let carrier = sections.iter().position(|section| !section.unusable).unwrap_or_default();
        let carrier = &parsed.media_descriptions[carrier];
        let fingerprint = carrier
            .attributes
            .iter()
            .chain(&parsed.attributes)
            .filter(|a| a.key == "fingerprint")
            .filter_map(|a| a.value.as_deref())
            .min_by_key(|value| !value.to_ascii_lowercase().starts_with("sha-256 "));
        let credential = |key| {
            let found = value(&carrier.attributes, key).or_else(|| value(&parsed.attributes, key));
            found.filter(|text| is_name(text)).map(str::to_owned).ok_or_else(|| refuse("no ICE credentials"))
        };
        let candidates = carrier
            .attributes
            .iter()
            .filter(|a| a.key == "candidate")
            .filter_map(|a| a.value.as_ref().map(|value| format!("candidate:{value}")))
            .collect();
        Ok(Self {
            session_id: parsed.origin.session_id,
            fingerprint: fingerprint
                .filter(|text| text.len() <= MAX_TOKEN && text.split(' ').count() == 2)
                .ok_or_else(|| refuse("no fingerprint"))?
                .to_owned(),
            setup: Setup::parse(
                value(&carrier.attributes, "setup").or_else(|| value(&parsed.attributes, "setup")),
            ),
            ufrag: credential("ice-ufrag")?,
            password: credential("ice-pwd")?,
            sections,
            candidates,
            parsed,
        })
    }

    /// Returns a bundle of all sections and of the data section that the stack may be shown in addition.
    fn bundle_of_all(&self) -> String {
        let mut bundle = String::from("BUNDLE");
        for mid in self.sections.iter().map(|section| section.mid.as_str()) {
            bundle.push(' ');
            bundle.push_str(mid);
        }
        if self.data().is_none() {
            bundle.push(' ');
            bundle.push_str(&Self::fresh_mid(|mid| self.section(mid).is_some()));
        }
        bundle
    }

    /// Returns the m-section of this mid.
    pub(crate) fn section(&self, mid: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.mid == mid)
    }

    /// Returns the data m-section and its position.
    pub(crate) fn data(&self) -> Option<(usize, &Section)> {
        self.sections.iter().enumerate().find(|(_, section)| section.kind == SectionKind::Data)
    }

    /// Returns a mid for a data section that no section has.
    pub(crate) fn fresh_mid(taken: impl Fn(&str) -> bool) -> String {
        let mut mid = "data".to_owned();
        while taken(&mid) {
            mid.push('-');
        }
        mid
    }

    /// Writes the copy of a remote description that the stack gets; `known` says whether it already has a
    /// transceiver for a mid.
    ///
    /// What is not usable is written as an idle section with our own codecs: the stack would remember that a
    /// kind of media has no codec for the rest of the connection, or would fail at the next offer.
    pub(crate) fn for_stack(&self, video: &[Codec], known: impl Fn(&str) -> bool) -> String {
        let mut copy = self.parsed.clone();
        copy.attributes.retain(|a| SESSION_ATTRIBUTES.contains(&a.key.as_str()));
        copy.attributes.extend([
            attribute("group", self.bundle_of_all()),
            attribute("fingerprint", self.fingerprint.clone()),
            attribute("ice-ufrag", self.ufrag.clone()),
            attribute("ice-pwd", self.password.clone()),
        ]);
        for (media, section) in copy.media_descriptions.iter_mut().zip(&self.sections) {
            match section.kind {
                SectionKind::Data => {
                    media.attributes.retain(|a| DATA_ATTRIBUTES.contains(&a.key.as_str()));
                }
                SectionKind::Media(kind) => section.write_media(media, kind, video, known(&section.mid)),
            }
            media.media_name.port = RangedPort { value: 9, range: None };
        }
        if self.data().is_none()
            && let Some(first) = copy.media_descriptions.first()
        {
            let mid = Self::fresh_mid(|mid| self.section(mid).is_some());
            let data = data_section(first, mid);
            copy.media_descriptions.push(data);
        }
        copy.marshal()
    }
}

/// Attributes of the session that the stack needs as they are.
const SESSION_ATTRIBUTES: [&str; 4] = ["ice-options", "ice-lite", "setup", "extmap-allow-mixed"];
/// Attributes of a data section that the stack needs as they are.
const DATA_ATTRIBUTES: [&str; 5] = ["mid", "setup", "sendrecv", "sctp-port", "max-message-size"];
/// Attributes of a media section that the stack needs as they are.
const MEDIA_ATTRIBUTES: [&str; 4] = ["mid", "setup", "rtcp-mux", "rtcp-rsize"];

impl Section {
    fn parse(media: &MediaDescription, bundled: Option<&[&str]>, video: &[Codec]) -> Result<Self, LinkError> {
        let kind = match media.media_name.media.as_str() {
            "audio" => SectionKind::Media(MediaKind::Audio),
            "video" => SectionKind::Media(MediaKind::Video),
            "application" if media.media_name.formats == ["webrtc-datachannel"] => SectionKind::Data,
            _ => return Err(refuse("an m-section of another kind")),
        };
        let mid =
            value(&media.attributes, "mid").filter(|mid| is_name(mid)).ok_or_else(|| refuse("no mid"))?;
        let formats = match kind {
            SectionKind::Media(kind) => formats(media, &codecs::wanted(kind, video)),
            SectionKind::Data => Vec::new(),
        };
        let rejected = media.media_name.port.value == 0 && !media.has_attribute("bundle-only");
        let elsewhere = bundled.is_some_and(|mids| !mids.contains(&mid));
        let unusable = rejected || elsewhere || (kind != SectionKind::Data && formats.is_empty());
        let direction = media
            .attributes
            .iter()
            .find_map(|a| Direction::parse(&a.key))
            .unwrap_or(Direction { send: true, recv: true });
        Ok(Self {
            mid: mid.to_owned(),
            kind,
            unusable,
            direction: if unusable { Direction { send: false, recv: false } } else { direction },
            msid: msid(media),
            formats,
            max_message: match value(&media.attributes, "max-message-size").map(str::parse) {
                Some(Ok(0)) => u64::MAX,
                Some(Ok(size)) => size,
                _ => DEFAULT_MESSAGE,
            },
        })
    }

    /// Rewrites a media section for the stack.
    fn write_media(&self, media: &mut MediaDescription, kind: MediaKind, video: &[Codec], known: bool) {
        let original = std::mem::take(&mut media.attributes);
        let kept = |a: &&Attribute| MEDIA_ATTRIBUTES.contains(&a.key.as_str());
        media.attributes = original.iter().filter(kept).cloned().collect();
        if self.unusable {
            media.media_name.formats = Vec::new();
            for codec in codecs::wanted(kind, video) {
                let ours = codecs::parameters(codec);
                media.media_name.formats.push(ours.payload_type.to_string());
                let channels = if ours.rtp_codec.channels > 1 { "/2" } else { "" };
                let map = format!("{} {}/{}{channels}", ours.payload_type, codec.name(), codec.clock_rate());
                media.attributes.push(attribute("rtpmap", map));
                if !ours.rtp_codec.sdp_fmtp_line.is_empty() {
                    let format = format!("{} {}", ours.payload_type, ours.rtp_codec.sdp_fmtp_line);
                    media.attributes.push(attribute("fmtp", format));
                }
            }
        } else {
            let primary: Vec<u8> = self.formats.iter().map(|format| format.payload_type).collect();
            let payload_types = with_retransmission(&original, &primary);
            media.media_name.formats.retain(|f| f.parse().is_ok_and(|pt: u8| payload_types.contains(&pt)));
            media.attributes.extend(original.iter().filter(|a| keeps_format(a, &payload_types)).cloned());
            media.attributes.extend(original.iter().filter(|a| is_our_extension(a)).cloned());
            media.attributes.extend(sources(&original, self.msid.as_ref()));
        }
        // To the stack an idle section of a transceiver that it knows means that this is over for good: it
        // stops the transceiver, and the next track could not use it again. One that only the other side
        // could send to is the same on the wire once the link sets the direction of the answer itself.
        let direction = match self.direction {
            Direction { send: false, recv: false } if known => Direction { send: false, recv: true },
            direction => direction,
        };
        media.attributes.push(flag(direction.as_str()));
    }
}

/// Returns those of our codecs that an m-section lists.
fn formats(media: &MediaDescription, wanted: &[Codec]) -> Vec<Format> {
    let mut formats = Vec::new();
    for payload_type in media.media_name.formats.iter().filter_map(|f| f.parse::<u8>().ok()) {
        let of_format = |key: &str| {
            let found = media.attributes.iter().filter(|a| a.key == key).find_map(|a| {
                let (number, rest) = a.value.as_deref()?.split_once(' ')?;
                (number.parse() == Ok(payload_type)).then_some(rest)
            });
            found.unwrap_or_default()
        };
        let mut map = of_format("rtpmap").split('/');
        let (Some(encoding), Some(Ok(clock_rate))) = (map.next(), map.next().map(str::parse)) else {
            continue;
        };
        if let Some(codec) = codecs::recognise(encoding, clock_rate, of_format("fmtp"))
            && wanted.contains(&codec)
            && !formats.iter().any(|format: &Format| format.payload_type == payload_type)
        {
            formats.push(Format { payload_type, codec });
        }
    }
    formats
}

/// Returns the payload types and those of the retransmission formats that go with them.
fn with_retransmission(attributes: &[Attribute], primary: &[u8]) -> BTreeSet<u8> {
    let mut payload_types: BTreeSet<u8> = primary.iter().copied().collect();
    let is_rtx = |number: &str| {
        attributes.iter().filter(|a| a.key == "rtpmap").filter_map(|a| a.value.as_deref()).any(|map| {
            map.split_once(' ').is_some_and(|(n, m)| n == number && m.eq_ignore_ascii_case("rtx/90000"))
        })
    };
    for (number, format) in attributes
        .iter()
        .filter(|a| a.key == "fmtp")
        .filter_map(|a| a.value.as_deref()?.split_once(' '))
        .filter(|(number, _)| is_rtx(number))
    {
        let repaired =
            format.split(';').find_map(|pair| pair.trim().strip_prefix("apt=")?.parse::<u8>().ok());
        if let (Some(repaired), Ok(number)) = (repaired, number.parse::<u8>())
            && primary.contains(&repaired)
        {
            payload_types.insert(number);
        }
    }
    payload_types
}

fn keeps_format(a: &Attribute, payload_types: &BTreeSet<u8>) -> bool {
    let number = || a.value.as_deref()?.split_once(' ')?.0.parse().ok();
    match a.key.as_str() {
        "rtpmap" | "fmtp" => number().is_some_and(|pt| payload_types.contains(&pt)),
        "rtcp-fb" => {
            let all = a.value.as_deref().is_some_and(|value| value.starts_with("* "));
            all || number().is_some_and(|pt| payload_types.contains(&pt))
        }
        _ => false,
    }
}

/// Returns whether an attribute maps a header extension that we speak to an id of one byte (RFC 8285).
fn is_our_extension(a: &Attribute) -> bool {
    let ours = || {
        let (id, uri) = a.value.as_deref()?.split_once(' ')?;
        let id: u8 = id.parse().ok()?;
        Some((1..=14).contains(&id) && codecs::speaks_extension(uri))
    };
    a.key == "extmap" && ours() == Some(true)
}

/// Returns the attributes that name the sending sources, with one msid for all of them.
///
/// A section that sends from sources it does not name keeps none of them: the stack would refuse the whole
/// description, although the rest of it works.
fn sources(attributes: &[Attribute], msid: Option<&Msid>) -> Vec<Attribute> {
    let number = |text: &str| text.parse::<u32>().is_ok();
    let mut kept: Vec<Attribute> = Vec::new();
    let mut seen = BTreeSet::new();
    for a in attributes {
        let Some(value) = a.value.as_deref() else { continue };
        let mut words = value.split(' ');
        match a.key.as_str() {
            "ssrc-group" if words.next() == Some("FID") && words.all(number) => kept.push(a.clone()),
            "ssrc" => {
                if let Some(source) = words.next().filter(|source| number(source))
                    && seen.insert(source.to_owned())
                {
                    kept.push(attribute("ssrc", format!("{source} cname:-")));
                }
            }
            _ => {}
        }
    }
    if seen.is_empty() {
        return Vec::new();
    }
    let name = msid.map(|msid| attribute("msid", format!("{} {}", msid.stream, msid.track)));
    name.into_iter().chain(kept).collect()
}

/// Returns the msid of an m-section, from its own attribute or from those of its sources.
fn msid(media: &MediaDescription) -> Option<Msid> {
    let of_sources = || {
        media.attributes.iter().filter(|a| a.key == "ssrc").find_map(|a| {
            let (_, rest) = a.value.as_deref()?.split_once(' ')?;
            rest.strip_prefix("msid:")
        })
    };
    let mut words = value(&media.attributes, "msid").or_else(of_sources)?.split(' ');
    let stream = words.next().filter(|word| is_name(word))?;
    let track = words.next().filter(|word| is_name(word))?;
    Some(Msid { stream: stream.to_owned(), track: track.to_owned() })
}

/// Where the other side is to see the data section of a description that the stack wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DataPlace {
    /// Nowhere: it knows of none.
    Nowhere,
    /// Where the stack has it: this answers an offer that has one.
    AsIs,
    /// At this position, or last when there are fewer sections, under this mid.
    At(usize, String),
}

/// What [`outgoing`] puts into a description that the stack wrote.
pub(crate) struct Additions<'a> {
    /// Our candidates with their `candidate:` prefix.
    pub(crate) candidates: &'a [String],
    /// Whether there will be no more.
    pub(crate) end_of_candidates: bool,
    /// The offer that this answers; what is unusable there is turned down.
    pub(crate) answered: Option<&'a Description>,
    pub(crate) data: DataPlace,
    /// Our part in the DTLS handshake. The stack answers with the one that it would like even where the
    /// handshake is over and settled it.
    pub(crate) setup: Setup,
}

/// Turns what the stack wrote into what the other side gets.
pub(crate) fn outgoing(stack: &str, additions: &Additions) -> Result<String, LinkError> {
    let mut parsed =
        SessionDescription::unmarshal(&mut Cursor::new(stack.as_bytes())).map_err(LinkError::stack)?;
    place_data(&mut parsed.media_descriptions, &additions.data);
    let mut bundle = String::from("BUNDLE");
    let mut carrier = true;
    for (position, media) in parsed.media_descriptions.iter_mut().enumerate() {
        media.attributes.retain(|a| a.key != "candidate" && a.key != "end-of-candidates");
        if let Some(setup) = media.attributes.iter_mut().find(|a| a.key == "setup") {
            setup.value = Some(additions.setup.as_str().to_owned());
        }
        let turned_down =
            additions.answered.and_then(|offer| offer.sections.get(position)).is_some_and(|s| s.unusable);
        if turned_down {
            media.media_name.port = RangedPort { value: 0, range: None };
            continue;
        }
        if let Some(mid) = value(&media.attributes, "mid") {
            bundle.push(' ');
            bundle.push_str(mid);
        }
        if carrier {
            carrier = false;
            for candidate in additions.candidates {
                let value = candidate.strip_prefix("candidate:").unwrap_or(candidate);
                media.attributes.push(attribute("candidate", value.to_owned()));
            }
            if additions.end_of_candidates {
                media.attributes.push(flag("end-of-candidates"));
            }
        }
    }
    parsed.attributes.retain(|a| a.key != "group" && a.key != "ice-options");
    parsed.attributes.push(attribute("group", bundle));
    parsed.attributes.push(attribute("ice-options", "trickle".to_owned()));
    Ok(parsed.marshal())
}

fn place_data(sections: &mut Vec<MediaDescription>, place: &DataPlace) {
    let found = sections.iter().position(|media| media.media_name.media == "application");
    let (Some(found), true) = (found, *place != DataPlace::AsIs) else { return };
    let mut data = sections.remove(found);
    if let DataPlace::At(position, mid) = place {
        if let Some(old) = data.attributes.iter_mut().find(|a| a.key == "mid") {
            old.value = Some(mid.clone());
        }
        sections.insert((*position).min(sections.len()), data);
    }
}

/// Makes a data section like another section's neighbour.
fn data_section(neighbour: &MediaDescription, mid: String) -> MediaDescription {
    let mut data = neighbour.clone();
    data.media_name.media = "application".to_owned();
    data.media_name.protos = ["UDP", "DTLS", "SCTP"].map(str::to_owned).to_vec();
    data.media_name.formats = vec!["webrtc-datachannel".to_owned()];
    data.attributes.retain(|a| a.key == "setup");
    data.attributes.extend([
        attribute("mid", mid),
        flag("sendrecv"),
        attribute("sctp-port", "5000".to_owned()),
        attribute("max-message-size", ASSUMED_MESSAGE.to_string()),
    ]);
    data
}

/// Returns the mids that share a transport; nothing when there is but one section anyway.
fn bundle(parsed: &SessionDescription) -> Option<Vec<&str>> {
    let group = parsed
        .attributes
        .iter()
        .filter(|a| a.key == "group")
        .find_map(|a| a.value.as_deref()?.strip_prefix("BUNDLE"));
    match (group, &parsed.media_descriptions[..]) {
        (Some(group), _) => Some(group.split_whitespace().collect()),
        (None, [_]) => None,
        (None, all) => Some(all.iter().take(1).filter_map(|m| value(&m.attributes, "mid")).collect()),
    }
}

/// Returns whether a text can be a mid, a stream or track name, or an ICE credential.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.key == key).and_then(|a| a.value.as_deref())
}

fn attribute(key: &str, value: String) -> Attribute {
    Attribute { key: key.to_owned(), value: Some(value) }
}

fn flag(key: &str) -> Attribute {
    Attribute { key: key.to_owned(), value: None }
}

fn refuse(why: &str) -> LinkError {
    LinkError::Description(why.to_owned())
}
