//! A database with its master key, the command that manages its keys, and servers on it.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use parlor_server::{Config, ServerHandle};
use serde_json::Value;

use crate::support::start_with;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A deployment in a directory of its own.
pub struct Deployment {
    pub dir: PathBuf,
    /// What `--database` is given.
    pub database: String,
}

impl Deployment {
    /// Makes one with an SQLite file.
    pub fn sqlite() -> Self {
        let dir = new_dir();
        let database = dir.join("test.db").display().to_string();
        Self { dir, database }
    }

    /// Makes one whose database is elsewhere.
    pub fn with_database(url: &str) -> Self {
        Self { dir: new_dir(), database: url.to_owned() }
    }

    pub fn master_key_file(&self) -> PathBuf {
        self.dir.join("test.key")
    }

    /// Runs the server's binary on this deployment.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlor-server"));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("PARLOR_") {
                command.env_remove(variable);
            }
        }
        command.args(arguments).current_dir(&self.dir);
        command.env("PARLOR_DATABASE", &self.database).env("PARLOR_MASTER_KEY_FILE", self.master_key_file());
        command.output().unwrap()
    }

    /// Runs the binary and returns what it printed as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let Output { status, stdout, stderr } = self.run(&[arguments, &["--json"]].concat());
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        serde_json::from_slice(&stdout).unwrap()
    }

    /// Runs the binary, which must fail, and returns its one sentence.
    pub fn failure(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(arguments);
        let text = String::from_utf8(stderr).unwrap();
        assert!(!status.success() && stdout.is_empty(), "{arguments:?}: {text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        text.strip_prefix("error: ").unwrap().trim_end().to_owned()
    }

    /// Makes a publishable key and returns its id and its text.
    pub fn publishable(&self, options: &[&str]) -> (String, String) {
        let made = self.json(&[&["keys", "create"], options].concat());
        (text(&made["id"]), text(&made["key"]))
    }

    /// Makes a secret key and returns its id and its secret.
    pub fn secret(&self, options: &[&str]) -> (String, String) {
        let made = self.json(&[&["keys", "create", "--secret"], options].concat());
        (text(&made["id"]), text(&made["secret"]))
    }

    /// Makes a token of an hour.
    pub fn token(&self, key: &str, peer_id: &str, options: &[&str]) -> String {
        let arguments = ["token", "mint", "--key", key, "--peer-id", peer_id];
        text(&self.json(&[&arguments, options].concat())["token"])
    }

    /// Starts a server in this process.
    pub async fn serve(&self) -> ServerHandle {
        start_with(self.config()).await
    }

    pub fn config(&self) -> Config {
        let mut config = Config::dev_on_free_port();
        config.keys.clear();
        config.database = Some(self.database.parse().unwrap());
        config.master_key.file = Some(self.master_key_file());
        config
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub fn new_dir() -> PathBuf {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("parlor-deployment-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
