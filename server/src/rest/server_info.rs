//! What the server is and how it is used.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Rest;
use super::bearer::Operator;
use crate::auth::{APP, unix_now};

/// Tells what has been used since the server's start. There is no plan that anything could exceed.
pub(super) async fn usage(State(rest): State<Arc<Rest>>, _: Operator) -> Json<Value> {
    let usage = rest.switchboard.usage(APP);
    Json(json!({
        "appId": "default",
        "periodStartUnix": rest.started_at,
        "periodEndUnix": unix_now(),
        "concurrentNow": usage.connections,
        "peakConcurrent": usage.peak_connections,
        "messagesUsed": usage.messages,
        "overageMessages": 0,
        "overageConnections": 0,
        "plan": {
            "name": "self-hosted",
            "maxConcurrentConnections": rest.max_connections,
            "maxMessagesPerPeriod": null,
            "overagesAllowed": false,
            "overagesEnabled": false,
        },
    }))
}

pub(super) async fn server(State(rest): State<Arc<Rest>>, _: Operator) -> Json<Value> {
    let (connections, channels) = rest.switchboard.totals();
    Json(json!({
        "name": "parlor-server",
        "version": env!("CARGO_PKG_VERSION"),
        "startedAtUnix": rest.started_at,
        "serverTimeUnix": unix_now(),
        "connections": connections,
        "channels": channels,
    }))
}
