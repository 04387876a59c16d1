//! Logs. Grades: error: the system or a payment needs somebody; warn: degraded, or tried again; info: each key step of a
//! purchase; debug: detail. One line per failure, where it is handled. Never a secret, an address, a body, or a query string.

pub mod log_limiter;

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

/// Where logs go: a command's own answer has standard output for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogOutput {
    Stdout,
    Stderr,
}

/// What other crates may say at most, whatever `RUST_LOG` asks for: below that they log statements, headers, bodies and the
/// arguments of functions, which are secret or personal.
const OTHERS: LevelFilter = LevelFilter::INFO;

/// Crates that log such things at info already.
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

/// Our own, which are written so that they say nothing of the kind at any level.
const OURS: &str = "rolitt";

/// Starts logging. `filter` is `RUST_LOG`'s text; what does not read in it counts as `info`. A panic becomes a line like others,
/// and is counted.
pub fn start(format: LogFormat, output: LogOutput, filter: Option<&str>) {
    let asked = filter.filter(|text| !text.is_empty()).unwrap_or("info");
    let asked = EnvFilter::try_new(asked).unwrap_or_else(|_| EnvFilter::new("info"));
    // Both must agree, so that no directive gets past the second one.
    let registry = tracing_subscriber::registry().with(asked).with(allowed());
    // A second start (tests in one process) finds a subscriber in place; that one stays.
    let (writer, terminal) = match output {
        LogOutput::Stdout => (BoxMakeWriter::new(std::io::stdout), std::io::stdout().is_terminal()),
        LogOutput::Stderr => (BoxMakeWriter::new(std::io::stderr), std::io::stderr().is_terminal()),
    };
    let layer = fmt::layer().with_writer(writer);
    let _ = match format {
        LogFormat::Text => registry.with(layer.with_target(false).with_ansi(terminal)).try_init(),
        LogFormat::Json => {
            registry.with(layer.json().flatten_event(true).with_current_span(true).with_span_list(false)).try_init()
        }
    };
    panic::set_hook(Box::new(tell_panic));
}

/// The most that each crate may say.
fn allowed() -> Targets {
    let quiet = QUIET.map(|name| (name, LevelFilter::WARN));
    Targets::new().with_default(OTHERS).with_targets(quiet).with_target(OURS, LevelFilter::TRACE)
}

/// Says where it happened. The message only where it is part of the program: one that was put together may quote what it was
/// about, as `unwrap` and slicing do.
fn tell_panic(told: &panic::PanicHookInfo<'_>) {
    let message = told.payload().downcast_ref::<&'static str>().copied().unwrap_or("(not shown: it may quote data)");
    let place = told.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    tracing::error!(place, thread, told = message, "a panic");
    metrics::counter!("panics_total").increment(1);
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn only_our_own_crate_may_say_everything() {
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
