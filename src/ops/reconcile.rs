//! `rolitt reconcile`: compares the shop's records with the provider's now, and repairs
//! differences.

use std::time::Duration;

use clap::Args;

use super::context::{ShopContext, print_json, print_line};
use crate::server::{
    config::Config,
    reconcile::{self, ReconcileOptions, ReconcileReport, Resolution},
};

#[derive(Args)]
pub struct Reconcile {
    /// How far back to compare, such as 24h or 7d, at most ten years [default: since the last
    /// reconciliation].
    #[arg(long, value_name = "DURATION", value_parser = since)]
    since: Option<Duration>,
    /// Report differences; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Reconcile {
    /// Fails if a difference stays unexplained, or if a list could not be compared to its end.
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let context = ShopContext::open(config).await?;
        let options = ReconcileOptions { since: self.since, dry_run: self.dry_run };
        let reconciled = reconcile::reconcile(&context.shop, options).await;
        context.close().await;
        let report = reconciled?;
        // The differences decide the exit status, even if the output could not be written.
        let printed = if self.json { print_json(&report) } else { print(&report) };
        let unfinished = report.scopes.iter().filter(|scope| scope.failure.is_some()).count();
        anyhow::ensure!(
            unfinished == 0,
            "{unfinished} list(s) could not be compared to the end; run `rolitt reconcile` again to continue there"
        );
        anyhow::ensure!(
            report.unexplained == 0,
            "{} difference(s) need a person: look at each UNEXPLAINED object at the provider and in `rolitt preorders show`",
            report.unexplained
        );
        printed
    }
}

/// Parses a duration of at most ten years. A longer one is a typing error.
fn since(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);
    let since = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if since > LONGEST { Err("must be at most ten years".to_owned()) } else { Ok(since) }
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
