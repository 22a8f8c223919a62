//! Tokens: JWTs (RFC 7519) signed with HS256 by a secret key, or by the server for an anonymous session.
//!
//! A token is read in three steps: [`signing_key`] says whose it claims to be, [`Claims::verify`] whether one of that
//! key's secrets has signed it, and [`Claims::check`] what it grants at a time within what the key does.

#![forbid(unsafe_code)]

mod claims;
mod hs256;

pub use claims::{
    Claims, ClaimsError, DEFAULT_LIFETIME, MAX_CHANNELS, MAX_LIFETIME, MAX_METADATA, MAX_PEER_METADATA,
    MAX_PERMISSIONS, SignatureError, signing_key,
};
pub use hs256::install as install_hs256;
