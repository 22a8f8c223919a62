//! A place for an app's callback object that can be emptied safely while it may be in use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// Holds a callback object that one media thread calls and any thread may replace.
///
/// Once [`Slot::set`] has returned the object before is not called any more, unless `set` ran inside that very
/// call. It was dropped by then, unless somebody else holds it too.
pub(crate) struct Slot<T: ?Sized> {
    object: Mutex<Option<Arc<T>>>,
    /// Held during a call, so that `set` can wait for it.
    calling: Mutex<()>,
    caller: Mutex<Option<ThreadId>>,
}

impl<T: ?Sized> Default for Slot<T> {
    fn default() -> Self {
        Self { object: Mutex::new(None), calling: Mutex::default(), caller: Mutex::default() }
    }
}

impl<T: ?Sized> Slot<T> {
    /// Puts another object in, or none, and waits for a call under way on another thread.
    pub(crate) fn set(&self, object: Option<Arc<T>>) {
        let before = std::mem::replace(&mut *lock(&self.object), object);
        let inside = *lock(&self.caller) == Some(thread::current().id());
        if before.is_some() && !inside {
            drop(lock(&self.calling));
        }
        drop(before);
    }

    /// Returns the object, to ask it something.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        lock(&self.object).clone()
    }

    /// Calls the object, if there is one.
    pub(crate) fn call(&self, call: impl FnOnce(&T)) {
        let guard = lock(&self.calling);
        // Read after `calling` is held: `set` either sees this call or is seen by it.
        let Some(object) = self.get() else { return };
        *lock(&self.caller) = Some(thread::current().id());
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(&object)));
        // While `calling` is held, so that an object that was replaced meanwhile is gone, its file complete, when
        // `set` returns; while `caller` is set, since its drop may run the app's code and come back here.
        drop(object);
        *lock(&self.caller) = None;
        drop(guard);
        if outcome.is_err() {
            tracing::error!("a media callback panicked");
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn setting_from_inside_the_call_does_not_wait_for_itself() {
        let slot = Arc::new(Slot::<AtomicU32>::default());
        slot.set(Some(Arc::new(AtomicU32::new(0))));
        let inner = Arc::clone(&slot);
        slot.call(|count| {
            count.fetch_add(1, Ordering::Relaxed);
            inner.set(None);
        });
        assert!(slot.get().is_none());
        slot.call(|_| unreachable!("the slot is empty"));
    }

    #[test]
    fn setting_waits_for_a_call_on_another_thread() {
        let slot = Arc::new(Slot::<AtomicU32>::default());
        let object = Arc::new(AtomicU32::new(0));
        slot.set(Some(Arc::clone(&object)));
        let (entered, wait_entered) = mpsc::channel();
        let (release, wait_release) = mpsc::channel::<()>();
        let caller = Arc::clone(&slot);
        let thread = thread::spawn(move || {
            caller.call(|count| {
                entered.send(()).unwrap();
                wait_release.recv().unwrap();
                count.store(1, Ordering::SeqCst);
            });
        });
        wait_entered.recv().unwrap();
        let setter = Arc::clone(&slot);
        let setting = thread::spawn(move || {
            setter.set(None);
            object.load(Ordering::SeqCst)
        });
        release.send(()).unwrap();
        assert_eq!(setting.join().unwrap(), 1, "set returned before the call had ended");
        thread.join().unwrap();
    }

    #[test]
    fn a_panicking_object_does_not_poison_the_slot() {
        let slot = Slot::<AtomicU32>::default();
        slot.set(Some(Arc::new(AtomicU32::new(7))));
        slot.call(|_| panic!("the app's bug"));
        let mut seen = 0;
        slot.call(|count| seen = count.load(Ordering::Relaxed));
        assert_eq!(seen, 7);
    }
}
