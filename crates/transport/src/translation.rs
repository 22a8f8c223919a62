//! The copies of descriptions that pass between the other side and the stack.
//!
//! The stack applies a description step by step and cannot undo half of it, and it takes some things in an
//! offer for more than they say. So nothing of the other side's text reaches it: [`for_stack`] writes what was
//! understood of a description anew. Nothing reaches the other side as the stack wrote it either:
//! [`outgoing`] puts in the candidates, of which the link keeps its own list.
//!
//! The stack brings SCTP up when DTLS comes up or never. So it is shown a data section in every description,
//! and the other side only once there is a channel: [`for_stack`] adds one that is missing, and [`outgoing`]
//! takes it out or puts it where the other side knows it.

use std::fmt::Write as _;
use std::io::Cursor;

use rtc::sdp::description::common::Attribute;
use rtc::sdp::description::media::RangedPort;
use rtc::sdp::{MediaDescription, SessionDescription};
use units::{Codec, MediaKind};

use crate::codecs;
use crate::description::{Described, Description, Direction, Format, Section, SectionKind, Setup};
use crate::error::LinkError;

/// What a data section that the other side has not described yet says of message sizes (RFC 8841 section 6.1).
/// The link itself keeps to what it says later.
const ASSUMED_MESSAGE: u64 = 256 * 1024;

/// What a remote description is, as far as its copy for the stack depends on it.
pub(crate) enum Remote<'a> {
    /// An offer; `known` says whether the stack already has a transceiver for a mid.
    Offer { known: &'a dyn Fn(&str) -> bool },
    /// An answer to an offer in which the stack gave the data section this mid.
    ///
    /// Where the other side does not know of the section, it keeps it: the stack's own count of mids goes by what the
    /// other side says, and it would give a mid that only it knows of to a media section as well.
    Answer { data: Option<&'a str> },
}

/// Writes the copy of a remote description that the stack gets; `video` are the video codecs that we speak.
///
/// What is not usable is written as an idle section with our own codecs: the stack would remember that a kind
/// of media has no codec for the rest of the connection, or would fail at the next offer.
pub(crate) fn for_stack(description: &Description, video: &[Codec], remote: &Remote) -> String {
    let data = match remote {
        Remote::Offer { .. } => None,
        Remote::Answer { data } => *data,
    };
    let mut mids: Vec<String> = description.sections.iter().map(|section| section.mid.clone()).collect();
    if description.data().is_none() {
        let is_taken = |mid: &str| mids.iter().any(|taken| taken == mid);
        mids.push(data.map_or_else(|| fresh_mid(is_taken), str::to_owned));
    }
    let (function, value) = &description.fingerprint;
    let mut text = Text::default();
    text.line(format_args!("v=0"));
    text.line(format_args!("o=- {} 1 IN IP4 0.0.0.0", description.session_id));
    text.line(format_args!("s=-"));
    text.line(format_args!("t=0 0"));
    text.line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
    text.line(format_args!("a=ice-options:trickle"));
    text.line(format_args!("a=ice-ufrag:{}", description.ufrag));
    text.line(format_args!("a=ice-pwd:{}", description.password));
    text.line(format_args!("a=fingerprint:{function} {value}"));
    if description.ice_lite {
        text.line(format_args!("a=ice-lite"));
    }
    for (section, mid) in description.sections.iter().zip(&mids) {
        match section.kind {
            SectionKind::Data => {
                text.data(mid, description.setup, section.sctp_port, section.max_message);
            }
            SectionKind::Media(kind) => {
                text.media(section, kind, description.setup, video, remote);
            }
        }
    }
    if let Some(mid) = mids.get(description.sections.len()) {
        text.data(mid, description.setup, 5_000, ASSUMED_MESSAGE);
    }
    text.0
}

/// Returns the mid of the data section in what the stack wrote.
pub(crate) fn data_mid(stack: &str) -> Option<&str> {
    let (_, section) = stack.split_once("m=application")?;
    let (_, mid) = section.split_once("a=mid:")?;
    mid.lines().next()
}

/// A description in the making.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: std::fmt::Arguments) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{line}\r\n");
    }

    fn data(&mut self, mid: &str, setup: Setup, port: u16, max_message: u64) {
        let max_message = u32::try_from(max_message).unwrap_or(0);
        self.line(format_args!("m=application 9 UDP/DTLS/SCTP webrtc-datachannel"));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        self.line(format_args!("a=mid:{mid}"));
        self.line(format_args!("a=setup:{}", setup.as_str()));
        self.line(format_args!("a=sendrecv"));
        self.line(format_args!("a=sctp-port:{port}"));
        self.line(format_args!("a=max-message-size:{max_message}"));
    }

    fn media(&mut self, section: &Section, kind: MediaKind, setup: Setup, video: &[Codec], remote: &Remote) {
        let own = section.unusable.then(|| own_codecs(kind, video));
        let described = own.as_ref().unwrap_or(&section.described);
        let mut numbers: Vec<String> = Vec::new();
        for described in described {
            numbers.push(described.format.payload_type.to_string());
            numbers.extend(described.retransmission.map(|number| number.to_string()));
        }
        if numbers.is_empty() {
            // An m-line must name a format; the stack passes over this one.
            numbers.push("0".to_owned());
        }
        self.line(format_args!("m={} 9 UDP/TLS/RTP/SAVPF {}", kind.as_str(), numbers.join(" ")));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        self.line(format_args!("a=mid:{}", section.mid));
        self.line(format_args!("a=setup:{}", setup.as_str()));
        self.line(format_args!("a=rtcp-mux"));
        self.line(format_args!("a=rtcp-rsize"));
        // To the stack an idle section of a transceiver that it knows means that this is over for good: it
        // stops the transceiver, and the next track could not use it again. One that only the other side
        // could send to is the same on the wire once the link sets the direction of the answer itself.
        // For a section that only we could send in, the stack would make a transceiver without a receiver, which
        // would stay deaf when the other side sends there later.
        let direction = match (section.direction, remote) {
            (Direction { send: false, recv: false }, Remote::Offer { known }) if known(&section.mid) => {
                Direction { send: false, recv: true }
            }
            (Direction { send: false, recv: true }, Remote::Offer { known }) if !known(&section.mid) => {
                Direction { send: true, recv: true }
            }
            (direction, _) => direction,
        };
        self.line(format_args!("a={}", direction.as_str()));
        for described in described {
            self.format(described);
        }
        for (id, uri) in &section.extensions {
            self.line(format_args!("a=extmap:{id} {uri}"));
        }
        // A section that sends from sources that it does not name gets no msid either: the stack would refuse
        // the whole description, although the rest of it works.
        if !section.sources.is_empty() && !section.unusable {
            if let Some(msid) = &section.msid {
                self.line(format_args!("a=msid:{} {}", msid.stream, msid.track));
            }
            for (source, repair) in &section.repairs {
                self.line(format_args!("a=ssrc-group:FID {source} {repair}"));
            }
            for source in &section.sources {
                self.line(format_args!("a=ssrc:{source} cname:-"));
            }
        }
    }

    fn format(&mut self, described: &Described) {
        let Format { payload_type, codec } = described.format;
        let channels = if codec == Codec::Opus { "/2" } else { "" };
        self.line(format_args!("a=rtpmap:{payload_type} {}/{}{channels}", codec.name(), codec.clock_rate()));
        if !described.parameters.is_empty() {
            self.line(format_args!("a=fmtp:{payload_type} {}", described.parameters));
        }
        for mechanism in &described.feedback {
            self.line(format_args!("a=rtcp-fb:{payload_type} {mechanism}"));
        }
        if let Some(number) = described.retransmission {
            self.line(format_args!("a=rtpmap:{number} rtx/{}", codec.clock_rate()));
            self.line(format_args!("a=fmtp:{number} apt={payload_type}"));
        }
    }
}

/// Returns our codecs of a kind as if the other side had described them.
fn own_codecs(kind: MediaKind, video: &[Codec]) -> Vec<Described> {
    codecs::wanted(kind, video)
        .into_iter()
        .map(|codec| {
            let own = codecs::parameters(codec);
            Described {
                format: Format { payload_type: own.payload_type, codec },
                parameters: own.rtp_codec.sdp_fmtp_line,
                retransmission: None,
                feedback: Vec::new(),
            }
        })
        .collect()
}

/// Returns a mid for a data section that is not taken.
pub(crate) fn fresh_mid(taken: impl Fn(&str) -> bool) -> String {
    let mut mid = "data".to_owned();
    while taken(&mid) {
        mid.push('-');
    }
    mid
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

fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    attributes.iter().find(|a| a.key == key).and_then(|a| a.value.as_deref())
}

fn attribute(key: &str, value: String) -> Attribute {
    Attribute { key: key.to_owned(), value: Some(value) }
}

fn flag(key: &str) -> Attribute {
    Attribute { key: key.to_owned(), value: None }
}
