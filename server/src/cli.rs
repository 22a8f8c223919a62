//! The command line of the server.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tokio::signal;

use crate::admin::DEFAULT_DATABASE;
use crate::config::{Config, ConfigError, DEV_KEY, Key, PerAddress, Tls};
use crate::config_file;
use crate::logging;
use crate::server::{Server, ServerHandle};
use crate::settings::Settings;
use crate::store::DatabaseLocation;
use crate::tls::DevCertificate;

/// The flags of the server.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// The configuration file (TOML)
    #[arg(long, env = "PARLOR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Add the key pk_dev, which opens everything to everyone. Not for production
    #[arg(long, env = "PARLOR_DEV", value_parser = clap::builder::FalseyValueParser::new())]
    pub dev: bool,

    /// Speak TLS with a certificate that is made now and written to FILE. Not for production
    #[arg(long, env = "PARLOR_TLS_DEV", value_name = "FILE", num_args = 0..=1,
          default_missing_value = "parlor-dev.pem", conflicts_with_all = ["tls_certificate", "tls_key"])]
    pub tls_dev: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Runs a server until Ctrl-C or SIGTERM, and returns the process's exit status.
///
/// Prints where the server listens on standard output, and logs to standard error. A server that does not start
/// says why in one sentence and fails.
pub fn run(arguments: ServeArgs) -> ExitCode {
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: ServeArgs) -> Result<(), String> {
    let dev = arguments.dev;
    let settings = settings(&arguments).map_err(|error| error.to_string())?;
    logging::start(settings.log.as_deref(), settings.log_format.unwrap_or_default())?;
    let config = configuration(settings, dev, arguments.tls_dev).map_err(|error| error.to_string())?;
    // Each client is a file descriptor, and the usual limit of 1,024 is there for programs that use select(2).
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        // Before listening, so that a signal in between is not lost.
        let mut signals = Signals::watch().map_err(|error| format!("signals cannot be watched: {error}"))?;
        let server = Server::start(config).await.map_err(|error| error.to_string())?;
        greet(&server, dev);
        signals.stop().await;
        tracing::info!("shutting down");
        tokio::select! {
            () = server.shutdown() => Ok(()),
            () = signals.stop() => Err("stopped by a second signal, before every client was gone".to_owned()),
        }
    })
}

/// Puts the flags and the environment before the file.
fn settings(arguments: &ServeArgs) -> Result<Settings, ConfigError> {
    let file = arguments.config.as_deref().map(config_file::read).transpose()?.unwrap_or_default();
    Ok(arguments.settings.clone().or(file))
}

/// Puts the settings before the defaults.
fn configuration(settings: Settings, dev: bool, tls_dev: Option<PathBuf>) -> Result<Config, ConfigError> {
    let mut config = settings.configure()?;
    if dev {
        config.keys.push(Key::open_to_all(DEV_KEY));
        config.per_address = PerAddress::UNLIMITED;
    }
    if let Some(certificate) = tls_dev {
        config.tls = Some(Tls::SelfSigned { certificate });
    }
    let default_database = Path::new(DEFAULT_DATABASE);
    if config.keys.is_empty() && config.database.is_none() && default_database.exists() {
        config.database = Some(DatabaseLocation::Sqlite(default_database.to_owned()));
    }
    if config.keys.is_empty() && config.database.is_none() {
        let advice = "no client could connect: make a key with `keys create`, or try --dev";
        return Err(ConfigError(advice.to_owned()));
    }
    Ok(config)
}

/// Says where the server is. On standard output, for people and for scripts that wait for it.
fn greet(server: &ServerHandle, dev: bool) {
    let url = server.url();
    let mut text = format!("Parlor listens on {url}\n");
    if dev {
        let page = url.replacen("ws", "http", 1);
        text.push_str(&format!(
            "Open {page}/?key={DEV_KEY}&channel=demo in two tabs to call.\n\
             Dev mode is not for production: the key {DEV_KEY} opens everything to everyone.\n"
        ));
    }
    if let Some(DevCertificate { path, fingerprint }) = server.dev_certificate() {
        let path = path.display();
        text.push_str(&format!("Clients that trust {path} trust this server. SHA-256 {fingerprint}\n"));
    }
    let mut out = std::io::stdout().lock();
    // A closed standard output is no reason not to serve.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    tracing::info!("ready");
}

/// The signals that ask the process to stop.
struct Signals {
    #[cfg(unix)]
    terminate: signal::unix::Signal,
    #[cfg(unix)]
    interrupt: signal::unix::Signal,
}

impl Signals {
    fn watch() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: signal::unix::signal(signal::unix::SignalKind::terminate())?,
            #[cfg(unix)]
            interrupt: signal::unix::signal(signal::unix::SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    async fn stop(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        drop(signal::ctrl_c().await);
    }
}
