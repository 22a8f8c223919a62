//! From what a client shows to what it may do.

use std::collections::HashMap;
use std::sync::Arc;

use hub::Grants;
use protocol::CloseCode;

use crate::config::{ConfigError, Key};

/// The query of a connect request. A client shows one of the two.
#[derive(serde::Deserialize)]
pub(crate) struct ConnectQuery {
    key: Option<String>,
    token: Option<String>,
}

/// Why a client is turned away: the socket is accepted and closed with this, because browsers cannot read
/// the status of a refused upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: CloseCode,
    pub(crate) reason: &'static str,
}

/// Everyone who may come in.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    keys: HashMap<String, Admission>,
}

#[derive(Debug)]
struct Admission {
    grants: Arc<Grants>,
    origins: Vec<String>,
}

impl Doorkeeper {
    /// Takes the keys in; two with one id are an error.
    pub(crate) fn new(keys: Vec<Key>) -> Result<Self, ConfigError> {
        let mut admissions = HashMap::with_capacity(keys.len());
        for Key { id, channels, actions, origins } in keys {
            let admission = Admission { grants: Arc::new(Grants { channels, actions }), origins };
            if admissions.insert(id.clone(), admission).is_some() {
                return Err(ConfigError(format!("the key {id} is there twice")));
            }
        }
        Ok(Self { keys: admissions })
    }

    /// Decides about a client. `origin` is the request's `Origin` header, which browsers send.
    pub(crate) fn admit(&self, query: &ConnectQuery, origin: Option<&str>) -> Result<Arc<Grants>, Refusal> {
        let refused = |reason| Refusal { code: CloseCode::INVALID_TOKEN, reason };
        let key = match (&query.key, &query.token) {
            (Some(key), None) => key,
            (None, Some(_)) => return Err(refused("tokens are not supported")),
            (Some(_), Some(_)) => return Err(refused("key and token")),
            (None, None) => return Err(refused("no key")),
        };
        let admission = self.keys.get(key).ok_or_else(|| refused("unknown key"))?;
        let everywhere = admission.origins.is_empty();
        if everywhere || origin.is_some_and(|origin| admission.origins.iter().any(|known| known == origin)) {
            Ok(Arc::clone(&admission.grants))
        } else {
            Err(refused("origin not allowed"))
        }
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
            Err(Refusal { code, reason }) => format!("{code} {reason}"),
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
