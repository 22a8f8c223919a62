//! The JSON of requests.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;

use super::error::ApiError;

/// A body that is a JSON object of the fields that the contract names; others are ignored.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
                ApiError::TOO_LARGE
            } else {
                ApiError::invalid("the body could not be read")
            }
        })?;
        let broken = ApiError::invalid("the body is not the JSON object that the contract describes");
        // An array would do for serde.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(broken);
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|_| broken)
    }
}

/// Reads a field that may be any JSON, `null` included, and tells it from one that is missing.
pub(super) fn any_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
