//! What a token says.

use hub::{Action, Actions, Grants, Pattern};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use protocol::{Map, names};
use serde::{Deserialize, Deserializer, Serialize};
use units::Secret;

/// How long a token lives unless its maker says otherwise, in seconds.
pub const DEFAULT_LIFETIME: u64 = 3_600;

/// How long a token may live, in seconds.
pub const MAX_LIFETIME: u64 = 86_400;

/// Most channels of a token.
pub const MAX_CHANNELS: usize = 100;

/// Most permissions of a token.
pub const MAX_PERMISSIONS: usize = 16;

/// Largest `metadata` of a token, in bytes of JSON.
pub const MAX_METADATA: usize = 8 * 1024;

/// Largest `peerMetadata` of a token, in bytes of JSON.
pub const MAX_PEER_METADATA: usize = 4 * 1024;

/// How far the clock of a token's maker may run ahead of ours, in seconds.
const CLOCK_SKEW: u64 = 60;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The peer id.
    pub sub: String,
    /// When the token expires, in Unix seconds.
    #[serde(deserialize_with = "numeric_date")]
    pub exp: u64,
    /// When it was made, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_numeric_date")]
    pub iat: Option<u64>,
    /// Before when it is not valid, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_numeric_date")]
    pub nbf: Option<u64>,
    /// Channel names or patterns; all of the key's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// Names of actions; all of the key's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// What only the client gets to see, in its welcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map>,
    /// What other peers get to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_metadata: Option<Map>,
}

/// Why the claims of a token are not accepted. The text is a few words for the developer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// `sub` is no peer id.
    #[error("the peer id is not 1 to 128 characters of printable ASCII")]
    PeerId,
    /// `exp` is over.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is to come.
    #[error("the token is not valid yet")]
    NotYet,
    /// `exp` is too far away.
    #[error("the token lives for more than 86400 s")]
    Lifetime,
    /// More than [`MAX_CHANNELS`].
    #[error("there are more than 100 channels")]
    TooManyChannels,
    /// One that is no pattern.
    #[error("a channel is no valid name or pattern")]
    Channel,
    /// One that is reserved.
    #[error("a channel starts with a reserved prefix")]
    ChannelReserved,
    /// One that the key does not grant.
    #[error("a channel is not within the key's patterns")]
    ChannelNotAuthorized,
    /// More than [`MAX_PERMISSIONS`].
    #[error("there are more than 16 permissions")]
    TooManyPermissions,
    /// One that is no action.
    #[error("a permission is none of subscribe, publish, presence, send")]
    Permission,
    /// One that the key does not grant.
    #[error("a permission is not one of the key's")]
    ActionNotPermitted,
    /// More than [`MAX_METADATA`].
    #[error("the metadata is larger than 8 KB")]
    Metadata,
    /// More than [`MAX_PEER_METADATA`].
    #[error("the peerMetadata is larger than 4 KB")]
    PeerMetadata,
}

/// Why a token's signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// The text is not a JWT.
    Unparsable,
    /// The JWT is not signed by the secret with HS256.
    Signature,
    /// The signature is right, but a claim is missing or of the wrong type.
    Claims,
}

impl Claims {
    /// Checks the claims against what the key grants, and returns what the token grants.
    ///
    /// # Errors
    /// Says which rule the claims break.
    pub fn check(&self, key: &Grants, now: u64) -> Result<Grants, ClaimsError> {
        names::validate_peer_id(&self.sub).map_err(|_| ClaimsError::PeerId)?;
        if self.exp <= now {
            return Err(ClaimsError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > now + CLOCK_SKEW) {
            return Err(ClaimsError::NotYet);
        }
        let made_at = self.iat.unwrap_or(now).min(now + CLOCK_SKEW);
        if self.exp.saturating_sub(made_at) > MAX_LIFETIME {
            return Err(ClaimsError::Lifetime);
        }
        if !is_within(self.metadata.as_ref(), MAX_METADATA) {
            return Err(ClaimsError::Metadata);
        }
        if !is_within(self.peer_metadata.as_ref(), MAX_PEER_METADATA) {
            return Err(ClaimsError::PeerMetadata);
        }
        Ok(Grants { channels: self.granted_channels(key)?, actions: self.granted_actions(key)? })
    }

    fn granted_channels(&self, key: &Grants) -> Result<Vec<Pattern>, ClaimsError> {
        let Some(channels) = &self.channels else { return Ok(key.channels.clone()) };
        if channels.len() > MAX_CHANNELS {
            return Err(ClaimsError::TooManyChannels);
        }
        let granted = |text: &String| {
            let pattern = Pattern::parse(text).map_err(|_| ClaimsError::Channel)?;
            if names::is_reserved_channel(text) {
                Err(ClaimsError::ChannelReserved)
            } else if key.channels.iter().any(|outer| outer.contains(&pattern)) {
                Ok(pattern)
            } else {
                Err(ClaimsError::ChannelNotAuthorized)
            }
        };
        channels.iter().map(granted).collect()
    }

    fn granted_actions(&self, key: &Grants) -> Result<Actions, ClaimsError> {
        let Some(permissions) = &self.permissions else { return Ok(key.actions) };
        if permissions.len() > MAX_PERMISSIONS {
            return Err(ClaimsError::TooManyPermissions);
        }
        let granted = |name: &String| {
            let action = Action::from_name(name).ok_or(ClaimsError::Permission)?;
            if key.actions.contains(action) { Ok(action) } else { Err(ClaimsError::ActionNotPermitted) }
        };
        permissions.iter().map(granted).collect()
    }

    /// Signs a token.
    ///
    /// `key` is the public id of the key that the secret belongs to.
    pub fn sign(&self, key: &str, secret: &Secret) -> Secret {
        crate::hs256::install();
        let header = Header { kid: Some(key.to_owned()), ..Header::new(Algorithm::HS256) };
        let secret = EncodingKey::from_secret(secret.expose().as_bytes());
        let token = jsonwebtoken::encode(&header, self, &secret);
        Secret::new(token.expect("claims are always JSON, and HS256 signs anything"))
    }

    /// Reads a token that is signed by one of the secrets; returns what comes with that secret.
    ///
    /// Checks no claim: [`Claims::check`] does.
    ///
    /// # Errors
    /// Says what is wrong with the token.
    pub fn verify<T>(
        token: &str,
        secrets: impl Iterator<Item = (T, Secret)>,
    ) -> Result<(Self, T), SignatureError> {
        crate::hs256::install();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        for (marker, secret) in secrets {
            let secret = DecodingKey::from_secret(secret.expose().as_bytes());
            match jsonwebtoken::decode(token, &secret, &validation) {
                Ok(data) => return Ok((data.claims, marker)),
                Err(error) => match error.kind() {
                    ErrorKind::InvalidSignature => {}
                    ErrorKind::InvalidAlgorithm => return Err(SignatureError::Signature),
                    ErrorKind::InvalidToken | ErrorKind::Base64(_) => return Err(SignatureError::Unparsable),
                    _ => return Err(SignatureError::Claims),
                },
            }
        }
        Err(SignatureError::Signature)
    }
}

/// Returns which key a token says it is signed by; `None` when it is no JWT or does not say.
pub fn signing_key(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).ok()?.kid
}

fn is_within(map: Option<&Map>, limit: usize) -> bool {
    map.is_none_or(|map| serde_json::to_string(map).is_ok_and(|json| json.len() <= limit))
}

/// Reads a NumericDate (RFC 7519 §2), which may have a fraction: many makers of tokens use floats.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let seconds = number.as_u64().or_else(|| {
        let seconds = number.as_f64()?;
        // Above 2^53 a float is no second any more.
        (0.0..9_007_199_254_740_992.0).contains(&seconds).then_some(seconds as u64)
    });
    seconds.ok_or_else(|| serde::de::Error::custom("not a time"))
}

fn optional_numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    numeric_date(deserializer).map(Some)
}
