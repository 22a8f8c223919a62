//! What an engine reads from a server, and from another peer inside it: whatever it takes, it writes so that it reads
//! the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::peer::PeerMessage;
use protocol::{ServerFrame, ice};

fuzz_target!(|text: &str| {
    let Ok(frame) = ServerFrame::parse(text) else { return };
    assert_eq!(ServerFrame::parse(&frame.to_json()).as_ref(), Ok(&frame));
    match &frame {
        ServerFrame::Direct { data, .. } => {
            if let Some(Ok(message)) = PeerMessage::from_value(data) {
                assert!(PeerMessage::is_claimed(data));
                assert_eq!(PeerMessage::from_value(&message.to_value()), Some(Ok(message)));
            }
        }
        ServerFrame::Welcome(welcome) => {
            let servers = welcome.metadata.as_ref().and_then(ice::from_metadata).unwrap_or_default();
            assert!(servers.len() <= ice::MAX_SERVERS);
        }
        _ => {}
    }
});
