//! Sizes that both ends of the wire agree on, in bytes unless said otherwise.

/// Largest `data` of a `publish` or `send`, as JSON text. A server announces it as `maxMessageSize`.
pub const MAX_MESSAGE_SIZE: usize = 65_536;

/// Room for everything around `data` in one client frame: type, channel, request id, escapes in them.
pub const MAX_ENVELOPE_SIZE: usize = 4_096;

/// Largest client frame that a server accepts; a larger one closes the socket with 1009.
pub const MAX_CLIENT_FRAME_SIZE: usize = MAX_MESSAGE_SIZE + MAX_ENVELOPE_SIZE;

/// Largest server frame that clients accept; they close the socket with 1009 on a larger one.
pub const MAX_SERVER_FRAME_SIZE: usize = 1_048_576;

/// Most channels that one connection may be subscribed to.
pub const MAX_SUBSCRIPTIONS: usize = 100;

/// Most live members of one channel. A snapshot lists all of them in one frame, and clients track no more.
pub const MAX_CHANNEL_MEMBERS: usize = 256;
