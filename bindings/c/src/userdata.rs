//! The app's context for a set of callbacks: a pointer, and a function that is told when it is no longer needed.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The function that is told, exactly once, after the last callback has returned.
pub(crate) type Destroy = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// A `userdata` pointer with its `destroy`, shared by all callbacks of one registration.
///
/// The library owns it from [`Userdata::adopt`] on: a registration that fails leaves it with the app.
///
/// A callback costs two atomic operations and takes no lock; the lock is for the end alone.
#[derive(Debug)]
pub(crate) struct Userdata {
    pointer: *mut c_void,
    /// How many callbacks are under way, `destroy` among them, and [`RETIRED`].
    state: AtomicUsize,
    /// Taken by whoever calls it.
    destroy: Mutex<Destroy>,
    /// Told when the last callback of a retired registration has returned.
    idle: Condvar,
}

/// Set in a state from the end of the registration on: no callback begins any more.
const RETIRED: usize = 1 << (usize::BITS - 1);

thread_local! {
    /// The addresses of what this thread is inside a callback of, the innermost last.
    static INSIDE: RefCell<Vec<*const Userdata>> = const { RefCell::new(Vec::new()) };
}

// SAFETY: the pointer is only handed back to the app's callbacks, which the header says run on other threads.
unsafe impl Send for Userdata {}
// SAFETY: as above; everything else is atomic or behind a lock.
unsafe impl Sync for Userdata {}

impl Userdata {
    pub(crate) fn new(pointer: *mut c_void) -> Self {
        Self { pointer, state: AtomicUsize::new(0), destroy: Mutex::default(), idle: Condvar::new() }
    }

    /// Makes the library the owner: from here on `destroy` will be called.
    pub(crate) fn adopt(&self, destroy: Destroy) {
        *self.lock() = destroy;
    }

    /// Calls the app, unless the registration was retired.
    pub(crate) fn call(&self, callback: impl FnOnce(*mut c_void)) {
        let one_more = |state| (state & RETIRED == 0).then_some(state + 1);
        if self.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, one_more).is_ok() {
            let _running = Running::enter(self);
            callback(self.pointer);
        }
    }

    /// Ends the registration: when this returns nothing is called any more, `destroy` included.
    ///
    /// From inside one of its own callbacks it does not wait; `destroy` then follows when the last one returns.
    pub(crate) fn retire(&self) {
        self.state.fetch_or(RETIRED, Ordering::AcqRel);
        // A thread whose own variables are gone runs no callback.
        let is_inside = INSIDE.try_with(|inside| inside.borrow().contains(&std::ptr::from_ref(self)));
        if is_inside.unwrap_or(false) {
            return;
        }
        let mut destroy = self.lock();
        while self.state.load(Ordering::Acquire) != RETIRED {
            destroy = self.idle.wait(destroy).unwrap_or_else(PoisonError::into_inner);
        }
        self.destroy(destroy);
    }

    /// Calls `destroy` if it is still due. It counts as running meanwhile, so that others who retire wait for it
    /// and it may itself release what leads back here.
    fn destroy(&self, mut destroy: MutexGuard<'_, Destroy>) {
        let Some(due) = destroy.take() else { return };
        self.state.fetch_add(1, Ordering::Acquire);
        drop(destroy);
        let _running = Running::enter(self);
        // SAFETY: the app registered the function for this pointer; it is taken once and no callback runs.
        unsafe { due(self.pointer) };
    }

    fn lock(&self) -> MutexGuard<'_, Destroy> {
        self.destroy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Userdata {
    fn drop(&mut self) {
        self.retire();
    }
}

/// A call under way, already counted; ends on every path out of it.
struct Running<'a>(&'a Userdata);

impl<'a> Running<'a> {
    fn enter(userdata: &'a Userdata) -> Self {
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().push(userdata));
        Self(userdata)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().pop());
        if self.0.state.fetch_sub(1, Ordering::AcqRel) == RETIRED + 1 {
            // Under the lock, so that nobody who retires is between looking and waiting.
            let destroy = self.0.lock();
            self.0.idle.notify_all();
            self.0.destroy(destroy);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    unsafe extern "C" fn count(userdata: *mut c_void) {
        // SAFETY: the tests below register a counter that outlives the registration.
        unsafe { &*userdata.cast::<AtomicU32>() }.fetch_add(1, Ordering::SeqCst);
    }

    fn register(counter: &AtomicU32) -> Userdata {
        Userdata::new(std::ptr::from_ref(counter).cast_mut().cast())
    }

    #[test]
    fn what_was_never_adopted_is_never_destroyed() {
        let destroyed = AtomicU32::new(0);
        drop(register(&destroyed));
        assert_eq!(destroyed.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn destroy_runs_once_and_nothing_is_called_after_it() {
        let destroyed = AtomicU32::new(0);
        let userdata = register(&destroyed);
        userdata.adopt(Some(count));
        userdata.retire();
        userdata.retire();
        userdata.call(|_| panic!("called after it was retired"));
        drop(userdata);
        assert_eq!(destroyed.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn retiring_inside_a_callback_destroys_after_that_callback() {
        let destroyed = AtomicU32::new(0);
        let userdata = register(&destroyed);
        userdata.adopt(Some(count));
        userdata.call(|_| {
            userdata.retire();
            assert_eq!(destroyed.load(Ordering::SeqCst), 0, "destroyed under a running callback");
        });
        assert_eq!(destroyed.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn retiring_elsewhere_waits_for_the_callback_and_for_destroy() {
        let destroyed = AtomicU32::new(0);
        let userdata = register(&destroyed);
        userdata.adopt(Some(count));
        let (entered, is_inside) = mpsc::channel();
        let (finish, may_finish) = mpsc::channel::<()>();
        let returned = AtomicU32::new(0);
        let (userdata, destroyed, returned) = (&userdata, &destroyed, &returned);
        thread::scope(|scope| {
            scope.spawn(move || {
                userdata.call(|_| {
                    entered.send(()).unwrap();
                    may_finish.recv().unwrap();
                    returned.store(1, Ordering::SeqCst);
                });
            });
            is_inside.recv().unwrap();
            scope.spawn(move || {
                userdata.retire();
                assert_eq!(returned.load(Ordering::SeqCst), 1, "retired under a running callback");
                assert_eq!(destroyed.load(Ordering::SeqCst), 1);
            });
            while userdata.state.load(Ordering::SeqCst) & RETIRED == 0 {
                thread::yield_now();
            }
            finish.send(()).unwrap();
        });
    }
}
