//! `parlor demo`: a server and two sessions in one process.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use parlor::api::{Credential, Engine, EngineConfig, Error, Result, Secret, SessionConfig, Status};

use crate::call::stream;
use crate::participant::{Participant, Settings};
use crate::progress::Progress;
use crate::report;

/// Arguments of `parlor demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// How long the two stay.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// The clip that both send, VP8 in IVF; without it a test pattern.
    #[arg(long)]
    pub clip: Option<PathBuf>,
    /// The speech that both send, Ogg Opus or WAV; without it a tone.
    #[arg(long)]
    pub speech: Option<PathBuf>,
    /// Write a PNG snapshot of each remote picture into this folder at the end.
    #[arg(long)]
    pub snapshot: Option<PathBuf>,
    /// Print one JSON object and nothing else.
    #[arg(long)]
    pub json: bool,
}

/// Runs the demo; returns whether both saw each other.
pub fn run(arguments: &DemoArgs) -> Result<bool> {
    crate::log_to_stderr();
    let server = LocalServer::start()?;
    let file = |path: &Option<PathBuf>, otherwise: &str| {
        path.as_ref().map_or_else(|| otherwise.to_owned(), |path| format!("file:{}", path.display()))
    };
    let mut participants = Vec::new();
    for name in ["alice", "bob"] {
        participants.push(Participant::join(Settings {
            name: name.into(),
            config: server.config()?,
            channel: "demo".into(),
            role: "camera".into(),
            stream: stream(&file(&arguments.clip, "test"), &file(&arguments.speech, "tone"))?,
            reference: arguments.clip.clone(),
            snapshots: arguments.snapshot.clone(),
        })?);
    }
    let mut progress = Progress::new(!arguments.json);
    let (alice, bob) = (&participants[0], &participants[1]);
    alice.stay(Duration::from_secs_f64(arguments.seconds.max(0.0)), |_| {
        bob.refresh();
        progress.show(&[alice, bob]);
    });
    progress.finish();
    let sessions = participants.into_iter().map(Participant::leave).collect::<Result<Vec<_>>>()?;
    let ok = sessions.iter().all(|session| {
        session.joined && session.remotes.iter().any(|r| r.video.as_ref().is_some_and(|v| v.frames > 0))
    });
    report::print(&sessions, ok, arguments.json);
    Ok(ok)
}

/// A development server on a free port of this machine.
pub struct LocalServer {
    runtime: tokio::runtime::Runtime,
    server: Option<parlor_server::ServerHandle>,
    url: String,
}

impl LocalServer {
    /// Starts the server.
    pub fn start() -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(Status::ConnectionFailed, format!("the server does not start: {error}"))
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let config = parlor_server::Config::dev_on_free_port();
        let server =
            runtime.block_on(parlor_server::Server::start(config)).map_err(|error| failed(&error))?;
        let url = server.url();
        Ok(Self { runtime, server: Some(server), url })
    }

    /// Returns the server's origin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the configuration of a session on this server, on an engine of its own as in two processes.
    pub fn config(&self) -> Result<SessionConfig> {
        let mut config = SessionConfig::new(&self.url, Credential::ApiKey(Secret::new("pk_dev")));
        config.engine = Some(Engine::new(EngineConfig::default())?);
        Ok(config)
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shutdown());
        }
    }
}
