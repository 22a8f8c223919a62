//! A certificate in PEM files that somebody renews while the server runs.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tokio::time::sleep;

use crate::config::ConfigError;
use crate::tls::{Identity, certified_key};

/// The two files, and the state of them that was last tried.
#[derive(Debug)]
pub(crate) struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    tried: [Option<Stamp>; 2],
}

/// Tells one state of a file from the next.
type Stamp = (SystemTime, u64);

impl CertificateFiles {
    pub(crate) fn new(certificate: PathBuf, key: PathBuf) -> Self {
        Self { certificate, key, tried: [None, None] }
    }

    /// Reads the files for the first time.
    ///
    /// # Errors
    /// One sentence when a file cannot be read or the two do not belong together.
    pub(crate) fn load(&mut self) -> Result<Arc<Identity>, ConfigError> {
        self.tried = self.stamps();
        self.read().map(Identity::new).map_err(ConfigError)
    }

    /// Looks at the files again and again, for ever, and replaces the certificate when they change. What cannot be
    /// used changes nothing but the log. The two files cannot change in one instant; when the first of them is read
    /// too early, they do not belong together, and the second one's change is another try.
    pub(crate) async fn keep_up(mut self, identity: Arc<Identity>, poll: Duration) {
        loop {
            sleep(poll).await;
            let stamps = self.stamps();
            if stamps == self.tried {
                continue;
            }
            self.tried = stamps;
            match self.read() {
                Ok(certified_key) => {
                    identity.replace(certified_key);
                    tracing::info!("the certificate was replaced");
                }
                Err(problem) => tracing::warn!(problem, "the certificate before stays"),
            }
        }
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    fn read(&self) -> Result<CertifiedKey, String> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let unreadable = |error| format!("the certificate {certificate} cannot be read: {}", told(error));
        let chain: Vec<_> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(unreadable)?;
        if chain.is_empty() {
            return Err(format!("the certificate {certificate} has no CERTIFICATE section"));
        }
        let private = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| format!("the key {key} cannot be read: {}", told(error)))?;
        certified_key(chain, private).map_err(|error| {
            format!("the certificate {certificate} and the key {key} cannot be used: {error}")
        })
    }
}

fn told(error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "it has no such section".to_owned(),
        error => error.to_string(),
    }
}
