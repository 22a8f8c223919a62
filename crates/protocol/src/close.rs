//! WebSocket close codes and what a client does about them.

use std::fmt;

/// A WebSocket close code (RFC 6455 §7.4; 4000 and up are this protocol's own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

/// How a client that had been welcomed once comes back after a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconnect {
    /// Never: the close is terminal.
    Never,
    /// At once, with a fresh credential.
    AtOnce,
    /// After the normal back-off.
    Normal,
    /// After the normal back-off, but with a base delay of at least 30 s for the next attempt.
    Later,
}

impl CloseCode {
    /// The client is done. A client that gets it from the server still reconnects.
    pub const NORMAL: Self = Self(1000);
    /// The server shuts down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// The other side broke the WebSocket protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A text frame was not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The other side broke the rules of this protocol.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// An inbound frame was larger than the receiver accepts.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// The server failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server has no capacity for now.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// The client heard nothing for too long. Only clients send it.
    pub const CLIENT_INACTIVITY: Self = Self(4000);
    /// The credential is bad, unknown or revoked.
    pub const INVALID_TOKEN: Self = Self(4001);
    /// The token is about to expire or has expired.
    pub const TOKEN_EXPIRED: Self = Self(4002);
    /// The connection may not use a channel that it insisted on.
    pub const CHANNEL_NOT_AUTHORIZED: Self = Self(4003);
    /// Too many connections are open.
    pub const OVER_CONCURRENT_LIMIT: Self = Self(4010);
    /// The client sends faster than it may.
    pub const OVER_MESSAGE_RATE: Self = Self(4011);
    /// The account is suspended.
    pub const ACCOUNT_SUSPENDED: Self = Self(4012);
    /// The peer was removed, or a newer connection took over its id.
    pub const ADMIN_DISCONNECT: Self = Self(4020);

    /// Wraps a code from the wire.
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// Returns the number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns whether a client must not reconnect after this close.
    pub const fn is_terminal(self) -> bool {
        matches!(self.reconnect(), Reconnect::Never)
    }

    /// Returns how a client comes back after this close.
    pub const fn reconnect(self) -> Reconnect {
        match self {
            Self::INVALID_TOKEN
            | Self::CHANNEL_NOT_AUTHORIZED
            | Self::ACCOUNT_SUSPENDED
            | Self::ADMIN_DISCONNECT => Reconnect::Never,
            Self::TOKEN_EXPIRED => Reconnect::AtOnce,
            Self::OVER_CONCURRENT_LIMIT => Reconnect::Later,
            _ => Reconnect::Normal,
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_four_codes_are_terminal() {
        let terminal: Vec<u16> = (0..=u16::MAX).filter(|&code| CloseCode::new(code).is_terminal()).collect();
        assert_eq!(terminal, [4001, 4003, 4012, 4020]);
    }

    #[test]
    fn an_expired_token_hurries_and_a_full_server_waits() {
        assert_eq!(CloseCode::TOKEN_EXPIRED.reconnect(), Reconnect::AtOnce);
        assert_eq!(CloseCode::OVER_CONCURRENT_LIMIT.reconnect(), Reconnect::Later);
        assert_eq!(CloseCode::NORMAL.reconnect(), Reconnect::Normal);
        assert_eq!(CloseCode::new(1006).reconnect(), Reconnect::Normal);
    }
}
