//! Whose request it is: the peer of the TCP connection, or whom trusted proxies name.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request comes from; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Returns whether an address is a trusted proxy's.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Finds out who sent a request that came over a connection from `peer`.
    ///
    /// Each proxy appends whom it heard from, so the list is read from its end for as long as the proxies are
    /// trusted. What stands before that is the client's own claim.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut client = peer.to_canonical();
        let lists =
            headers.get_all(X_FORWARDED_FOR).into_iter().map(|value| value.to_str().unwrap_or_default());
        let claims: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
        for claim in claims.into_iter().rev() {
            if !self.contain(client) {
                break;
            }
            match parse(claim) {
                Some(address) => client = address,
                None => break,
            }
        }
        ClientAddress(client)
    }
}

/// Reads an entry: an address, for which some proxies write a port or brackets, too.
fn parse(claim: &str) -> Option<IpAddr> {
    let bare = claim.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| Some(claim.parse::<std::net::SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, claims: &[&'static str]) -> String {
        let networks = ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let headers = claims.iter().map(|claim| (X_FORWARDED_FOR, claim.parse().unwrap())).collect();
        let ClientAddress(address) =
            TrustedProxies::new(networks.to_vec()).client(peer.parse().unwrap(), &headers);
        address.to_string()
    }

    #[test]
    fn a_stranger_is_who_it_is_whatever_it_claims() {
        assert_eq!(client("203.0.113.5", &["198.51.100.1"]), "203.0.113.5");
        assert_eq!(client("::ffff:203.0.113.5", &[]), "203.0.113.5");
    }

    #[test]
    fn a_trusted_proxy_names_the_client() {
        assert_eq!(client("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(client("fd00::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("fd00::1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("127.0.0.1", &["198.51.100.1, 10.0.0.7"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["198.51.100.1", "10.0.0.7"]), "198.51.100.1");
    }

    #[test]
    fn a_client_cannot_put_words_into_its_proxys_mouth() {
        assert_eq!(client("127.0.0.1", &["192.0.2.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["192.0.2.1, rubbish"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
    }
}
