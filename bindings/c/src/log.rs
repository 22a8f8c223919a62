//! What the engine logs, handed to one callback; without one it is silent.

use std::cell::Cell;
use std::ffi::c_void;
use std::fmt::{self, Write};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use engine::api::{Error, Result, Status};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::guard;
use crate::sized::{self, sized};
use crate::status::parlor_status;
use crate::strings::parlor_str;
use crate::userdata::Userdata;

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
        let sink = if sink.is_null() { None } else { Some(unsafe { Sink::read(sink) }?) };
        let before = {
            let mut current = CURRENT.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, sink.map(Arc::new))
        };
        // The levels that are worth formatting are cached at every place that logs.
        tracing::callsite::rebuild_interest_cache();
        if let Some(before) = before {
            before.userdata.retire();
        }
        Ok(())
    })
}

type OnLine = unsafe extern "C" fn(*mut c_void, i32, parlor_str, parlor_str);

/// The one sink of the process.
static CURRENT: RwLock<Option<Arc<Sink>>> = RwLock::new(None);

struct Sink {
    level: LevelFilter,
    on_line: OnLine,
    userdata: Userdata,
}

impl Sink {
    /// Reads a sink and becomes the owner of its userdata.
    ///
    /// # Safety
    ///
    /// `sink` is a struct as the header describes it.
    unsafe fn read(sink: *const parlor_log_sink) -> Result<Self> {
        // SAFETY: as the caller promises.
        let sink = unsafe { sized::read(sink, "sink") }?;
        if sink.reserved != 0 {
            return Err(Error::new(Status::UnsupportedField, "sink.reserved is not 0"));
        }
        let level = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE]
            .into_iter()
            .find(|level| number(*level) as i32 == sink.level)
            .ok_or_else(|| Error::new(Status::InvalidArgument, "level is none of PARLOR_LOG_LEVEL_..."))?;
        let on_line = sink.on_line.ok_or_else(|| Error::new(Status::NullPointer, "sink.on_line is NULL"))?;
        install()?;
        let userdata = Userdata::new(sink.userdata);
        userdata.adopt(sink.destroy);
        Ok(Self { level: level.into(), on_line, userdata })
    }
}

fn current() -> Option<Arc<Sink>> {
    CURRENT.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Makes the bridge the subscriber of this library's copy of `tracing`, once.
fn install() -> Result<()> {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let installed = *INSTALLED.get_or_init(|| tracing::subscriber::set_global_default(Bridge).is_ok());
    let taken = || Error::new(Status::InvalidState, "the process's log goes elsewhere already");
    installed.then_some(()).ok_or_else(taken)
}

/// Hands lines to the sink. Spans are not kept: a line stands for itself.
struct Bridge;

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && current().is_some_and(|sink| *metadata.level() <= sink.level)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(current().map_or(LevelFilter::OFF, |sink| sink.level))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        thread_local!(static INSIDE: Cell<bool> = const { Cell::new(false) });
        let Some(sink) = current() else { return };
        // A callback that makes the engine log would come back here without end.
        if INSIDE.try_with(|inside| inside.replace(true)).unwrap_or(true) {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let level = number(*event.metadata().level()) as i32;
        let target = parlor_str::lend(event.metadata().target());
        let message = line.finish();
        // SAFETY: the app promised a function for this userdata; the texts outlive the call.
        sink.userdata.call(|userdata| unsafe {
            (sink.on_line)(userdata, level, target, parlor_str::lend(&message));
        });
        let _ = INSIDE.try_with(|inside| inside.set(false));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn number(level: Level) -> parlor_log_level {
    match level {
        Level::ERROR => parlor_log_level::Error,
        Level::WARN => parlor_log_level::Warn,
        Level::INFO => parlor_log_level::Info,
        Level::DEBUG => parlor_log_level::Debug,
        Level::TRACE => parlor_log_level::Trace,
    }
}

/// One line: the message, then the fields as `name=value`.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn finish(mut self) -> String {
        self.message.push_str(&self.fields);
        self.message
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string does not fail; a `Debug` that does loses its field.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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
