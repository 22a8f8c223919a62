//! The REST interface: what a backend does with the server. `spec/openapi.json` is its contract.
//!
//! Everything but anonymous tokens and the document itself needs a secret key: `Authorization: Bearer
//! sk_id_…:sk_secret_…`.

mod anonymous;
mod bearer;
mod body;
mod channels;
mod error;
mod peers;
mod server_info;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, any, delete, get, post};

use crate::auth::Doorkeeper;
use crate::switchboard::Switchboard;
use error::ApiError;

/// Largest body of a request, in bytes.
const MAX_BODY: usize = 32 * 1024;

/// The contract, as it is served.
const OPENAPI: &str = include_str!("../../../spec/openapi.json");

/// What the requests need.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) doorkeeper: Arc<Doorkeeper>,
    pub(crate) switchboard: Arc<Switchboard>,
    /// When the server was started, in Unix seconds.
    pub(crate) started_at: u64,
    pub(crate) max_connections: usize,
}

/// Makes the routes. `anonymous_limit` goes around the one request that needs no secret.
pub(crate) fn routes(rest: Rest, limit_anonymous: impl FnOnce(MethodRouter) -> MethodRouter) -> Router {
    let rest = Arc::new(rest);
    let anonymous = post(anonymous::mint).options(anonymous::preflight).with_state(Arc::clone(&rest));
    Router::new()
        .route("/v1/tokens", post(tokens::mint))
        .route("/v1/channels", get(channels::list))
        .route("/v1/channels/{channel}/peers", get(channels::members))
        .route("/v1/channels/{channel}/publish", post(channels::publish))
        .route("/v1/peers", get(peers::list))
        .route("/v1/peers/{peer}", delete(peers::kick))
        .route("/v1/usage", get(server_info::usage))
        .route("/v1/server", get(server_info::server))
        .with_state(rest)
        .route("/v1/tokens/anonymous", limit_anonymous(anonymous))
        .route("/v1/openapi.json", get(openapi))
        .route("/v1/{*rest}", any(async || ApiError::NOT_FOUND))
        .method_not_allowed_fallback(async || ApiError::METHOD_NOT_ALLOWED)
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
