//! No client is told of what is not written down, and a database that is slow or fails ends no call.

use std::time::{Duration, Instant};

use parlor_server::{Config, ServerHandle};
use protocol::{ClientFrame, ServerFrame};
use serde_json::json;
use sqlx::{AnyConnection, Connection as _};

use crate::deployment::Deployment;
use crate::support::{Client, ack, start_with};
use crate::webhooks::{Receiver, told};

/// How long clients wait for the database.
const PATIENCE: Duration = Duration::from_secs(1);

async fn serve(deployment: &Deployment, receiver: &Receiver) -> ServerHandle {
    let mut config = deployment.config();
    config.keys = Config::dev_on_free_port().keys;
    config.webhook_url = Some(receiver.url.parse().unwrap());
    config.timing.webhook_retry = Duration::from_millis(10);
    config.hub.linger = Duration::ZERO;
    start_with(config).await
}

async fn open(database_url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(database_url).await.unwrap()
}

async fn run(database: &mut AnyConnection, statement: &'static str) {
    sqlx::query(statement).execute(database).await.unwrap();
}

/// Counts the events of a peer that are written down.
async fn written(database: &mut AnyConnection, kind: &str, peer: &str) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM webhook_events WHERE event LIKE $1 AND event LIKE $2")
        .bind(format!("%{kind}%"))
        .bind(format!("%{peer}%"))
        .fetch_one(database)
        .await
        .unwrap()
}

fn subscribe(channel: &str) -> ClientFrame {
    let (channel, request_id) = (channel.to_owned(), Some("join".to_owned()));
    ClientFrame::Subscribe { channel, request_id, include_sender_metadata: false }
}

#[tokio::test]
async fn what_a_client_is_told_of_is_written_down() {
    let deployment = Deployment::sqlite();
    told_of_is_written_down(&deployment, &format!("sqlite://{}", deployment.database)).await;
}

/// Looks into the database whenever a client is told of an event; the same on every database.
pub async fn told_of_is_written_down(deployment: &Deployment, database_url: &str) {
    let mut receiver = Receiver::start().await;
    let server = serve(deployment, &receiver).await;
    let mut database = open(database_url).await;
    let (mut ann, _) = Client::join(&server, "demo").await;
    for _ in 0..30 {
        let mut bob = Client::connect(&server).await;
        bob.frame(subscribe("demo")).await;
        assert_eq!(bob.next_frame().await, ack("join"));
        assert_eq!(written(&mut database, "peer.joined", &bob.id).await, 1);
        assert!(matches!(bob.next_frame().await, ServerFrame::Presence { .. }));
        let (channel, request_id) = ("demo".to_owned(), Some("leave".to_owned()));
        bob.frame(ClientFrame::Unsubscribe { channel, request_id }).await;
        ann.until_left(&bob.id).await;
        assert_eq!(written(&mut database, "peer.left", &bob.id).await, 1);
    }
    let events = receiver.collect_after(0, 63).await;
    let last = told(&events).split_off(61);
    assert_eq!(last, ["peer.joined demo", "peer.left demo"]);
}

#[tokio::test]
async fn a_slow_database_delays_those_who_come_and_not_a_call_that_goes_on() {
    let deployment = Deployment::sqlite();
    let mut receiver = Receiver::start().await;
    let server = serve(&deployment, &receiver).await;
    let (mut ann, _) = Client::join(&server, "call").await;
    let (mut bob, _) = Client::join(&server, "call").await;
    ann.next_frame().await;
    receiver.collect_after(0, 4).await;

    let mut database = open(&format!("sqlite://{}", deployment.database)).await;
    run(&mut database, "BEGIN IMMEDIATE").await;
    let locked = Instant::now();
    let mut cat = Client::connect(&server).await;
    cat.frame(subscribe("other")).await;
    ann.send(&bob.id, json!("hello"), "sent").await;
    assert_eq!(ann.next_frame().await, ack("sent"));
    assert!(matches!(bob.next_frame().await, ServerFrame::Direct { .. }));
    let passed = locked.elapsed();
    assert_eq!(cat.next_frame().await, ack("join"));
    let waited = locked.elapsed();
    assert!(passed < PATIENCE && PATIENCE <= waited, "{passed:?}, {waited:?}");
    // From now on nobody waits, until what happened is written.
    let (mut dan, _) = Client::join(&server, "other").await;
    run(&mut database, "ROLLBACK").await;
    dan.assert_quiet().await;
    let events = receiver.collect_after(4, 3).await;
    assert_eq!(told(&events), ["channel.opened other", "peer.joined other", "peer.joined other"]);
}

#[tokio::test]
async fn a_database_that_fails_holds_nobody_up_and_gets_everything_later() {
    let deployment = Deployment::sqlite();
    let mut receiver = Receiver::start().await;
    let server = serve(&deployment, &receiver).await;
    receiver.collect_after(0, 1).await;
    let mut database = open(&format!("sqlite://{}", deployment.database)).await;
    run(
        &mut database,
        "CREATE TRIGGER failing BEFORE INSERT ON webhook_events BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .await;
    let (ann, _) = Client::join(&server, "demo").await;
    let (bob, roster) = Client::join(&server, "demo").await;
    assert_eq!(roster, [ann.id.as_str()]);
    assert_eq!(written(&mut database, "", &bob.id).await, 0);
    run(&mut database, "DROP TRIGGER failing").await;
    let events = receiver.collect_after(1, 3).await;
    assert_eq!(told(&events), ["channel.opened demo", "peer.joined demo", "peer.joined demo"]);
    // And clients wait again.
    let (cat, _) = Client::join(&server, "demo").await;
    assert_eq!(written(&mut database, "peer.joined", &cat.id).await, 1);
}
