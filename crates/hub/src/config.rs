//! The knobs of a hub.

use std::time::Duration;

use protocol::limits;

use crate::Rate;

/// The knobs of a hub. The defaults are right for real clients; tests and unusual deployments change them.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// How long the others are not told that a peer is gone after its socket broke. Covers a client's first
    /// reconnect attempts (0.4–0.6 s apart), and stays short because a lingering peer looks frozen.
    pub linger: Duration,
    /// How long a client whose socket broke can go on with its session, and how long after the server's start
    /// a client of an earlier run can keep its peer id.
    pub resume_window: Duration,
    /// How long a snapshot waits for the pong that proves that the `ack` before it was read. Every client
    /// answers pings; the limit is for those that break RFC 6455.
    pub snapshot_wait: Duration,
    /// Whether a direct message needs a channel that both peers are in. Clients drop directs from peers that
    /// they have not seen in a channel anyway.
    pub directs_need_shared_channel: bool,
    /// Most channels per connection; one more is refused with `channel_limit_exceeded`.
    pub max_subscriptions: usize,
    /// Most live members per channel; one more is refused with `channel_full`.
    pub max_members: usize,
    /// How fast a connection may send anything but peer messages; faster closes it with 4011.
    pub message_rate: Rate,
    /// How fast a connection may send peer messages (descriptions, candidates, track metadata); faster closes
    /// it with 4011. Counted apart, because joining a mesh is one large burst of them.
    pub peer_message_rate: Rate,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            linger: Duration::from_secs(3),
            resume_window: Duration::from_secs(900),
            snapshot_wait: Duration::from_secs(2),
            directs_need_shared_channel: true,
            max_subscriptions: limits::MAX_SUBSCRIPTIONS,
            max_members: limits::MAX_CHANNEL_MEMBERS,
            message_rate: Rate { per_second: 100, burst: 400 },
            // Joining 255 others costs at most some 20 messages each, all at once.
            peer_message_rate: Rate { per_second: 500, burst: 6_000 },
        }
    }
}
