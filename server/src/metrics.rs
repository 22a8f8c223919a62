//! What a server counts, in the Prometheus text format (OpenMetrics 1.0).
//!
//! Nothing here tells one client, channel or key from another.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use hub::Input;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use protocol::{ClientFrame, CloseCode};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Connections that were admitted and have not ended.
    pub(crate) connections: Gauge,
    /// Connections that were admitted.
    pub(crate) connects: Counter,
    /// Clients that were turned away with a close code.
    refusals: Family<CloseLabel, Counter>,
    /// Clients that were turned away with an HTTP status.
    http_refusals: Family<StatusLabel, Counter>,
    /// Frames that clients sent.
    frames: Family<KindLabel, Counter>,
    /// Connections that the server closed.
    closes: Family<CloseLabel, Counter>,
    /// Peers that joined a channel.
    pub(crate) joins: Counter,
    /// Connections that were cut because their client reads too slowly.
    pub(crate) queue_cuts: Counter,
    /// Webhook events that were written down.
    pub(crate) webhook_events: Counter,
    /// Webhook events that the receiver took.
    pub(crate) webhook_deliveries: Counter,
    /// Webhook requests that failed.
    pub(crate) webhook_failures: Counter,
    /// TCP connections that were cut because their address has too many.
    pub(crate) address_cuts: Counter,
    /// Bytes read from the network, TLS and HTTP included.
    pub(crate) received_bytes: Counter,
    /// Bytes written to the network, TLS and HTTP included.
    pub(crate) sent_bytes: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabel {
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

impl Metrics {
    /// Counts a client that was turned away with a close code.
    pub(crate) fn refused(&self, code: CloseCode) {
        self.refusals.get_or_create(&CloseLabel { code: code.get() }).inc();
    }

    /// Counts a client that was turned away with an HTTP status.
    pub(crate) fn refused_by_http(&self, status: StatusCode) {
        self.http_refusals.get_or_create(&StatusLabel { status: status.as_u16() }).inc();
    }

    /// Counts what a client sent.
    pub(crate) fn received(&self, input: &Input) {
        let kind = match input {
            Input::Frame { frame, .. } => match frame {
                ClientFrame::Subscribe { .. } => "subscribe",
                ClientFrame::Unsubscribe { .. } => "unsubscribe",
                ClientFrame::Publish { .. } => "publish",
                ClientFrame::Send { .. } => "send",
                ClientFrame::Ping { .. } => "ping",
            },
            Input::BadFrame { .. } => "malformed",
            _ => return,
        };
        self.frames.get_or_create(&KindLabel { kind }).inc();
    }

    /// Counts a connection that the server closed.
    pub(crate) fn closed(&self, code: CloseCode) {
        self.closes.get_or_create(&CloseLabel { code: code.get() }).inc();
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("parlor");
        registry.register("connections", "Connections that are admitted now", self.connections.clone());
        registry.register("connects", "Connections that were admitted", self.connects.clone());
        registry.register("refusals", "Clients turned away with a close code", self.refusals.clone());
        registry.register("http_refusals", "Clients turned away with a status", self.http_refusals.clone());
        registry.register("frames", "Frames that clients sent", self.frames.clone());
        registry.register("closes", "Connections that the server closed", self.closes.clone());
        registry.register("joins", "Peers that joined a channel", self.joins.clone());
        registry.register("queue_cuts", "Connections cut for reading too slowly", self.queue_cuts.clone());
        registry.register("webhook_events", "Events written down", self.webhook_events.clone());
        registry.register("webhook_deliveries", "Events the receiver took", self.webhook_deliveries.clone());
        registry.register("webhook_failures", "Requests that failed", self.webhook_failures.clone());
        registry.register("address_cuts", "Sockets cut for their address's many", self.address_cuts.clone());
        let bytes = || Unit::Bytes;
        registry.register_with_unit(
            "received",
            "Read from the network",
            bytes(),
            self.received_bytes.clone(),
        );
        registry.register_with_unit("sent", "Written to the network", bytes(), self.sent_bytes.clone());
        registry
    }
}

/// Makes the route of the metrics, for a listener of its own.
pub(crate) fn routes(metrics: &Metrics) -> Router {
    let registry = Arc::new(metrics.registry());
    let answer = move || {
        let mut text = String::new();
        let outcome = encode(&mut text, &registry);
        async move {
            match outcome {
                Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
                Err(std::fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    };
    Router::new().route("/metrics", get(answer))
}
