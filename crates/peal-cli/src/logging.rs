//! Logs go to standard error: for people on a terminal, as JSON lines everywhere else. Standard output is for results.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Auto,
    Pretty,
    Json,
}

/// What Postgres remarks about our own statements and our own stopping of it. A filter that names the target still shows it.
const QUIET: &str = "sqlx::postgres::notice=off";

/// # Errors
/// When the filter is not one.
pub(crate) fn init(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}")).map_err(|error| format!("--log: {error}"))?;
    let terminal = std::io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if format == LogFormat::Json || (format == LogFormat::Auto && !terminal) {
        subscriber.json().flatten_event(true).init();
    } else {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        subscriber.compact().with_ansi(colour).with_target(false).init();
    }
    Ok(())
}
