//! Sources of sent media: who feeds them, their encoder threads, and who receives what they make.
//!
//! A source knows nothing of sessions. A link that carries it subscribes with the queue of its engine's network
//! thread; each encoded frame goes once to each such queue, with the subscribers that receive it.

mod audio;
mod feed;
mod video;

use std::sync::Arc;

use media::rtp::RtpPayload;
use units::{BitRate, Codec, MediaKind};

pub(crate) use audio::AudioSource;
pub(crate) use video::VideoSource;

use super::error::Result;
use super::queue::NetworkQueue;

/// Tells the app that feeds encoded frames what the receivers need; called on engine threads, must not block.
pub trait EncodedSourceObserver: Send + Sync {
    /// Called when the next frame should be a keyframe: a receiver joined, or one lost too much.
    fn on_keyframe_request(&self);

    /// Called when the rate to aim at changes.
    fn on_target_bitrate(&self, rate: BitRate);
}

/// How a media file is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// Decoded, stamped with frame number and send time, and encoded again at the call's rate.
    Decode,
    /// The file's own frames, as they are.
    Passthrough,
}

/// A link's subscription to a source, unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SubscriberId(pub(crate) u64);

/// One encoded frame on its way to the links of one engine.
#[derive(Debug)]
pub(crate) struct MediaBatch {
    /// The subscriptions that receive it.
    pub(crate) recipients: Vec<SubscriberId>,
    /// Its RTP payloads, in order.
    pub(crate) payloads: Arc<[RtpPayload]>,
}

/// Who receives a source, and over which network thread.
#[derive(Clone)]
struct Subscriber {
    id: SubscriberId,
    queue: Arc<NetworkQueue>,
}

/// Hands one encoded frame to every network thread that carries it.
fn deliver(recipients: &[Subscriber], payloads: Vec<RtpPayload>) {
    let payloads: Arc<[RtpPayload]> = payloads.into();
    let mut rest = recipients;
    while let Some((first, _)) = rest.split_first() {
        // Subscribers of one engine stand together: there is hardly ever more than one engine.
        let end = rest.iter().position(|s| !Arc::ptr_eq(&s.queue, &first.queue)).unwrap_or(rest.len());
        first.queue.push_media(MediaBatch {
            recipients: rest[..end].iter().map(|s| s.id).collect(),
            payloads: Arc::clone(&payloads),
        });
        rest = &rest[end..];
    }
}

/// Where the frames of a local track come from.
#[derive(Debug, Clone)]
pub(crate) enum TrackSource {
    /// Pictures.
    Video(Arc<VideoSource>),
    /// Sound.
    Audio(Arc<AudioSource>),
}

impl TrackSource {
    /// Returns sound or pictures.
    pub(crate) fn kind(&self) -> MediaKind {
        match self {
            Self::Video(_) => MediaKind::Video,
            Self::Audio(_) => MediaKind::Audio,
        }
    }

    /// Returns the only codec that this source can be sent in; none when it can be encoded as needed.
    pub(crate) fn fixed_codec(&self) -> Option<Codec> {
        match self {
            Self::Video(source) => source.fixed_codec(),
            Self::Audio(_) => None,
        }
    }

    /// Starts sending to a subscriber; the first picture that it gets is a keyframe.
    pub(crate) fn subscribe(&self, codec: Codec, id: SubscriberId, queue: &Arc<NetworkQueue>) -> Result<()> {
        let subscriber = Subscriber { id, queue: Arc::clone(queue) };
        match self {
            Self::Video(source) => source.subscribe(codec, subscriber),
            Self::Audio(source) => source.subscribe(subscriber),
        }
    }

    /// Stops sending to a subscriber.
    pub(crate) fn unsubscribe(&self, codec: Codec, id: SubscriberId) {
        match self {
            Self::Video(source) => source.unsubscribe(codec, id),
            Self::Audio(source) => source.unsubscribe(id),
        }
    }

    /// Asks for a keyframe on a subscriber's behalf.
    pub(crate) fn request_keyframe(&self, codec: Codec, id: SubscriberId) {
        if let Self::Video(source) = self {
            source.request_keyframe(codec, id);
        }
    }
}
