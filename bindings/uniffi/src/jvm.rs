//! Engine threads and the Java virtual machine.
//!
//! A native thread that calls into Java is attached first. JNA does that anew for each callback, and each time makes
//! a Java thread; a thread that is attached already it leaves alone. So each engine thread is attached once, at its
//! first callback, and detached at its end. Without a virtual machine nothing happens.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use jni_sys::{JNI_OK, JNI_VERSION_1_6, JNIInvokeInterface_, JavaVM, JavaVMAttachArgs, jint};

/// What the machine handed to [`JNI_OnLoad`].
static MACHINE: AtomicPtr<*const JNIInvokeInterface_> = AtomicPtr::new(ptr::null_mut());

/// Called by the virtual machine when `System.load` loads this library.
// SAFETY: the name is the one that the JNI specification reserves for this; each library has its own.
#[unsafe(no_mangle)]
pub extern "system" fn JNI_OnLoad(machine: *mut JavaVM, _reserved: *mut c_void) -> jint {
    MACHINE.store(machine, Ordering::Release);
    JNI_VERSION_1_6
}

/// Attaches this thread to the virtual machine, if there is one and it is not attached yet.
pub(crate) fn attach() {
    thread_local!(static ATTACHED: Option<Attached> = Attached::new());
    // Loaded after this thread's first callback is too late: `System.load` comes first in Kotlin's veneer.
    let _ = ATTACHED.try_with(|_| ());
}

struct Attached(*mut JavaVM);

impl Attached {
    fn new() -> Option<Self> {
        let machine = MACHINE.load(Ordering::Acquire);
        if machine.is_null() {
            return None;
        }
        let mut environment = ptr::null_mut::<c_void>();
        // SAFETY: the machine gave this pointer and lives as long as the process.
        let functions = unsafe { &(**machine).v1_4 };
        // SAFETY: as above; `environment` is a place for the answer.
        if unsafe { (functions.GetEnv)(machine, &raw mut environment, JNI_VERSION_1_6) } == JNI_OK {
            // The app's own thread, or one that it attached: its to detach.
            return None;
        }
        let name: *const c_char = c"parlor".as_ptr();
        let mut arguments =
            JavaVMAttachArgs { version: JNI_VERSION_1_6, name: name.cast_mut(), group: ptr::null_mut() };
        // As a daemon: the machine does not wait for engine threads when the app ends.
        // SAFETY: as above; the arguments outlive the call.
        let attached = unsafe {
            (functions.AttachCurrentThreadAsDaemon)(
                machine,
                &raw mut environment,
                (&raw mut arguments).cast(),
            )
        };
        (attached == JNI_OK).then_some(Self(machine))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // SAFETY: this thread was attached by `new` and runs no Java code any more.
        unsafe { ((**self.0).v1_4.DetachCurrentThread)(self.0) };
    }
}
