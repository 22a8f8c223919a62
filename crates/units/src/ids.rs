//! Numeric ids, unique within one session or engine and never reused; zero is never a valid id.

use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a number that the caller keeps unique.
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// Returns the number.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

ids! {
    /// A remote peer of a session. The wire's string id of the peer is one look-up away.
    PeerId
    /// A media stream, local or remote.
    StreamId
    /// A media track, local or remote.
    TrackId
    /// A data channel of a session.
    ChannelId
    /// A transport link of a session; one link may one day carry the media of many peers.
    LinkId
    /// The receiving half of an m-section of a link.
    ReceiverId
    /// A data channel of a link, which lasts as long as the link's connection.
    LinkChannelId
    /// A request made by the app, answered by exactly one terminal event.
    RequestId
}
