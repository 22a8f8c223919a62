//! Peers: who is there, and showing somebody out.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use hub::Action;
use protocol::names;
use serde_json::{Value, json};

use super::Rest;
use super::bearer::Operator;
use super::error::ApiError;
use crate::auth::APP;

/// Lists who is in at least one channel that the key covers, with those channels.
pub(super) async fn list(State(rest): State<Arc<Rest>>, operator: Operator) -> Result<Json<Value>, ApiError> {
    operator.may(Action::Presence)?;
    let peers: Vec<Value> = rest
        .switchboard
        .peers(APP)
        .into_iter()
        .filter_map(|(member, channels)| {
            let covered: Vec<&str> =
                channels.iter().map(|it| &**it).filter(|it| operator.0.grants.covers(it)).collect();
            let mut peer = json!({ "peerId": member.peer_id, "channels": covered });
            if let Some(metadata) = member.metadata {
                peer["metadata"] = Value::Object(metadata);
            }
            (!covered.is_empty()).then_some(peer)
        })
        .collect();
    Ok(Json(json!({ "peers": peers })))
}

/// Closes all sockets of a peer with 4020. None is fine: then it is gone already.
pub(super) async fn kick(
    State(rest): State<Arc<Rest>>,
    _: Operator,
    peer: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let invalid = ApiError::invalid("a peer id is 1 to 128 characters of printable ASCII");
    let Path(peer) = peer.map_err(|_| invalid)?;
    names::validate_peer_id(&peer).map_err(|_| invalid)?;
    let closed = rest.switchboard.kick(APP, &peer);
    Ok(Json(json!({ "peerId": peer, "closed": closed })))
}
