//! The configuration file. `parlor-server.sample.toml` shows every setting.

use std::num::NonZeroUsize;
use std::path::Path;

use hub::{Action, Actions, Pattern};
use protocol::ice::{self, IceServer};
use serde::Deserialize;
use serde_json::Value;

use crate::config::{ConfigError, Key};
use crate::settings::Settings;

/// A publishable key, as the file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyEntry {
    id: String,
    #[serde(default = "everywhere")]
    channels: Vec<String>,
    actions: Option<Vec<String>>,
    #[serde(default)]
    origins: Vec<String>,
    #[serde(default = "yes")]
    turn: bool,
    #[serde(default)]
    max_connections: usize,
}

fn yes() -> bool {
    true
}

fn everywhere() -> Vec<String> {
    vec!["**".to_owned()]
}

/// Reads a file. An unknown key is an error: a misspelt setting must not be ignored in silence.
pub(crate) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("the configuration file {shown} cannot be read: {error}")))?;
    parse(&text).map_err(|problem| ConfigError(format!("{shown}, {problem}")))
}

fn parse(text: &str) -> Result<Settings, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("line {line}: {}", error.message().replace('\n', " "))
    })
}

impl KeyEntry {
    /// Checks the entry.
    pub(crate) fn into_key(self) -> Result<Key, String> {
        let Self { id, channels, actions, origins, turn, max_connections } = self;
        let suffix = id.strip_prefix("pk_").unwrap_or_default();
        if suffix.is_empty() || !suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("a [[keys]] id must be `pk_` and then letters, digits or underscores".to_owned());
        }
        let channels = channels
            .iter()
            .map(|text| {
                Pattern::parse(text)
                    .map_err(|error| format!("the channel pattern {text:?} of key {id}: {error}"))
            })
            .collect::<Result<_, _>>()?;
        let actions = match actions {
            None => Actions::all(),
            Some(names) => names
                .iter()
                .map(|name| {
                    let known = Action::ALL.map(Action::as_str).join(", ");
                    Action::from_name(name)
                        .ok_or_else(|| format!("the action {name:?} of key {id} is none of {known}"))
                })
                .collect::<Result<_, _>>()?,
        };
        let max_connections = NonZeroUsize::new(max_connections);
        Ok(Key { id, channels, actions, origins, turn, max_connections })
    }
}

/// Checks the `[[ice_servers]]` tables.
pub(crate) fn ice_servers(entries: Vec<toml::Table>) -> Result<Vec<IceServer>, String> {
    if entries.len() > ice::MAX_SERVERS {
        return Err(format!("there are more than {} [[ice_servers]]", ice::MAX_SERVERS));
    }
    entries.into_iter().map(ice_server).collect()
}

/// Reads an entry by the rules of the wire, so that no client finds it invalid.
fn ice_server(entry: toml::Table) -> Result<IceServer, String> {
    let known = ["urls", "username", "credential"];
    if let Some(key) = entry.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("[[ice_servers]] has no setting {key:?}; there are {}", known.join(", ")));
    }
    if entry.iter().any(|(key, value)| key != "urls" && !value.is_str()) {
        return Err("the username and credential of [[ice_servers]] must be text".to_owned());
    }
    let invalid = "an entry of [[ice_servers]] is not valid: it needs `urls` that start with stun:, stuns:, turn: or turns:";
    serde_json::to_value(&entry)
        .ok()
        .as_ref()
        .and_then(|value: &Value| IceServer::from_value(value))
        .ok_or_else(|| invalid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(text: &str) -> Result<Config, String> {
        parse(text)?.configure().map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_without_more_opens_everything_and_allows_send() {
        let config = config("[[keys]]\nid = \"pk_a\"").unwrap();
        assert!(config.keys[0].channels[0].matches("any/channel"));
        assert_eq!(config.keys[0].actions, Actions::all());
        assert!(config.keys[0].turn && config.keys[0].max_connections.is_none());
    }

    #[test]
    fn a_key_may_go_without_ice_servers_and_have_a_limit() {
        let config = config("[[keys]]\nid = \"pk_a\"\nturn = false\nmax_connections = 7").unwrap();
        assert!(!config.keys[0].turn);
        assert_eq!(config.keys[0].max_connections, NonZeroUsize::new(7));
    }

    #[test]
    fn mistakes_are_told_in_one_sentence() {
        for (text, expected) in [
            ("max_members = 1\ncolour = 1", "line 2: unknown field `colour`"),
            ("[[keys]]\nid = \"pk_a\"\nchannel = []", "line 3: unknown field `channel`"),
            ("[channels]\nmax = 1", "line 1: unknown field `channels`"),
            ("[[keys]]", "missing field `id`"),
            ("listen = 7", "line 1: invalid type"),
            ("[[keys]", "line 1: "),
            ("[[keys]]\nid = \"sk_secret\"", "must be `pk_`"),
            ("[[keys]]\nid = \"pk_\"", "must be `pk_`"),
            ("[[keys]]\nid = \"pk_a\"\nactions = [\"shout\"]", "\"shout\" of key pk_a is none of subscribe"),
            ("[[keys]]\nid = \"pk_a\"\nchannels = ['a\\']", "of key pk_a: a backslash"),
            ("[[ice_servers]]\nurls = [\"http://x\"]", "stun:, stuns:, turn: or turns:"),
            ("[[ice_servers]]\nurls = \"stun:x\"\npassword = \"x\"", "no setting \"password\""),
            ("[[ice_servers]]\nurls = \"turn:x\"\ncredential = 5", "must be text"),
            ("listen = \"7080\"", "line 1: invalid socket address syntax"),
            ("max_members = 257", "from 1 to 256"),
        ] {
            let error = config(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
