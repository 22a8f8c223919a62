//! The log: structured, on standard error.
//!
//! Neither credentials nor payloads are logged at any level, and no ids or addresses of clients above `debug`.
//! Libraries do not keep to that (a WebSocket library traces whole messages), so they are heard from `warn` up only,
//! whatever the filter says.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::LogFormat;

/// Starts to log what the filter lets through, `info` and up if there is none.
///
/// # Errors
/// One sentence when the filter cannot be read.
pub(crate) fn start(filter: Option<&str>, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::builder()
        .parse(filter.unwrap_or("info"))
        .map_err(|error| format!("the log filter cannot be read: {error}"))?;
    let text = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => text.boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    // A second subscriber in one process is refused; the first one keeps working.
    let _ =
        Registry::default().with(lines.with_filter(FilterFn::new(is_ours_or_grave))).with(filter).try_init();
    Ok(())
}

fn is_ours_or_grave(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN || metadata.target().starts_with("parlor")
}
