//! Where webhooks go.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;
use serde::{Deserialize, Deserializer};

/// The URL that webhooks are posted to. It may hold a credential, so that `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookEndpoint(Uri);

impl WebhookEndpoint {
    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

impl FromStr for WebhookEndpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| "it is not a URL")?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        if is_web && uri.host().is_some_and(|host| !host.is_empty()) {
            Ok(Self(uri))
        } else {
            Err("it must start with https:// or http:// and a host")
        }
    }
}

impl<'de> Deserialize<'de> for WebhookEndpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for WebhookEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookEndpoint([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_web_address_and_is_not_shown() {
        for bad in ["", "hooks.example", "/hooks", "ftp://hooks.example", "https://"] {
            assert!(bad.parse::<WebhookEndpoint>().is_err(), "{bad}");
        }
        let endpoint: WebhookEndpoint = "https://hooks.example/?token=hush".parse().unwrap();
        assert!(!format!("{endpoint:?}").contains("hush"));
    }
}
