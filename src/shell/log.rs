//! What the engine logs, handed to one sink of the app; without one it is silent.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::error::{Error, Result, Status};

/// How grave a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// A bug in the engine.
    Error,
    /// Something went wrong and was coped with.
    Warn,
    /// The course of a call in a few lines.
    Info,
    /// Everything that helps to find a fault; may hold addresses and peer ids.
    Debug,
    /// Every packet.
    Trace,
}

/// Receives what the engine logs, on any thread and on several at once; it must not block. What the engine logs
/// meanwhile on the same thread is dropped.
pub trait LogSink: Send + Sync {
    /// Called for each line.
    fn on_line(&self, level: LogLevel, target: &str, message: &str);
}

/// Sets where the engine's log goes, for the whole process: lines of `level` and graver ones. None makes it silent
/// again. A line that another thread is about to hand over may still come to the sink before.
///
/// # Errors
///
/// [`Status::InvalidState`] when the process's `tracing` goes elsewhere already.
pub fn set_log_sink(sink: Option<(LogLevel, Arc<dyn LogSink>)>) -> Result<()> {
    if sink.is_some() {
        install()?;
    }
    *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = sink;
    // The levels that are worth formatting are cached at every place that logs.
    tracing::callsite::rebuild_interest_cache();
    Ok(())
}

type Current = Option<(LogLevel, Arc<dyn LogSink>)>;

/// The one sink of the process.
static CURRENT: RwLock<Current> = RwLock::new(None);

fn current() -> Current {
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
        metadata.is_event() && current().is_some_and(|(level, _)| *metadata.level() <= filter(level))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(current().map_or(LevelFilter::OFF, |(level, _)| filter(level)))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        thread_local!(static INSIDE: Cell<bool> = const { Cell::new(false) });
        let Some((_, sink)) = current() else { return };
        // A sink that makes the engine log would come back here without end.
        if INSIDE.try_with(|inside| inside.replace(true)).unwrap_or(true) {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        sink.on_line(level(*metadata.level()), metadata.target(), &line.finish());
        let _ = INSIDE.try_with(|inside| inside.set(false));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
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
