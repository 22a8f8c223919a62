//! The demo page: a built directory, or a page that says how to build it.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::{Html, Response};
use axum::routing::{get, get_service};
use tower_http::services::{ServeDir, ServeFile};

/// Finds the built demo page: below the working directory, or where an installation puts it.
pub(crate) fn default_web_dir() -> Option<PathBuf> {
    let built = PathBuf::from("web/dist");
    let binary = std::env::current_exe().ok();
    let installed = binary.as_deref().and_then(Path::parent).map(|bin| bin.join("../share/parlor/web"));
    [Some(built), installed].into_iter().flatten().find(|dir| has_page(dir))
}

/// Returns whether a directory has the demo page.
pub(crate) fn has_page(dir: &Path) -> bool {
    dir.join("index.html").is_file()
}

/// Serves the files of a directory, and `index.html` at `/`.
///
/// There is no listing and no index in sub-directories; paths that lead out of the directory are not found.
pub(crate) fn directory(dir: &Path) -> Router {
    let files = ServeDir::new(dir).append_index_html_on_directories(false);
    Router::new()
        .route("/", get_service(ServeFile::new(dir.join("index.html"))))
        .fallback_service(files)
        .layer(map_response(with_headers))
}

/// Serves the page that stands in for the demo page, at `/` only.
pub(crate) fn placeholder(signalling_url: &str) -> Router {
    let page = include_str!("placeholder.html").replace("{url}", signalling_url);
    Router::new().route("/", get(move || async move { Html(page) })).layer(map_response(with_headers))
}

async fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A rebuilt page must show up on reload; unchanged files still answer 304.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
