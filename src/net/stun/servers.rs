//! Which servers of an ICE configuration can be asked for a mapped address over UDP.

use crate::net::hosts::HostName;

/// The port of STUN and TURN over UDP (RFC 8489 section 8.1).
const DEFAULT_PORT: u16 = 3478;

/// The longest host name of the DNS.
const MAX_HOST_BYTES: usize = 253;

/// Reads a `stun:` or `turn:` URL (RFC 7064, RFC 7065) and returns the server behind it when it speaks STUN
/// over UDP; a TURN server does as well. Returns none for TLS and TCP servers and for anything else.
pub fn reflexive_server(url: &str) -> Option<HostName> {
    let (scheme, rest) = url.split_once(':')?;
    let (address, query) = match rest.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (rest, None),
    };
    let udp = match query {
        None => true,
        Some(query) => query.eq_ignore_ascii_case("transport=udp"),
    };
    let known =
        scheme.eq_ignore_ascii_case("stun") && query.is_none() || scheme.eq_ignore_ascii_case("turn") && udp;
    if !known {
        return None;
    }
    let (host, port) = split_port(address)?;
    let port = match port {
        Some(port) => port.parse().ok().filter(|&port| port != 0)?,
        None => DEFAULT_PORT,
    };
    Some(HostName { host: host.to_ascii_lowercase(), port })
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split_port(address: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        match after {
            "" => (host, None),
            _ => (host, Some(after.strip_prefix(':')?)),
        }
    } else {
        let (host, port) = match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if host.is_empty() || host.len() > MAX_HOST_BYTES || !host.bytes().all(plain) {
            return None;
        }
        (host, port)
    };
    // `parse` would accept a sign.
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    port.is_none_or(digits).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Option<(String, u16)> {
        reflexive_server(url).map(|server| (server.host, server.port))
    }

    #[test]
    fn stun_and_turn_servers_over_udp_are_asked() {
        for (url, host, port) in [
            ("stun:stun.example.org", "stun.example.org", 3478),
            ("STUN:Stun.Example.org:19302", "stun.example.org", 19302),
            ("turn:192.0.2.1:80", "192.0.2.1", 80),
            ("turn:t.example?transport=udp", "t.example", 3478),
            ("stun:[2001:db8::1]", "2001:db8::1", 3478),
            ("turn:[2001:db8::1]:99?transport=UDP", "2001:db8::1", 99),
        ] {
            assert_eq!(server(url), Some((host.to_owned(), port)), "{url}");
        }
    }

    #[test]
    fn servers_over_tcp_and_tls_are_not() {
        for url in ["stuns:s.example", "turns:t.example:443?transport=tcp", "turn:t.example?transport=tcp"] {
            assert_eq!(server(url), None, "{url}");
        }
    }

    #[test]
    fn malformed_urls_name_no_server() {
        for url in [
            "",
            "stun",
            "stun:",
            "stun:?",
            "stun::3478",
            "stun:a:b",
            "stun:a:",
            "stun:a:0",
            "stun:a:65536",
            "stun:a:+1",
            "stun://a",
            "stun:a b",
            "stun:[::1",
            "stun:[::1]x",
            "stun:[a]",
            "http:a",
            "turn:a?transport=udp&x=1",
            "stun:user@a",
            "stun:a?transport=udp",
        ] {
            assert_eq!(server(url), None, "{url}");
        }
        assert_eq!(server(&format!("stun:{}", "a".repeat(300))), None);
    }
}
