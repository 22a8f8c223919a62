use std::net::UdpSocket;
use std::thread;
use std::time::Instant;

use proptest::prelude::*;
use rtc_stun::addr::MappedAddress;
use rtc_stun::error_code::CODE_SERVER_ERROR;
use rtc_stun::message::{BINDING_ERROR, Setter};

use super::*;
use crate::net::{NetConfig, Poller, ReceiveBuffers, Sockets};

type Gatherer = ReflexiveGatherer<u8>;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn local() -> SocketAddr {
    address("192.0.2.10:4000")
}

fn server() -> SocketAddr {
    address("198.51.100.1:3478")
}

fn mapped() -> SocketAddr {
    address("203.0.113.9:61000")
}

fn host_of(address: SocketAddr) -> HostName {
    HostName { host: address.ip().to_string(), port: address.port() }
}

fn named(name: &str) -> HostName {
    HostName { host: name.into(), port: 3478 }
}

fn respond(request: &[u8], mapped: SocketAddr) -> Vec<u8> {
    let mapped = XorMappedAddress { ip: mapped.ip(), port: mapped.port() };
    respond_with(request, BINDING_SUCCESS, Box::new(mapped))
}

fn respond_with(request: &[u8], kind: rtc_stun::message::MessageType, attribute: Box<dyn Setter>) -> Vec<u8> {
    let mut received = Message::new();
    received.write(request).unwrap();
    let mut response = Message::new();
    response.build(&[Box::new(kind), Box::new(received.transaction_id), attribute]).unwrap();
    response.raw
}

fn events(gatherer: &mut Gatherer) -> Vec<ReflexiveEvent<u8>> {
    std::iter::from_fn(|| gatherer.poll_event()).collect()
}

fn sent(gatherer: &mut Gatherer) -> Vec<Transmit> {
    std::iter::from_fn(|| gatherer.poll_transmit()).collect()
}

const FINISHED: ReflexiveEvent<u8> = ReflexiveEvent::Finished { request: 1 };

fn found(request: u8) -> ReflexiveEvent<u8> {
    ReflexiveEvent::Mapped { request, local: local(), mapped: mapped() }
}

/// A gatherer whose request 1 to one server has been answered at `now`.
fn answered(now: Time) -> Gatherer {
    let mut gatherer = Gatherer::new();
    gatherer.start(now, 1, [local()], [host_of(server())]);
    let request = sent(&mut gatherer).remove(0);
    assert!(gatherer.handle_datagram(now, local(), server(), &respond(&request.data, mapped())));
    assert_eq!(events(&mut gatherer), [found(1), FINISHED]);
    gatherer
}

#[test]
fn an_answer_gives_the_mapped_address_and_ends_the_request() {
    let gatherer = answered(Time::ZERO);
    assert_eq!(gatherer.poll_timeout(), None);
}

#[test]
fn a_request_without_servers_is_finished_at_once() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], []);
    assert_eq!(events(&mut gatherer), [FINISHED]);
}

#[test]
fn a_silent_server_is_asked_again_at_doubling_intervals_and_given_up_after_seven_seconds() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [host_of(server())]);
    let mut times = vec![0; sent(&mut gatherer).len()];
    let mut now = Time::ZERO;
    while let Some(next) = gatherer.poll_timeout() {
        assert!(next > now, "time must go on");
        now = next;
        gatherer.handle_timeout(now);
        times.extend(sent(&mut gatherer).iter().map(|_| now.as_millis()));
    }
    assert_eq!(times, [0, 250, 750, 1750, 3750]);
    assert_eq!(now, Time::from_millis(7000));
    assert_eq!(events(&mut gatherer), [FINISHED]);
}

#[test]
fn a_late_timer_sends_once_and_not_for_every_turn_missed() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [host_of(server())]);
    sent(&mut gatherer);
    gatherer.handle_timeout(Time::from_millis(3000));
    assert_eq!(sent(&mut gatherer).len(), 1);
    assert_eq!(gatherer.poll_timeout(), Some(Time::from_millis(3500)));
}

#[test]
fn the_next_link_is_told_what_is_known_without_asking_until_it_is_old() {
    let mut gatherer = answered(Time::ZERO);
    let soon = Time::ZERO + MAPPED_LIFETIME / 2;
    gatherer.start(soon, 2, [local()], [host_of(server())]);
    assert_eq!(events(&mut gatherer), [found(2), ReflexiveEvent::Finished { request: 2 }]);
    assert!(sent(&mut gatherer).is_empty());
    gatherer.start(Time::ZERO + MAPPED_LIFETIME, 3, [local()], [host_of(server())]);
    assert_eq!(sent(&mut gatherer).len(), 1);
}

#[test]
fn after_a_network_change_servers_are_asked_again() {
    let mut gatherer = answered(Time::ZERO);
    gatherer.forget();
    gatherer.start(Time::ZERO, 2, [local()], [host_of(server())]);
    assert_eq!(sent(&mut gatherer).len(), 1);
}

#[test]
fn a_dead_server_delays_one_link_and_not_the_next() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [host_of(server())]);
    let end = Time::ZERO + EXCHANGE_TIMEOUT;
    gatherer.handle_timeout(end);
    events(&mut gatherer);
    sent(&mut gatherer);
    gatherer.start(end, 2, [local()], [host_of(server())]);
    assert_eq!(events(&mut gatherer), [ReflexiveEvent::Finished { request: 2 }]);
    gatherer.start(end + FAILURE_LIFETIME, 3, [local()], [host_of(server())]);
    assert_eq!(sent(&mut gatherer).len(), 1);
}

#[test]
fn two_links_share_one_exchange_and_both_are_told() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [host_of(server())]);
    gatherer.start(Time::ZERO, 2, [local()], [host_of(server())]);
    let requests = sent(&mut gatherer);
    assert_eq!(requests.len(), 1);
    gatherer.handle_datagram(Time::ZERO, local(), server(), &respond(&requests[0].data, mapped()));
    let finished = |request| ReflexiveEvent::Finished { request };
    assert_eq!(events(&mut gatherer), [found(1), found(2), finished(1), finished(2)]);
}

#[test]
fn two_servers_that_see_the_same_address_give_one_candidate() {
    let mut gatherer = Gatherer::new();
    let second = address("198.51.100.2:3478");
    gatherer.start(Time::ZERO, 1, [local()], [host_of(server()), host_of(second)]);
    for request in sent(&mut gatherer) {
        gatherer.handle_datagram(Time::ZERO, local(), request.remote, &respond(&request.data, mapped()));
    }
    assert_eq!(events(&mut gatherer), [found(1), FINISHED]);
}

#[test]
fn without_a_nat_there_is_no_candidate() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [host_of(server())]);
    let request = sent(&mut gatherer).remove(0);
    gatherer.handle_datagram(Time::ZERO, local(), server(), &respond(&request.data, local()));
    assert_eq!(events(&mut gatherer), [FINISHED]);
}

#[test]
fn an_error_response_ends_the_exchange_and_an_old_server_is_understood() {
    let mut gatherer = Gatherer::new();
    let old = address("198.51.100.2:3478");
    gatherer.start(Time::ZERO, 1, [local()], [host_of(server()), host_of(old)]);
    let requests = sent(&mut gatherer);
    let error = respond_with(&requests[0].data, BINDING_ERROR, Box::new(CODE_SERVER_ERROR));
    assert!(gatherer.handle_datagram(Time::ZERO, local(), server(), &error));
    let plain = MappedAddress { ip: mapped().ip(), port: mapped().port() };
    let plain = respond_with(&requests[1].data, BINDING_SUCCESS, Box::new(plain));
    assert!(gatherer.handle_datagram(Time::ZERO, local(), old, &plain));
    assert_eq!(events(&mut gatherer), [found(1), FINISHED]);
}

#[test]
fn an_answer_from_or_to_the_wrong_address_or_a_stranger_is_not_taken() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [host_of(server())]);
    let request = sent(&mut gatherer).remove(0);
    let good = respond(&request.data, mapped());
    assert!(!gatherer.handle_datagram(Time::ZERO, local(), address("198.51.100.66:3478"), &good));
    assert!(!gatherer.handle_datagram(Time::ZERO, address("192.0.2.11:4000"), server(), &good));
    assert!(
        !gatherer.handle_datagram(Time::ZERO, local(), server(), &request.data),
        "a request is no answer"
    );
    let mut other = good.clone();
    other[19] ^= 1;
    assert!(!gatherer.handle_datagram(Time::ZERO, local(), server(), &other));
    assert!(gatherer.handle_datagram(Time::ZERO, local(), server(), &good));
    assert!(
        !gatherer.handle_datagram(Time::ZERO, local(), server(), &good),
        "a duplicate is not ours any more"
    );
}

#[test]
fn only_sockets_that_can_reach_a_server_ask_it() {
    let mut gatherer = Gatherer::new();
    let locals = [local(), address("127.0.0.1:1"), address("[2001:db8::1]:1"), address("[::1]:1")];
    let servers = [server(), address("[2001:db8::5]:3478"), address("127.0.0.1:3478")].map(host_of);
    gatherer.start(Time::ZERO, 1, locals, servers);
    let pairs: Vec<_> = sent(&mut gatherer)
        .iter()
        .map(|transmit| (transmit.local.to_string(), transmit.remote.to_string()))
        .collect();
    let pair = |local: &str, remote: &str| (local.to_owned(), remote.to_owned());
    assert_eq!(
        pairs,
        [
            pair("192.0.2.10:4000", "198.51.100.1:3478"),
            pair("[2001:db8::1]:1", "[2001:db8::5]:3478"),
            pair("192.0.2.10:4000", "127.0.0.1:3478"),
            pair("127.0.0.1:1", "127.0.0.1:3478"),
        ]
    );
}

#[test]
fn a_host_name_is_looked_up_once_and_its_first_address_of_each_family_asked() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [named("stun.example"), named("stun.example")]);
    gatherer.start(Time::ZERO, 2, [local()], [named("stun.example")]);
    assert_eq!(gatherer.poll_lookup(), Some(named("stun.example")));
    assert_eq!(gatherer.poll_lookup(), None);
    assert!(sent(&mut gatherer).is_empty() && events(&mut gatherer).is_empty());
    let addresses = vec![address("[2001:db8::5]:3478"), server(), address("198.51.100.2:3478")];
    gatherer.handle_resolved(Time::ZERO, ResolvedHost { host: named("stun.example"), addresses });
    let requests = sent(&mut gatherer);
    assert_eq!(requests.iter().map(|request| request.remote).collect::<Vec<_>>(), [server()]);
    gatherer.handle_datagram(Time::ZERO, local(), server(), &respond(&requests[0].data, mapped()));
    assert_eq!(events(&mut gatherer).len(), 4);
    gatherer.start(Time::from_millis(1), 3, [local()], [named("stun.example")]);
    assert_eq!(gatherer.poll_lookup(), None, "the addresses are remembered");
    assert_eq!(events(&mut gatherer)[0], found(3));
}

#[test]
fn a_name_that_is_not_resolved_in_time_does_not_hold_the_request_up() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [named("slow.example")]);
    assert_eq!(gatherer.poll_timeout(), Some(Time::ZERO + HOST_TIMEOUT));
    gatherer.handle_timeout(Time::ZERO + HOST_TIMEOUT);
    assert_eq!(events(&mut gatherer), [FINISHED]);
    let late = ResolvedHost { host: named("slow.example"), addresses: vec![server()] };
    gatherer.handle_resolved(Time::ZERO + HOST_TIMEOUT, late);
    assert!(events(&mut gatherer).is_empty());
}

#[test]
fn a_name_without_addresses_ends_the_request_and_is_asked_again_later() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [named("gone.example")]);
    gatherer.poll_lookup();
    let nothing = ResolvedHost { host: named("gone.example"), addresses: vec![] };
    gatherer.handle_resolved(Time::ZERO, nothing);
    assert_eq!(events(&mut gatherer), [FINISHED]);
    gatherer.start(Time::ZERO + FAILURE_LIFETIME, 2, [local()], [named("gone.example")]);
    assert!(gatherer.poll_lookup().is_some());
}

#[test]
fn a_cancelled_request_gets_no_events_but_its_answer_is_remembered() {
    let mut gatherer = Gatherer::new();
    gatherer.start(Time::ZERO, 1, [local()], [host_of(server())]);
    let request = sent(&mut gatherer).remove(0);
    gatherer.cancel(1);
    assert!(gatherer.handle_datagram(Time::ZERO, local(), server(), &respond(&request.data, mapped())));
    assert!(events(&mut gatherer).is_empty());
    gatherer.start(Time::ZERO, 2, [local()], [host_of(server())]);
    assert_eq!(events(&mut gatherer)[0], found(2));
}

#[test]
fn the_number_of_exchanges_is_bounded() {
    let mut gatherer = Gatherer::new();
    let servers = (0..300_u32)
        .map(|index| HostName { host: format!("198.51.{}.{}", index / 200, index % 200), port: 1 });
    gatherer.start(Time::ZERO, 1, [local()], servers);
    assert_eq!(sent(&mut gatherer).len(), MAX_EXCHANGES);
    gatherer.handle_timeout(Time::ZERO + EXCHANGE_TIMEOUT);
    assert_eq!(events(&mut gatherer), [FINISHED]);
}

#[test]
fn real_sockets_learn_their_address_from_a_server_that_loses_the_first_request() {
    let server_socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server_address = server_socket.local_addr().unwrap();
    let seen_as = address("127.0.0.9:61000");
    let server = thread::spawn(move || {
        let mut buffer = [0; 1500];
        server_socket.recv_from(&mut buffer).unwrap();
        let (length, from) = server_socket.recv_from(&mut buffer).unwrap();
        server_socket.send_to(&respond(&buffer[..length], seen_as), from).unwrap();
        from
    });

    let mut poller = Poller::new().unwrap();
    let bind = Some(vec![address("127.0.0.1:0").ip()]);
    let mut sockets = Sockets::open(&mut poller, &NetConfig { bind, ..NetConfig::default() }).unwrap();
    let mut buffers = ReceiveBuffers::new();
    let mut gatherer = Gatherer::new();
    let epoch = Instant::now();
    let now = || Time::ZERO + epoch.elapsed();
    gatherer.start(now(), 1, sockets.local_addresses(), [host_of(server_address)]);
    let mut seen = Vec::new();
    while !seen.contains(&FINISHED) {
        while let Some(transmit) = gatherer.poll_transmit() {
            sockets.queue(transmit);
        }
        sockets.flush();
        let timeout = gatherer.poll_timeout().expect("the exchange is under way") - now();
        poller.wait(Some(timeout)).unwrap();
        for &ready in poller.ready() {
            sockets.note_ready(ready);
        }
        while sockets.receive(&mut buffers, |datagram| {
            assert!(gatherer.handle_datagram(now(), datagram.local, datagram.remote, datagram.data));
        }) {}
        gatherer.handle_timeout(now());
        seen.extend(std::iter::from_fn(|| gatherer.poll_event()));
    }
    let local = sockets.local_addresses().next().unwrap();
    assert_eq!(seen[0], ReflexiveEvent::Mapped { request: 1, local, mapped: seen_as });
    assert_eq!(server.join().unwrap(), local);
}

proptest! {
    #[test]
    fn no_answer_makes_the_gatherer_panic(
        tail in proptest::collection::vec(any::<u8>(), 0..64), success: bool,
    ) {
        let mut gatherer = Gatherer::new();
        gatherer.start(Time::ZERO, 1, [local()], [host_of(server())]);
        let mut data = sent(&mut gatherer).remove(0).data.to_vec();
        data[0] = 1;
        data[1] = if success { 0x01 } else { 0x11 };
        let padded = tail.len() / 4 * 4;
        data.extend(&tail[..padded]);
        data[2..4].copy_from_slice(&(padded as u16).to_be_bytes());
        prop_assert!(gatherer.handle_datagram(Time::ZERO, local(), server(), &data));
        prop_assert_eq!(events(&mut gatherer).pop(), Some(FINISHED));
    }
}
