//! Which local addresses get a socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use if_addrs::{IfOperStatus, Interface};

/// How many local addresses are used at most. Hosts with more have them from containers and virtual machines,
/// and every one multiplies the candidate pairs; those that come later in the system's order are left out.
const MAX_ADDRESSES: usize = 16;

/// Which sockets to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetConfig {
    /// Also use loopback addresses, for calls between processes of one machine.
    pub include_loopback: bool,
    /// Use exactly these addresses instead of asking the system. Loopback and link-local ones are allowed.
    pub bind: Option<Vec<IpAddr>>,
    /// Use the kernel's segmentation and coalescing where it has them.
    pub offload: bool,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self { include_loopback: false, bind: None, offload: true }
    }
}

/// Lists the local addresses to open a socket on: those of [`NetConfig::bind`], or of every interface that is
/// up.
///
/// Link-local addresses are left out (they need a zone that candidates cannot carry, RFC 8839 section 5.1).
/// When nothing but loopback is left, that is used.
///
/// # Errors
/// The system's error when it cannot list its interfaces.
pub fn local_addresses(config: &NetConfig) -> io::Result<Vec<IpAddr>> {
    match &config.bind {
        Some(addresses) => Ok(addresses.iter().copied().take(MAX_ADDRESSES).collect()),
        None => {
            let interfaces = if_addrs::get_if_addrs()?;
            let up = interfaces.iter().filter(|interface| is_up(interface)).map(Interface::ip);
            Ok(choose(up, config.include_loopback))
        }
    }
}

/// Returns whether an address is one of this machine's at the moment; false when there is none.
pub fn is_local(address: Option<IpAddr>) -> bool {
    // When the interfaces cannot be listed, the benefit of the doubt.
    address.is_some_and(|address| {
        if_addrs::get_if_addrs()
            .map_or(true, |all| all.iter().any(|interface| interface.ip() == address && is_up(interface)))
    })
}

/// Returns the IPv4 addresses whose interfaces multicast DNS uses, loopback only when it is all there is or
/// wanted.
pub(super) fn multicast_interfaces(addresses: impl Iterator<Item = IpAddr>) -> Vec<Ipv4Addr> {
    addresses
        .filter_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
        .collect()
}

fn is_up(interface: &Interface) -> bool {
    !matches!(
        interface.oper_status,
        IfOperStatus::Down | IfOperStatus::NotPresent | IfOperStatus::LowerLayerDown
    )
}

fn choose(addresses: impl Iterator<Item = IpAddr>, include_loopback: bool) -> Vec<IpAddr> {
    let (mut loopback, mut routable) = (Vec::new(), Vec::new());
    for address in addresses {
        let list = if address.is_loopback() { &mut loopback } else { &mut routable };
        if !list.contains(&address) && (address.is_loopback() || is_usable(address)) {
            list.push(address);
        }
    }
    if include_loopback || routable.is_empty() {
        routable.append(&mut loopback);
    }
    routable.truncate(MAX_ADDRESSES);
    routable
}

fn is_usable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => {
            let mapped_or_compatible = v6.to_ipv4().is_some();
            !(v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
                || is_site_local(v6)
                || mapped_or_compatible)
        }
    }
}

/// Site-local addresses were deprecated by RFC 3879.
fn is_site_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfec0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(addresses: &[&str], include_loopback: bool) -> Vec<String> {
        let parsed = addresses.iter().map(|text| text.parse().unwrap());
        choose(parsed, include_loopback).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn global_and_unique_local_addresses_are_used() {
        let usable = ["192.0.2.2", "10.0.0.1", "fd00::2", "2001:db8::1"];
        assert_eq!(chosen(&usable, false), usable);
    }

    #[test]
    fn link_local_and_other_special_addresses_are_not() {
        let special = [
            "169.254.1.1",
            "fe80::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "fec0::1",
            "::ffff:192.0.2.1",
        ];
        assert_eq!(chosen(&special, true), [""; 0]);
    }

    #[test]
    fn loopback_is_used_when_asked_for_or_when_it_is_all_there_is() {
        let all = ["127.0.0.1", "192.0.2.2", "::1", "fe80::1"];
        assert_eq!(chosen(&all, false), ["192.0.2.2"]);
        assert_eq!(chosen(&all, true), ["192.0.2.2", "127.0.0.1", "::1"]);
        assert_eq!(chosen(&["127.0.0.1", "::1", "fe80::1"], false), ["127.0.0.1", "::1"]);
    }

    #[test]
    fn an_address_on_two_interfaces_is_used_once_and_the_number_is_bounded() {
        assert_eq!(chosen(&["192.0.2.2", "192.0.2.2"], false).len(), 1);
        let many: Vec<String> = (0..100).map(|index| format!("10.0.0.{index}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(chosen(&many, false).len(), MAX_ADDRESSES);
    }

    #[test]
    fn configured_addresses_are_taken_as_they_are() {
        let bind = vec![IpAddr::from([127, 0, 0, 2])];
        let config = NetConfig { bind: Some(bind.clone()), ..NetConfig::default() };
        assert_eq!(local_addresses(&config).unwrap(), bind);
    }

    #[test]
    fn an_address_is_this_machines_or_not() {
        let local = |text: &str| is_local(Some(text.parse().unwrap()));
        assert!(local("127.0.0.1") && !local("192.0.2.250") && !is_local(None));
    }

    #[test]
    fn this_machine_has_an_address() {
        let config = NetConfig { include_loopback: true, ..NetConfig::default() };
        assert!(local_addresses(&config).unwrap().iter().any(|address| address.is_loopback()));
    }
}
