//! How links are made.

use std::time::Instant;

use rtc::crypto::{self, SignatureScheme};
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use units::{Codec, Time};

use crate::error::LinkError;

/// The DTLS identity that all links of an engine share.
///
/// Making one draws a fresh ECDSA P-256 key from the operating system's randomness, which is costly: make one
/// per engine. Cloning shares the key.
#[derive(Debug, Clone)]
pub struct Certificate(pub(crate) RTCCertificate);

impl Certificate {
    /// Makes a self-signed certificate with a fresh key.
    ///
    /// # Errors
    ///
    /// [`LinkError::Stack`] when the operating system gives no randomness.
    pub fn generate() -> Result<Self, LinkError> {
        let provider = crypto::default_provider().map_err(LinkError::stack)?;
        let params = CertificateParams::new(vec!["parlor".to_owned()]).map_err(LinkError::stack)?;
        RTCCertificate::generate(provider.crypto(), SignatureScheme::EcdsaP256Sha256, params)
            .map(Self)
            .map_err(LinkError::stack)
    }
}

/// How a link is made.
///
/// The stack below draws its own randomness for what must be unguessable (ICE credentials, DTLS and SCTP
/// secrets, RTCP sources). Everything that a link itself draws (RTP sources, first sequence numbers, time
/// stamp offsets) comes from `seed`.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// The instant that [`Time::ZERO`] stands for.
    pub epoch: Instant,
    /// Where the link's own draws come from; give every link another.
    pub seed: u64,
    /// The engine's DTLS identity.
    pub certificate: Certificate,
    /// Video codecs to offer and accept, most wanted first. Sound is always Opus.
    pub video_codecs: Vec<Codec>,
}

impl LinkConfig {
    /// Makes a config with VP8 preferred over H.264, and seed zero.
    pub fn new(epoch: Instant, certificate: Certificate) -> Self {
        Self { epoch, seed: 0, certificate, video_codecs: vec![Codec::Vp8, Codec::H264] }
    }

    /// Returns the stack's idea of a point in time.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.epoch + time.since_epoch()
    }

    /// Returns our idea of a point in time of the stack; the epoch when it lies before.
    pub(crate) fn time(&self, instant: Instant) -> Time {
        Time::ZERO + instant.saturating_duration_since(self.epoch)
    }
}
