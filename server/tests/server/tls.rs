//! TLS: who is trusted, and certificates that are replaced while the server runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parlor_server::{Config, Server, ServerHandle, Timing, Tls};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{Client, patiently, start_with};

/// Where a test keeps its files.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("parlor-tls-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn tls(&self) -> Tls {
        Tls::Files { certificate: self.0.join("certificate.pem"), key: self.0.join("key.pem") }
    }

    /// Makes a certificate and its key, and puts one or both in place.
    fn issue(&self, with_key: bool) -> CertificateDer<'static> {
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        if with_key {
            self.replace("key.pem", &issued.signing_key.serialize_pem());
        }
        self.replace("certificate.pem", &issued.cert.pem());
        issued.cert.der().clone()
    }

    /// Replaces a file in one step, as those who renew certificates do.
    fn replace(&self, name: &str, text: &str) {
        let new = self.0.join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.0.join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a client's configuration that trusts one certificate.
pub fn trusting(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Returns whether a client that trusts this certificate gets a TLS session.
async fn is_shown(server: &ServerHandle, certificate: &CertificateDer<'static>) -> bool {
    let socket = TcpStream::connect(server.local_addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    patiently(TlsConnector::from(trusting(certificate.clone())).connect(name, socket)).await.is_ok()
}

/// Connects again and again until the server shows this certificate.
async fn until_shown(server: &ServerHandle, certificate: &CertificateDer<'static>) {
    patiently(async { while !is_shown(server, certificate).await {} }).await;
}

async fn start_polling(folder: &Folder) -> ServerHandle {
    let timing = Timing { tls_poll: Duration::from_millis(10), ..Timing::default() };
    start_with(Config { tls: Some(folder.tls()), timing, ..Config::dev_on_free_port() }).await
}

#[tokio::test]
async fn a_client_that_trusts_the_certificate_signals_over_tls() {
    let folder = Folder::new("call");
    let certificate = folder.issue(true);
    let server = start_polling(&folder).await;
    let url = format!("wss://localhost:{}", server.local_addr().port());
    let mut ann = Client::connect_tls(&url, "pk_dev", trusting(certificate)).await;
    assert!(ann.subscribe("demo").await.is_empty());
    assert_eq!(server.url(), format!("wss://127.0.0.1:{}", server.local_addr().port()));
    ann.close().await;
    server.shutdown().await;
}

#[tokio::test]
async fn new_files_replace_the_certificate_and_leave_open_connections_alone() {
    let folder = Folder::new("reload");
    let old = folder.issue(true);
    let server = start_polling(&folder).await;
    let url = format!("wss://localhost:{}", server.local_addr().port());
    let mut ann = Client::connect_tls(&url, "pk_dev", trusting(old.clone())).await;
    let new = folder.issue(true);
    until_shown(&server, &new).await;
    assert!(!is_shown(&server, &old).await);
    ann.assert_quiet().await;
}

#[tokio::test]
async fn who_speaks_no_tls_or_none_in_time_is_cut() {
    let folder = Folder::new("silent");
    let certificate = folder.issue(true);
    let timing = Timing { handshake: Duration::from_millis(100), ..Timing::default() };
    let server = start_with(Config { tls: Some(folder.tls()), timing, ..Config::dev_on_free_port() }).await;
    let mut silent = TcpStream::connect(server.local_addr()).await.unwrap();
    assert_eq!(patiently(silent.read(&mut [0; 16])).await.unwrap(), 0);
    assert!(is_shown(&server, &certificate).await);
}

#[tokio::test]
async fn unusable_files_are_told_in_one_sentence() {
    let folder = Folder::new("told");
    folder.issue(true);
    let at = |name: &str| folder.0.join(name);
    let message = async |certificate: &Path, key: &Path| {
        let tls = Tls::Files { certificate: certificate.to_owned(), key: key.to_owned() };
        let config = Config { tls: Some(tls), ..Config::dev_on_free_port() };
        Server::start(config).await.unwrap_err().to_string()
    };
    let (certificate, key) = (at("certificate.pem"), at("key.pem"));
    assert!(message(&at("none.pem"), &key).await.contains("none.pem cannot be read"));
    assert!(message(&certificate, &at("none.pem")).await.contains("none.pem cannot be read"));
    assert!(message(&key, &key).await.contains("has no CERTIFICATE section"));
    assert!(message(&certificate, &certificate).await.contains("cannot be read: it has no such section"));
    folder.issue(false);
    assert!(message(&certificate, &key).await.contains("cannot be used"));
}

#[tokio::test]
async fn a_self_signed_certificate_is_written_for_clients_to_trust() {
    let folder = Folder::new("dev");
    let path = folder.0.join("dev.pem");
    let tls = Some(Tls::SelfSigned { certificate: path.clone() });
    let server = start_with(Config { tls, ..Config::dev_on_free_port() }).await;
    let certificate = CertificateDer::from_pem_file(&path).unwrap();
    let shown = server.dev_certificate().unwrap();
    assert_eq!((&shown.path, shown.fingerprint.len()), (&path, 32 * 3 - 1));
    Client::connect_tls(&server.url(), "pk_dev", trusting(certificate)).await;
}
