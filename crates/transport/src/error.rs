//! Why a link refuses.

use units::{LinkChannelId, TrackId};

/// Why a link refused a command. Nothing here shows an address, a description or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The link was closed.
    #[error("the link is closed")]
    Closed,
    /// The description cannot be used; the link stays as it was.
    #[error("unusable description: {0}")]
    Description(String),
    /// An answer came without an offer of ours being open, for example after a rollback.
    #[error("an answer without an open offer")]
    UnexpectedAnswer,
    /// The answer comes from another connection than the one our offer belongs to: the other side threw its
    /// own away. The link must be built anew.
    #[error("the answer belongs to another connection")]
    RemoteRebuilt,
    /// There is neither a track nor a channel, so an offer would say nothing.
    #[error("nothing to offer")]
    NothingToOffer,
    /// The candidate is malformed or longer than a candidate may be.
    #[error("unusable candidate: {0}")]
    Candidate(&'static str),
    /// More candidates than a negotiation may have.
    #[error("too many candidates")]
    TooManyCandidates,
    /// A track of this id was already added.
    #[error("{0:?} was already added")]
    DuplicateTrack(TrackId),
    /// No track of this id was added.
    #[error("{0:?} was never added")]
    UnknownTrack(TrackId),
    /// The track's stream or track name cannot stand in a description.
    #[error("a track name must be 1 to 256 characters of a token (RFC 8866)")]
    TrackName,
    /// No channel of this id is known.
    #[error("{0:?} is unknown")]
    UnknownChannel(LinkChannelId),
    /// The channel is not open yet, or not any more.
    #[error("{0:?} is not open")]
    ChannelNotOpen(LinkChannelId),
    /// The channel's options contradict each other or its label is too long.
    #[error("unusable channel options: {0}")]
    ChannelOptions(&'static str),
    /// The message is larger than the other side takes.
    #[error("the message is larger than the other side takes")]
    MessageTooLarge,
    /// The channel's send buffer is full; [`crate::LinkEvent::ChannelWritable`] says when to go on.
    #[error("the send buffer holds {buffered} bytes")]
    Backpressure {
        /// Bytes that wait to be sent or acknowledged.
        buffered: usize,
    },
    /// The stack below refused.
    #[error("{0}")]
    Stack(String),
}

impl LinkError {
    /// Wraps an error of the stack below.
    pub(crate) fn stack(error: impl std::fmt::Display) -> Self {
        Self::Stack(error.to_string())
    }
}
