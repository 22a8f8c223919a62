//! Tokens for the users of a site without a backend.
//!
//! Whoever has a publishable key gets a token that names a peer and grants no more than the key. The server signs
//! it with a secret of its own that belongs to the key, so that it ends with the key.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::Map;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Rest;
use super::bearer::bearer;
use super::body::{Body, whole_number};
use super::error::ApiError;
use crate::auth::unix_now;
use token::Claims;

/// How long an anonymous token lives unless a shorter time is asked for, in seconds.
const LIFETIME: u64 = 3_600;

/// What the ids of anonymous peers start with, so that an app can tell them from those that its backend named.
const PEER_ID_PREFIX: &str = "anon-";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnonymousRequest {
    channels: Option<Vec<String>>,
    #[serde(default, deserialize_with = "whole_number")]
    expires_in_sec: Option<u64>,
    peer_metadata: Option<Map>,
    previous_token: Option<String>,
}

pub(super) async fn mint(
    State(rest): State<Arc<Rest>>,
    headers: HeaderMap,
    body: Result<Body<AnonymousRequest>, ApiError>,
) -> Response {
    let answer = token(&rest, &headers, body);
    // Compared by value: a constant as a pattern, here, makes rustc chase its own tail in optimised builds.
    let is_refused = answer == Err(ApiError::ORIGIN_NOT_ALLOWED);
    let mut response = answer.map(Json).into_response();
    // A page may read the answer, unless the key does not work from there.
    if let Some(origin) = headers.get(header::ORIGIN).filter(|_| !is_refused) {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
    response
}

fn token(
    rest: &Rest,
    headers: &HeaderMap,
    body: Result<Body<AnonymousRequest>, ApiError>,
) -> Result<Value, ApiError> {
    let key = bearer(headers)
        .and_then(|credential| rest.doorkeeper.publishable_key(credential))
        .ok_or(ApiError::unauthorized("the request needs `Authorization: Bearer pk_…` with a live key"))?;
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    if !key.works_from(origin) {
        return Err(ApiError::ORIGIN_NOT_ALLOWED);
    }
    let Body(AnonymousRequest { channels, expires_in_sec, peer_metadata, previous_token }) = body?;
    let now = unix_now();
    let lifetime = expires_in_sec.unwrap_or(LIFETIME);
    if !(1..=LIFETIME).contains(&lifetime) {
        return Err(ApiError::invalid("expiresInSec must be from 1 to 3600"));
    }
    let sub = match previous_token {
        None => format!("{PEER_ID_PREFIX}{}", Uuid::new_v4()),
        Some(previous) => rest
            .doorkeeper
            .signed_peer_id(&key, &previous, now)
            .ok_or(ApiError::unauthorized("previousToken is not a token of this key that is still valid"))?,
    };
    let claims = Claims {
        sub,
        exp: now + lifetime,
        iat: Some(now),
        nbf: None,
        channels,
        permissions: None,
        metadata: None,
        peer_metadata,
    };
    claims.check(&key.grants, now)?;
    let token = rest.doorkeeper.sign(&key, &claims);
    Ok(json!({ "token": token.expose(), "peerId": claims.sub, "expiresAt": claims.exp }))
}

/// Answers a browser's question whether a page may ask (Fetch standard, CORS preflight). It comes without the key,
/// so the answer is yes, and the request itself may still be refused.
pub(super) async fn preflight(headers: HeaderMap) -> Response {
    let origin = headers.get(header::ORIGIN).cloned().unwrap_or(HeaderValue::from_static("*"));
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type")),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
        (header::VARY, HeaderValue::from_static("Origin")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
