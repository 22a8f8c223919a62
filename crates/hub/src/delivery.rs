//! What goes to a connection: replies at once, everything else through its log.

use std::sync::Arc;

use protocol::{Member, ServerFrame};
use units::Time;

use crate::hub::{Hub, Timer};
use crate::io::{ConnectionId, Output};
use crate::outbox::{About, Frame};

impl Hub {
    /// Sends a frame that overtakes the log: replies and the welcome.
    pub(crate) fn reply(&mut self, connection: ConnectionId, frame: &ServerFrame) {
        self.outputs.push_back(Output::Send { connection, text: frame.to_json().into() });
    }

    /// Sends a frame that belongs in the log.
    pub(crate) fn deliver(&mut self, connection: ConnectionId, text: &Arc<str>, about: About) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        match state.outbox.push(Frame { text: Arc::clone(text), about }) {
            Some(Frame { text, .. }) => self.outputs.push_back(Output::Send { connection, text }),
            None if state.outbox.is_over_full() => self.open_gates(connection, u64::MAX),
            None => {}
        }
    }

    /// Puts a channel's snapshot at the end of the log, behind a gate of its own, and pings for it.
    pub(crate) fn deliver_snapshot(
        &mut self,
        now: Time,
        connection: ConnectionId,
        channel: &Arc<str>,
        roster: Vec<Member>,
    ) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        self.gates += 1;
        let number = self.gates;
        let deadline = now + self.config.snapshot_wait;
        let frame = ServerFrame::Presence { channel: channel.to_string(), joined: roster, left: Vec::new() };
        let about = About::Channel(Arc::clone(channel));
        state.outbox.push_gated(number, deadline, Frame { text: frame.to_json().into(), about });
        self.timers.insert((deadline, Timer::Gate { connection, number }));
        self.outputs.push_back(Output::Ping { connection, payload: number.to_be_bytes() });
        if state.outbox.is_over_full() {
            self.open_gates(connection, u64::MAX);
        }
    }

    /// Sends what waits behind the gates up to this number. A client may answer only the last of several
    /// pings (RFC 6455 §5.5.3), so a pong opens the earlier gates, too.
    pub(crate) fn open_gates(&mut self, connection: ConnectionId, up_to: u64) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        while let Some((frame, gate)) = state.outbox.pop(up_to) {
            if let Some((deadline, number)) = gate {
                self.timers.remove(&(deadline, Timer::Gate { connection, number }));
            }
            self.outputs.push_back(Output::Send { connection, text: frame.text });
        }
    }

    /// Drops what waits for a connection and is void now that it has left a channel.
    pub(crate) fn drop_void_frames(&mut self, connection: ConnectionId, left: &str) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        for (deadline, number) in state.outbox.leave_channel(left) {
            self.timers.remove(&(deadline, Timer::Gate { connection, number }));
        }
        // What waited only for the dropped gates flows again.
        self.open_gates(connection, 0);
    }
}
