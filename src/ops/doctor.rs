//! `rolitt doctor`: checks the webhook endpoint at Stripe, and the signatures of the last 24 hours.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use serde_json::json;
use time::OffsetDateTime;

use super::context::{print_json, print_line};
use crate::server::{
    config::Config,
    doctor::{self, Finding, Verdict},
    http::client::client,
    payments::stripe::Stripe,
    webhook::signature_stats::SignatureCounts,
};

#[derive(Args)]
pub struct Doctor {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Prints one line for each check, and fails if one of them found a fault.
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        // Stripe is the only provider that sends events.
        let stripe = Stripe::new(&config.stripe, client()?);
        let mut findings = match doctor::check_endpoint(&stripe, &config.app_url).await {
            Ok(findings) => findings,
            Err(error) => {
                let fix = if error.retryable() {
                    "check the network between this machine and the provider, then run `rolitt doctor` again"
                } else {
                    "correct STRIPE_SECRET_KEY, or let the key read webhook endpoints"
                };
                let verdict = Verdict::Fault { message: error.to_string(), fix: fix.to_owned() };
                vec![Finding { what: "provider", verdict }]
            }
        };
        let counts = signatures_of_the_server(config.listeners.operations).await;
        findings.push(doctor::check_signatures(counts.as_ref(), OffsetDateTime::now_utc()));
        let faults = findings.iter().filter(|finding| finding.is_fault()).count();
        let printed = if self.json {
            print_json(&json!({ "ok": faults == 0, "findings": findings }))
        } else {
            findings.iter().try_for_each(print)
        };
        anyhow::ensure!(faults == 0, "{faults} fault(s); each FAULT line above ends with its repair");
        printed
    }
}

fn print(Finding { what, verdict }: &Finding) -> anyhow::Result<()> {
    print_line(&match verdict {
        Verdict::Good { message } => format!("ok     {what}: {message}"),
        Verdict::Unknown { message } => format!("?      {what}: {message}"),
        Verdict::Fault { message, fix } => format!("FAULT  {what}: {message}; {fix}"),
    })
}

/// Asks the running server for its signature counts. `None` if no server answers within 3 seconds.
async fn signatures_of_the_server(operations: SocketAddr) -> Option<SignatureCounts> {
    const TIMEOUT: Duration = Duration::from_secs(3);
    let request = client().ok()?.get(format!("http://{operations}/signatures")).timeout(TIMEOUT);
    let response = request.send().await.ok().filter(|response| response.status().is_success())?;
    serde_json::from_slice(&response.bytes().await.ok()?).ok()
}
