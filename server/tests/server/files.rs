//! The demo page and the other HTTP routes.

use std::fs;
use std::path::PathBuf;

use parlor_server::Config;

use crate::support::{get, request, start, start_with};

/// A built page in a directory of its own, with a secret beside it.
struct WebDir(PathBuf);

impl WebDir {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("parlor-web-{}-{name}", std::process::id()));
        let dir = root.join("dist");
        fs::create_dir_all(dir.join("assets")).unwrap();
        fs::write(root.join("secret.txt"), "hush").unwrap();
        for (file, text) in [
            ("index.html", "<title>call</title>"),
            ("assets/app.js", "1"),
            ("assets/app.css", "a{}"),
            ("assets/index.html", "inner"),
            ("icon.svg", "<svg/>"),
        ] {
            fs::write(dir.join(file), text).unwrap();
        }
        Self(root)
    }

    fn config(&self) -> Config {
        Config { web_dir: Some(self.0.join("dist")), ..Config::dev_on_free_port() }
    }
}

impl Drop for WebDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn files_come_with_their_content_types() {
    let web = WebDir::new("types");
    let server = start_with(web.config()).await;
    for (path, kind, body) in [
        ("/", "text/html", "<title>call</title>"),
        ("/?key=pk_dev&channel=demo", "text/html", "<title>call</title>"),
        ("/index.html", "text/html", "<title>call</title>"),
        ("/assets/app.js", "text/javascript", "1"),
        ("/assets/app.css", "text/css", "a{}"),
        ("/icon.svg", "image/svg+xml", "<svg/>"),
    ] {
        let answer = get(server.local_addr(), path).await;
        assert_eq!((answer.status, &*answer.body), (200, body), "{path}");
        assert!(answer.header("content-type").unwrap().starts_with(kind), "{path}: {}", answer.head);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_directory() {
    let web = WebDir::new("traversal");
    let server = start_with(web.config()).await;
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "/....//secret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/%00",
    ] {
        let answer = get(server.local_addr(), path).await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.body.contains("hush") && !answer.body.contains("root:"), "{path}");
    }
}

#[tokio::test]
async fn nothing_is_listed_and_nothing_but_the_root_falls_back_to_the_index() {
    let web = WebDir::new("listing");
    let server = start_with(web.config()).await;
    for path in ["/assets", "/assets/", "/nothing", "/index", "/v2", "/healthz/x"] {
        let answer = get(server.local_addr(), path).await;
        // A directory without its slash may be redirected to where there is nothing.
        assert!(matches!(answer.status, 307 | 404), "{path}: {}", answer.status);
        assert!(!answer.body.contains("app.js") && !answer.body.contains("inner"), "{path}");
    }
}

#[tokio::test]
async fn without_a_built_page_the_root_says_how_to_build_it() {
    let server = start().await;
    let answer = get(server.local_addr(), "/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("the demo page is not built"));
    assert!(answer.body.contains("npm --prefix web run build"));
    assert!(answer.body.contains(&format!("{}/v1", server.url())));
    assert_eq!(get(server.local_addr(), "/anything").await.status, 404);
}

#[tokio::test]
async fn health_is_told_and_other_methods_are_refused() {
    let web = WebDir::new("health");
    let server = start_with(web.config()).await;
    let answer = get(server.local_addr(), "/healthz").await;
    assert_eq!((answer.status, &*answer.body), (200, "ok\n"));
    for path in ["/", "/healthz", "/assets/app.js"] {
        assert_eq!(
            request(server.local_addr(), "POST", path, "content-length: 0\r\n").await.status,
            405,
            "{path}"
        );
    }
    let plain = get(server.local_addr(), "/v1?key=pk_dev").await;
    assert!((400..500).contains(&plain.status), "{}", plain.status);
}
