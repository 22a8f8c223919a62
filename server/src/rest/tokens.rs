//! Tokens for an app's users, made for its backend.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use protocol::Map;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Rest;
use super::bearer::Operator;
use super::body::{Body, whole_number};
use super::error::ApiError;
use crate::auth::unix_now;
use token::{Claims, DEFAULT_LIFETIME};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenRequest {
    peer_id: String,
    channels: Option<Vec<String>>,
    permissions: Option<Vec<String>>,
    #[serde(default, deserialize_with = "whole_number")]
    expires_in_sec: Option<u64>,
    metadata: Option<Map>,
    peer_metadata: Option<Map>,
}

pub(super) async fn mint(
    State(rest): State<Arc<Rest>>,
    Operator(key): Operator,
    Body(request): Body<TokenRequest>,
) -> Result<Json<Value>, ApiError> {
    let TokenRequest { peer_id, channels, permissions, expires_in_sec, metadata, peer_metadata } = request;
    let now = unix_now();
    let claims = Claims {
        sub: peer_id,
        exp: now.saturating_add(expires_in_sec.unwrap_or(DEFAULT_LIFETIME)),
        iat: Some(now),
        nbf: None,
        channels,
        permissions,
        metadata,
        peer_metadata,
    };
    claims.check(&key.grants, now)?;
    let token = rest.doorkeeper.sign(&key, &claims);
    Ok(Json(json!({ "token": token.expose(), "expiresAt": claims.exp })))
}
