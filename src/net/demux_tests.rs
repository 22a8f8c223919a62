use proptest::prelude::*;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS};

use super::super::stun::packet_tests::{check, message};
use super::*;

fn local() -> SocketAddr {
    "127.0.0.1:4000".parse().unwrap()
}

fn remote(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

const MEDIA: &[u8] = &[0x80, 96, 0, 1, 0, 0, 0, 0];

fn id(number: u64) -> [u8; 12] {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id
}

fn two_links() -> Demux<u8> {
    let mut demux = Demux::new();
    demux.add_ufrag("one", 1);
    demux.add_ufrag("two", 2);
    demux
}

#[test]
fn a_check_leads_to_the_link_of_its_user_fragment_and_media_follows_it() {
    let mut demux = two_links();
    assert_eq!(demux.route(local(), remote(1), MEDIA), None);
    assert_eq!(demux.route(local(), remote(1), &check(id(1), "two")), Some(2));
    assert_eq!(demux.route(local(), remote(1), MEDIA), Some(2));
    assert_eq!(demux.route(local(), remote(2), MEDIA), None, "another remote is a stranger");
    assert_eq!(
        demux.route("127.0.0.2:4000".parse().unwrap(), remote(1), MEDIA),
        None,
        "so is another socket"
    );
}

#[test]
fn an_unknown_user_fragment_is_a_stranger_and_teaches_nothing() {
    let mut demux = two_links();
    assert_eq!(demux.route(local(), remote(1), &check(id(1), "three")), None);
    assert_eq!(demux.route(local(), remote(1), &message(BINDING_REQUEST, id(1), None)), None);
    assert_eq!(demux.route(local(), remote(1), MEDIA), None);
}

#[test]
fn a_response_leads_to_the_link_that_asked_before_any_check_came() {
    let mut demux = two_links();
    demux.note_sent(1, &check(id(7), "theirs"));
    for kind in [BINDING_SUCCESS, BINDING_ERROR] {
        assert_eq!(demux.route(local(), remote(1), &message(kind, id(7), None)), Some(1));
    }
    assert_eq!(demux.route(local(), remote(1), MEDIA), Some(1));
    assert_eq!(demux.route(local(), remote(2), &message(BINDING_SUCCESS, id(8), None)), None);
}

#[test]
fn stun_is_told_apart_between_links_that_share_both_addresses() {
    let mut demux = two_links();
    demux.note_sent(1, &check(id(7), "theirs"));
    demux.note_sent(2, &check(id(8), "theirs"));
    for _ in 0..2 {
        assert_eq!(demux.route(local(), remote(1), &check(id(1), "one")), Some(1));
        assert_eq!(demux.route(local(), remote(1), &check(id(2), "two")), Some(2));
        assert_eq!(demux.route(local(), remote(1), &message(BINDING_SUCCESS, id(7), None)), Some(1));
        assert_eq!(demux.route(local(), remote(1), &message(BINDING_SUCCESS, id(8), None)), Some(2));
    }
}

#[test]
fn a_newer_link_takes_the_addresses_over_and_the_older_does_not_take_them_back() {
    let mut demux = two_links();
    demux.route(local(), remote(1), &check(id(1), "one"));
    assert_eq!(demux.route(local(), remote(1), MEDIA), Some(1));
    demux.route(local(), remote(1), &check(id(2), "two"));
    assert_eq!(demux.route(local(), remote(1), MEDIA), Some(2));
    demux.route(local(), remote(1), &check(id(3), "one"));
    assert_eq!(demux.route(local(), remote(1), MEDIA), Some(2));
    demux.remove_link(2);
    assert_eq!(demux.route(local(), remote(1), MEDIA), None);
    demux.route(local(), remote(1), &check(id(4), "one"));
    assert_eq!(demux.route(local(), remote(1), MEDIA), Some(1));
}

#[test]
fn a_removed_link_leaves_nothing_behind() {
    let mut demux = two_links();
    demux.note_sent(1, &check(id(7), "theirs"));
    demux.route(local(), remote(1), &check(id(1), "one"));
    demux.remove_link(1);
    assert_eq!(demux.route(local(), remote(1), MEDIA), None);
    assert_eq!(demux.route(local(), remote(1), &check(id(2), "one")), None);
    assert_eq!(demux.route(local(), remote(1), &message(BINDING_SUCCESS, id(7), None)), None);
    demux.note_sent(1, &check(id(9), "theirs"));
    assert!(demux.transactions.is_empty() && demux.transaction_order.is_empty() && demux.pairs.is_empty());
    assert_eq!(demux.links.len(), 1);
}

#[test]
fn after_an_ice_restart_both_user_fragments_lead_to_the_link_until_the_old_one_is_removed() {
    let mut demux = two_links();
    demux.add_ufrag("fresh", 1);
    assert_eq!(demux.route(local(), remote(1), &check(id(1), "one")), Some(1));
    assert_eq!(demux.route(local(), remote(2), &check(id(1), "fresh")), Some(1));
    demux.remove_ufrag("one");
    assert_eq!(demux.route(local(), remote(3), &check(id(1), "one")), None);
    assert_eq!(demux.route(local(), remote(1), MEDIA), Some(1), "what was learned stays");
}

#[test]
fn strangers_who_know_a_user_fragment_cannot_displace_an_address_that_answered() {
    let mut demux = two_links();
    demux.note_sent(1, &check(id(7), "theirs"));
    demux.route(local(), remote(1), &message(BINDING_SUCCESS, id(7), None));
    for port in 2..1000 {
        demux.route(local(), remote(port), &check(id(1), "one"));
    }
    assert_eq!(demux.pairs.len(), MAX_ADDRESSES);
    assert_eq!(demux.links[&1].pairs.len(), MAX_ADDRESSES);
    assert_eq!(demux.route(local(), remote(1), MEDIA), Some(1));
    assert_eq!(demux.route(local(), remote(2), MEDIA), None, "the oldest that never answered gave way");
    assert_eq!(demux.route(local(), remote(999), MEDIA), Some(1));
}

#[test]
fn addresses_that_answered_give_way_only_to_one_that_answered() {
    let mut demux = two_links();
    for port in 1..=MAX_ADDRESSES as u16 {
        demux.note_sent(1, &check(id(port.into()), "theirs"));
        demux.route(local(), remote(port), &message(BINDING_SUCCESS, id(port.into()), None));
    }
    demux.route(local(), remote(500), &check(id(1), "one"));
    assert_eq!(demux.route(local(), remote(500), MEDIA), None);
    demux.note_sent(1, &check(id(500), "theirs"));
    demux.route(local(), remote(500), &message(BINDING_SUCCESS, id(500), None));
    assert_eq!(demux.route(local(), remote(500), MEDIA), Some(1));
    assert_eq!(demux.route(local(), remote(1), MEDIA), None);
}

#[test]
fn remembered_requests_are_bounded_and_retransmissions_count_once() {
    let mut demux = two_links();
    for number in 0..2 * MAX_TRANSACTIONS as u64 {
        let request = check(id(number), "theirs");
        demux.note_sent(1, &request);
        demux.note_sent(1, &request);
    }
    assert_eq!(
        (demux.transactions.len(), demux.transaction_order.len()),
        (MAX_TRANSACTIONS, MAX_TRANSACTIONS)
    );
    assert_eq!(demux.route(local(), remote(1), &message(BINDING_SUCCESS, id(0), None)), None);
    let newest = 2 * MAX_TRANSACTIONS as u64 - 1;
    assert_eq!(demux.route(local(), remote(1), &message(BINDING_SUCCESS, id(newest), None)), Some(1));
}

#[derive(Debug, Clone)]
enum Step {
    Add(u8, u8),
    RemoveUfrag(u8),
    RemoveLink(u8),
    Send(u8, u64),
    Check(u16, u8),
    Answer(u16, u64),
    Media(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u8..6, 0_u8..4).prop_map(|(ufrag, link)| Step::Add(ufrag, link)),
        (0_u8..6).prop_map(Step::RemoveUfrag),
        (0_u8..4).prop_map(Step::RemoveLink),
        (0_u8..4, 0_u64..20).prop_map(|(link, id)| Step::Send(link, id)),
        (0_u16..100, 0_u8..6).prop_map(|(port, ufrag)| Step::Check(port, ufrag)),
        (0_u16..100, 0_u64..20).prop_map(|(port, id)| Step::Answer(port, id)),
        (0_u16..100).prop_map(Step::Media),
    ]
}

proptest! {
    #[test]
    fn the_tables_agree_with_each_other_whatever_happens(
        steps in proptest::collection::vec(step(), 0..400),
    ) {
        let mut demux = Demux::<u8>::new();
        for step in steps {
            let routed = match step {
                Step::Add(ufrag, link) => { demux.add_ufrag(&ufrag.to_string(), link); None }
                Step::RemoveUfrag(ufrag) => { demux.remove_ufrag(&ufrag.to_string()); None }
                Step::RemoveLink(link) => { demux.remove_link(link); None }
                Step::Send(link, number) => { demux.note_sent(link, &check(id(number), "x")); None }
                Step::Check(port, ufrag) => {
                    demux.route(local(), remote(port), &check(id(0), &ufrag.to_string()))
                }
                Step::Answer(port, number) => {
                    demux.route(local(), remote(port), &message(BINDING_SUCCESS, id(number), None))
                }
                Step::Media(port) => demux.route(local(), remote(port), MEDIA),
            };
            if let Some(link) = routed {
                prop_assert!(demux.links.contains_key(&link), "routed to a link that is gone");
            }
            let listed: usize = demux.links.values().map(|entry| entry.pairs.len()).sum();
            prop_assert_eq!(listed, demux.pairs.len());
            for (link, entry) in &demux.links {
                prop_assert!(entry.pairs.len() <= MAX_ADDRESSES);
                for known in &entry.pairs {
                    prop_assert_eq!(demux.pairs.get(&known.pair), Some(link));
                }
            }
            prop_assert_eq!(demux.transactions.len(), demux.transaction_order.len());
        }
    }
}
