//! The words of a scenario.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub title: String,
    pub peers: BTreeMap<String, Peer>,
    #[serde(default)]
    pub server: Server,
    pub steps: Vec<Step>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Peer {
    pub identity: Identity,
    pub nat: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    #[default]
    Stable,
    Fresh,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    pub resume: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self { resume: true }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(rename = "do")]
    pub actions: Vec<Action>,
    /// For each role, what its session tells.
    #[serde(default)]
    pub then: BTreeMap<String, Vec<String>>,
    /// Seconds.
    #[serde(default = "Step::patience")]
    pub within: f64,
    pub media: Option<Media>,
}

impl Step {
    fn patience() -> f64 {
        5.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Media {
    Flows,
    Silent,
    Uninterrupted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Audio,
    Video,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    Offer,
    Answer,
    Candidate,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Action {
    Join {
        peer: String,
        channel: String,
        #[serde(rename = "as")]
        name: Option<String>,
    },
    Leave {
        peer: String,
        #[serde(rename = "as")]
        name: Option<String>,
    },
    Close {
        peer: String,
    },
    AddStream {
        peer: String,
        stream: String,
        tracks: Vec<Kind>,
    },
    RemoveStream {
        peer: String,
        stream: String,
    },
    Mute {
        peer: String,
    },
    Unmute {
        peer: String,
    },
    Send {
        peer: String,
        to: Option<String>,
        data: serde_json::Value,
        #[serde(rename = "as")]
        name: Option<String>,
    },
    OpenChannel {
        peer: String,
        to: String,
        label: String,
    },
    SendOnChannel {
        peer: String,
        to: String,
        label: String,
        text: String,
    },
    CloseChannel {
        peer: String,
        to: String,
        label: String,
    },
    Wait {
        seconds: f64,
    },
    CutPath {
        between: [String; 2],
    },
    HealPath {
        between: [String; 2],
    },
    BreakSignalling {
        peer: String,
    },
    CutSignalling {
        peer: String,
    },
    HealSignalling {
        peer: String,
    },
    StopServer,
    StartServer,
    LoseMessage {
        from: String,
        to: String,
        kind: Message,
    },
    ChangeAddress {
        peer: String,
    },
    RebindNat {
        peer: String,
    },
    SetPath {
        between: [String; 2],
        delay_ms: Option<u64>,
        jitter_ms: Option<u64>,
        loss: Option<f64>,
        kbps: Option<u64>,
    },
}
