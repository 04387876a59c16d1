//! Logs. Grades: error: the system or a payment needs somebody; warn: degraded, or tried again; info: each key step of a
//! purchase; debug: detail. One line per failure, where it is handled. Never a secret, an address, a body, or a query string.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    Text,
    Json,
}

/// Starts logging to standard output. `filter` is `RUST_LOG`'s text; what does not read in it counts as `info`.
pub fn start(format: LogFormat, filter: Option<&str>) {
    // sqlx and hyper log statements and addresses below warn: never by a general level.
    let quiet =
        "sqlx=warn,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,h2=warn,tower=warn,server_fn=warn,leptos=warn";
    let filter = EnvFilter::try_new(format!("{},{quiet}", filter.filter(|f| !f.is_empty()).unwrap_or("info")))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{quiet}")));
    let registry = tracing_subscriber::registry().with(filter);
    // A second start (tests in one process) finds a subscriber in place; that one stays.
    let _ = match format {
        LogFormat::Text => {
            registry.with(fmt::layer().with_target(false).with_ansi(std::io::stdout().is_terminal())).try_init()
        }
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false))
            .try_init(),
    };
}
