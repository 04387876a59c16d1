//! Logs. Levels: error: a person must act; warn: degraded, or retried; info: each key step of an
//! order; debug: detail. One line per failure, where it is handled. Never a secret, an email
//! address, a body or a query string.

pub(crate) mod log_limiter;

use std::{io::IsTerminal as _, panic};

use tracing_subscriber::{
    EnvFilter,
    filter::{LevelFilter, Targets},
    fmt::{self, writer::BoxMakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    Text,
    Json,
}

/// Where logs go. A command that prints results logs to standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogOutput {
    Stdout,
    Stderr,
}

/// The most detailed level of other crates, even if `RUST_LOG` asks for more: below it they log SQL
/// statements, headers, bodies and function arguments, which are secret or personal.
const OTHERS: LevelFilter = LevelFilter::INFO;

/// Crates that log such things at info already: they are limited to warnings.
const QUIET: [&str; 14] = [
    "sqlx",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "h2",
    "tower",
    "server_fn",
    "leptos",
    "leptos_axum",
    "firestore",
    "gcloud_sdk",
    "google_cloud_auth",
    "tonic",
];

/// This crate, which logs nothing of the kind at any level.
const OURS: &str = "rolitt";

/// Starts logging. `filter` is the text of `RUST_LOG`; an invalid one counts as `info`. A panic
/// becomes a log line, too, and is counted in `panics_total`.
pub fn start(format: LogFormat, output: LogOutput, filter: Option<&str>) {
    let requested = filter.filter(|text| !text.is_empty()).unwrap_or("info");
    let requested = EnvFilter::try_new(requested).unwrap_or_else(|_| EnvFilter::new("info"));
    // A line must pass both filters, so no directive of `RUST_LOG` gets past the second one.
    let registry = tracing_subscriber::registry().with(requested).with(allowed());
    let (writer, terminal) = match output {
        LogOutput::Stdout => (BoxMakeWriter::new(std::io::stdout), std::io::stdout().is_terminal()),
        LogOutput::Stderr => (BoxMakeWriter::new(std::io::stderr), std::io::stderr().is_terminal()),
    };
    let layer = fmt::layer().with_writer(writer);
    // A second start (tests in one process) finds a subscriber in place, and leaves it there.
    let _ = match format {
        LogFormat::Text => registry.with(layer.with_target(false).with_ansi(terminal)).try_init(),
        LogFormat::Json => {
            registry.with(layer.json().flatten_event(true).with_current_span(true).with_span_list(false)).try_init()
        }
    };
    panic::set_hook(Box::new(log_panic));
}

/// Returns the most detailed level of each crate.
fn allowed() -> Targets {
    let quiet = QUIET.map(|name| (name, LevelFilter::WARN));
    Targets::new().with_default(OTHERS).with_targets(quiet).with_target(OURS, LevelFilter::TRACE)
}

/// Logs where a panic happened. The message is logged only if it is a literal of the program: a
/// formatted one may quote data, as those of `unwrap` and slicing do.
fn log_panic(panic: &panic::PanicHookInfo<'_>) {
    let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(not shown: it may quote data)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    tracing::error!(
        place,
        thread,
        text = message,
        "a panic: a defect of this program; report this line to its developers"
    );
    metrics::counter!("panics_total").increment(1);
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn only_our_own_crate_may_log_at_trace_level() {
        let allowed = allowed();
        for target in ["rolitt", "rolitt::server::webhook"] {
            assert!(allowed.would_enable(target, &Level::TRACE), "{target}");
        }
        for target in QUIET.into_iter().chain(["hyper::proto::h1::io", "h2::codec", "tower::buffer"]) {
            assert!(allowed.would_enable(target, &Level::WARN), "{target}");
            assert!(!allowed.would_enable(target, &Level::INFO), "{target}");
        }
        for target in ["tokio::task", "a_crate_of_tomorrow", "log"] {
            assert!(!allowed.would_enable(target, &Level::DEBUG), "{target}");
        }
    }
}
