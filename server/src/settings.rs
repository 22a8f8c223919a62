//! The settings, and the one name of each.
//!
//! A setting is a row of the table below. Its name is its key in the configuration file; its flag is that name
//! with dashes (`--max-connections`), its environment variable that name in capitals after `PARLOR_`
//! (`PARLOR_MAX_CONNECTIONS`). A flag wins over the environment, that over the file, that over the default.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::{AddrParseError, IpNet};
use serde::Deserialize;
use units::Secret;

use crate::auth::MasterKeySource;
use crate::config::{Config, ConfigError, Tls};
use crate::config_file::{KeyEntry, ice_servers};
use crate::static_files::{default_web_dir, has_page};
use crate::store::DatabaseLocation;
use crate::webhooks::WebhookEndpoint;

macro_rules! settings {
    ($( $(#[$doc:meta])+ $name:ident: $type:ty, $shown:literal; )*) => {
        /// The settings that one place gives: the command line with the environment, or the file, which alone
        /// has the lists of tables.
        #[derive(Debug, Clone, Default, Args, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Settings {
            $(
                $(#[$doc])+
                #[arg(long, env = variable(stringify!($name)), value_name = $shown)]
                pub(crate) $name: Option<$type>,
            )*
            #[arg(skip)]
            #[serde(default)]
            pub(crate) keys: Vec<KeyEntry>,
            #[arg(skip)]
            #[serde(default)]
            pub(crate) ice_servers: Vec<toml::Table>,
        }

        impl Settings {
            /// Takes from a weaker place what is not given here.
            pub(crate) fn or(self, weaker: Self) -> Self {
                Self {
                    $( $name: self.$name.or(weaker.$name), )*
                    keys: [self.keys, weaker.keys].concat(),
                    ice_servers: [self.ice_servers, weaker.ice_servers].concat(),
                }
            }
        }
    };
}

settings! {
    /// Where to listen [default: 127.0.0.1:7080]
    listen: SocketAddr, "ADDRESS:PORT";

    /// The certificate chain, PEM; needs tls_key; read again when it changes [default: none, plain HTTP]
    tls_certificate: PathBuf, "FILE";

    /// The certificate's private key, PEM [default: none]
    tls_key: PathBuf, "FILE";

    /// How often the certificate's files are looked at [default: 10000]
    tls_poll_ms: u64, "MILLISECONDS";

    /// Where to serve the metrics, to everyone who can connect [default: none, 127.0.0.1:7081 is usual]
    metrics_listen: SocketAddr, "ADDRESS:PORT";

    /// The networks of the proxies whose X-Forwarded-For is believed [default: none]
    #[arg(value_parser = networks)]
    trusted_proxies: Vec<IpNet>, "NETWORK,..";

    /// The directory of the demo page [default: web/dist, or share/parlor/web of the installation]
    web_dir: PathBuf, "DIR";

    /// The SQLite file or postgres:// URL of more keys [default: none, parlor.db if there are no other keys]
    #[arg(hide_env_values = true)]
    database: DatabaseLocation, "PATH|URL";

    /// The file of the master key; made on first use [default: none, the SQLite file's with .key]
    master_key_file: PathBuf, "FILE";

    /// Where to post what happens in the channels; needs a database [default: none]
    #[arg(hide_env_values = true)]
    webhook_url: WebhookEndpoint, "URL";

    /// How long to wait before a webhook is tried again, the first time [default: 1000]
    webhook_retry_ms: u64, "MILLISECONDS";

    /// Most sockets at once; one more is closed with 4010 [default: 10000]
    max_connections: usize, "COUNT";

    /// Most connects a minute from one address; one more is HTTP 429; 0 is no limit [default: 60]
    connects_per_address: u32, "COUNT";

    /// Most sockets at once from one address; one more is closed; 0 is no limit [default: 1000]
    sockets_per_address: usize, "COUNT";

    /// How long a client has for TLS and a request's head, and for its body [default: 10000]
    handshake_timeout_ms: u64, "MILLISECONDS";

    /// After how long without a word a client is pinged [default: 30000]
    ping_after_ms: u64, "MILLISECONDS";

    /// How long a pinged client has to say something [default: 10000]
    ping_grace_ms: u64, "MILLISECONDS";

    /// How long /readyz says 503 before the clients are told that the server stops [default: 0]
    drain_delay_ms: u64, "MILLISECONDS";

    /// How long a server that stops waits for its clients to close [default: 5000]
    drain_timeout_ms: u64, "MILLISECONDS";

    /// How many messages a second one connection may send; faster closes it with 4011 [default: 100]
    message_rate: NonZeroU32, "COUNT";

    /// How many messages it may send at once after a pause [default: 400]
    message_burst: NonZeroU32, "COUNT";

    /// How many messages that negotiate calls it may send a second, counted apart [default: 500]
    peer_message_rate: NonZeroU32, "COUNT";

    /// How many of those it may send at once after a pause [default: 6000]
    peer_message_burst: NonZeroU32, "COUNT";

    /// Most members of one channel, up to 256 [default: 256]
    max_members: usize, "COUNT";

    /// How long the others are not told that a peer is gone after its connection broke [default: 3000]
    linger_ms: u64, "MILLISECONDS";

    /// Whether a peer can send to another one only when both are in a common channel [default: true]
    directs_need_shared_channel: bool, "BOOL";

    /// What to log: a level or `tracing` directives; libraries are heard from `warn` up only [default: info]
    log: String, "FILTER";

    /// How to write the log [default: text]
    log_format: LogFormat, "FORMAT";
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads networks from the command line, where they are separated by commas.
fn networks(list: &str) -> Result<Vec<IpNet>, AddrParseError> {
    list.split(',').map(|network| network.trim().parse()).collect()
}

/// Returns the environment variable of a setting.
fn variable(name: &str) -> String {
    format!("PARLOR_{}", name.to_ascii_uppercase())
}

impl Settings {
    /// Checks the settings and puts them in the place of the defaults.
    pub(crate) fn configure(self) -> Result<Config, ConfigError> {
        let (tls, web_dir, master_key) = (self.tls()?, self.page_directory()?, self.master_key());
        let mut config = Config { tls, web_dir, master_key, ..Config::default() };
        let Config { listen, max_connections, per_address, trusted_proxies, timing, hub, .. } = &mut config;
        set(listen, self.listen);
        set(max_connections, self.max_connections);
        set(&mut per_address.connects_per_minute, self.connects_per_address.map(NonZeroU32::new));
        set(&mut per_address.sockets, self.sockets_per_address.map(NonZeroUsize::new));
        set(trusted_proxies, self.trusted_proxies);
        for (default, given, name) in [
            (&mut timing.handshake, self.handshake_timeout_ms, "handshake_timeout_ms"),
            (&mut timing.ping_after, self.ping_after_ms, "ping_after_ms"),
            (&mut timing.ping_grace, self.ping_grace_ms, "ping_grace_ms"),
            (&mut timing.tls_poll, self.tls_poll_ms, "tls_poll_ms"),
            (&mut timing.webhook_retry, self.webhook_retry_ms, "webhook_retry_ms"),
        ] {
            if given == Some(0) {
                return Err(ConfigError(format!("{name} must be more than 0")));
            }
            set(default, given.map(Duration::from_millis));
        }
        set(&mut timing.drain_delay, self.drain_delay_ms.map(Duration::from_millis));
        set(&mut timing.drain_timeout, self.drain_timeout_ms.map(Duration::from_millis));
        let most = protocol::limits::MAX_CHANNEL_MEMBERS;
        if self.max_members.is_some_and(|count| !(1..=most).contains(&count)) {
            return Err(ConfigError(format!("max_members must be from 1 to {most}")));
        }
        for (default, given) in [
            (&mut hub.message_rate.per_second, self.message_rate),
            (&mut hub.message_rate.burst, self.message_burst),
            (&mut hub.peer_message_rate.per_second, self.peer_message_rate),
            (&mut hub.peer_message_rate.burst, self.peer_message_burst),
        ] {
            set(default, given.map(NonZeroU32::get));
        }
        set(&mut hub.max_members, self.max_members);
        set(&mut hub.linger, self.linger_ms.map(Duration::from_millis));
        set(&mut hub.directs_need_shared_channel, self.directs_need_shared_channel);
        for entry in self.keys {
            config.keys.push(entry.into_key().map_err(ConfigError)?);
        }
        config.database = self.database;
        config.metrics_listen = self.metrics_listen;
        config.webhook_url = self.webhook_url;
        config.ice_servers = ice_servers(self.ice_servers).map_err(ConfigError)?;
        Ok(config)
    }

    /// Returns where the master key comes from. The key itself is no setting, for flags and files are read by others.
    pub(crate) fn master_key(&self) -> MasterKeySource {
        let text = std::env::var("PARLOR_MASTER_KEY").ok().map(Secret::new);
        MasterKeySource { text, file: self.master_key_file.clone() }
    }

    fn tls(&self) -> Result<Option<Tls>, ConfigError> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Ok(Some(Tls::Files { certificate: certificate.clone(), key: key.clone() }))
            }
            (None, None) => Ok(None),
            _ => Err(ConfigError("tls_certificate and tls_key are needed together".to_owned())),
        }
    }

    fn page_directory(&self) -> Result<Option<PathBuf>, ConfigError> {
        match &self.web_dir {
            Some(dir) if has_page(dir) => Ok(Some(dir.clone())),
            Some(dir) => {
                let shown = dir.display();
                Err(ConfigError(format!("the demo page's directory {shown} has no index.html")))
            }
            None => Ok(default_web_dir()),
        }
    }
}

/// Replaces a default when there is something to replace it with.
fn set<T>(default: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *default = given;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PerAddress;

    /// Each setting's name and help, as the command line knows them.
    fn table() -> Vec<(String, clap::Arg)> {
        let command = Settings::augment_args(clap::Command::new("parlor-server"));
        command.get_arguments().map(|arg| (arg.get_id().to_string(), arg.clone())).collect()
    }

    /// The sample's settings with their defaults, as if no line were commented out.
    fn sample() -> (String, toml::Table) {
        let text: String = include_str!("../parlor-server.sample.toml")
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        let table = text.parse().unwrap();
        (text, table)
    }

    /// Whether a commented line of the sample is a setting and not prose.
    fn is_setting(line: &str) -> bool {
        let word = line.split([' ', '=']).next().unwrap_or_default();
        let is_name = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        line.starts_with('[') || (is_name && line[word.len()..].starts_with(" = "))
    }

    #[test]
    fn a_setting_has_one_name_in_all_three_places() {
        for (name, arg) in table() {
            assert_eq!(arg.get_long().unwrap(), name.replace('_', "-"));
            assert_eq!(arg.get_env().unwrap().to_str().unwrap(), format!("PARLOR_{}", name.to_uppercase()));
        }
    }

    #[test]
    fn the_sample_shows_every_setting_and_the_default_that_the_help_tells() {
        let (_, sample) = sample();
        for (name, arg) in table() {
            let shown = sample.get(&name).unwrap_or_else(|| panic!("{name} is not in the sample"));
            let shown = shown.as_str().map_or_else(|| shown.to_string(), str::to_owned);
            let help = arg.get_help().unwrap().to_string();
            let is_example = help.contains("[default: none");
            assert!(is_example || help.contains(&format!("[default: {shown}")), "{name} = {shown}: {help}");
        }
    }

    #[test]
    fn the_sample_is_valid_and_its_values_are_the_defaults() {
        let (text, _) = sample();
        let mut settings: Settings = toml::from_str(&text).unwrap();
        assert_eq!(settings.log_format, Some(LogFormat::default()));
        // Examples, which have no default or none that is the same everywhere.
        assert_eq!(settings.trusted_proxies.take().unwrap().len(), 2);
        assert!(settings.tls_certificate.take().is_some() && settings.tls_key.take().is_some());
        assert!(settings.database.take().is_some() && settings.master_key_file.take().is_some());
        assert!(settings.webhook_url.take().is_some());
        assert!(settings.metrics_listen.take().is_some() && settings.web_dir.take().is_some());
        let config = settings.configure().unwrap();
        let (keys, ice_servers) = (config.keys.clone(), config.ice_servers.clone());
        assert_eq!((keys.len(), ice_servers.len()), (2, 2));
        let default = Config { keys, ice_servers, web_dir: config.web_dir.clone(), ..Config::default() };
        assert_eq!(format!("{config:?}"), format!("{default:?}"));
        let as_it_is: Settings = toml::from_str(include_str!("../parlor-server.sample.toml")).unwrap();
        assert_eq!(as_it_is.configure().unwrap().keys.len(), 1);
    }

    #[test]
    fn what_is_not_given_comes_from_the_weaker_place() {
        let parse = |text| toml::from_str::<Settings>(text).unwrap();
        let stronger = parse("listen = '127.0.0.1:1'\nlinger_ms = 0");
        let weaker = parse("listen = '127.0.0.1:2'\nmax_connections = 7\n[[keys]]\nid = 'pk_a'");
        let config = stronger.or(weaker).configure().unwrap();
        assert_eq!((config.listen.port(), config.max_connections, config.keys.len()), (1, 7, 1));
        assert_eq!(config.hub.linger, Duration::ZERO);
    }

    #[test]
    fn settings_that_contradict_themselves_are_refused() {
        for (text, expected) in [
            ("tls_certificate = 'a.pem'", "tls_certificate and tls_key are needed together"),
            ("ping_after_ms = 0", "ping_after_ms must be more than 0"),
        ] {
            let error = toml::from_str::<Settings>(text).unwrap().configure().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn zero_lifts_a_limit_per_address() {
        let settings: Settings = toml::from_str("connects_per_address = 0\nsockets_per_address = 0").unwrap();
        assert_eq!(settings.configure().unwrap().per_address, PerAddress::UNLIMITED);
    }

    #[test]
    fn the_channel_cap_keeps_a_snapshot_in_one_frame() {
        for (count, fits) in [(0, false), (1, true), (256, true), (257, false)] {
            let settings = Settings { max_members: Some(count), ..Settings::default() };
            assert_eq!(settings.configure().is_ok(), fits, "{count}");
        }
    }
}
