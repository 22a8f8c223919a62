//! The keys that open something now, by what clients show of them.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;

use hub::{Action, Actions, Grants, KeyId, Pattern};
use ring::digest::{SHA256, digest};
use units::Secret;

use crate::auth::MasterKey;
use crate::auth::master_key::random_bytes;
use crate::config::{ConfigError, Key};
use crate::store::{KeyKind, KeyRecord};

/// The SHA-256 of a publishable key.
pub(crate) type Digest = [u8; 32];

/// A key that opens something.
#[derive(Debug)]
pub(crate) struct LiveKey {
    /// The public id: `pk_id_…` or `sk_id_…`.
    pub(crate) id: String,
    pub(crate) kind: KeyKind,
    pub(crate) grants: Arc<Grants>,
    /// The web origins that it works from; empty for everywhere.
    pub(crate) origins: Vec<String>,
    /// Whether clients are told the server's ICE servers.
    pub(crate) turn: bool,
    /// Most sockets at once that it may admit.
    pub(crate) max_connections: Option<NonZeroUsize>,
    /// The generations of a secret key's secret that are valid, the newest last.
    generations: RangeInclusive<u32>,
}

/// The keys that open something now. A change makes a new ring.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyRing {
    publishable: HashMap<Digest, Arc<LiveKey>>,
    by_id: HashMap<String, Arc<LiveKey>>,
    /// What the connections that may stay are known by.
    connections: HashSet<KeyId>,
}

/// Draws a publishable key. Its text is the credential.
pub(crate) fn draw_publishable() -> Secret {
    Secret::new(format!("pk_live_{}", hex::encode(random_bytes::<16>())))
}

/// Draws the id of a secret key.
pub(crate) fn draw_secret_id() -> String {
    format!("sk_id_{}", hex::encode(random_bytes::<12>()))
}

/// Returns what is stored of a publishable key.
pub(crate) fn digest_of(credential: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, credential.as_bytes()).as_ref());
    bytes
}

/// Returns the id of a publishable key, which opens nothing: the first 64 bits of its digest.
pub(crate) fn publishable_id(digest: &Digest) -> String {
    format!("pk_id_{}", hex::encode(&digest[..8]))
}

/// Derives a secret key's secret. It signs tokens and goes with REST requests, and is stored nowhere.
pub(crate) fn derive_secret(master_key: &MasterKey, id: &str, generation: u32) -> Secret {
    let derived = master_key.derive(&format!("parlor secret key v1 {id} {generation}"));
    Secret::new(format!("sk_secret_{}", hex::encode(derived)))
}

impl LiveKey {
    /// Returns what connections admitted by a generation of the key are known by.
    pub(crate) fn key_id(&self, generation: u32) -> KeyId {
        match self.kind {
            KeyKind::Publishable => KeyId::new(&*self.id),
            KeyKind::Secret => KeyId::new(format!("{}.{generation}", self.id)),
        }
    }

    /// Returns the generations whose secrets are valid with those secrets, the newest first.
    ///
    /// A publishable key has one, which only the server knows: it signs the tokens of anonymous sessions.
    pub(crate) fn secrets(&self, master_key: &MasterKey) -> impl Iterator<Item = (u32, Secret)> {
        self.generations.clone().rev().map(|generation| {
            let secret = match self.kind {
                KeyKind::Secret => derive_secret(master_key, &self.id, generation),
                KeyKind::Publishable => {
                    let derived = master_key.derive(&format!("parlor anonymous tokens v1 {}", self.id));
                    Secret::new(hex::encode(derived))
                }
            };
            (generation, secret)
        })
    }

    /// Returns whether the key works from a web origin; `None` is a client that is no browser.
    pub(crate) fn works_from(&self, origin: Option<&str>) -> bool {
        self.origins.is_empty()
            || origin.is_some_and(|origin| self.origins.iter().any(|known| known == origin))
    }

    /// Reads what the database says.
    ///
    /// # Errors
    /// Says in one sentence what is wrong with the record.
    fn from_record(record: &KeyRecord) -> Result<Self, String> {
        let channels = record
            .channels
            .iter()
            .map(|text| Pattern::parse(text).map_err(|error| format!("channel pattern {text:?}: {error}")))
            .collect::<Result<_, _>>()?;
        let actions = record
            .actions
            .iter()
            .map(|name| Action::from_name(name).ok_or_else(|| format!("there is no action {name:?}")))
            .collect::<Result<Actions, _>>()?;
        Ok(Self {
            id: record.id.clone(),
            kind: record.kind,
            grants: Arc::new(Grants { channels, actions }),
            origins: record.origins.clone(),
            turn: record.turn,
            max_connections: record.max_connections,
            generations: record.oldest_generation..=record.generation,
        })
    }

    fn from_config(key: &Key) -> Self {
        let Key { id, channels, actions, origins, turn, max_connections } = key;
        Self {
            id: publishable_id(&digest_of(id)),
            kind: KeyKind::Publishable,
            grants: Arc::new(Grants { channels: channels.clone(), actions: *actions }),
            origins: origins.clone(),
            turn: *turn,
            max_connections: *max_connections,
            generations: 0..=0,
        }
    }
}

impl KeyRing {
    /// Makes the ring of the keys in the configuration; two with one id are an error.
    pub(crate) fn of_config(keys: &[Key]) -> Result<Self, ConfigError> {
        let mut ring = Self::default();
        for key in keys {
            if !ring.insert(LiveKey::from_config(key), Some(digest_of(&key.id))) {
                return Err(ConfigError(format!("the key {} is there twice", key.id)));
            }
        }
        Ok(ring)
    }

    /// Makes the ring of this one's keys and those of the database that are not revoked.
    ///
    /// # Errors
    /// Says in one sentence which record cannot be read.
    pub(crate) fn with_records(&self, records: &[KeyRecord]) -> Result<Self, String> {
        let mut ring = self.clone();
        for record in records.iter().filter(|record| record.revoked_at.is_none()) {
            let live =
                LiveKey::from_record(record).map_err(|problem| format!("key {}: {problem}", record.id))?;
            ring.insert(live, record.digest);
        }
        Ok(ring)
    }

    /// Takes a key in; false when there is one with that id.
    fn insert(&mut self, key: LiveKey, digest: Option<Digest>) -> bool {
        let key = Arc::new(key);
        self.connections.extend(key.generations.clone().map(|generation| key.key_id(generation)));
        if let Some(digest) = digest {
            self.publishable.insert(digest, Arc::clone(&key));
        }
        self.by_id.insert(key.id.clone(), key).is_none()
    }

    /// Finds a publishable key by its text.
    pub(crate) fn publishable(&self, credential: &str) -> Option<&Arc<LiveKey>> {
        self.publishable.get(&digest_of(credential))
    }

    /// Finds a key by its public id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<LiveKey>> {
        self.by_id.get(id)
    }

    /// Returns what the connections that may stay are known by.
    pub(crate) fn connections(&self) -> &HashSet<KeyId> {
        &self.connections
    }
}
