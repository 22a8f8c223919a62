//! Buffers for one batch of received messages.

/// How many messages one receive call asks for.
pub(super) const RECEIVE_BATCH: usize = 32;

/// Room for one message: the largest UDP payload, which is also the most that the kernel coalesces.
const SLOT_BYTES: usize = 65_536;

/// The memory that a batch of messages is received into. One is enough for a thread, whatever its sockets.
///
/// It is 2 MiB of address space; pages that no message ever reached are never touched.
#[derive(Debug)]
pub struct ReceiveBuffers {
    memory: Vec<u8>,
}

impl ReceiveBuffers {
    /// Reserves the memory.
    pub fn new() -> Self {
        Self { memory: vec![0; RECEIVE_BATCH * SLOT_BYTES] }
    }

    /// Returns the room for each message of a batch.
    pub(super) fn slots_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.memory.chunks_exact_mut(SLOT_BYTES)
    }

    /// Returns what message `index` was received into.
    pub(super) fn slot(&self, index: usize) -> &[u8] {
        &self.memory[index * SLOT_BYTES..(index + 1) * SLOT_BYTES]
    }

    /// Returns the room for message `index`.
    #[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
    pub(super) fn slot_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.memory[index * SLOT_BYTES..(index + 1) * SLOT_BYTES]
    }
}

impl Default for ReceiveBuffers {
    fn default() -> Self {
        Self::new()
    }
}
