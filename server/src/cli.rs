//! The command line of the server. A flag wins over its environment variable, that over the configuration
//! file, that over the default.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, ConfigError, DEV_KEY, Key};
use crate::config_file::{ConfigFile, listen_address};
use crate::server::{Server, ServerHandle};
use crate::static_files::default_web_dir;

/// The flags of the server.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// The configuration file (TOML).
    #[arg(long, env = "PARLOR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Where to listen [default: 127.0.0.1:7080].
    #[arg(long, env = "PARLOR_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,

    /// Add the key pk_dev, which opens everything to everyone. Not for production.
    #[arg(long, env = "PARLOR_DEV", value_parser = clap::builder::FalseyValueParser::new())]
    pub dev: bool,

    /// The directory of the demo page [default: web/dist, or share/parlor/web of the installation].
    #[arg(long, env = "PARLOR_WEB_DIR", value_name = "DIR")]
    pub web_dir: Option<PathBuf>,
}

/// Runs a server until Ctrl-C or SIGTERM, and returns the process's exit status.
///
/// Prints where the server listens on standard output, and logs to standard error (`PARLOR_LOG` sets the
/// filter, `info` by default). A server that does not start says why in one sentence and fails.
pub fn run(arguments: ServeArgs) -> ExitCode {
    let filter = EnvFilter::try_from_env("PARLOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A second subscriber in one process is refused; the first one keeps working.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
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
    let config = configuration(arguments).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        // Before listening, so that a signal in between is not lost.
        let stop = stop_signal().map_err(|error| format!("signals cannot be watched: {error}"))?;
        let server = Server::start(config).await.map_err(|error| error.to_string())?;
        greet(&server, dev);
        stop.await;
        tracing::info!("shutting down");
        server.shutdown().await;
        Ok(())
    })
}

/// Puts flags, environment, file and defaults together.
fn configuration(arguments: ServeArgs) -> Result<Config, ConfigError> {
    let ServeArgs { config: path, listen, dev, web_dir } = arguments;
    let mut file = path.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
    let mut config = Config::default();
    if let Some(address) = listen.or(file.listen.take()) {
        config.listen = listen_address(&address)?;
    }
    config.web_dir = match web_dir.or(file.web_dir.take()) {
        Some(dir) if dir.join("index.html").is_file() => Some(dir),
        Some(dir) => {
            return Err(ConfigError(format!(
                "the demo page's directory {} has no index.html",
                dir.display()
            )));
        }
        None => default_web_dir(),
    };
    file.apply(&mut config)?;
    if dev {
        config.keys.push(Key::open_to_all(DEV_KEY));
    }
    if config.keys.is_empty() {
        let advice = "no client could connect: name keys in a configuration file (--config), or try --dev";
        return Err(ConfigError(advice.to_owned()));
    }
    Ok(config)
}

/// Says where the server is. On standard output, for people and for scripts that wait for it.
fn greet(server: &ServerHandle, dev: bool) {
    let url = server.url();
    let mut text = format!("Parlor listens on {url}\n");
    if dev {
        let page = url.replacen("ws://", "http://", 1);
        text.push_str(&format!(
            "Open {page}/?key={DEV_KEY}&channel=demo in two tabs to call.\n\
             Dev mode is not for production: the key {DEV_KEY} opens everything to everyone.\n"
        ));
    }
    let mut out = std::io::stdout().lock();
    // A closed standard output is no reason not to serve.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    tracing::info!("ready");
}

/// Returns a future that ends when the process is asked to stop.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        drop(signal::ctrl_c().await);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("parlor-cli-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let path = file("precedence", "listen = \"127.0.0.1:1111\"\n[[keys]]\nid = \"pk_a\"");
        let arguments = |listen: Option<&str>, config: Option<&PathBuf>| ServeArgs {
            config: config.cloned(),
            listen: listen.map(str::to_owned),
            dev: true,
            web_dir: None,
        };
        let port = |arguments| configuration(arguments).unwrap().listen.port();
        assert_eq!(port(arguments(Some("127.0.0.1:2222"), Some(&path))), 2222);
        assert_eq!(port(arguments(None, Some(&path))), 1111);
        assert_eq!(port(arguments(None, None)), 7080);
        let keys = configuration(arguments(None, Some(&path))).unwrap().keys;
        assert_eq!(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["pk_a", "pk_dev"]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_server_that_nobody_could_use_does_not_start() {
        let error = configuration(ServeArgs::default()).unwrap_err().to_string();
        assert!(error.contains("--dev"), "{error}");
        let web_dir = Some(PathBuf::from("/no/such/directory"));
        let error = configuration(ServeArgs { dev: true, web_dir, ..ServeArgs::default() }).unwrap_err();
        assert!(error.to_string().contains("/no/such/directory"), "{error}");
        let config = Some(PathBuf::from("/no/such/file"));
        let error = configuration(ServeArgs { config, ..ServeArgs::default() }).unwrap_err();
        assert!(error.to_string().contains("/no/such/file"), "{error}");
    }
}
