//! What waits to be sent to one connection.
//!
//! A client that subscribes must read the `ack` before it reads the channel's snapshot, and in a separate
//! read, or it loses the roster. So the snapshot waits behind a gate, which the client's pong opens, and
//! everything that is ordered after the snapshot waits behind it: presence changes, broadcasts, directs. The
//! connection's frames stay one log that is merely paused; replies overtake it.

use std::collections::VecDeque;
use std::sync::Arc;

use units::Time;

/// Most bytes that wait for one connection. When more come, the gates open early, as if the pongs had come:
/// nothing is lost, but a client with fragile reads may miss its roster. One largest snapshot fits.
pub(crate) const MAX_HELD_BYTES: usize = 2 * protocol::limits::MAX_SERVER_FRAME_SIZE;

/// A frame in the log.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) text: Arc<str>,
    pub(crate) about: About,
}

/// What a frame depends on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// A channel's presence or broadcast; void once the receiver leaves the channel.
    Channel(Arc<str>),
    /// A direct; void once the receiver has left every channel through which it knew the sender when the
    /// direct was sent. Channels that they share later do not count: their news are later in the log.
    Direct {
        /// The channels; none for a direct that needs none.
        through: Vec<Arc<str>>,
    },
}

impl About {
    /// Takes in that the receiver has left a channel; returns whether the frame is void now.
    fn is_void_without(&mut self, left: &str) -> bool {
        match self {
            Self::Channel(channel) => &**channel == left,
            Self::Direct { through } if through.is_empty() => false,
            Self::Direct { through } => {
                through.retain(|channel| &**channel != left);
                through.is_empty()
            }
        }
    }
}

#[derive(Debug)]
struct Gate {
    number: u64,
    deadline: Time,
}

#[derive(Debug)]
struct Held {
    /// The gate in front of a snapshot.
    gate: Option<Gate>,
    frame: Frame,
}

/// The paused log of one connection.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    held: VecDeque<Held>,
    bytes: usize,
}

impl Outbox {
    /// Appends a frame; gives it back when nothing waits and it may go out at once.
    pub(crate) fn push(&mut self, frame: Frame) -> Option<Frame> {
        if self.held.is_empty() {
            return Some(frame);
        }
        self.append(None, frame);
        None
    }

    /// Appends a snapshot behind a closed gate.
    pub(crate) fn push_gated(&mut self, number: u64, deadline: Time, frame: Frame) {
        self.append(Some(Gate { number, deadline }), frame);
    }

    fn append(&mut self, gate: Option<Gate>, frame: Frame) {
        self.bytes += frame.text.len();
        self.held.push_back(Held { gate, frame });
    }

    /// Returns whether more waits than may.
    pub(crate) fn is_over_full(&self) -> bool {
        self.bytes > MAX_HELD_BYTES
    }

    /// Takes the next frame that may go out when every gate up to this number is open.
    ///
    /// With the frame comes the deadline of the gate that it waited behind, if it had one of its own.
    pub(crate) fn pop(&mut self, open_up_to: u64) -> Option<(Frame, Option<(Time, u64)>)> {
        let held =
            self.held.pop_front_if(|held| held.gate.as_ref().is_none_or(|gate| gate.number <= open_up_to))?;
        self.bytes -= held.frame.text.len();
        Some((held.frame, held.gate.map(|gate| (gate.deadline, gate.number))))
    }

    /// Drops the frames that are void without a channel, and returns the deadlines and numbers of the gates
    /// that go with them.
    pub(crate) fn leave_channel(&mut self, left: &str) -> Vec<(Time, u64)> {
        let mut gates = Vec::new();
        self.held.retain_mut(|held| {
            let is_void = held.frame.about.is_void_without(left);
            if is_void {
                self.bytes -= held.frame.text.len();
                gates.extend(held.gate.as_ref().map(|gate| (gate.deadline, gate.number)));
            }
            !is_void
        });
        gates
    }

    /// Returns the deadline and number of every closed gate.
    pub(crate) fn gates(&self) -> impl Iterator<Item = (Time, u64)> {
        self.held.iter().filter_map(|held| held.gate.as_ref()).map(|gate| (gate.deadline, gate.number))
    }
}
