//! From what a client shows to what it may do.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use axum::http::StatusCode;
use hub::KeyId;
use protocol::CloseCode;
use subtle::ConstantTimeEq as _;
use token::{Claims, ClaimsError, SignatureError, signing_key};
use units::Secret;

use super::key_ring::{KeyRing, LiveKey};
use super::{APP, Admission, ConnectQuery, MasterKey, Refusal};
use crate::config::{ConfigError, Key};
use crate::places::{Place, Places};
use crate::store::{KeyKind, KeyRecord};

/// Everyone who may come in.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    master_key: MasterKey,
    configured: KeyRing,
    current: RwLock<Arc<KeyRing>>,
    /// How many clients each key with a limit has admitted, by its id.
    places: Arc<Places<Arc<str>>>,
}

impl Doorkeeper {
    /// Takes the configuration's keys in; two with one id are an error.
    pub(crate) fn new(keys: &[Key], master_key: MasterKey) -> Result<Self, ConfigError> {
        let configured = KeyRing::of_config(keys)?;
        let current = configured.with_records(&[]).map_err(ConfigError)?;
        Ok(Self { master_key, configured, current: RwLock::new(Arc::new(current)), places: Places::new() })
    }

    /// Replaces the database's keys, and returns what the connections that must end are known by.
    ///
    /// # Errors
    /// Says in one sentence which record cannot be read. The keys stay as they were.
    pub(crate) fn replace(&self, records: &[KeyRecord]) -> Result<HashSet<KeyId>, String> {
        let new = Arc::new(self.configured.with_records(records)?);
        let mut current = self.current.write().expect("nothing panics while it holds the keys");
        let ended = current.connections().difference(new.connections()).cloned().collect();
        *current = new;
        Ok(ended)
    }

    /// Returns whether connections admitted by the key may stay.
    pub(crate) fn is_live(&self, key: &KeyId) -> bool {
        self.keys().connections().contains(key)
    }

    /// Decides about a client. `origin` is the request's `Origin` header, which browsers send; `now` is in Unix
    /// seconds.
    pub(crate) fn admit(
        &self,
        query: &ConnectQuery,
        origin: Option<&str>,
        now: u64,
    ) -> Result<Admission, Refusal> {
        match (&query.key, &query.token) {
            (Some(key), None) => self.admit_key(key, origin),
            (None, Some(token)) => self.admit_token(token, origin, now),
            (Some(_), Some(_)) => Err(bad_credential("key and token")),
            (None, None) => Err(bad_credential("no key")),
        }
    }

    fn admit_key(&self, credential: &str, origin: Option<&str>) -> Result<Admission, Refusal> {
        let keys = self.keys();
        let key = keys.publishable(credential).ok_or_else(|| bad_credential("unknown key"))?;
        if !key.works_from(origin) {
            return Err(ORIGIN_REFUSED);
        }
        Ok(Admission {
            app: APP,
            key: key.key_id(0),
            grants: Arc::clone(&key.grants),
            peer_id: None,
            peer_metadata: None,
            metadata: None,
            expires_at: None,
            turn: key.turn,
            place: self.place(key)?,
        })
    }

    fn admit_token(&self, token: &str, origin: Option<&str>, now: u64) -> Result<Admission, Refusal> {
        let unparsable = Refusal::BeforeUpgrade { status: StatusCode::UNAUTHORIZED, error: "invalid_token" };
        let signer = signing_key(token).ok_or(unparsable)?;
        let keys = self.keys();
        let key = keys.by_id(&signer).ok_or_else(|| bad_credential("unknown key"))?;
        if !key.works_from(origin) {
            return Err(ORIGIN_REFUSED);
        }
        let (claims, generation) =
            Claims::verify(token, key.secrets(&self.master_key)).map_err(|error| match error {
                SignatureError::Unparsable => unparsable,
                SignatureError::Signature => bad_credential("bad signature"),
                SignatureError::Claims => bad_credential("bad claims"),
            })?;
        let grants = claims.check(&key.grants, now).map_err(|error| match error {
            ClaimsError::Expired => {
                Refusal::Close { code: CloseCode::TOKEN_EXPIRED, reason: "token expired" }
            }
            ClaimsError::ChannelNotAuthorized => bad_credential("channel not within the key's"),
            ClaimsError::ActionNotPermitted => bad_credential("permission not one of the key's"),
            _ => bad_credential("bad claims"),
        })?;
        Ok(Admission {
            app: APP,
            key: key.key_id(generation),
            grants: Arc::new(grants),
            peer_id: Some(claims.sub),
            peer_metadata: claims.peer_metadata,
            metadata: claims.metadata,
            expires_at: Some(claims.exp),
            turn: key.turn,
            place: self.place(key)?,
        })
    }

    /// Takes a place among those that a key may admit.
    fn place(&self, key: &LiveKey) -> Result<Option<Place<Arc<str>>>, Refusal> {
        let Some(most) = key.max_connections else { return Ok(None) };
        let place = self.places.enter(key.id.as_str().into(), most.get());
        place.map(Some).ok_or(Refusal::Close {
            code: CloseCode::OVER_CONCURRENT_LIMIT,
            reason: "too many connections of this key",
        })
    }

    /// Finds the secret key that a REST request shows: its id and one of its live secrets.
    pub(crate) fn secret_key(&self, id: &str, secret: &str) -> Option<Arc<LiveKey>> {
        let keys = self.keys();
        let key = keys.by_id(id).filter(|key| key.kind == KeyKind::Secret)?;
        // All generations are compared, so that time does not tell which one it was.
        let matches = key
            .secrets(&self.master_key)
            .map(|(_, known)| known.expose().as_bytes().ct_eq(secret.as_bytes()))
            .fold(subtle::Choice::from(0), |any, one| any | one);
        bool::from(matches).then(|| Arc::clone(key))
    }

    /// Finds a key by its public id.
    pub(crate) fn key(&self, id: &str) -> Option<Arc<LiveKey>> {
        self.keys().by_id(id).cloned()
    }

    /// Finds a publishable key.
    pub(crate) fn publishable_key(&self, credential: &str) -> Option<Arc<LiveKey>> {
        self.keys().publishable(credential).cloned()
    }

    /// Signs a token with the newest secret of a key.
    pub(crate) fn sign(&self, key: &LiveKey, claims: &Claims) -> Secret {
        let (_, secret) = key.secrets(&self.master_key).next().expect("a key has a generation");
        claims.sign(&key.id, &secret)
    }

    /// Returns the peer id of a token that this key signed and that has not expired.
    pub(crate) fn signed_peer_id(&self, key: &LiveKey, token: &str, now: u64) -> Option<String> {
        signing_key(token).filter(|signer| *signer == key.id)?;
        let (claims, _) = Claims::verify(token, key.secrets(&self.master_key)).ok()?;
        claims.check(&key.grants, now).ok()?;
        Some(claims.sub)
    }

    fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.current.read().expect("nothing panics while it holds the keys"))
    }
}

const ORIGIN_REFUSED: Refusal =
    Refusal::BeforeUpgrade { status: StatusCode::UNAUTHORIZED, error: "origin_not_allowed" };

fn bad_credential(reason: &'static str) -> Refusal {
    Refusal::Close { code: CloseCode::INVALID_TOKEN, reason }
}
