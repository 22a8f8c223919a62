//! `cargo xtask rest`: the REST interface held against its contract, `spec/openapi.json`, by schemathesis.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::project::{root, target_dir};
use crate::{Result, command, python, workspace};

/// How many requests each operation gets from the fuzzing phase; the others are as many as the contract gives reason
/// for.
const EXAMPLES: &str = "20";

/// Starts a server with a new database, and sends it what the contract allows and what it does not. The seed is
/// fixed, so that a failure is the change's.
pub fn test() -> Result {
    let folder = root().join("tests/rest");
    let Some(python) = python::install(&folder, "REST tests")? else { return Ok(()) };
    workspace::build()?;
    let data = target_dir().join("rest");
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    fs::create_dir_all(&data)?;
    let secret = create_key(&data, &["--secret"])?;
    let publishable = create_key(&data, &[])?;
    let server = Server::start(&data)?;
    let mut schemathesis = command::new(python.with_file_name("schemathesis"));
    schemathesis.arg("--config-file").arg(folder.join("schemathesis.toml")).arg("run");
    schemathesis.arg(format!("{}/v1/openapi.json", server.url));
    schemathesis.args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "1"]);
    // It keeps a database of failures in its working directory.
    schemathesis.current_dir(&data);
    schemathesis.env("PARLOR_SECRET_KEY", secret).env("PARLOR_PUBLISHABLE_KEY", publishable);
    command::run(&mut schemathesis)
}

/// Makes a key and returns what a request shows of it.
fn create_key(data: &Path, options: &[&str]) -> Result<String> {
    let printed = command::output(binary(data).args(["keys", "create"]).args(options))?;
    let word = |prefix: &str| printed.split_whitespace().find(|word| word.starts_with(prefix));
    match (word("pk_live_"), word("sk_id_"), word("sk_secret_")) {
        (Some(key), _, _) => Ok(key.to_owned()),
        (None, Some(id), Some(secret)) => Ok(format!("{id}:{secret}")),
        _ => Err("`keys create` printed no key".into()),
    }
}

fn binary(data: &Path) -> Command {
    let mut binary = command::new(target_dir().join("debug/parlor-server"));
    binary.env("PARLOR_DATABASE", data.join("parlor.db"));
    binary
}

struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts a server on a free port; when this returns, it listens.
    fn start(data: &Path) -> Result<Self> {
        let mut command = binary(data);
        command.args(["--listen", "127.0.0.1:0", "--connects-per-address", "0"]).stdout(Stdio::piped());
        let mut server = Self { child: command.spawn()?, url: String::new() };
        let mut line = String::new();
        BufReader::new(server.child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let url = line.trim().strip_prefix("Parlor listens on ws://").ok_or("the server did not start")?;
        server.url = format!("http://{url}");
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
