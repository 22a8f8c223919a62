//! What waits to be written to one socket.
//!
//! A queue of its own, because an idle socket's is empty: tokio's channels keep a block of 32 slots for it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

use axum::extract::ws::Utf8Bytes;
use protocol::CloseCode;

use crate::limits::{MAX_QUEUED_BYTES, QUEUED_FRAME_OVERHEAD};

/// A queue that has grown larger than this gives its memory back when it is empty.
const KEPT_CAPACITY: usize = 8;

/// What a socket's task must write.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Text(Utf8Bytes),
    Ping([u8; 8]),
    Close { code: CloseCode, reason: &'static str },
}

impl Outgoing {
    pub(super) fn cost(&self) -> usize {
        let text = if let Self::Text(text) = self { text.len() } else { 0 };
        text + QUEUED_FRAME_OVERHEAD
    }
}

/// Makes the two ends of a queue.
pub(super) fn queue() -> (Sender, Receiver) {
    let queue = Arc::new(Queue::default());
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

/// The hub's end of a socket's queue, bounded by [`MAX_QUEUED_BYTES`].
#[derive(Debug)]
pub(super) struct Sender(Arc<Queue>);

/// The socket's end of its queue. When it ends without an [`Outgoing::Close`], the client was too slow.
#[derive(Debug)]
pub(crate) struct Receiver(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Outgoing>,
    bytes: usize,
    is_ended: bool,
    receiver: Option<Waker>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while a queue is held")
    }
}

impl Sender {
    /// Queues a frame; false when the queue is full. Who waits for it is put on the list of those to wake.
    pub(super) fn send(&self, outgoing: Outgoing, wakers: &mut Vec<Waker>) -> bool {
        let mut state = self.0.lock();
        let bytes = state.bytes + outgoing.cost();
        if bytes > MAX_QUEUED_BYTES {
            return false;
        }
        state.bytes = bytes;
        state.frames.push_back(outgoing);
        wakers.extend(state.receiver.take());
        true
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_ended = true;
        let receiver = state.receiver.take();
        drop(state);
        receiver.inspect(Waker::wake_by_ref);
    }
}

impl Receiver {
    /// Returns whether [`Receiver::recv`] returns at once.
    pub(crate) fn is_ready(&self) -> bool {
        let state = self.0.lock();
        state.is_ended || !state.frames.is_empty()
    }

    /// Waits for the next frame to write; `None` at the end. Losing the future loses nothing.
    pub(crate) async fn recv(&mut self) -> Option<Outgoing> {
        poll_fn(|context| {
            let mut state = self.0.lock();
            if let Some(outgoing) = state.frames.pop_front() {
                state.bytes -= outgoing.cost();
                return Poll::Ready(Some(outgoing));
            }
            if state.is_ended {
                return Poll::Ready(None);
            }
            if state.frames.capacity() > KEPT_CAPACITY {
                state.frames = VecDeque::new();
            }
            match &mut state.receiver {
                Some(known) => known.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> Outgoing {
        Outgoing::Text("x".repeat(length).into())
    }

    fn send(sender: &Sender, outgoing: Outgoing) -> bool {
        let mut wakers = Vec::new();
        let queued = sender.send(outgoing, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        queued
    }

    #[tokio::test]
    async fn what_is_queued_comes_in_order_and_then_the_end() {
        let (sender, mut receiver) = queue();
        let reading = tokio::spawn(async move {
            let mut lengths = Vec::new();
            while let Some(Outgoing::Text(text)) = receiver.recv().await {
                lengths.push(text.len());
            }
            lengths
        });
        for length in 0..100 {
            assert!(send(&sender, text(length)));
            tokio::task::yield_now().await;
        }
        drop(sender);
        assert_eq!(reading.await.unwrap(), (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_full_queue_takes_no_more_until_something_is_read() {
        let (sender, mut receiver) = queue();
        let half = MAX_QUEUED_BYTES / 2 - QUEUED_FRAME_OVERHEAD;
        assert!(send(&sender, text(half)) && send(&sender, text(half)));
        assert!(!send(&sender, text(0)));
        receiver.recv().await;
        assert!(send(&sender, text(0)));
    }
}
