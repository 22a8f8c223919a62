//! From the journal to the receiver.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{Request, header};
use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::endpoint::WebhookEndpoint;
use super::journal::{Batch, Journal};
use super::signature::{HEADER, sign};
use crate::config::ConfigError;
use crate::metrics::Metrics;

/// Most events in one request.
const MAX_EVENTS: i64 = 100;

/// How long the receiver has for its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest wait before a batch is tried again.
const MAX_RETRY: Duration = Duration::from_secs(60);

/// How often the journal is looked at when nothing is written: the command line may have moved the cursor.
const IDLE: Duration = Duration::from_secs(1);

/// How long events are kept, for replays; also how long a receiver may be gone.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How often old events are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);

/// Posts events to the receiver, one batch after the other.
#[derive(Debug)]
pub(super) struct Courier {
    endpoint: WebhookEndpoint,
    secret: String,
    /// The first wait before a batch is tried again; each further one is twice as long.
    retry: Duration,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    metrics: Arc<Metrics>,
}

impl Courier {
    pub(super) fn new(
        endpoint: WebhookEndpoint,
        secret: String,
        retry: Duration,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ConfigError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| ConfigError(format!("the webhooks' receiver could not be checked: {error}")))?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { endpoint, secret, retry, client, metrics })
    }

    /// Tells what the journal has, for ever. A batch is tried until the receiver has taken it.
    pub(super) async fn run(self, journal: Journal, written: Arc<Notify>) {
        let mut wait = self.retry;
        let mut forgot: Option<Instant> = None;
        loop {
            if forgot.is_none_or(|at| at.elapsed() >= FORGET_INTERVAL) {
                forgot = Some(Instant::now());
                forget(&journal).await;
            }
            match self.round(&journal).await {
                Ok(true) => wait = self.retry,
                Ok(false) => {
                    wait = self.retry;
                    // Whichever comes first, the journal is looked at again.
                    let _ = timeout(IDLE, written.notified()).await;
                }
                Err(problem) => {
                    self.metrics.webhook_failures.inc();
                    tracing::warn!(problem, wait_ms = wait.as_millis() as u64, "webhook not delivered");
                    sleep(wait).await;
                    wait = (wait * 2).min(MAX_RETRY);
                }
            }
        }
    }

    /// Tells one batch; false when there is nothing to tell.
    async fn round(&self, journal: &Journal) -> Result<bool, String> {
        let mut batch = journal.next(MAX_EVENTS).await.map_err(|error| error.to_string())?;
        if batch.events.is_empty() {
            return Ok(false);
        }
        let count = batch.events.len() as u64;
        self.post(&mut batch).await?;
        journal.told(&batch).await.map_err(|error| error.to_string())?;
        self.metrics.webhook_deliveries.inc_by(count);
        Ok(true)
    }

    async fn post(&self, batch: &mut Batch) -> Result<(), String> {
        let body = json!({"events": std::mem::take(&mut batch.events)}).to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let request = Request::post(self.endpoint.uri().clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("parlor-server/", env!("CARGO_PKG_VERSION")))
            .header(HEADER, sign(&self.secret, now, body.as_bytes()))
            .body(Full::from(body))
            .map_err(|error| error.to_string())?;
        match timeout(ANSWER_TIMEOUT, self.client.request(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) => Err(format!("the receiver answered {}", answer.status())),
            // What the library says names the receiver's address.
            Ok(Err(error)) if error.is_connect() => Err("the receiver cannot be reached".to_owned()),
            Ok(Err(_)) => Err("the receiver hung up".to_owned()),
            Err(_) => Err("the receiver did not answer in time".to_owned()),
        }
    }
}

async fn forget(journal: &Journal) {
    let oldest = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(RETENTION);
    match journal.forget_before(i64::try_from(oldest.as_millis()).unwrap_or(0)).await {
        Ok(0) => {}
        Ok(untold) => tracing::error!(untold, "old webhook events were forgotten that nobody has taken"),
        Err(problem) => tracing::warn!(%problem, "old webhook events stay"),
    }
}
