//! The configuration file. `parlor-server.sample.toml` shows every setting.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hub::{Action, Actions, Pattern};
use protocol::ice::{self, IceServer};
use serde::Deserialize;
use serde_json::Value;

use crate::config::{Config, ConfigError, Key};

/// The file as it is written. Unknown keys are errors: a misspelt setting must not be ignored in silence.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile {
    pub(crate) listen: Option<String>,
    pub(crate) web_dir: Option<PathBuf>,
    max_connections: Option<usize>,
    #[serde(default)]
    keys: Vec<KeyEntry>,
    #[serde(default)]
    ice_servers: Vec<toml::Table>,
    #[serde(default)]
    channels: ChannelSettings,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    #[serde(default = "everywhere")]
    channels: Vec<String>,
    actions: Option<Vec<String>>,
    #[serde(default)]
    origins: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelSettings {
    max_members: Option<usize>,
    linger_ms: Option<u64>,
    directs_need_shared_channel: Option<bool>,
}

fn everywhere() -> Vec<String> {
    vec!["**".to_owned()]
}

impl ConfigFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError(format!("the configuration file {shown} cannot be read: {error}"))
        })?;
        Self::parse(&text).map_err(|problem| ConfigError(format!("{shown}, {problem}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            format!("line {line}: {}", error.message().replace('\n', " "))
        })
    }

    /// Puts everything but the settings that flags can override into a configuration.
    pub(crate) fn apply(self, config: &mut Config) -> Result<(), ConfigError> {
        for entry in self.keys {
            config.keys.push(entry.into_key().map_err(ConfigError)?);
        }
        if self.ice_servers.len() > ice::MAX_SERVERS {
            return Err(ConfigError(format!("there are more than {} [[ice_servers]]", ice::MAX_SERVERS)));
        }
        for entry in self.ice_servers {
            config.ice_servers.push(ice_server(entry).map_err(ConfigError)?);
        }
        if let Some(max_connections) = self.max_connections {
            config.max_connections = max_connections;
        }
        let ChannelSettings { max_members, linger_ms, directs_need_shared_channel } = self.channels;
        if let Some(max_members) = max_members {
            let most = protocol::limits::MAX_CHANNEL_MEMBERS;
            if !(1..=most).contains(&max_members) {
                return Err(ConfigError(format!("channels.max_members must be from 1 to {most}")));
            }
            config.hub.max_members = max_members;
        }
        if let Some(linger_ms) = linger_ms {
            config.hub.linger = Duration::from_millis(linger_ms);
        }
        if let Some(needed) = directs_need_shared_channel {
            config.hub.directs_need_shared_channel = needed;
        }
        Ok(())
    }
}

impl KeyEntry {
    fn into_key(self) -> Result<Key, String> {
        let Self { id, channels, actions, origins } = self;
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
        Ok(Key { id, channels, actions, origins })
    }
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

/// Reads an address to listen on.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| {
        ConfigError(format!("{text:?} is not an address to listen on, such as 127.0.0.1:7080 or [::]:7080"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, String> {
        let mut config = Config::default();
        ConfigFile::parse(text)?.apply(&mut config).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_sample_is_valid_and_shows_the_defaults() {
        let sample = include_str!("../parlor-server.sample.toml");
        let uncommented: String = sample
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        let file = ConfigFile::parse(&uncommented).unwrap();
        assert_eq!(file.listen.as_deref(), Some("127.0.0.1:7080"));
        let config = config(&uncommented).unwrap();
        let default = Config::default();
        assert_eq!(config.max_connections, default.max_connections);
        assert_eq!(config.hub, default.hub);
        assert_eq!((config.keys.len(), config.ice_servers.len()), (2, 2));
        assert!(config.keys[0].actions.contains(Action::Send));
        ConfigFile::parse(sample).unwrap().apply(&mut Config::default()).unwrap();
    }

    /// Whether a commented line of the sample is a setting and not prose.
    fn is_setting(line: &str) -> bool {
        let word = line.split([' ', '=']).next().unwrap_or_default();
        let is_name = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        line.starts_with('[') || (is_name && line[word.len()..].starts_with(" = "))
    }

    #[test]
    fn a_key_without_more_opens_everything_and_allows_send() {
        let config = config("[[keys]]\nid = \"pk_a\"").unwrap();
        assert!(config.keys[0].channels[0].matches("any/channel"));
        assert_eq!(config.keys[0].actions, Actions::all());
    }

    #[test]
    fn mistakes_are_told_in_one_sentence() {
        for (text, expected) in [
            ("listen = \"x\"\ncolour = 1", "line 2: unknown field `colour`"),
            ("[[keys]]\nid = \"pk_a\"\nchannel = []", "line 3: unknown field `channel`"),
            ("[channels]\nmax = 1", "line 2: unknown field `max`"),
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
            ("[channels]\nmax_members = 257", "from 1 to 256"),
        ] {
            let error = config(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn an_address_needs_its_port() {
        assert!(listen_address("127.0.0.1:0").is_ok() && listen_address("[::1]:7080").is_ok());
        for bad in ["", "7080", "127.0.0.1", "localhost:7080", "127.0.0.1:99999"] {
            assert!(listen_address(bad).is_err(), "{bad}");
        }
    }
}
