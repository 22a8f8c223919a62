//! What the engine logs.

use std::sync::Arc;

use engine::api;

use crate::error::{CallbackError, Result};
use crate::guard::guard;
use crate::jvm;

/// How grave a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
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

/// Receives what the engine logs, on any thread and on several at once; it must not block.
#[uniffi::export(foreign)]
pub trait LogSink: Send + Sync {
    /// Called for each line.
    fn on_line(
        &self,
        level: LogLevel,
        target: String,
        message: String,
    ) -> std::result::Result<(), CallbackError>;
}

/// Sets where the engine's log goes, for the whole process: lines of `level` and graver ones. None makes it silent
/// again. A line that another thread is about to hand over may still come to the sink before.
#[uniffi::export]
pub fn set_log_sink(level: LogLevel, sink: Option<Arc<dyn LogSink>>) -> Result<()> {
    guard(|| {
        api::set_log_sink(
            sink.map(|sink| -> (_, Arc<dyn api::LogSink>) { (level.into(), Arc::new(Bridge(sink))) }),
        )
    })
}

struct Bridge(Arc<dyn LogSink>);

impl api::LogSink for Bridge {
    fn on_line(&self, level: api::LogLevel, target: &str, message: &str) {
        jvm::attach();
        // What a log sink throws has nowhere to go.
        let _ = self.0.on_line(level.into(), target.to_owned(), message.to_owned());
    }
}

impl From<LogLevel> for api::LogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

impl From<api::LogLevel> for LogLevel {
    fn from(level: api::LogLevel) -> Self {
        match level {
            api::LogLevel::Error => Self::Error,
            api::LogLevel::Warn => Self::Warn,
            api::LogLevel::Info => Self::Info,
            api::LogLevel::Debug => Self::Debug,
            api::LogLevel::Trace => Self::Trace,
        }
    }
}
