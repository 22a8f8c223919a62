//! Whom to trust for `wss`.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::SignalError;

/// The platform's trust roots and the app's own, read once.
#[derive(Debug)]
pub(super) struct TlsRoots {
    extra: Vec<CertificateDer<'static>>,
    config: OnceCell<Arc<ClientConfig>>,
}

impl TlsRoots {
    /// Reads the app's own roots.
    pub fn new(extra_roots: &[String]) -> Result<Self, SignalError> {
        let mut extra = Vec::new();
        for pem in extra_roots {
            let before = extra.len();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                extra.push(certificate.map_err(|_| SignalError::BadRoot)?);
            }
            if extra.len() == before {
                return Err(SignalError::BadRoot);
            }
        }
        Ok(Self { extra, config: OnceCell::new() })
    }

    /// Returns the configuration for a connection. The first call reads the platform's roots, off the
    /// runtime's threads for sockets; when that fails the next call tries again.
    pub async fn client_config(&self) -> Result<Arc<ClientConfig>, String> {
        let read = || async {
            let extra = self.extra.clone();
            let built = spawn_blocking(move || build(extra)).await;
            let unusable = || "no trusted certificate issuers could be read from this system".to_owned();
            built.ok().and_then(Result::ok).map(Arc::new).ok_or_else(unusable)
        };
        self.config.get_or_try_init(read).await.cloned()
    }
}

fn build(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier(extra, provider)?)
        .with_no_client_auth();
    // A server that also offers HTTP/2 must not choose it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(not(target_os = "android"))]
fn verifier(
    extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    Ok(Arc::new(rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider)?))
}

/// Android's verifier takes no further roots, so the app's own replace the platform's.
#[cfg(target_os = "android")]
fn verifier(
    extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    if extra.is_empty() {
        return Ok(Arc::new(rustls_platform_verifier::Verifier::new(provider)?));
    }
    let mut roots = rustls::RootCertStore::empty();
    for certificate in extra {
        roots.add(certificate)?;
    }
    rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
        .map_err(|error| rustls::Error::General(error.to_string()))
}
