//! What a request that fails is answered with.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use token::ClaimsError;

/// An answer with a status and a body of `error` and `message`. The message is a sentence for the developer and
/// repeats nothing of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    error: &'static str,
    message: &'static str,
}

impl ApiError {
    pub(super) const NOT_FOUND: Self = Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here");
    pub(super) const METHOD_NOT_ALLOWED: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "the method is not one of this path's");
    pub(super) const TOO_LARGE: Self =
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the body is larger than 32 KB");
    pub(super) const CHANNEL_RESERVED: Self =
        Self::new(StatusCode::BAD_REQUEST, "channel_reserved", "the channel has a reserved prefix");
    pub(super) const CHANNEL_NOT_AUTHORIZED: Self =
        Self::new(StatusCode::FORBIDDEN, "channel_not_authorized", "the key does not cover the channel");
    pub(super) const ACTION_NOT_PERMITTED: Self =
        Self::new(StatusCode::FORBIDDEN, "action_not_permitted", "the key does not allow the action");
    pub(super) const ORIGIN_NOT_ALLOWED: Self =
        Self::new(StatusCode::UNAUTHORIZED, "origin_not_allowed", "the key does not work from this origin");

    const fn new(status: StatusCode, error: &'static str, message: &'static str) -> Self {
        Self { status, error, message }
    }

    /// A request that breaks the contract.
    pub(super) const fn invalid(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// A request whose credential is missing or wrong.
    pub(super) const fn unauthorized(message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }
}

impl From<ClaimsError> for ApiError {
    fn from(error: ClaimsError) -> Self {
        match error {
            ClaimsError::ChannelReserved => Self::CHANNEL_RESERVED,
            ClaimsError::ChannelNotAuthorized => Self::CHANNEL_NOT_AUTHORIZED,
            ClaimsError::ActionNotPermitted => Self::ACTION_NOT_PERMITTED,
            ClaimsError::Expired | ClaimsError::Lifetime | ClaimsError::NotYet => {
                Self::invalid("expiresInSec must be from 1 to 86400")
            }
            ClaimsError::PeerId => Self::invalid("peerId must be 1 to 128 characters of printable ASCII"),
            ClaimsError::TooManyChannels => Self::invalid("there are more than 100 channels"),
            ClaimsError::Channel => Self::invalid("a channel is no valid name or pattern"),
            ClaimsError::TooManyPermissions => Self::invalid("there are more than 16 permissions"),
            ClaimsError::Permission => {
                Self::invalid("a permission is none of subscribe, publish, presence, send")
            }
            ClaimsError::Metadata => Self::invalid("the metadata is larger than 8 KB"),
            ClaimsError::PeerMetadata => Self::invalid("the peerMetadata is larger than 4 KB"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { status, error, message } = self;
        let mut response =
            (status, axum::Json(json!({ "error": error, "message": message }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §11.6.1.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
