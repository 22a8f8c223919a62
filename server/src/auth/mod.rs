//! From what a client shows to what it may do.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;
use hub::{AppId, Grants};
use protocol::{CloseCode, Map};

pub(crate) use hub::KeyId;

use crate::config::{ConfigError, Key};

/// All keys of a deployment belong to one tenant.
pub(crate) const APP: AppId = AppId::new(1);

/// The query of a connect request. A client shows one of the two.
#[derive(serde::Deserialize)]
pub(crate) struct ConnectQuery {
    key: Option<String>,
    token: Option<String>,
}

/// A client that may come in, and what is known about it.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    /// The tenant that the credential belongs to.
    pub(crate) app: AppId,
    /// The key that the credential is or was signed by. A revoked key ends what it admitted.
    pub(crate) key: KeyId,
    /// What the client may do.
    pub(crate) grants: Arc<Grants>,
    /// The peer id that a token names. Without one the server draws it.
    pub(crate) peer_id: Option<String>,
    /// What other peers get to see about this one.
    pub(crate) peer_metadata: Option<Map>,
    /// What only the client gets to see, in its welcome. Its `iceServers` win over the server's.
    pub(crate) metadata: Option<Map>,
    /// When the token expires, in Unix seconds.
    pub(crate) expires_at: Option<u64>,
    /// Whether the server's ICE servers are put into the welcome.
    pub(crate) turn: bool,
}

/// Why a client is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The upgrade is refused with an HTTP status and a JSON body.
    #[allow(dead_code, reason = "tokens bring the first")]
    BeforeUpgrade {
        /// The status.
        status: StatusCode,
        /// The body's `error`, such as `invalid_token`.
        error: &'static str,
    },
    /// The socket is accepted and closed with this, because browsers cannot read the status of a refused
    /// upgrade.
    Close {
        /// The close code.
        code: CloseCode,
        /// Why, in one or two words for the developer.
        reason: &'static str,
    },
}

/// Everyone who may come in.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    keys: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    id: KeyId,
    grants: Arc<Grants>,
    origins: Vec<String>,
}

impl Doorkeeper {
    /// Takes the keys in; two with one id are an error.
    pub(crate) fn new(keys: Vec<Key>) -> Result<Self, ConfigError> {
        let mut entries = HashMap::with_capacity(keys.len());
        for Key { id, channels, actions, origins } in keys {
            let grants = Arc::new(Grants { channels, actions });
            let entry = Entry { id: KeyId::new(&*id), grants, origins };
            if entries.insert(id.clone(), entry).is_some() {
                return Err(ConfigError(format!("the key {id} is there twice")));
            }
        }
        Ok(Self { keys: entries })
    }

    /// Decides about a client. `origin` is the request's `Origin` header, which browsers send.
    pub(crate) fn admit(&self, query: &ConnectQuery, origin: Option<&str>) -> Result<Admission, Refusal> {
        let refused = |reason| Refusal::Close { code: CloseCode::INVALID_TOKEN, reason };
        let key = match (&query.key, &query.token) {
            (Some(key), None) => key,
            (None, Some(_)) => return Err(refused("tokens are not supported")),
            (Some(_), Some(_)) => return Err(refused("key and token")),
            (None, None) => return Err(refused("no key")),
        };
        let Entry { id, grants, origins } = self.keys.get(key).ok_or_else(|| refused("unknown key"))?;
        if !origins.is_empty() && !origin.is_some_and(|origin| origins.iter().any(|known| known == origin)) {
            return Err(refused("origin not allowed"));
        }
        Ok(Admission {
            app: APP,
            key: id.clone(),
            grants: Arc::clone(grants),
            peer_id: None,
            peer_metadata: None,
            metadata: None,
            expires_at: None,
            turn: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(
        doorkeeper: &Doorkeeper,
        key: Option<&str>,
        token: Option<&str>,
        origin: Option<&str>,
    ) -> String {
        let query = ConnectQuery { key: key.map(str::to_owned), token: token.map(str::to_owned) };
        match doorkeeper.admit(&query, origin) {
            Ok(_) => "welcome".to_owned(),
            Err(Refusal::Close { code, reason }) => format!("{code} {reason}"),
            Err(Refusal::BeforeUpgrade { status, error }) => format!("{status} {error}"),
        }
    }

    #[test]
    fn a_key_is_admitted_and_everything_else_is_turned_away() {
        let doorkeeper = Doorkeeper::new(vec![Key::open_to_all("pk_a")]).unwrap();
        let verdict = |key, token| verdict(&doorkeeper, key, token, Some("https://any.example"));
        assert_eq!(verdict(Some("pk_a"), None), "welcome");
        assert_eq!(verdict(Some("pk_b"), None), "4001 unknown key");
        assert_eq!(verdict(Some(""), None), "4001 unknown key");
        assert_eq!(verdict(None, Some("e.y.J")), "4001 tokens are not supported");
        assert_eq!(verdict(Some("pk_a"), Some("e.y.J")), "4001 key and token");
        assert_eq!(verdict(None, None), "4001 no key");
    }

    #[test]
    fn a_key_with_origins_works_from_those_only() {
        let origins = vec!["https://app.example".to_owned()];
        let doorkeeper = Doorkeeper::new(vec![Key { origins, ..Key::open_to_all("pk_a") }]).unwrap();
        let verdict = |origin| verdict(&doorkeeper, Some("pk_a"), None, origin);
        assert_eq!(verdict(Some("https://app.example")), "welcome");
        for origin in [None, Some("http://app.example"), Some("https://app.example.evil")] {
            assert_eq!(verdict(origin), "4001 origin not allowed", "{origin:?}");
        }
    }

    #[test]
    fn one_id_cannot_be_two_keys() {
        let keys = vec![Key::open_to_all("pk_a"), Key::open_to_all("pk_a")];
        assert!(Doorkeeper::new(keys).is_err());
    }
}
