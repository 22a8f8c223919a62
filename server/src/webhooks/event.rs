//! The events, as the receiver reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use hub::Lifecycle;
use serde_json::{Value, json};

use crate::switchboard::LifecycleEvent;

/// An event that has no place in the journal yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// When it happened, in milliseconds of Unix time.
    pub(super) at: i64,
    /// The JSON object, without its cursor.
    pub(super) json: Value,
}

impl Event {
    /// Says that the server has started: whoever was in a channel before is not any more.
    pub(super) fn server_started() -> Self {
        Self::new(SystemTime::now(), "server.started", json!({}))
    }

    /// Says that events were lost, because the database took none for too long.
    pub(super) fn lost(count: u64) -> Self {
        Self::new(SystemTime::now(), "events.lost", json!({"count": count}))
    }

    fn new(at: SystemTime, name: &str, mut json: Value) -> Self {
        let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let at = i64::try_from(millis).unwrap_or(i64::MAX);
        json["type"] = name.into();
        json["at"] = at.into();
        Self { at, json }
    }
}

impl From<LifecycleEvent> for Event {
    fn from(LifecycleEvent { at, event, .. }: LifecycleEvent) -> Self {
        match event {
            Lifecycle::ChannelOpened { channel } => {
                Self::new(at, "channel.opened", json!({"channel": &*channel}))
            }
            Lifecycle::PeerJoined { channel, peer, metadata } => {
                let mut json = json!({"channel": &*channel, "peerId": &*peer});
                if let Some(metadata) = metadata {
                    json["metadata"] = Value::Object(metadata);
                }
                Self::new(at, "peer.joined", json)
            }
            Lifecycle::PeerLeft { channel, peer } => {
                Self::new(at, "peer.left", json!({"channel": &*channel, "peerId": &*peer}))
            }
            Lifecycle::ChannelClosed { channel } => {
                Self::new(at, "channel.closed", json!({"channel": &*channel}))
            }
        }
    }
}
