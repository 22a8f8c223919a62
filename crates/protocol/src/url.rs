//! The address that a client connects to.

use std::net::Ipv6Addr;

use units::Secret;

/// The path that is appended to the origin.
pub const PATH: &str = "/v1";

/// What a client proves itself with. It travels in the URL's query, because browsers can send no header.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// A publishable key.
    Key(&'a Secret),
    /// A signed token.
    Token(&'a Secret),
}

/// What a client shows beside its credential to go on with a session (see
/// [`Welcome::resume`](crate::Welcome::resume)).
#[derive(Debug, Clone, Copy)]
pub struct Resume<'a> {
    /// The token of the last welcome.
    pub token: &'a Secret,
    /// The highest cursor that the client has read, zero for none.
    pub cursor: u64,
}

/// Why an address was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The scheme is none of wss, ws, https, http.
    #[error("the server's URL must start with wss:// (or ws:// for localhost)")]
    Scheme,
    /// The host is missing or has characters that a host name, an IPv4 or a bracketed IPv6 address has not.
    #[error("the server's URL has no valid host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the server's URL has no valid port")]
    Port,
    /// There is a path, a query, a fragment or a user name.
    #[error("the server's URL must be an origin only: scheme, host and port")]
    NotAnOrigin,
    /// An unencrypted scheme with a host other than localhost, 127.0.0.1 or `[::1]`.
    #[error("the server's URL must start with wss:// unless the host is localhost")]
    Unencrypted,
    /// The key or token is empty.
    #[error("the key or token is empty")]
    EmptyCredential,
}

/// Builds the URL of the WebSocket from an origin, a credential and the session to go on with.
///
/// `https` and `http` stand for `wss` and `ws`. Unencrypted schemes are for localhost only. One trailing slash
/// is allowed. The result contains the credential: it is for the socket, never for a log.
///
/// # Errors
/// Says which rule the address breaks.
pub fn build_connect_url(
    base: &str,
    credential: Credential<'_>,
    resume: Option<Resume<'_>>,
) -> Result<String, UrlError> {
    let (scheme, rest) = base.split_once("://").ok_or(UrlError::Scheme)?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "wss" | "https" => "wss",
        "ws" | "http" => "ws",
        _ => return Err(UrlError::Scheme),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@', '\\']) {
        return Err(UrlError::NotAnOrigin);
    }
    let (host, port) = split_port(authority)?;
    let loopback = matches!(host.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]");
    if scheme == "ws" && !loopback {
        return Err(UrlError::Unencrypted);
    }
    let (name, secret) = match credential {
        Credential::Key(key) => ("key", key),
        Credential::Token(token) => ("token", token),
    };
    if secret.expose().is_empty() {
        return Err(UrlError::EmptyCredential);
    }
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let mut url = format!("{scheme}://{host}{port}{PATH}?{name}={}", percent_encoded(secret.expose()));
    if let Some(Resume { token, cursor }) = resume {
        url.push_str(&format!("&resume={}&cursor={cursor}", percent_encoded(token.expose())));
    }
    Ok(url)
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']').ok_or(UrlError::Host)?;
            rest[..end].parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
            let (host, port) = authority.split_at(end + 2);
            let port = match port.strip_prefix(':') {
                Some(port) => Some(port),
                None if port.is_empty() => None,
                None => return Err(UrlError::Host),
            };
            (host, port)
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            if host.is_empty() || !host.bytes().all(plain) {
                return Err(UrlError::Host);
            }
            (host, port)
        }
    };
    let port = match port {
        None => None,
        // `parse` alone would accept a leading plus sign.
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => match port.parse() {
            Ok(0) | Err(_) => return Err(UrlError::Port),
            Ok(port) => Some(port),
        },
        Some(_) => return Err(UrlError::Port),
    };
    Ok((host, port))
}

/// Encodes everything but the unreserved characters of RFC 3986 §2.3.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
        encoded
    })
}
