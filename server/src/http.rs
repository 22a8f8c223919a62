//! The routes.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::static_files;
use crate::ws::{self, Reception};

/// Makes the server's routes. Everything that is not one of them is a 404.
pub(crate) fn routes(reception: Arc<Reception>, web_dir: Option<&Path>, origin: &str) -> Router {
    let page = match web_dir {
        Some(dir) => static_files::directory(dir),
        None => static_files::placeholder(&format!("{origin}{}", protocol::url::PATH)),
    };
    Router::new()
        .route(protocol::url::PATH, get(ws::upgrade))
        .with_state(reception)
        .route("/healthz", get(async || "ok\n"))
        .merge(page)
}
