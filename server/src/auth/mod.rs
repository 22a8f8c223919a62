//! Who may come in, and as whom: keys, tokens and what they open.

mod doorkeeper;
pub(crate) mod key_ring;
mod master_key;
mod open;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use hub::{AppId, Grants};
use protocol::{CloseCode, Map};

use crate::places::Place;
pub(crate) use doorkeeper::Doorkeeper;
pub(crate) use hub::KeyId;
pub use master_key::MasterKeySource;
pub(crate) use master_key::{MasterKey, MasterKeyError};
pub(crate) use open::Keys;

/// All keys of a deployment belong to one tenant.
pub(crate) const APP: AppId = AppId::new(1);

/// The query of a connect request. A client shows one of the two.
#[derive(serde::Deserialize)]
pub(crate) struct ConnectQuery {
    key: Option<String>,
    token: Option<String>,
}

/// A client that may come in, and what is known about it.
#[derive(Debug)]
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
    /// The client's place among those that its key admits, if that has a limit.
    pub(crate) place: Option<Place<Arc<str>>>,
}

/// Why a client is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The upgrade is refused with an HTTP status and a JSON body.
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

/// Reads the clock, in Unix seconds.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
