//! Keys and tokens from their making to their end.

use std::time::{Duration, Instant};

use protocol::{ServerFrame, Welcome};
use serde_json::json;
use sqlx::{AnyConnection, Connection as _};

use crate::deployment::{Deployment, new_dir, text};
use crate::support::{Client, Event, refusal};

/// How soon a running server follows a change.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(2);

#[tokio::test]
async fn on_sqlite_keys_come_rotate_and_go_under_a_running_server() {
    come_rotate_and_go(&Deployment::sqlite()).await;
}

/// The life of keys; the same on every database.
pub async fn come_rotate_and_go(deployment: &Deployment) {
    let (publishable_id, publishable) = deployment.publishable(&["--name", "web"]);
    let server = deployment.serve().await;
    let mut stays = Client::connect_to(&server.url(), &publishable).await;

    // A key that is made now opens within two seconds, and so does its token.
    let (secret_id, first_secret) = deployment.secret(&["--channel", "room/*"]);
    let by_first = deployment.token(&secret_id, "ann", &[]);
    wait_until_admitted(&server.url(), &by_first).await;
    let mut ann = Client::connect_with_token(&server.url(), &by_first).await;
    assert_eq!(ann.id, "ann");

    // Two live secrets.
    let rotated = deployment.json(&["keys", "rotate", &secret_id]);
    assert_eq!(rotated["state"], "rotating");
    let second_secret = text(&rotated["secret"]);
    assert_ne!(first_secret, second_secret);
    let by_second = deployment.token(&secret_id, "bob", &[]);
    wait_until_admitted(&server.url(), &by_second).await;
    let mut bob = Client::connect_with_token(&server.url(), &by_second).await;
    Client::connect_with_token(&server.url(), &by_first).await;
    ann = Client::connect_with_token(&server.url(), &by_first).await;

    // Then one: what the other one admitted ends.
    let finished = deployment.json(&["keys", "rotate", &secret_id, "--finish"]);
    let since = Instant::now();
    assert_eq!(finished["state"], "live");
    assert_eq!(ann.next_close().await, 4001);
    assert!(since.elapsed() < FOLLOWS_WITHIN, "{:?}", since.elapsed());
    assert_eq!(Client::open_with_token(&server.url(), &by_first).await.next_close().await, 4001);
    bob.assert_quiet().await;

    // Then none.
    deployment.json(&["keys", "revoke", &secret_id]);
    let since = Instant::now();
    assert_eq!(bob.next_close().await, 4001);
    assert!(since.elapsed() < FOLLOWS_WITHIN, "{:?}", since.elapsed());
    assert_eq!(Client::open_with_token(&server.url(), &by_second).await.next_close().await, 4001);

    stays.assert_quiet().await;
    let revoked = deployment.json(&["keys", "revoke", &publishable]);
    let since = Instant::now();
    assert_eq!((text(&revoked["id"]), &revoked["state"]), (publishable_id, &json!("revoked")));
    assert_eq!(stays.next_close().await, 4001);
    assert!(since.elapsed() < FOLLOWS_WITHIN, "{:?}", since.elapsed());
    let query = format!("?key={publishable}");
    assert_eq!(Client::open(&server.url(), &query).await.next().await, Event::Close(4001));

    // What is true after a restart, too.
    server.shutdown().await;
    let server = deployment.serve().await;
    assert_eq!(Client::open(&server.url(), &query).await.next().await, Event::Close(4001));
    let states: Vec<_> = deployment.json(&["keys", "list"]).as_array().unwrap().clone();
    assert!(states.iter().all(|key| key["state"] == "revoked") && states.len() == 2, "{states:?}");
}

/// Connects until the server has followed.
async fn wait_until_admitted(server: &str, token: &str) {
    let since = Instant::now();
    loop {
        let mut client = Client::open_with_token(server, token).await;
        match client.next().await {
            Event::Frame(ServerFrame::Welcome(_)) => return,
            Event::Close(4001) => assert!(since.elapsed() < FOLLOWS_WITHIN, "{:?}", since.elapsed()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_names_its_peer_and_its_metadata() {
    let deployment = Deployment::sqlite();
    let (key, _) = deployment.secret(&[]);
    let server = deployment.serve().await;
    let options = ["--metadata", r#"{"plan":"gold"}"#, "--peer-metadata", r#"{"name":"Ann"}"#];
    let token = deployment.token(&key, "ann", &options);
    let mut ann = Client::open_with_token(&server.url(), &token).await;
    let Event::Frame(ServerFrame::Welcome(Welcome { peer_id, expires_at, metadata, .. })) = ann.next().await
    else {
        panic!("no welcome");
    };
    assert_eq!(peer_id, "ann");
    assert!(expires_at.is_some_and(|at| at > 1_700_000_000));
    assert_eq!(metadata.unwrap()["plan"], "gold");
    ann.subscribe("demo").await;
    let mut bob = Client::connect_with_token(&server.url(), &deployment.token(&key, "bob", &[])).await;
    bob.subscribe("demo").await;
    bob.publish("demo", json!(1)).await;
    ann.send("bob", json!(2), "r").await;
    match bob.next_frame().await {
        ServerFrame::Direct { from, from_metadata, .. } => {
            assert_eq!((&*from, &from_metadata.unwrap()["name"]), ("ann", &json!("Ann")));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_that_is_no_token_is_refused_before_the_upgrade() {
    let deployment = Deployment::sqlite();
    let (_, key) = deployment.publishable(&["--origin", "https://app.example"]);
    let server = deployment.serve().await;
    assert_eq!(refusal(&server.url(), "?token=hush").await, (401, json!({"error": "invalid_token"})));
    let query = format!("?key={key}");
    assert_eq!(refusal(&server.url(), &query).await, (401, json!({"error": "origin_not_allowed"})));
}

#[tokio::test]
async fn a_stolen_database_opens_nothing() {
    let deployment = Deployment::sqlite();
    let (_, publishable) = deployment.publishable(&[]);
    let (secret_id, first_secret) = deployment.secret(&[]);
    let second_secret = text(&deployment.json(&["keys", "rotate", &secret_id])["secret"]);
    let token = deployment.token(&secret_id, "ann", &[]);
    let server = deployment.serve().await;
    let client = Client::connect_with_token(&server.url(), &token).await;
    let master_key = std::fs::read_to_string(deployment.master_key_file()).unwrap();
    let database: Vec<u8> = std::fs::read_dir(&deployment.dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| *path != deployment.master_key_file())
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    let holds = |text: &str| database.windows(text.len()).any(|window| window == text.as_bytes());
    // That the search finds what is there.
    assert!(holds(&secret_id));
    for credential in [&*publishable, &first_secret, &second_secret, &token, master_key.trim()] {
        let random = credential.rsplit('_').next().unwrap();
        assert!(!holds(credential) && !holds(random), "a credential is in the database");
        let bytes: Vec<u8> = (0..random.len() / 2)
            .map_while(|at| u8::from_str_radix(&random[2 * at..2 * at + 2], 16).ok())
            .collect();
        assert!(bytes.len() < 16 || !database.windows(bytes.len()).any(|window| window == bytes));
    }
    drop(client);
    server.shutdown().await;

    // Nor does a server start on it that has not the key.
    let thief = Deployment { dir: new_dir(), database: deployment.database.clone() };
    assert!(thief.failure(&["keys", "list"]).contains("was made with a master key, but there is no file"));
    std::fs::write(thief.master_key_file(), "5a".repeat(32)).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let everyone = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(thief.master_key_file(), everyone).unwrap();
        assert!(thief.failure(&["keys", "list"]).contains("everyone may read the master key file"));
        let owner = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(thief.master_key_file(), owner).unwrap();
    }
    assert!(thief.failure(&["--listen", "127.0.0.1:0"]).ends_with("was made with another master key"));
}

#[tokio::test]
async fn a_locked_newer_or_broken_database_is_told_in_one_sentence() {
    let deployment = Deployment::sqlite();
    deployment.publishable(&[]);
    sqlx::any::install_default_drivers();
    let mut other = AnyConnection::connect(&format!("sqlite://{}", deployment.database)).await.unwrap();
    let serve = ["--listen", "127.0.0.1:0"];
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    assert!(deployment.failure(&["keys", "create"]).ends_with("is locked by another program"));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    // A server that only reads is stopped by a program that wants the file for itself alone.
    sqlx::query("PRAGMA locking_mode = EXCLUSIVE").execute(&mut other).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    assert!(deployment.failure(&serve).ends_with("is locked by another program"));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    sqlx::query("PRAGMA locking_mode = NORMAL").execute(&mut other).await.unwrap();

    let newer = "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1";
    sqlx::query(newer).execute(&mut other).await.unwrap();
    let problem = deployment.failure(&serve);
    assert!(problem.contains("was made by a newer version of Parlor: its schema is 9999"), "{problem}");
    other.close().await.unwrap();

    std::fs::write(&deployment.database, "something else, and more of it than a header").unwrap();
    assert!(deployment.failure(&serve).ends_with("is something else than an SQLite file"));
    let nowhere = Deployment::with_database("/no/such/directory/parlor.db");
    assert!(nowhere.failure(&serve).contains("cannot be opened"));
    let mysql = Deployment::with_database("mysql://user:hush@localhost/parlor");
    assert!(!mysql.run(&serve).status.success());
    let absent = Deployment::with_database("postgres://user:hush@127.0.0.1:1/parlor");
    let problem = absent.failure(&serve);
    assert!(problem.starts_with("the PostgreSQL database does not answer"), "{problem}");
    assert!(!problem.contains("hush"));
}

#[test]
fn the_commands_show_secrets_once_and_say_what_is_wrong() {
    let deployment = Deployment::sqlite();
    let shown = |arguments: &[&str]| String::from_utf8(deployment.run(arguments).stdout).unwrap();
    assert!(shown(&["keys", "list"]).contains("There are no keys"));
    let made = shown(&["keys", "create", "--name", "web", "--channel", "room/*", "--action", "subscribe"]);
    let key = made.split_whitespace().find(|word| word.starts_with("pk_live_")).unwrap();
    let made = shown(&["keys", "create", "--secret"]);
    let secret = made.split_whitespace().find(|word| word.starts_with("sk_secret_")).unwrap();
    let id = made.split_whitespace().find(|word| word.starts_with("sk_id_")).unwrap();
    let list = shown(&["keys", "list"]);
    assert!(list.contains(id) && list.contains("room/*") && list.contains("web"), "{list}");
    let as_json = deployment.json(&["keys", "list"]).to_string();
    for text in [list, as_json] {
        assert!(!text.contains(key) && !text.contains(secret), "{text}");
    }
    for (arguments, expected) in [
        (&["keys", "create", "--channel", "a\\"][..], "a backslash in the pattern"),
        (&["keys", "create", "--action", "shout"], "is none of subscribe, publish, presence, send"),
        (&["keys", "revoke", "pk_live_hush"], "there is no such key"),
        (&["keys", "rotate", key], "only secret keys rotate"),
        (&["token", "mint", "--key", "sk_id_none", "--peer-id", "a"], "there is no such secret key"),
        (&["token", "mint", "--key", id, "--peer-id", "é"], "printable ASCII"),
        (&["token", "mint", "--key", id, "--peer-id", "a", "--expires-in", "86401"], "more than 86400 s"),
    ] {
        let problem = deployment.failure(arguments);
        assert!(problem.contains(expected) && !problem.contains("hush"), "{arguments:?}: {problem}");
    }
}
