//! `rolitt reconcile` and `rolitt doctor`.

use std::{ffi::OsString, net::SocketAddr, time::Duration};

use serde_json::json;

use super::context::{ShopContext, print_json, print_line};
use crate::server::{
    config::Config,
    doctor::{self, Finding, Verdict},
    http::client::client,
    payments::stripe::Stripe,
    reconcile::{self, ReconcileOptions, ReconcileReport, Resolution},
    webhook::signature_stats::SignatureCounts,
};

/// `rolitt reconcile`: compares, repairs, and fails when something stays unexplained or could not be compared.
pub async fn reconcile(
    config: &Config,
    path: Option<OsString>,
    options: ReconcileOptions,
    as_json: bool,
) -> anyhow::Result<()> {
    let context = ShopContext::open(config, path).await?;
    let compared = reconcile::reconcile(&context.shop, options).await;
    context.close().await;
    let report = compared?;
    // Whether anybody reads on or not, the exit status says how it stands.
    let printed = if as_json { print_json(&report) } else { print(&report) };
    let failures = report.scopes.iter().filter(|scope| scope.failure.is_some()).count();
    anyhow::ensure!(failures == 0, "{failures} list(s) could not be compared to their end; the next run goes on there");
    anyhow::ensure!(report.unexplained == 0, "{} difference(s) need a person", report.unexplained);
    printed
}

fn print(report: &ReconcileReport) -> anyhow::Result<()> {
    for difference in &report.differences {
        let number = difference.number.as_deref().unwrap_or("-");
        let end = match difference.end {
            Resolution::Repaired => "repaired",
            Resolution::Found => "found",
            Resolution::Unexplained => "UNEXPLAINED",
        };
        print_line(&format!("{end}  {number}  {}  {}", difference.id, difference.what))?;
    }
    for scope in &report.scopes {
        let mut line = format!(
            "{:<8} {:<10} {:>6} compared, {:>4} differed, {:>4} unexplained",
            scope.provider,
            scope.scope.to_string(),
            scope.compared,
            scope.differed,
            scope.unexplained
        );
        if let Some(failure) = &scope.failure {
            line = format!("{line}; not finished: {failure}");
        }
        print_line(&line)?;
    }
    print_line(&format!("unexplained differences: {}", report.unexplained))
}

/// `rolitt doctor`: one line for each thing that was looked at; fails when one of them is a fault.
pub async fn doctor(config: &Config, as_json: bool) -> anyhow::Result<()> {
    // The one provider that sends events.
    let stripe = Stripe::new(&config.stripe, client()?);
    let mut found = match doctor::check_endpoint(&stripe, &config.app_url).await {
        Ok(findings) => findings,
        Err(error) => {
            let fix = if error.retryable() {
                "look whether the provider can be reached from here, then run this again"
            } else {
                "mend the key, or its permission to read webhook endpoints"
            };
            let verdict = Verdict::Fault { message: error.to_string(), fix: fix.to_owned() };
            vec![Finding { what: "provider", verdict }]
        }
    };
    let seen = ask(config.listeners.operations).await;
    found.push(doctor::check_signatures(seen.as_ref(), time::OffsetDateTime::now_utc()));
    let faults = found.iter().filter(|finding| finding.is_fault()).count();
    let line = |Finding { what, verdict }: &Finding| {
        print_line(&match verdict {
            Verdict::Good { message } => format!("ok     {what}: {message}"),
            Verdict::Unknown { message } => format!("?      {what}: {message}"),
            Verdict::Fault { message, fix } => format!("FAULT  {what}: {message}; {fix}"),
        })
    };
    let printed = if as_json {
        print_json(&json!({ "ok": faults == 0, "findings": found }))
    } else {
        found.iter().try_for_each(line)
    };
    anyhow::ensure!(faults == 0, "{faults} fault(s)");
    printed
}

/// What the running server saw of signatures; `None` when there is no server to ask.
async fn ask(operations: SocketAddr) -> Option<SignatureCounts> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let url = format!("http://{operations}/signatures");
    let response = client()
        .ok()?
        .get(url)
        .timeout(PATIENCE)
        .send()
        .await
        .ok()
        .filter(|response| response.status().is_success())?;
    serde_json::from_slice(&response.bytes().await.ok()?).ok()
}
