//! Two sessions come to agree, whatever happens in whatever order.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use units::MediaKind;

use crate::support::Client;
use crate::support::pair::{Action, Pair};

fn deliver() -> impl Strategy<Value = Action> {
    (0..2_usize).prop_flat_map(|node| {
        prop_oneof![Just(Action::Up(node)), Just(Action::Down(node)), Just(Action::Link(node))]
    })
}

fn change() -> impl Strategy<Value = Action> {
    (0..2_usize).prop_flat_map(|node| {
        prop_oneof![
            3 => Just(Action::AddStream(node)),
            2 => Just(Action::AddTrack(node, MediaKind::Audio)),
            2 => Just(Action::AddTrack(node, MediaKind::Video)),
            2 => Just(Action::RemoveTrack(node)),
            1 => Just(Action::RemoveStream(node)),
            1 => Just(Action::Send(node)),
        ]
    })
}

fn upheaval() -> impl Strategy<Value = Action> {
    (0..2_usize).prop_flat_map(|node| {
        prop_oneof![Just(Action::Drop(node)), Just(Action::Join(node)), Just(Action::Leave(node))]
    })
}

fn calm() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![12 => deliver(), 2 => change(), 1 => (0..600_u64).prop_map(Action::Advance)];
    prop::collection::vec(action, 0..300)
}

fn wild() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        20 => deliver(),
        3 => change(),
        1 => upheaval(),
        1 => (0..600_u64).prop_map(Action::Advance),
        1 => (0..20_000_u64).prop_map(Action::Advance),
    ];
    prop::collection::vec(action, 0..300)
}

fn pair_after(actions: &[Action]) -> Pair {
    let mut pair = Pair::new(1);
    for start in [Action::AddStream(0), Action::AddStream(1), Action::Join(0), Action::Join(1)] {
        pair.act(start);
    }
    actions.iter().for_each(|action| pair.act(*action));
    pair
}

fn data() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![Just("offer".to_owned()), Just("answer".to_owned()), ".{0,40}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("type".to_owned()),
        Just("description".to_owned()),
        Just("sdp".to_owned()),
        Just("candidate".to_owned()),
        Just("parlor".to_owned()),
        Just("__meteredTrackMeta".to_owned()),
        Just("trackId".to_owned()),
        Just("metadata".to_owned()),
    ];
    let anything = leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    });
    let description = (text(), text(), anything.clone()).prop_map(|(kind, sdp, parlor)| {
        json!({"type": "rtc-description", "description": {"type": kind, "sdp": sdp}, "parlor": parlor})
    });
    let candidate = (text(), anything.clone())
        .prop_map(|(line, mid)| json!({"type": "rtc-ice", "candidate": {"candidate": line, "sdpMid": mid}}));
    let metadata = (text(), anything.clone()).prop_map(
        |(track, metadata)| json!({"__meteredTrackMeta": {"trackId": track, "metadata": metadata}}),
    );
    prop_oneof![anything, description, candidate, metadata]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changes_in_any_order_converge_and_no_answer_meets_the_wrong_offer(actions in calm()) {
        let mut pair = pair_after(&actions);
        pair.assert_converges();
        for node in &pair.nodes {
            prop_assert_eq!(&node.problems, &Vec::<String>::new());
            prop_assert_eq!(node.resets, 0);
            let removed = |action: &Action| matches!(action, Action::RemoveTrack(_) | Action::RemoveStream(_));
            prop_assert!(node.unnamed == 0 || actions.iter().any(removed));
        }
    }

    #[test]
    fn lost_connections_leaves_and_joins_in_any_order_converge(actions in wild()) {
        pair_after(&actions).assert_converges();
    }

    #[test]
    fn equal_inputs_give_equal_outputs(actions in wild()) {
        let log = || {
            let mut pair = pair_after(&actions);
            pair.settle(Duration::from_secs(100));
            pair.nodes.map(|node| node.log)
        };
        prop_assert_eq!(log(), log());
    }

    #[test]
    fn nothing_that_a_peer_says_harms_the_session(messages in prop::collection::vec(data(), 0..40)) {
        let mut client = Client::joined("me", &["ada"]);
        for message in messages {
            client.direct("ada", message);
            client.advance_ms(100);
        }
        prop_assert_eq!(client.session.state(), session::SessionState::Joined);
    }
}
