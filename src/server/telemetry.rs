//! Logs. Grades: error: the system or a payment needs somebody; warn: degraded, or tried again; info: each key step of a
//! purchase; debug: detail. One line per failure, where it is handled. Never a secret, an address, a body, or a query string.

use std::io::IsTerminal as _;

use tracing_subscriber::{
    EnvFilter,
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

/// Starts logging. `filter` is `RUST_LOG`'s text; what does not read in it counts as `info`.
pub fn start(format: LogFormat, output: LogOutput, filter: Option<&str>) {
    // sqlx and hyper log statements and addresses below warn: never by a general level.
    let quiet = "sqlx=warn,hyper=warn,hyper_util=warn,reqwest=warn,rustls=warn,h2=warn,tower=warn,server_fn=warn,leptos=warn,firestore=warn,gcloud_sdk=warn,google_cloud_auth=warn,tonic=warn";
    let filter = EnvFilter::try_new(format!("{},{quiet}", filter.filter(|f| !f.is_empty()).unwrap_or("info")))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{quiet}")));
    let registry = tracing_subscriber::registry().with(filter);
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
}
