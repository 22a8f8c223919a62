//! The JSON of requests.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::{Number, Value};

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

/// Reads a whole number, which some languages write as `60.0`.
pub(super) fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let whole = number.as_u64().or_else(|| {
        // Above 2^53 not every whole number is a float.
        let is_whole =
            |number: &f64| number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(number);
        number.as_f64().filter(is_whole).map(|number| number as u64)
    });
    whole.map(Some).ok_or_else(|| serde::de::Error::custom("not a whole number"))
}
