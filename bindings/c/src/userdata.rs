//! The app's context for a set of callbacks: a pointer, and a function that is told when it is no longer needed.

use std::ffi::c_void;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// The function that is told, exactly once, after the last callback has returned.
pub(crate) type Destroy = Option<unsafe extern "C" fn(userdata: *mut c_void)>;

/// A `userdata` pointer with its `destroy`, shared by all callbacks of one registration.
///
/// The library owns it from [`Userdata::adopt`] on: a registration that fails leaves it with the app.
#[derive(Debug)]
pub(crate) struct Userdata {
    pointer: *mut c_void,
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Debug, Default)]
struct State {
    destroy: Destroy,
    retired: bool,
    /// The threads that are inside a callback or inside `destroy`.
    running: Vec<ThreadId>,
}

// SAFETY: the pointer is only handed back to the app's callbacks, which the header says run on other threads.
unsafe impl Send for Userdata {}
// SAFETY: as above; everything else is behind a lock.
unsafe impl Sync for Userdata {}

impl Userdata {
    pub(crate) fn new(pointer: *mut c_void) -> Self {
        Self { pointer, state: Mutex::default(), idle: Condvar::new() }
    }

    /// Makes the library the owner: from here on `destroy` will be called.
    pub(crate) fn adopt(&self, destroy: Destroy) {
        self.lock().destroy = destroy;
    }

    /// Calls the app, unless the registration was retired.
    pub(crate) fn call(&self, callback: impl FnOnce(*mut c_void)) {
        {
            let mut state = self.lock();
            if state.retired {
                return;
            }
            state.running.push(thread::current().id());
        }
        let _running = Running(self);
        callback(self.pointer);
    }

    /// Ends the registration: when this returns nothing is called any more, `destroy` included.
    ///
    /// From inside one of its own callbacks it does not wait; `destroy` then follows when the last one returns.
    pub(crate) fn retire(&self) {
        let me = thread::current().id();
        let mut state = self.lock();
        state.retired = true;
        if state.running.contains(&me) {
            return;
        }
        while !state.running.is_empty() {
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.destroy(state);
    }

    /// Calls `destroy` if it is still due. It counts as running meanwhile, so that others who retire wait for it
    /// and it may itself release what leads back here.
    fn destroy(&self, mut state: MutexGuard<'_, State>) {
        let Some(destroy) = state.destroy.take() else { return };
        state.running.push(thread::current().id());
        drop(state);
        let _running = Running(self);
        // SAFETY: the app registered the function for this pointer; it is taken once and no callback runs.
        unsafe { destroy(self.pointer) };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Userdata {
    fn drop(&mut self) {
        self.retire();
    }
}

/// A call under way; ends on every path out of it.
struct Running<'a>(&'a Userdata);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let me = thread::current().id();
        let mut state = self.0.lock();
        if let Some(index) = state.running.iter().position(|thread| *thread == me) {
            state.running.swap_remove(index);
        }
        self.0.idle.notify_all();
        if state.retired && state.running.is_empty() {
            self.0.destroy(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

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
            while !userdata.lock().retired {
                thread::yield_now();
            }
            finish.send(()).unwrap();
        });
    }
}
