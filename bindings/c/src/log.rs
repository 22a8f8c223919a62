//! What the engine logs, handed to one callback; without one it is silent.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use engine::api::{self, Error, LogLevel, LogSink, Result, Status};

use crate::guard;
use crate::sized::{self, sized};
use crate::status::parlor_status;
use crate::strings::parlor_str;
use crate::userdata::{Destroy, Userdata};

/// How grave a line of the log is.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_log_level {
    /// A bug in the engine.
    Error = 1,
    /// Something went wrong and was coped with.
    Warn = 2,
    /// The course of a call in a few lines.
    Info = 3,
    /// Everything that helps to find a fault; may hold addresses and peer ids.
    Debug = 4,
    /// Every packet.
    Trace = 5,
}

/// Receives what the engine logs.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_log_sink {
    /// `sizeof(parlor_log_sink)`.
    pub struct_size: usize,
    /// A `PARLOR_LOG_LEVEL_...` value: the least grave lines that are wanted.
    pub level: i32,
    /// Must be 0.
    pub reserved: i32,
    /// Called for each line, on any thread and on several at once; not NULL. It must not block; what the engine logs
    /// meanwhile on the same thread is dropped. The texts are borrowed for the length of the call.
    pub on_line: Option<
        unsafe extern "C" fn(userdata: *mut c_void, level: i32, target: parlor_str, message: parlor_str),
    >,
    /// Handed to the callbacks as it is.
    pub userdata: *mut c_void,
    /// Called exactly once, after the last line; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(userdata: *mut c_void)>,
}
sized!(parlor_log_sink);

/// Sets where the engine's log goes, for the whole process; NULL makes it silent again.
///
/// When this returns the sink before is not called any more and its `destroy` has been called, except from inside
/// one of its own callbacks, where that follows.
///
/// - Ownership: `sink` is copied; its `userdata` is the library's until its `destroy`, if the call works.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` for an unknown level, `PARLOR_STATUS_NULL_POINTER` without a callback,
///   `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_log_set_sink(sink: *const parlor_log_sink) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let sink = if sink.is_null() { None } else { Some(unsafe { read(sink) }?) };
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        let userdata = match sink {
            None => {
                api::set_log_sink(None)?;
                None
            }
            Some((level, bridge, destroy)) => {
                let userdata = Arc::clone(&bridge.userdata);
                api::set_log_sink(Some((level, Arc::new(bridge))))?;
                userdata.adopt(destroy);
                Some(userdata)
            }
        };
        let before = std::mem::replace(&mut *current, userdata);
        // A callback under way may come here itself.
        drop(current);
        if let Some(before) = before {
            before.retire();
        }
        Ok(())
    })
}

type OnLine = unsafe extern "C" fn(*mut c_void, i32, parlor_str, parlor_str);

/// What ends the registration of the one sink of the process.
static CURRENT: Mutex<Option<Arc<Userdata>>> = Mutex::new(None);

/// A sink of C as the facade's.
struct Bridge {
    on_line: OnLine,
    userdata: Arc<Userdata>,
}

/// Reads a sink and its level.
///
/// # Safety
///
/// `sink` is a struct as the header describes it.
unsafe fn read(sink: *const parlor_log_sink) -> Result<(LogLevel, Bridge, Destroy)> {
    // SAFETY: as the caller promises.
    let sink = unsafe { sized::read(sink, "sink") }?;
    if sink.reserved != 0 {
        return Err(Error::new(Status::UnsupportedField, "sink.reserved is not 0"));
    }
    let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
    let level = levels
        .into_iter()
        .find(|level| number(*level) as i32 == sink.level)
        .ok_or_else(|| Error::new(Status::InvalidArgument, "level is none of PARLOR_LOG_LEVEL_..."))?;
    let on_line = sink.on_line.ok_or_else(|| Error::new(Status::NullPointer, "sink.on_line is NULL"))?;
    Ok((level, Bridge { on_line, userdata: Arc::new(Userdata::new(sink.userdata)) }, sink.destroy))
}

impl LogSink for Bridge {
    fn on_line(&self, level: LogLevel, target: &str, message: &str) {
        let (target, message) = (parlor_str::lend(target), parlor_str::lend(message));
        // SAFETY: the app promised a function for this userdata; the texts outlive the call.
        self.userdata.call(|userdata| unsafe {
            (self.on_line)(userdata, number(level) as i32, target, message);
        });
    }
}

fn number(level: LogLevel) -> parlor_log_level {
    match level {
        LogLevel::Error => parlor_log_level::Error,
        LogLevel::Warn => parlor_log_level::Warn,
        LogLevel::Info => parlor_log_level::Info,
        LogLevel::Debug => parlor_log_level::Debug,
        LogLevel::Trace => parlor_log_level::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static LINES: Mutex<Vec<(i32, String)>> = Mutex::new(Vec::new());

    unsafe extern "C" fn keep(_: *mut c_void, level: i32, target: parlor_str, message: parlor_str) {
        // SAFETY: the bridge lends UTF-8 for the length of the call.
        let (target, message) = unsafe { (target.text("target").unwrap(), message.text("message").unwrap()) };
        if target == "from the test" {
            LINES.lock().unwrap().push((level, message.to_owned()));
            tracing::error!(target: "from the test", "a line about a line");
        }
    }

    #[test]
    fn lines_of_the_chosen_level_come_with_their_fields_and_never_about_themselves() {
        let sink = parlor_log_sink {
            struct_size: size_of::<parlor_log_sink>(),
            level: parlor_log_level::Info as i32,
            reserved: 0,
            on_line: Some(keep),
            userdata: std::ptr::null_mut(),
            destroy: None,
        };
        tracing::error!(target: "from the test", "before");
        // SAFETY: the sink is valid.
        assert_eq!(unsafe { parlor_log_set_sink(&raw const sink) }, parlor_status::Ok);
        tracing::info!(target: "from the test", peers = 2, "joined");
        tracing::debug!(target: "from the test", "not wanted");
        // SAFETY: NULL clears.
        assert_eq!(unsafe { parlor_log_set_sink(std::ptr::null()) }, parlor_status::Ok);
        tracing::error!(target: "from the test", "after");
        assert_eq!(*LINES.lock().unwrap(), [(parlor_log_level::Info as i32, "joined peers=2".to_owned())]);
    }
}
