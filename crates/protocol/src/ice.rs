//! ICE servers as a welcome carries them.

use serde_json::{Value, json};
use units::Secret;

use crate::Map;

/// The key of the list in a welcome's metadata.
pub const METADATA_KEY: &str = "iceServers";

/// Most servers of one list; a longer list is void.
pub const MAX_SERVERS: usize = 16;

/// Longest URL, in characters.
pub const MAX_URL_CHARS: usize = 512;

/// Longest user name or credential, in characters.
pub const MAX_CREDENTIAL_CHARS: usize = 1024;

/// One STUN or TURN server (the `RTCIceServer` of W3C WebRTC §4.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceServer {
    /// At least one URL with a scheme of `stun`, `stuns`, `turn` or `turns` (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// The TURN user name.
    pub username: Option<String>,
    /// The TURN password.
    pub credential: Option<Secret>,
}

impl IceServer {
    /// Reads one entry; `None` when it breaks a rule.
    ///
    /// A user name or credential that is not a string counts as absent; one that is too long is a broken rule.
    pub fn from_value(value: &Value) -> Option<Self> {
        let entry = value.as_object()?;
        let urls = match entry.get("urls")? {
            Value::String(url) => vec![valid_url(url)?],
            Value::Array(urls) if !urls.is_empty() => {
                urls.iter().map(|url| valid_url(url.as_str()?)).collect::<Option<Vec<_>>>()?
            }
            _ => return None,
        };
        let username = short_string(entry, "username")?;
        let credential = short_string(entry, "credential")?.map(Secret::new);
        Some(Self { urls, username, credential })
    }

    /// Writes the entry. The credential is in it: the result is for the wire, never for a log.
    pub fn to_value(&self) -> Value {
        let mut entry = Map::new();
        entry.insert("urls".to_owned(), json!(self.urls));
        if let Some(username) = &self.username {
            entry.insert("username".to_owned(), json!(username));
        }
        if let Some(credential) = &self.credential {
            entry.insert("credential".to_owned(), json!(credential.expose()));
        }
        Value::Object(entry)
    }
}

/// Reads the list out of a welcome's metadata.
///
/// Returns `None` when there is no list or when any entry breaks a rule: one bad entry voids the whole list,
/// and the client then keeps the list that it had.
pub fn from_metadata(metadata: &Map) -> Option<Vec<IceServer>> {
    let list = metadata.get(METADATA_KEY)?.as_array()?;
    if list.len() > MAX_SERVERS {
        return None;
    }
    list.iter().map(IceServer::from_value).collect()
}

fn valid_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once(':')?;
    let known = ["stun", "stuns", "turn", "turns"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let valid = known && !rest.is_empty() && url.chars().count() <= MAX_URL_CHARS;
    valid.then(|| url.to_owned())
}

/// Reads an optional string; the outer `None` means that it is too long.
fn short_string(entry: &Map, key: &str) -> Option<Option<String>> {
    match entry.get(key).and_then(Value::as_str) {
        Some(text) if text.chars().count() > MAX_CREDENTIAL_CHARS => None,
        text => Some(text.map(str::to_owned)),
    }
}
