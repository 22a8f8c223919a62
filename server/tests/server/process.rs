//! The binary: how it starts, stops, fails, and what it logs.

use std::path::PathBuf;
use std::process::Output;

use protocol::ServerFrame;
use serde_json::json;

use crate::binary::{Process, binary};
use crate::deployment::Deployment;
use crate::resume::{query, resumable};
use crate::support::{Client, Event, call, get};

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
        (
            &["--dev", "--listen", "127.0.0.1:0", "--metrics-listen", &taken],
            &format!("cannot listen on {taken}"),
        ),
        (
            &["--dev", "--tls-certificate", "/no/such/file", "--tls-key", "/no/such/key"],
            "/no/such/file cannot be read",
        ),
        (&["--dev", "--tls-key", "/no/such/key"], "tls_certificate and tls_key are needed together"),
        (&["--dev", "--tls-dev", "/no/such/dir/file"], "cannot be written to /no/such/dir/file"),
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

/// What a log must not have.
struct Private {
    /// At no level.
    secrets: Vec<String>,
    /// Above `debug`.
    names: Vec<String>,
}

/// Does with a server all that could make it log what it must not, and returns the log.
async fn busy_log(deployment: &Deployment, level: &str, format: &str) -> (String, Private) {
    let (id, secret) = deployment.secret(&[]);
    let minted = deployment.token(&id, "hush-peer", &["--metadata", r#"{"a":"hush-metadata"}"#]);
    let config = file(
        &format!("private-{level}-{format}"),
        "listen = \"127.0.0.1:0\"\n[[keys]]\nid = \"pk_hush_key\"\n\
         [[ice_servers]]\nurls = \"turn:hush.example\"\nusername = \"hush-user\"\ncredential = \"hush-password\"\n",
    );
    let server = Process::start(
        binary()
            .arg("--config")
            .arg(&config)
            .args(["--log", level, "--log-format", format, "--webhook-url", "http://127.0.0.1:1/hush-hook"])
            .arg("--database")
            .arg(&deployment.database)
            .arg("--master-key-file")
            .arg(deployment.master_key_file()),
    );
    let (mut ann, first) = resumable(&server.url, "?key=pk_hush_key").await;
    let ann_id = first.peer_id.clone();
    ann.subscribe("hush-channel").await;
    let mut bob = Client::connect_to(&server.url, "pk_hush_key").await;
    bob.subscribe("hush-channel").await;
    bob.send(&ann_id, json!({"sdp": "hush-payload"}), "hush-request").await;
    bob.text("{\"hush-garbage\"").await;
    bob.text("x".repeat(100_000)).await;
    bob.next_close().await;
    for query in ["?key=pk_hush_wrong", "?key=pk_hush_key&token=hush-token"] {
        let mut refused = Client::open(&server.url, query).await;
        assert_eq!(refused.next().await, Event::Close(4001));
    }
    let address = server.url.strip_prefix("ws://").unwrap().parse().unwrap();
    let bearer = format!("{id}:{secret}");
    let (_, made) = call(address, "POST", "/v1/tokens", &bearer, Some(r#"{"peerId":"hush-rest"}"#)).await;
    let (_, anonymous) = call(address, "POST", "/v1/tokens/anonymous", "pk_hush_key", Some("{}")).await;
    let [made, anonymous] = [made, anonymous].map(|answer| answer["token"].as_str().unwrap().to_owned());
    for token in [&minted, &made, &anonymous] {
        let mut peer = Client::connect_with_token(&server.url, token).await;
        peer.subscribe("hush-channel").await;
    }
    for (path, bearer, body) in [
        ("/v1/tokens", format!("{id}:hush-secret"), "{}"),
        ("/v1/tokens", bearer.clone(), "{hush"),
        ("/v1/tokens/anonymous", bearer, "{}"),
    ] {
        assert!(call(address, "POST", path, &bearer, Some(body)).await.0 >= 400);
    }
    let forged = format!("{}hush{}", &minted[..minted.len() - 10], &minted[minted.len() - 6..]);
    Client::open_with_token(&server.url, &forged).await.next_close().await;
    drop(ann);
    let (again, second) = resumable(&server.url, &query("pk_hush_key", Some(&first), 0)).await;
    assert!(second.resumed);
    drop(again);
    for path in ["/v1?key=pk_hush_key", "/v1/hush?token=hush-token", "/hush"] {
        assert_ne!(get(address, path).await.status, 200);
    }
    let (success, _, log) = server.stop();
    assert!(success);
    std::fs::remove_file(config).unwrap();
    let master_key = std::fs::read_to_string(deployment.master_key_file()).unwrap().trim().to_owned();
    let webhook_secret = deployment.json(&["webhooks", "secret"])["secret"].as_str().unwrap().to_owned();
    let resume = [first, second].map(|welcome| welcome.resume.unwrap().expose().to_owned());
    // A part of a secret is too much, too: the end of each is not in any other.
    let secrets =
        [secret, minted, forged, made, anonymous, master_key, webhook_secret].into_iter().chain(resume);
    let secrets = secrets.map(|secret| secret[secret.len() - 16..].to_owned()).collect();
    let names = vec![ann_id, bob.id.clone(), id, address.to_string(), "127.0.0.1".to_owned()];
    (log, Private { secrets, names })
}

#[tokio::test]
async fn no_level_of_the_log_names_a_credential_a_channel_or_a_payload() {
    let deployment = Deployment::sqlite();
    for level in ["error", "warn", "info", "debug", "trace"] {
        for format in ["text", "json"] {
            let (log, Private { secrets, names }) = busy_log(&deployment, level, format).await;
            assert!(!log.contains("hush"), "{level}: {log}");
            for secret in &secrets {
                assert!(!log.contains(&**secret), "{level}: {log}");
            }
            let is_detailed = ["debug", "trace"].contains(&level);
            for who in names.iter().filter(|_| !is_detailed) {
                assert!(!log.contains(who), "{who} at {level}: {log}");
            }
            assert_eq!(log.contains("client turned away"), !["error", "warn"].contains(&level), "{log}");
            assert_eq!(log.contains("DEBUG"), is_detailed, "{log}");
            let is_json = |line| serde_json::from_str::<serde_json::Value>(line).is_ok();
            assert!(log.lines().all(|line| is_json(line) == (format == "json")), "{log}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told_and_the_one_before_stays() {
    let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) =
        (file("certificate", &issued.cert.pem()), file("key", &issued.signing_key.serialize_pem()));
    let mut server = Process::start(
        binary()
            .args(["--dev", "--listen", "127.0.0.1:0", "--tls-poll-ms", "10", "--tls-certificate"])
            .arg(&certificate)
            .arg("--tls-key")
            .arg(&key),
    );
    std::fs::write(&certificate, "garbage").unwrap();
    server.until_logged("the certificate before stays");
    let trusting = crate::tls::trusting(issued.cert.der().clone());
    Client::connect_tls(&server.url, "pk_dev", trusting).await;
    std::fs::write(&certificate, issued.cert.pem()).unwrap();
    server.until_logged("the certificate was replaced");
    drop(server);
    for path in [certificate, key] {
        std::fs::remove_file(path).unwrap();
    }
}

#[tokio::test]
async fn tls_for_development_says_whom_to_trust() {
    let path = std::env::temp_dir().join(format!("parlor-dev-{}.pem", std::process::id()));
    let server = Process::start(binary().args(["--dev", "--listen", "127.0.0.1:0", "--tls-dev"]).arg(&path));
    assert!(server.url.starts_with("wss://"), "{}", server.url);
    let (_, out, _) = server.stop();
    assert!(out.contains("https://127.0.0.1:") && out.contains(path.to_str().unwrap()), "{out}");
    assert!(out.contains("SHA-256 "), "{out}");
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_draining_server_is_unready_first_and_a_second_signal_ends_it() {
    let server =
        Process::start(binary().args(["--dev", "--listen", "127.0.0.1:0", "--drain-delay-ms", "600000"]));
    let address = server.url.strip_prefix("ws://").unwrap().parse().unwrap();
    let mut client = Client::connect_to(&server.url, "pk_dev").await;
    assert_eq!(get(address, "/readyz").await.status, 200);
    server.signal("TERM");
    while get(address, "/readyz").await.status != 503 {}
    assert_eq!(get(address, "/healthz").await.status, 200);
    client.assert_quiet().await;
    server.signal("TERM");
    let (success, _, log) = server.end();
    assert!(!success && log.contains("second signal"), "{log}");
    assert_eq!(client.next().await, Event::Broken);
}

#[tokio::test]
async fn a_drain_ends_with_a_goodbye() {
    let server = Process::start(binary().args(["--dev", "--listen", "127.0.0.1:0", "--drain-delay-ms", "1"]));
    let mut client = Client::connect_to(&server.url, "pk_dev").await;
    server.signal("INT");
    assert!(matches!(client.next_frame().await, ServerFrame::GoingAway { .. }));
    assert_eq!(client.next_close().await, 1001);
    // The client's half of the closing handshake.
    assert_eq!(client.next().await, Event::Broken);
    assert!(server.end().0);
}

#[tokio::test]
async fn metrics_are_served_where_they_are_asked_for_and_nowhere_else() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Process::start(binary().args([
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        &port.to_string(),
    ]));
    let address = server.url.strip_prefix("ws://").unwrap().parse().unwrap();
    assert_eq!(get(address, "/metrics").await.status, 404);
    let mut ann = Client::connect_to(&server.url, "pk_dev").await;
    ann.subscribe("secret-channel").await;
    ann.text("nonsense").await;
    ann.next_frame().await;
    let mut bob = Client::connect_to(&server.url, "pk_dev").await;
    bob.text("x".repeat(100_000)).await;
    assert_eq!(bob.next_close().await, 1009);
    let mut refused = Client::open(&server.url, "?key=pk_wrong").await;
    assert_eq!(refused.next().await, Event::Close(4001));
    let answer = get(port, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "parlor_connections 1",
        "parlor_connects_total 2",
        "parlor_joins_total 1",
        "parlor_frames_total{kind=\"subscribe\"} 1",
        "parlor_frames_total{kind=\"malformed\"} 1",
        "parlor_closes_total{code=\"1009\"} 1",
        "parlor_refusals_total{code=\"4001\"} 1",
        "parlor_queue_cuts_total 0",
    ] {
        assert!(answer.body.lines().any(|metric| metric == line), "{line} is not in\n{}", answer.body);
    }
    let received = answer.body.lines().find_map(|line| line.strip_prefix("parlor_received_bytes_total "));
    assert!(received.unwrap().parse::<u64>().unwrap() > 100_000, "{}", answer.body);
    for secret in ["pk_dev", "secret-channel", &*ann.id] {
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
}
