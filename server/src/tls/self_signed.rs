//! A certificate for development, made at the start.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use ring::digest::{SHA256, digest};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::config::ConfigError;
use crate::tls::{Identity, certified_key};

/// A self-signed certificate. Its key is nowhere but in the server's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevCertificate {
    /// Where the certificate was written (PEM).
    pub path: PathBuf,
    /// Its SHA-256 fingerprint: 32 hexadecimal bytes with colons between.
    pub fingerprint: String,
}

/// Makes a certificate for `localhost`, both loopback addresses and the listening one, and writes it to a file.
pub(crate) fn make(path: &Path, listening: IpAddr) -> Result<(Arc<Identity>, DevCertificate), ConfigError> {
    let failed = |error: &dyn std::fmt::Display| ConfigError(format!("no certificate can be made: {error}"));
    let mut names = BTreeSet::from(["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()]);
    if !listening.is_unspecified() {
        names.insert(listening.to_string());
    }
    let mut params = CertificateParams::new(names.into_iter().collect::<Vec<_>>()).map_err(|e| failed(&e))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Parlor development");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    fs::write(path, certificate.pem()).map_err(|error| {
        ConfigError(format!("the certificate cannot be written to {}: {error}", path.display()))
    })?;
    let fingerprint = digest(&SHA256, certificate.der());
    let fingerprint = fingerprint.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let certified_key = certified_key(vec![certificate.der().clone()], private).map_err(|e| failed(&e))?;
    let shown = DevCertificate { path: path.to_owned(), fingerprint: fingerprint.join(":") };
    Ok((Identity::new(certified_key), shown))
}
