//! What one address may take: connects a minute, and sockets at once.
//!
//! An IPv6 address counts as its /64, which is what one subscriber has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::PerAddress;
use crate::places::{Place, Places};

/// Over which time connects are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Most addresses whose connects are remembered (some 4 MiB). When more than this connect in a minute, further ones
/// are not counted: whoever has that many addresses is not held by a limit per address, and everybody else must
/// not suffer for it.
const MAX_REMEMBERED: usize = 65_536;

/// How long a full table is left as it is before it is searched for what can be forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Counts connects and sockets by address.
#[derive(Debug)]
pub(crate) struct AddressLimits {
    limits: PerAddress,
    state: Mutex<State>,
    sockets: Arc<Places<IpAddr>>,
}

#[derive(Debug)]
struct State {
    /// When the connects that an address has made will all have been worked off at the allowed pace: the
    /// theoretical arrival time of the generic cell rate algorithm (ITU-T I.371). In the past: forgotten.
    paid_off: HashMap<IpAddr, Instant>,
    swept: Option<Instant>,
}

impl AddressLimits {
    pub(crate) fn new(limits: PerAddress) -> Self {
        let state = State { paid_off: HashMap::new(), swept: None };
        Self { limits, state: Mutex::new(state), sockets: Places::new() }
    }

    /// Counts a connect. When it is one too many, returns after how long the next one is allowed.
    pub(crate) fn connect(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(most) = self.limits.connects_per_minute else { return Ok(()) };
        let pace = WINDOW / most.get();
        let mut state = self.lock();
        let address = subscriber(address);
        let known = state.paid_off.get(&address).copied();
        let paid_off = known.map_or(now, |time| time.max(now)) + pace;
        let excess = (paid_off - now).saturating_sub(WINDOW);
        if !excess.is_zero() {
            return Err(excess);
        }
        if known.is_some() || state.has_room(now) {
            state.paid_off.insert(address, paid_off);
        }
        Ok(())
    }

    /// Takes a place for a socket, unless its address has as many as it may.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Place<IpAddr>> {
        let most = self.limits.sockets.map_or(usize::MAX, |most| most.get());
        self.sockets.enter(subscriber(address), most)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the counts")
    }
}

impl State {
    /// Returns whether one more address can be remembered, after forgetting those that owe nothing.
    fn has_room(&mut self, now: Instant) -> bool {
        let may_sweep = self.swept.is_none_or(|swept| now - swept >= SWEEP_INTERVAL);
        if self.paid_off.len() >= MAX_REMEMBERED && may_sweep {
            self.swept = Some(now);
            self.paid_off.retain(|_, paid_off| *paid_off > now);
        }
        self.paid_off.len() < MAX_REMEMBERED
    }
}

/// Returns what stands for everyone who shares an address's subscription.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroUsize};

    use super::*;

    fn limits(connects_per_minute: u32, sockets: usize) -> AddressLimits {
        let limits = PerAddress {
            connects_per_minute: NonZeroU32::new(connects_per_minute),
            sockets: NonZeroUsize::new(sockets),
        };
        AddressLimits::new(limits)
    }

    fn v4(host: u32) -> IpAddr {
        IpAddr::V4(host.into())
    }

    #[test]
    fn an_address_has_its_connects_a_minute_and_others_have_theirs() {
        let limits = limits(60, 0);
        let start = Instant::now();
        for _ in 0..60 {
            limits.connect(v4(1), start).unwrap();
        }
        assert_eq!(limits.connect(v4(1), start), Err(Duration::from_secs(1)));
        limits.connect(v4(2), start).unwrap();
        let later = start + Duration::from_secs(1);
        limits.connect(v4(1), later).unwrap();
        assert!(limits.connect(v4(1), later).is_err());
        let much_later = later + WINDOW;
        for _ in 0..60 {
            limits.connect(v4(1), much_later).unwrap();
        }
        assert!(limits.connect(v4(1), much_later).is_err());
    }

    #[test]
    fn a_full_table_stays_bounded_and_shuts_nobody_out() {
        let limits = limits(1, 0);
        let start = Instant::now();
        for host in 0..MAX_REMEMBERED as u32 + 10 {
            limits.connect(v4(host), start).unwrap();
        }
        assert_eq!(limits.lock().paid_off.len(), MAX_REMEMBERED);
        assert!(limits.connect(v4(0), start).is_err());
        limits.connect(v4(u32::MAX), start + WINDOW + SWEEP_INTERVAL).unwrap();
        assert_eq!(limits.lock().paid_off.len(), 1);
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let limits = limits(0, 1);
        let held = limits.enter("2001:db8:0:1::1".parse().unwrap());
        assert!(held.is_some());
        assert!(limits.enter("2001:db8:0:1:ffff::2".parse().unwrap()).is_none());
        assert!(limits.enter("2001:db8:0:2::1".parse().unwrap()).is_some());
    }

    #[test]
    fn without_limits_nobody_is_refused() {
        let limits = limits(0, 0);
        let places: Vec<_> = (0..200).map(|_| limits.enter(v4(1)).unwrap()).collect();
        assert!((0..200).all(|_| limits.connect(v4(1), Instant::now()).is_ok()) && places.len() == 200);
    }
}
