use super::packet::tests::{asked_name, response};
use super::*;

const NAME: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";

fn resolver(poller: &mut Poller, interfaces: &[&str]) -> MdnsResolver<u8> {
    MdnsResolver::new(poller, interfaces.iter().map(|text| text.parse().unwrap())).unwrap()
}

/// A free UDP port, so that tests do not meet the machine's own responders.
fn free_port() -> u16 {
    std::net::UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

fn events(resolver: &mut MdnsResolver<u8>) -> Vec<MdnsEvent<u8>> {
    std::iter::from_fn(|| resolver.poll_event()).collect()
}

/// Gives `resolver` one turn: waits for its socket and lets it read. Returns whether anything came.
fn turn(poller: &mut Poller, resolver: &mut MdnsResolver<u8>, wait: Duration) -> bool {
    poller.wait(Some(wait)).unwrap();
    let ready = poller.ready().to_vec();
    for &ready in &ready {
        assert!(resolver.note_ready(ready));
    }
    !ready.is_empty()
}

/// A responder on loopback: another socket of the same group and port. None when multicast does not work
/// here.
fn responder(port: u16) -> Option<UdpSocket> {
    let mut poller = Poller::new().unwrap();
    let mut other = resolver(&mut poller, &["127.0.0.1"]);
    other.port = port;
    let socket = other.open().ok()?;
    SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).ok()?;
    Some(socket)
}

fn read_question(socket: &UdpSocket) -> Option<Vec<u8>> {
    let socket = SockRef::from(socket);
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut buffer = [0; 1500];
    use std::io::Read;
    let length = (&*socket).read(&mut buffer).ok()?;
    Some(buffer[..length].to_vec())
}

#[test]
fn a_name_is_resolved_over_loopback_where_multicast_works() {
    let port = free_port();
    let mut poller = Poller::new().unwrap();
    let mut resolver = resolver(&mut poller, &["127.0.0.1"]);
    resolver.port = port;
    let Some(responder) = responder(port) else {
        println!("multicast on loopback: NOT available, the answer path did not run");
        return;
    };
    resolver.resolve(Time::ZERO, &NAME.to_uppercase(), 1);
    resolver.resolve(Time::ZERO, NAME, 2);
    let Some(question) = read_question(&responder) else {
        println!("multicast on loopback: NOT delivered, the answer path did not run");
        return;
    };
    println!("multicast on loopback: works, the answer path ran");
    assert_eq!(asked_name(&question).as_deref(), Some(NAME));
    let group = SocketAddr::from((GROUP, port));
    let address = IpAddr::from([127, 0, 0, 5]);
    // Neither a stranger's answer for another name nor one from another port resolves it.
    let other = response(&packet::question("other.local"), address);
    responder.send_to(&other, group).unwrap();
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    SockRef::from(&stranger).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    stranger.send_to(&response(&question, [127, 0, 0, 66].into()), group).unwrap();
    responder.send_to(&response(&question, address), group).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        assert!(turn(&mut poller, &mut resolver, Duration::from_secs(10)), "no answer came");
        seen.extend(events(&mut resolver));
    }
    assert_eq!(
        seen,
        [MdnsEvent::Resolved { waiter: 1, address }, MdnsEvent::Resolved { waiter: 2, address }]
    );
    assert!(resolver.socket.is_none(), "the socket is closed after the last question");
    assert_eq!(resolver.poll_timeout(), None);
    // It opens again.
    resolver.resolve(Time::ZERO, NAME, 3);
    assert!(resolver.socket.is_some());
}

#[test]
fn an_unanswered_name_is_asked_for_three_times_and_given_up_after_five_seconds() {
    let mut poller = Poller::new().unwrap();
    // No interface: nothing can be sent, which must make no difference.
    let mut resolver = resolver(&mut poller, &[]);
    resolver.resolve(Time::ZERO, NAME, 1);
    let mut times = Vec::new();
    while let Some(next) = resolver.poll_timeout() {
        times.push(next.as_millis());
        resolver.handle_timeout(next);
    }
    assert_eq!(times, [1000, 3000, 5000]);
    assert_eq!(events(&mut resolver), [MdnsEvent::Unresolved { waiter: 1 }]);
}

#[test]
fn an_interface_without_multicast_only_leaves_the_name_unresolved() {
    let mut poller = Poller::new().unwrap();
    // No interface of this machine has this address, so joining fails as it does without a multicast route.
    let mut resolver = resolver(&mut poller, &["198.51.100.77"]);
    resolver.port = free_port();
    resolver.resolve(Time::ZERO, NAME, 1);
    assert!(resolver.socket.is_none());
    println!("multicast failure path: ran, opening failed as intended");
    while let Some(next) = resolver.poll_timeout() {
        resolver.handle_timeout(next);
    }
    assert_eq!(events(&mut resolver), [MdnsEvent::Unresolved { waiter: 1 }]);
    assert!(!turn(&mut poller, &mut resolver, Duration::ZERO));
}

#[test]
fn an_interface_that_fails_does_not_keep_the_others_from_being_used() {
    let mut poller = Poller::new().unwrap();
    let mut resolver = resolver(&mut poller, &["198.51.100.77", "127.0.0.1"]);
    resolver.port = free_port();
    if responder(resolver.port).is_some() {
        resolver.resolve(Time::ZERO, NAME, 1);
        assert!(resolver.socket.is_some());
    }
}

#[test]
fn what_is_no_local_name_or_too_much_is_unresolved_at_once() {
    let mut poller = Poller::new().unwrap();
    let mut resolver = resolver(&mut poller, &[]);
    resolver.resolve(Time::ZERO, "example.org", 1);
    assert_eq!(events(&mut resolver), [MdnsEvent::Unresolved { waiter: 1 }]);
    for index in 0..MAX_QUERIES {
        resolver.resolve(Time::ZERO, &format!("n{index}.local"), 2);
    }
    assert!(events(&mut resolver).is_empty());
    resolver.resolve(Time::ZERO, "more.local", 3);
    assert_eq!(events(&mut resolver), [MdnsEvent::Unresolved { waiter: 3 }]);
    for _ in 1..MAX_WAITERS {
        resolver.resolve(Time::ZERO, "n0.local", 2);
    }
    assert!(events(&mut resolver).is_empty());
    resolver.resolve(Time::ZERO, "n0.local", 4);
    assert_eq!(events(&mut resolver), [MdnsEvent::Unresolved { waiter: 4 }]);
}

#[test]
fn a_token_of_another_source_is_left_alone() {
    let mut poller = Poller::new().unwrap();
    let mut resolver = resolver(&mut poller, &[]);
    let token = poller.new_token();
    assert!(!resolver.note_ready(Ready { token, readable: true, writable: false }));
}
