//! The binary: how it starts, stops, fails, and what it logs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::json;

use crate::support::{Client, Event, get};

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor-server"));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("PARLOR_") {
            command.env_remove(variable);
        }
    }
    command.current_dir(std::env::temp_dir()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server process that has said where it listens.
struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
    url: String,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line.strip_prefix("Parlor listens on ").unwrap_or_else(|| panic!("{line:?}"));
        Self { child, url: url.trim_end().to_owned(), out }
    }

    /// Asks the process to stop and returns its exit status, the rest of its output and its log.
    fn stop(mut self) -> (bool, String, String) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let (mut out, mut log) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().success(), out, log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when the process was stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("parlor-server-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn dev_mode_prints_the_page_to_click_and_warns() {
    let server = Process::start(binary().args(["--dev", "--listen", "127.0.0.1:0"]));
    let client = Client::connect_to(&server.url, "pk_dev").await;
    drop(client);
    let page = server.url.replace("ws://", "http://");
    let (success, out, _) = server.stop();
    assert!(success);
    assert!(out.contains(&format!("{page}/?key=pk_dev&channel=demo")), "{out}");
    assert!(out.contains("not for production"), "{out}");
}

#[tokio::test]
async fn flags_win_over_the_environment_and_that_over_the_file() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unusable = taken.local_addr().unwrap().to_string();
    let usable = "127.0.0.1:0";
    let in_file = |address: &str| format!("listen = \"{address}\"\n[[keys]]\nid = \"pk_file\"\n");
    let config = file("bad-listen", &in_file(&unusable));
    let server = Process::start(binary().args(["--config"]).arg(&config).env("PARLOR_LISTEN", usable));
    Client::connect_to(&server.url, "pk_file").await;
    drop(server);
    let server = Process::start(
        binary().env("PARLOR_CONFIG", &config).env("PARLOR_LISTEN", &unusable).args(["--listen", usable]),
    );
    // Without --dev there is no dev key.
    let mut client = Client::open(&server.url, "?key=pk_dev").await;
    assert_eq!(client.next().await, Event::Close(4001));
    drop(server);
    std::fs::write(&config, in_file(usable)).unwrap();
    let server = Process::start(binary().env("PARLOR_CONFIG", &config).env("PARLOR_DEV", "1"));
    Client::connect_to(&server.url, "pk_dev").await;
    let address = server.url.strip_prefix("ws://").unwrap().parse().unwrap();
    assert_eq!(get(address, "/healthz").await.status, 200);
    drop(server);
    std::fs::remove_file(config).unwrap();
}

#[test]
fn a_server_that_cannot_start_says_why_in_one_sentence_and_fails() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let unknown = file("unknown", "[[keys]]\nid = \"pk_a\"\ncolour = \"red\"\n");
    let unknown = unknown.to_str().unwrap();
    for (arguments, expected) in [
        (&["--dev", "--listen", &taken][..], &*format!("cannot listen on {taken}")),
        (&["--dev", "--log", "=loud="], "the log filter cannot be read"),
        (&["--config", unknown], "line 3: unknown field `colour`"),
        (&["--config", "/no/such/file"], "/no/such/file cannot be read"),
        (&["--dev", "--web-dir", "/no/such/dir"], "/no/such/dir has no index.html"),
        (&[], "--dev"),
    ] {
        let Output { status, stdout, stderr } = binary().args(arguments).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(!status.success() && stdout.is_empty(), "{arguments:?}");
        assert!(stderr.starts_with("error: ") && stderr.contains(expected), "{arguments:?}: {stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    }
    std::fs::remove_file(unknown).unwrap();
}

#[test]
fn a_wrong_value_is_told_with_the_name_of_its_flag() {
    for (value, expected) in [
        (["--listen", "nowhere"], "'nowhere' for '--listen <ADDRESS:PORT>'"),
        (["--max-connections", "many"], "'many' for '--max-connections <COUNT>'"),
        (["--log-format", "yaml"], "[possible values: text, json]"),
    ] {
        let by_flag = binary().arg("--dev").args(value).output().unwrap();
        let variable = value[0].replacen("--", "PARLOR_", 1).replace('-', "_").to_uppercase();
        let by_variable = binary().arg("--dev").env(variable, value[1]).output().unwrap();
        for Output { status, stderr, .. } in [by_flag, by_variable] {
            let stderr = String::from_utf8(stderr).unwrap();
            assert!(!status.success() && stderr.contains(expected), "{value:?}: {stderr}");
        }
    }
}

#[tokio::test]
async fn the_log_names_no_key_no_peer_no_address_and_no_payload() {
    let config = file(
        "private",
        "listen = \"127.0.0.1:0\"\n[[keys]]\nid = \"pk_hush_key\"\n\
         [[ice_servers]]\nurls = \"turn:hush.example\"\nusername = \"hush-user\"\ncredential = \"hush-password\"\n",
    );
    let server = Process::start(binary().arg("--config").arg(&config).env("PARLOR_LOG", "info"));
    let mut ann = Client::connect_to(&server.url, "pk_hush_key").await;
    ann.subscribe("hush-channel").await;
    let mut bob = Client::connect_to(&server.url, "pk_hush_key").await;
    bob.subscribe("hush-channel").await;
    bob.send(&ann.id, json!({"sdp": "hush-payload"}), "hush-request").await;
    bob.text("{\"hush-garbage\"").await;
    bob.text("x".repeat(100_000)).await;
    bob.next_close().await;
    for query in ["?key=pk_hush_wrong", "?token=hush-token"] {
        let mut refused = Client::open(&server.url, query).await;
        assert_eq!(refused.next().await, Event::Close(4001));
    }
    let url = server.url.clone();
    let (success, _, log) = server.stop();
    assert!(success);
    assert!(log.contains("ready") && log.contains("client turned away"), "{log}");
    assert!(!log.contains("hush"), "{log}");
    for word in [&*ann.id, &*bob.id, "127.0.0.1", &url] {
        assert!(!log.contains(word), "{word} in {log}");
    }
    std::fs::remove_file(config).unwrap();
}
