//! Session descriptions as a link reads them.
//!
//! Descriptions come from anywhere. [`Description::parse`] takes out what a link needs, checked and bounded;
//! nothing else of one is ever used.

use std::collections::BTreeSet;
use std::io::Cursor;

use rtc::sdp::description::common::Attribute;
use rtc::sdp::{MediaDescription, SessionDescription};
use units::{Codec, MediaKind};

use crate::codecs;
use crate::error::LinkError;

/// Longest description that is looked at, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// Most m-sections that a description may have.
const MAX_SECTIONS: usize = 128;
/// Most sources of an m-section that are looked at; one and its repair flow is what a track needs.
const MAX_SOURCES: usize = 16;
/// Longest mid, ICE credential, msid part and so on, in bytes.
const MAX_TOKEN: usize = 256;
/// Message size of a data section that does not name one (RFC 8841 section 6.1).
const DEFAULT_MESSAGE: u64 = 64 * 1024;

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

    pub(crate) fn as_str(self) -> &'static str {
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

/// A payload type as the other side described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) format: Format,
    /// Format parameters, in our own words.
    pub(crate) parameters: String,
    /// Payload type of its retransmissions (RFC 4588).
    pub(crate) retransmission: Option<u8>,
    /// Feedback mechanisms that we speak, too.
    pub(crate) feedback: Vec<&'static str>,
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
    /// Codecs that we speak, in the order of the description.
    pub(crate) described: Vec<Described>,
    /// Header extensions that we speak, by id.
    pub(crate) extensions: Vec<(u8, &'static str)>,
    /// Sources that it sends from.
    pub(crate) sources: Vec<u32>,
    /// Sources and what repairs them (RFC 5576 section 4.2, RFC 4588).
    pub(crate) repairs: Vec<(u32, u32)>,
    /// SCTP port of a data section.
    pub(crate) sctp_port: u16,
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

    pub(crate) fn as_str(self) -> &'static str {
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

/// What a link needs of a description.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    /// Names the connection that wrote it (`o=`); some write a new one every time.
    pub(crate) session_id: u64,
    /// Hash function and value.
    pub(crate) fingerprint: (String, String),
    pub(crate) setup: Setup,
    pub(crate) ice_lite: bool,
    pub(crate) ufrag: String,
    pub(crate) password: String,
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
        let common = || carrier.attributes.iter().chain(&parsed.attributes);
        let first = |key: &str| common().find(|a| a.key == key).and_then(|a| a.value.as_deref());
        let credential = |key| {
            first(key)
                .filter(|text| is_name(text))
                .map(str::to_owned)
                .ok_or_else(|| refuse("no ICE credentials"))
        };
        let candidates = carrier
            .attributes
            .iter()
            .filter(|a| a.key == "candidate")
            .filter_map(|a| a.value.as_ref().map(|value| format!("candidate:{value}")))
            .collect();
        Ok(Self {
            session_id: parsed.origin.session_id,
            fingerprint: fingerprint(common()).ok_or_else(|| refuse("no fingerprint"))?,
            setup: Setup::parse(first("setup")),
            ice_lite: parsed.has_attribute("ice-lite"),
            ufrag: credential("ice-ufrag")?,
            password: credential("ice-pwd")?,
            sections,
            candidates,
        })
    }

    /// Returns the m-section of this mid.
    pub(crate) fn section(&self, mid: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.mid == mid)
    }

    /// Returns the data m-section and its position.
    pub(crate) fn data(&self) -> Option<(usize, &Section)> {
        self.sections.iter().enumerate().find(|(_, section)| section.kind == SectionKind::Data)
    }
}

impl Section {
    fn parse(media: &MediaDescription, bundled: Option<&[&str]>, video: &[Codec]) -> Result<Self, LinkError> {
        let kind = match media.media_name.media.as_str() {
            "audio" => SectionKind::Media(MediaKind::Audio),
            "video" => SectionKind::Media(MediaKind::Video),
            "application" if media.media_name.formats == ["webrtc-datachannel"] => SectionKind::Data,
            _ => return Err(refuse("an m-section of another kind")),
        };
        let attributes = &media.attributes[..];
        let mid = value(attributes, "mid").filter(|mid| is_name(mid)).ok_or_else(|| refuse("no mid"))?;
        let described = match kind {
            SectionKind::Media(kind) => described(media, kind, &codecs::wanted(kind, video)),
            SectionKind::Data => Vec::new(),
        };
        let rejected = media.media_name.port.value == 0 && !media.has_attribute("bundle-only");
        let elsewhere = bundled.is_some_and(|mids| !mids.contains(&mid));
        let unusable = rejected || elsewhere || (kind != SectionKind::Data && described.is_empty());
        let direction = attributes
            .iter()
            .find_map(|a| Direction::parse(&a.key))
            .unwrap_or(Direction { send: true, recv: true });
        let (sources, repairs) = sources(attributes);
        Ok(Self {
            mid: mid.to_owned(),
            kind,
            unusable,
            direction: if unusable { Direction { send: false, recv: false } } else { direction },
            msid: msid(media),
            described,
            extensions: extensions(attributes),
            sources,
            repairs,
            sctp_port: value(attributes, "sctp-port").and_then(|port| port.parse().ok()).unwrap_or(5_000),
            max_message: match value(attributes, "max-message-size").map(str::parse) {
                Some(Ok(0)) => u64::MAX,
                Some(Ok(size)) => size,
                _ => DEFAULT_MESSAGE,
            },
        })
    }

    /// Returns the payload types of the codecs that we speak, in the order of the description.
    pub(crate) fn formats(&self) -> Vec<Format> {
        self.described.iter().map(|described| described.format).collect()
    }
}

/// Returns those of our codecs that an m-section lists.
fn described(media: &MediaDescription, kind: MediaKind, wanted: &[Codec]) -> Vec<Described> {
    let of_format = |key: &str, number: &str| {
        let found = media.attributes.iter().filter(|a| a.key == key).find_map(|a| {
            let (of, rest) = a.value.as_deref()?.split_once(' ')?;
            (of == number).then_some(rest)
        });
        found.unwrap_or_default()
    };
    let numbers: Vec<(u8, &str)> = media
        .media_name
        .formats
        .iter()
        .filter_map(|number| Some((number.parse().ok().filter(|pt| *pt < 128)?, number.as_str())))
        .collect();
    let retransmission = |repaired: u8| {
        numbers.iter().find(|(_, number)| {
            of_format("rtpmap", number).eq_ignore_ascii_case("rtx/90000")
                && of_format("fmtp", number).split(';').any(|pair| {
                    pair.trim().strip_prefix("apt=").and_then(|pt| pt.parse().ok()) == Some(repaired)
                })
        })
    };
    let mut described: Vec<Described> = Vec::new();
    for &(payload_type, number) in &numbers {
        let mut map = of_format("rtpmap", number).split('/');
        let (Some(encoding), Some(Ok(clock_rate))) = (map.next(), map.next().map(str::parse)) else {
            continue;
        };
        let recognised = codecs::recognise(encoding, clock_rate, of_format("fmtp", number));
        let Some((codec, parameters)) = recognised.filter(|(codec, _)| wanted.contains(codec)) else {
            continue;
        };
        if described.iter().any(|known| known.format.payload_type == payload_type) {
            continue;
        }
        let feedback = codecs::feedback(kind).iter().copied().filter(|mechanism| {
            media.attributes.iter().filter(|a| a.key == "rtcp-fb").any(|a| {
                let words = a.value.as_deref().and_then(|value| value.split_once(' '));
                words.is_some_and(|(of, words)| (of == number || of == "*") && words.trim_end() == *mechanism)
            })
        });
        described.push(Described {
            format: Format { payload_type, codec },
            parameters,
            retransmission: retransmission(payload_type).map(|(number, _)| *number),
            feedback: feedback.collect(),
        });
    }
    described
}

/// Returns the header extensions of one byte (RFC 8285) that we speak.
fn extensions(attributes: &[Attribute]) -> Vec<(u8, &'static str)> {
    let mut extensions: Vec<(u8, &'static str)> = Vec::new();
    for a in attributes.iter().filter(|a| a.key == "extmap") {
        let found = a.value.as_deref().and_then(|value| value.split_once(' ')).and_then(|(id, uri)| {
            let id = id.parse().ok().filter(|id| (1..=14).contains(id))?;
            Some((id, codecs::extension(uri)?))
        });
        if let Some((id, uri)) = found
            && !extensions.iter().any(|(known, name)| *known == id || *name == uri)
        {
            extensions.push((id, uri));
        }
    }
    extensions
}

/// Returns the sources that an m-section sends from, and which repairs which.
fn sources(attributes: &[Attribute]) -> (Vec<u32>, Vec<(u32, u32)>) {
    let (mut sources, mut repairs) = (Vec::new(), Vec::new());
    for a in attributes {
        let mut words = a.value.as_deref().unwrap_or_default().split(' ');
        match a.key.as_str() {
            "ssrc" if sources.len() < MAX_SOURCES => {
                if let Some(source) = words.next().and_then(|word| word.parse().ok())
                    && !sources.contains(&source)
                {
                    sources.push(source);
                }
            }
            "ssrc-group" if words.next() == Some("FID") && repairs.len() < MAX_SOURCES => {
                let mut numbers = words.map_while(|word| word.parse().ok());
                if let (Some(source), Some(repair)) = (numbers.next(), numbers.next()) {
                    repairs.push((source, repair));
                }
            }
            _ => {}
        }
    }
    (sources, repairs)
}

/// Returns hash function and value of the fingerprint, SHA-256 where there are several.
fn fingerprint<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> Option<(String, String)> {
    attributes
        .filter(|a| a.key == "fingerprint")
        .filter_map(|a| a.value.as_deref()?.split_once(' '))
        .map(|(function, value)| (function.to_ascii_lowercase(), value.trim_end().to_ascii_uppercase()))
        .filter(|(function, value)| is_name(function) && is_name(value))
        .filter(|(_, value)| value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'))
        .min_by_key(|(function, _)| function != "sha-256")
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

fn refuse(why: &str) -> LinkError {
    LinkError::Description(why.to_owned())
}
