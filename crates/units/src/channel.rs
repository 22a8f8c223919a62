/// How a data channel delivers (RFC 8831 section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChannelOptions {
    /// Whether messages arrive in the order in which they were sent.
    pub ordered: bool,
    /// How often a message is sent again before it is given up; nothing means until it arrives.
    pub max_retransmits: Option<u16>,
    /// For how many milliseconds a message is sent again before it is given up. Not with `max_retransmits`.
    pub max_lifetime_ms: Option<u16>,
}

impl ChannelOptions {
    /// Longest label, in bytes (RFC 8832 section 5.1 has 16 bits).
    pub const MAX_LABEL: usize = 65_535;
}

impl Default for ChannelOptions {
    /// Ordered and reliable.
    fn default() -> Self {
        Self { ordered: true, max_retransmits: None, max_lifetime_ms: None }
    }
}
