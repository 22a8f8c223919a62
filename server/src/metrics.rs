//! What a server counts, in the Prometheus text format (OpenMetrics 1.0).
//!
//! Nothing here tells one client, channel or key from another.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Clients that were turned away with an HTTP status.
    http_refusals: Family<StatusLabel, Counter>,
    /// TCP connections that were cut because their address has too many.
    pub(crate) address_cuts: Counter,
    /// Bytes read from the network, TLS and HTTP included.
    pub(crate) received_bytes: Counter,
    /// Bytes written to the network, TLS and HTTP included.
    pub(crate) sent_bytes: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

impl Metrics {
    /// Counts a client that was turned away with an HTTP status.
    pub(crate) fn refused_by_http(&self, status: StatusCode) {
        self.http_refusals.get_or_create(&StatusLabel { status: status.as_u16() }).inc();
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("parlor");
        registry.register("http_refusals", "Clients turned away with a status", self.http_refusals.clone());
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
