//! The bus inside a process: what makes the channels of several servers one.
//!
//! Each server has a hub of its own, on threads of its own choice. A message goes to all others in the order in which
//! its hub said it. One that falls behind misses some, finds the hole by the sequence numbers, and asks for a snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hub::{BusMessage, NodeId};
use tokio::sync::broadcast;

/// How many messages wait for the slowest server. One that falls further behind misses the oldest.
const BACKLOG: usize = 16_384;

/// Joins servers of one process: those whose [`Config`](crate::Config) has clones of one bus serve the same channels.
#[derive(Debug, Clone)]
pub struct Bus {
    messages: broadcast::Sender<BusMessage>,
    nodes: Arc<AtomicU32>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { messages: broadcast::channel(BACKLOG).0, nodes: Arc::default() }
    }
}

impl Bus {
    /// Gives a hub its number.
    pub(crate) fn next_node(&self) -> NodeId {
        NodeId::new(self.nodes.fetch_add(1, Ordering::Relaxed))
    }

    /// Tells every hub.
    pub(crate) fn say(&self, message: BusMessage) {
        // Fails when no server listens any more.
        let _ = self.messages.send(message);
    }

    /// Hears what is said from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<BusMessage> {
        self.messages.subscribe()
    }
}
