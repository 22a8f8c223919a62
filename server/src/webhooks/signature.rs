//! How a receiver knows that a webhook is ours.

use ring::hmac;

use crate::auth::MasterKey;

/// The header of the signature.
pub(super) const HEADER: &str = "parlor-signature";

/// Returns the secret that receivers check signatures with: 64 hexadecimal digits.
pub(crate) fn secret(master_key: &MasterKey) -> String {
    hex::encode(master_key.derive("parlor webhook signature v1"))
}

/// Signs a body at a time in Unix seconds: the HMAC-SHA256 (RFC 2104) of `<time>.<body>` under the secret's text.
pub(super) fn sign(secret: &str, unix_time: u64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{unix_time}.").as_bytes());
    context.update(body);
    format!("t={unix_time},v1={}", hex::encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `printf '1800000000.{"events":[]}' | openssl dgst -sha256 -hmac test-secret`.
    #[test]
    fn the_signature_is_what_other_tools_compute() {
        let signature = sign("test-secret", 1_800_000_000, br#"{"events":[]}"#);
        assert_eq!(
            signature,
            "t=1800000000,v1=f69d5c33985faf833747530aa8a0ae59c43b155cedee4875c53c305f8056c65a"
        );
    }
}
