//! Channels: which there are, who is in them, and saying something in one.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use hub::{Action, Grants};
use protocol::{Map, Member, names};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Rest;
use super::bearer::Operator;
use super::body::{Body, any_value};
use super::error::ApiError;
use crate::auth::APP;
use token::MAX_PEER_METADATA;

/// Who says something in a channel unless the request names somebody.
const DEFAULT_SENDER: &str = "server";

pub(super) async fn list(State(rest): State<Arc<Rest>>, operator: Operator) -> Result<Json<Value>, ApiError> {
    operator.may(Action::Presence)?;
    let channels: Vec<Value> = rest
        .switchboard
        .channels(APP)
        .into_iter()
        .filter(|(channel, _)| operator.0.grants.covers(channel))
        .map(|(channel, peers)| json!({ "channel": &*channel, "peers": peers }))
        .collect();
    Ok(Json(json!({ "channels": channels })))
}

pub(super) async fn members(
    State(rest): State<Arc<Rest>>,
    operator: Operator,
    channel: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let channel = authorized(&operator.0.grants, channel)?;
    operator.may(Action::Presence)?;
    let peers: Vec<Value> = rest.switchboard.members(APP, &channel).into_iter().map(member).collect();
    Ok(Json(json!({ "channel": channel, "peers": peers })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublishRequest {
    #[serde(default, deserialize_with = "any_value")]
    data: Option<Value>,
    from: Option<String>,
    peer_metadata: Option<Map>,
}

pub(super) async fn publish(
    State(rest): State<Arc<Rest>>,
    operator: Operator,
    channel: Result<Path<String>, PathRejection>,
    Body(request): Body<PublishRequest>,
) -> Result<Json<Value>, ApiError> {
    let PublishRequest { data, from, peer_metadata } = request;
    let channel = authorized(&operator.0.grants, channel)?;
    operator.may(Action::Publish)?;
    let data = data.ok_or(ApiError::invalid("there is no data"))?;
    let from = from.unwrap_or_else(|| DEFAULT_SENDER.to_owned());
    names::validate_peer_id(&from)
        .map_err(|_| ApiError::invalid("from must be 1 to 128 characters of printable ASCII"))?;
    let metadata_size =
        peer_metadata.as_ref().map_or(Ok(0), |map| serde_json::to_vec(map).map(|it| it.len()));
    if !metadata_size.is_ok_and(|size| size <= MAX_PEER_METADATA) {
        return Err(ApiError::invalid("the peerMetadata is larger than 4 KB"));
    }
    rest.switchboard.publish(APP, channel.clone(), from.clone(), peer_metadata, data);
    Ok(Json(json!({ "channel": channel, "from": from })))
}

/// Returns the channel that the path names, when the key covers it.
fn authorized(grants: &Grants, channel: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    let invalid = ApiError::invalid("the channel is not 1 to 256 bytes of UTF-8 without control characters");
    let Path(channel) = channel.map_err(|_| invalid)?;
    names::validate_channel(&channel).map_err(|_| invalid)?;
    if names::is_reserved_channel(&channel) {
        Err(ApiError::CHANNEL_RESERVED)
    } else if grants.covers(&channel) {
        Ok(channel)
    } else {
        Err(ApiError::CHANNEL_NOT_AUTHORIZED)
    }
}

fn member(member: Member) -> Value {
    let Member { peer_id, metadata } = member;
    match metadata {
        Some(metadata) => json!({ "peerId": peer_id, "metadata": metadata }),
        None => json!({ "peerId": peer_id }),
    }
}
