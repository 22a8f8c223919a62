//! Finding whole frames among the packets that are there, and putting them together.

use std::ops::RangeInclusive;

use bytes::Bytes;
use units::Time;

use crate::depacketize::{Fragment, PayloadError, PictureId, assemble};
use crate::sequence::Window;

/// A packet that waits for the rest of its frame.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) received: Time,
    /// What it carries; nothing for padding, which only fills its number.
    pub(super) fragment: Option<Fragment>,
}

/// What lies at the place where a frame should begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All packets of the frame.
    Whole(RangeInclusive<u64>),
    /// The frame reaches up to this packet, which is not there.
    Missing(u64),
}

/// A frame put together.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) data: Bytes,
    pub(super) timestamp: u32,
    /// When its first packet arrived.
    pub(super) received: Time,
    pub(super) keyframe: bool,
    pub(super) has_parameter_sets: bool,
    pub(super) picture_id: Option<PictureId>,
}

/// Walks forward over the frame that begins at `start`. A frame ends with its marker, or before a packet with
/// another time stamp.
pub(super) fn extent(window: &Window<Packet>, start: u64) -> Extent {
    let (mut at, mut timestamp) = (start, None);
    loop {
        let Some(packet) = window.get(at) else {
            return Extent::Missing(at);
        };
        if packet.fragment.is_some() {
            if *timestamp.get_or_insert(packet.timestamp) != packet.timestamp {
                return Extent::Whole(start..=at - 1);
            }
            if packet.marker {
                return Extent::Whole(start..=at);
            }
        }
        at += 1;
    }
}

/// Returns the whole keyframe that `number` belongs to, when it is one: its beginning is certain, and it is
/// whole. A frame is known to begin at `boundary`, behind the last one handed out. With `has_parameter_sets` an
/// H.264 keyframe may come without them.
pub(super) fn keyframe_around(
    window: &Window<Packet>,
    number: u64,
    boundary: u64,
    has_parameter_sets: bool,
) -> Option<RangeInclusive<u64>> {
    let timestamp = window.get(number).filter(|packet| packet.fragment.is_some())?.timestamp;
    let mut start = number;
    let certain = loop {
        let fragment = window.get(start)?.fragment.as_ref();
        if start == boundary || fragment.is_some_and(Fragment::starts_frame) {
            break true;
        }
        match start.checked_sub(1).and_then(|before| window.get(before)) {
            Some(before) if before.fragment.is_none() || before.timestamp == timestamp => start -= 1,
            // A frame of another time stamp ends right before, so this one begins here.
            Some(_) => break true,
            None => break false,
        }
    };
    let Extent::Whole(frame) = extent(window, start) else {
        return None;
    };
    let fragments = fragments(window, &frame);
    let any = |wanted: fn(&Fragment) -> bool| fragments.clone().any(wanted);
    let is_keyframe = any(|fragment| fragment.keyframe() == Some(true));
    let can_start = has_parameter_sets
        || any(Fragment::has_parameter_sets)
        || !any(|fragment| matches!(fragment, Fragment::H264(_)));
    (certain && is_keyframe && can_start).then_some(frame)
}

/// Puts a whole frame together.
///
/// # Errors
///
/// [`PayloadError`] when the fragments do not make a frame.
pub(super) fn build(window: &Window<Packet>, frame: &RangeInclusive<u64>) -> Result<Assembled, PayloadError> {
    let data = assemble(fragments(window, frame))?;
    let mut packets = frame.clone().filter_map(|number| window.get(number));
    let received = packets.clone().map(|packet| packet.received).min().ok_or(PayloadError::Short)?;
    let first = packets.find(|packet| packet.fragment.is_some()).ok_or(PayloadError::Short)?;
    Ok(Assembled {
        data,
        timestamp: first.timestamp,
        received,
        keyframe: fragments(window, frame).any(|fragment| fragment.keyframe() == Some(true)),
        has_parameter_sets: fragments(window, frame).any(Fragment::has_parameter_sets),
        picture_id: fragments(window, frame).find_map(Fragment::picture_id),
    })
}

fn fragments<'a>(
    window: &'a Window<Packet>,
    frame: &RangeInclusive<u64>,
) -> impl Iterator<Item = &'a Fragment> + Clone + use<'a> {
    frame.clone().filter_map(|number| window.get(number)?.fragment.as_ref())
}
