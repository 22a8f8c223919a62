//! The credential of a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use hub::Action;

use super::Rest;
use super::error::ApiError;
use crate::auth::key_ring::LiveKey;

/// Whoever shows a secret key.
pub(super) struct Operator(pub(super) Arc<LiveKey>);

impl Operator {
    /// Checks that the key allows an action.
    pub(super) fn may(&self, action: Action) -> Result<(), ApiError> {
        if self.0.grants.actions.contains(action) { Ok(()) } else { Err(ApiError::ACTION_NOT_PERMITTED) }
    }
}

impl FromRequestParts<Arc<Rest>> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, ApiError> {
        let credential = bearer(&parts.headers)
            .ok_or(ApiError::unauthorized("the request needs `Authorization: Bearer sk_id_…:sk_secret_…`"))?;
        if credential.starts_with("pk_") {
            return Err(ApiError::unauthorized("a publishable key does not open this"));
        }
        credential
            .split_once(':')
            .and_then(|(id, secret)| rest.doorkeeper.secret_key(id, secret))
            .map(Self)
            .ok_or(ApiError::unauthorized("the key is unknown, revoked, or its secret is another one"))
    }
}

/// Returns the token of an `Authorization: Bearer` header (RFC 6750 §2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
