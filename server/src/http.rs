//! The routes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower_http::timeout::TimeoutLayer;

use crate::accept::{Entrance, limit_connects, limit_requests};
use crate::rest::{self, Rest};
use crate::static_files;
use crate::ws::{self, Reception};

/// Makes the server's routes. Everything that is not one of them is a 404.
///
/// A request that is not answered within the handshake timeout is a 408: its body comes too slowly.
pub(crate) fn routes(
    reception: Arc<Reception>,
    rest: Rest,
    entrance: &Arc<Entrance>,
    is_ready: Arc<AtomicBool>,
    page: Router,
) -> Router {
    let ready = move || async move {
        if is_ready.load(Ordering::Relaxed) {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
    };
    let connects = from_fn_with_state(Arc::clone(entrance), limit_connects);
    Router::new()
        .route(protocol::url::PATH, get(ws::upgrade).layer(connects))
        .with_state(reception)
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .merge(rest::routes(rest, |route| {
            route.layer(from_fn_with_state(Arc::clone(entrance), limit_requests))
        }))
        .merge(page)
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, entrance.handshake_timeout))
}

/// Makes the route of the demo page.
pub(crate) fn page(web_dir: Option<&Path>, origin: &str) -> Router {
    match web_dir {
        Some(dir) => static_files::directory(dir),
        None => static_files::placeholder(&format!("{origin}{}", protocol::url::PATH)),
    }
}
