//! What the server reads from any client: whatever it takes, it writes so that it reads the same again, and whatever
//! it refuses, it refuses with an answer that can be sent.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::{ClientFrame, ServerFrame, limits, names};

fuzz_target!(|text: &str| match ClientFrame::parse(text) {
    Ok(frame) => {
        assert_eq!(ClientFrame::parse(&frame.to_json()).as_ref(), Ok(&frame));
        if let Some(data) = frame.data() {
            assert!(data.to_string().len() <= limits::MAX_MESSAGE_SIZE);
        }
    }
    Err(error) => {
        if let Some(request_id) = &error.request_id {
            assert_eq!(names::validate_request_id(request_id), Ok(()));
        }
        let answer = ServerFrame::from(error).to_json();
        assert!(answer.len() < limits::MAX_ENVELOPE_SIZE, "an error must not be a way to have much sent");
        ServerFrame::parse(&answer).expect("a client must understand the answer");
    }
});
